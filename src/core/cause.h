/**
 * Why a request was not granted.  One list, so that the code in NEGOTIATE_ERROR, the status and
 * the throttling of the log can never disagree.
 */
#ifndef NEG_CAUSE_H
#define NEG_CAUSE_H

/** Whose trouble it is decides the status and the level of the log line. */
typedef enum {
    NEG_BLAME_NOBODY,
    NEG_BLAME_CLIENT,   /**< bad credentials: 401, so that the client may try other ones; WARN */
    NEG_BLAME_PASSWORD, /**< the same of a password: ERR each time, for those who count them */
    NEG_BLAME_POLICY,   /**< good credentials that this location does not want: 403; WARN */
    NEG_BLAME_SERVER,   /**< ours: 500, so that no browser asks its user for a password; ERR */
    NEG_BLAME_BACKEND,  /**< of the server behind this one: 502; WARN */
    NEG_BLAME_BUSY      /**< ours, and it will pass: 503, for the same reason; ERR */
} neg_blame;

/* cause, NEGOTIATE_ERROR, blame */
#define NEG_CAUSES(X)                                                                              \
    X(NONE, "", NOBODY)                                                                            \
    X(MALFORMED, "malformed", CLIENT)                                                              \
    X(DUPLICATE, "duplicate", CLIENT)                                                              \
    X(SCHEME, "scheme", CLIENT)                                                                    \
    X(NTLM, "ntlm", CLIENT)                                                                        \
    X(MECHANISM, "mechanism", CLIENT)                                                              \
    X(CONTINUATION, "continuation", CLIENT)                                                        \
    X(CONNECTION, "connection", CLIENT)                                                            \
    X(SHARED, "shared", CLIENT)                                                                    \
    X(REPLAY, "replay", CLIENT)                                                                    \
    X(SKEW, "skew", CLIENT)                                                                        \
    X(EXPIRED, "expired", CLIENT)                                                                  \
    X(NOT_YET_VALID, "not-yet-valid", CLIENT)                                                      \
    X(NO_KEY, "no-key", CLIENT)                                                                    \
    X(KVNO, "kvno", CLIENT)                                                                        \
    X(ENCTYPE, "enctype", CLIENT)                                                                  \
    X(WRONG_KEY, "wrong-key", CLIENT)                                                              \
    X(WRONG_SERVICE, "wrong-service", CLIENT)                                                      \
    X(BINDINGS, "bindings", CLIENT)                                                                \
    X(UNBOUND, "unbound", CLIENT)                                                                  \
    X(REJECTED, "rejected", CLIENT)                                                                \
    X(PASSWORD, "password", PASSWORD)                                                              \
    X(UNKNOWN_USER, "unknown-user", PASSWORD)                                                      \
    X(REALM, "realm", PASSWORD)                                                                    \
    X(LOCKED, "locked", PASSWORD)                                                                  \
    X(ACCOUNT_EXPIRED, "account-expired", PASSWORD)                                                \
    X(PASSWORD_EXPIRED, "password-expired", PASSWORD)                                              \
    X(ANONYMOUS, "anonymous", POLICY)                                                              \
    X(NAME, "name", POLICY)                                                                        \
    X(TLS, "tls", POLICY)                                                                          \
    X(NO_SCHEME, "no-scheme", POLICY)                                                              \
    X(GROUPS, "groups", POLICY)                                                                    \
    X(POLICY, "policy", POLICY)                                                                    \
    X(SESSION_LIMIT, "session-limit", POLICY)                                                      \
    X(TWO_SESSIONS, "two-sessions", POLICY)                                                        \
    X(NOT_DELEGATED, "not-delegated", POLICY)                                                      \
    X(DELEGATED_NAME, "delegated-name", POLICY)                                                    \
    X(NO_EVIDENCE, "no-evidence", POLICY)                                                          \
    X(NOT_FORWARDABLE, "not-forwardable", POLICY)                                                  \
    X(SENSITIVE, "sensitive", POLICY)                                                              \
    X(NOT_PERMITTED, "not-permitted", POLICY)                                                      \
    X(NO_ACCOUNT, "no-account", POLICY)                                                            \
    X(BACKEND_TICKET, "backend-ticket", BACKEND)                                                   \
    X(BACKEND, "backend", BACKEND)                                                                 \
    X(KEYTAB, "keytab", SERVER)                                                                    \
    X(DELEGATION, "delegation", SERVER)                                                            \
    X(OWN_NAME, "own-name", SERVER)                                                                \
    X(OWN_TICKET, "own-ticket", SERVER)                                                            \
    X(NO_SERVICE, "no-service", SERVER)                                                            \
    X(REPLAY_CACHE, "replay-cache", SERVER)                                                        \
    X(UNVERIFIED, "unverified", SERVER)                                                            \
    X(CLOCK, "clock", SERVER)                                                                      \
    X(NO_KDC, "no-kdc", SERVER)                                                                    \
    X(PROVIDER, "provider", SERVER)                                                                \
    X(KDC, "kdc", BUSY)                                                                            \
    X(BUSY, "busy", BUSY)                                                                          \
    X(SESSION_SIZE, "session-size", SERVER)                                                        \
    X(SESSION_STORE, "session-store", SERVER)                                                      \
    X(INTERNAL, "internal", SERVER)

typedef enum {
#define X(name, code, blame) NEG_CAUSE_##name,
    NEG_CAUSES(X)
#undef X
    NEG_CAUSE_COUNT
} neg_cause;

/** A refusal: what it was, and a whole sentence with cause and remedy (in the request's pool). */
typedef struct {
    neg_cause cause;
    const char *text;
} neg_failure;

#endif
