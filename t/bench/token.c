#include "token.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <krb5.h>

static gss_OID_desc spnego = {6, "\x2b\x06\x01\x05\x05\x02"};
static gss_name_t target;
static gss_cred_id_t client;
static krb5_context kept; /* so that krb5.conf stays parsed */

void bench_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

double bench_clock(int which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

void bench_client_init(const char *service)
{
    gss_buffer_desc text = {strlen(service), (void *)service};
    gss_OID_set_desc mechs = {1, &spnego};
    OM_uint32 minor;
    if (krb5_init_context(&kept) != 0)
        bench_die("krb5 cannot be set up: look at KRB5_CONFIG");
    if (gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &target) != GSS_S_COMPLETE ||
        gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE, &client,
                         NULL, NULL) != GSS_S_COMPLETE)
        bench_die("no ticket for %s: look at KRB5CCNAME", service);
}

gss_buffer_desc bench_token(int delegate)
{
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    OM_uint32 minor, flags = GSS_C_MUTUAL_FLAG | (delegate ? GSS_C_DELEG_FLAG : 0);
    OM_uint32 major =
        gss_init_sec_context(&minor, client, &context, target, &spnego, flags, 0,
                             GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, &token, NULL, NULL);
    if (GSS_ERROR(major))
        bench_die("no token: status %x, %x", major, minor);
    gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    return token;
}
