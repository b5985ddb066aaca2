/**
 * Within the room of authorization: the identity that a rule is held against, and the words of its
 * line.
 *
 * A rule is about what was proven.  Where nothing is known it is not satisfied, and its "not" is no
 * reason to refuse; where something should be known and is not, it is an error, since "not" would
 * turn a refusal into none.
 */
#ifndef NEG_AUTHZ_INTERNAL_H
#define NEG_AUTHZ_INTERNAL_H

#include <mod_auth.h>

#include "authz.h"

/* ---- rule.c ---- */

/**
 * The identity that this request was granted by.
 * @param rule     "Require ...", for the log
 * @param identity filled with AUTHZ_GRANTED
 * @return AUTHZ_GRANTED; AUTHZ_DENIED_NO_USER when nobody is authenticated yet; AUTHZ_DENIED when
 *         it was another module, or a password that no KDC has checked (the log says so at debug)
 */
authz_status neg_authorize_identity(request_rec *r, const char *rule,
                                    const neg_identity **identity);

/**
 * The rule denied.  The log has it at debug at once, and at info where nothing else lets the client
 * in: the first few that did, since a location may have thousands.
 * @param format a whole sentence that begins with the rule; as of printf
 * @return AUTHZ_DENIED
 */
authz_status neg_authorize_deny(request_rec *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Whether that sentence will be read by anybody, so that it pays to gather what it says. */
int neg_authorize_is_read(request_rec *r);

/** The rule denied, and a newer ticket of the same client might satisfy it. */
void neg_authorize_note_lacking(request_rec *r);

/* ---- words.c ---- */

/**
 * Takes the arguments of a Require line apart.  Each is a word or an expression of its own, so that
 * what an expression comes to is never two.
 * @param words an array of neg_word in cmd's pool; at least one
 * @return NULL, or a sentence
 */
const char *neg_words_read(cmd_parms *cmd, const char *line, const apr_array_header_t **words);

/** The text of a word for this request; NULL, with a line in the log, when it cannot be made; ""
 * matches nothing. */
const char *neg_words_text(request_rec *r, const neg_word *word);

int neg_words_is_expression(const char *text);

/* ---- membership.c: Require pac-group ---- */

extern const authz_provider neg_membership_provider;

#endif
