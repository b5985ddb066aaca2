/**
 * Tokens for the programs that measure: a client's side, with the tickets of KRB5CCNAME.
 */
#ifndef NEG_BENCH_TOKEN_H
#define NEG_BENCH_TOKEN_H

#include <gssapi/gssapi.h>

/** Writes a sentence to the standard error and ends the program. */
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The client of alice's: made once, since to find tickets costs more than to make a token. */
void bench_client_init(const char *service);

/** A new SPNEGO token with mutual authentication; the caller frees its value. */
gss_buffer_desc bench_token(int delegate);

/** Seconds of a clock (CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, ...). */
double bench_clock(int which);

#endif
