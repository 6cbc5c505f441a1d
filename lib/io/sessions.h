/*
 * TLS sessions that the clients of a loop may resume. A session is kept under
 * a key that names its origin and all that its trust rests on.
 */
#ifndef H2WS_IO_SESSIONS_H
#define H2WS_IO_SESSIONS_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct h2ws__session_entry;

struct h2ws__sessions {
  struct h2ws__session_entry *newest;
};

/* Takes over `session` and returns true, or leaves it and returns false. */
bool h2ws__sessions_keep(struct h2ws__sessions *sessions, const char *key,
                         SSL_SESSION *session);

/*
 * The newest session of the key that can still be resumed, or NULL; to be
 * freed by the caller. One of TLS 1.3 is given out once (RFC 8446 appendix
 * C.4).
 */
SSL_SESSION *h2ws__sessions_take(struct h2ws__sessions *sessions,
                                 const char *key);

void h2ws__sessions_dispose(struct h2ws__sessions *sessions);

#endif
