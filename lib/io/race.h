/*
 * From a host and a port to a connected TCP socket: the name is resolved on a
 * helper thread, the addresses are tried in a race (Happy Eyeballs, RFC 8305),
 * and an HTTP proxy is asked for a tunnel (CONNECT, RFC 9110 section 9.3.6) if
 * there is one.
 */
#ifndef H2WS_IO_RACE_H
#define H2WS_IO_RACE_H

#include "lib/io/address.h"
#include "lib/io/loop.h"

/* Borrowed until the race is done. */
struct h2ws__race_target {
  const char *host; /* without brackets */
  const char *port;
  const struct h2ws__proxy *proxy; /* NULL: none */
  uint32_t timeout_ms;             /* for all of it; 0: none */
};

/* Where an HTTP proxy is, and what it wants to know. */
struct h2ws__proxy {
  char host[H2WS__HOST_MAX];
  char port[8];
  char *credentials; /* base64 of user:password; NULL: none */
};

/* "http://[USER:PASSWORD@]HOST[:PORT]". H2WS_ERR_URL with a sentence. */
int h2ws__proxy_parse(struct h2ws__proxy *out, const char *text, char *why,
                      size_t why_len);
void h2ws__proxy_dispose(struct h2ws__proxy *proxy);

struct h2ws__race;

/*
 * Done: a connected descriptor, owned by the callee, or -1 with an error and a
 * sentence. `peer` is whom the TCP connection goes to. Strings are borrowed.
 *
 * H2WS_ERR_RESOLVE, H2WS_ERR_CONNECT, H2WS_ERR_TIMEOUT, H2WS_ERR_PROXY,
 * H2WS_ERR_IO, H2WS_ERR_NOMEM
 */
typedef void h2ws__raced(int fd, const char *peer, int error, const char *why,
                         void *user);

/* Calls `done` once on the loop's thread, never from inside. */
int h2ws__race_start(struct h2ws__race **out, h2ws_loop *loop,
                     const struct h2ws__race_target *target, h2ws__raced *done,
                     void *user);

/* `done` will not be called. NULL does nothing. */
void h2ws__race_cancel(struct h2ws__race *race);

#endif
