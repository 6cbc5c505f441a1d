/* TLS contexts: what is offered, what is accepted, who is trusted. */
#ifndef H2WS_IO_TLS_H
#define H2WS_IO_TLS_H

#include <h2ws/event.h>
#include <openssl/ssl.h>

#include "lib/io/sessions.h"

/* 0 or H2WS_ERR_TLS or H2WS_ERR_NOMEM; `why` gets a sentence. */
/* `options` are borrowed as long as the context is. */
int h2ws__tls_server_context(SSL_CTX **out, h2ws_server_options *options,
                             char *why, size_t why_len);
/*
 * `system_cas` keeps the system's certificates from one client to the next:
 * reading them takes longer than a handshake.
 */
int h2ws__tls_client_context(SSL_CTX **out, const h2ws_client_options *options,
                             X509_STORE **system_cas, char *why,
                             size_t why_len);

/*
 * A client's handshake for `host`: SNI for names (RFC 6066 section 3), the
 * certificate checked against the name or address (RFC 9110 s. 4.3.4).
 * `http` is what ALPN offers.
 */
int h2ws__tls_client_new(SSL **out, SSL_CTX *ctx, const char *host,
                         bool insecure, h2ws_http http);

/*
 * Names an origin and the trust of a client in it: what a session may be
 * resumed under. Owned by the caller, NULL: no memory.
 */
char *h2ws__tls_session_key(const h2ws_client_options *options,
                            const char *host, const char *port);

/*
 * Resumes a session of the key if there is one, and keeps those that the
 * server gives out. `key` and `sessions` must outlive `ssl`.
 */
struct h2ws__session_place {
  struct h2ws__sessions *sessions;
  const char *key;
};
int h2ws__tls_resume(SSL *ssl, struct h2ws__session_place *place);

/*
 * What ALPN came to: H2WS_HTTP_2 (RFC 9113 section 3.2) or, if `wanted` allows
 * it, H2WS_HTTP_1_1, which is also what no ALPN means. Else H2WS_ERR_ALPN.
 */
int h2ws__tls_chosen_http(const SSL *ssl, h2ws_http wanted, h2ws_http *out,
                          char *why, size_t why_len);

/* H2WS_ERR_CERTIFICATE or H2WS_ERR_TLS, and a sentence with a way out. */
int h2ws__tls_explain(SSL *ssl, char *why, size_t why_len);

/* self_cert.c: a throw-away certificate for this machine. */
int h2ws__tls_use_self_cert(SSL_CTX *ctx);

#endif
