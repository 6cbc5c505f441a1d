/* Asks an HTTP/1.1 proxy, on a connected socket, for a tunnel. */
#ifndef H2WS_IO_TUNNEL_H
#define H2WS_IO_TUNNEL_H

#include "lib/io/loop.h"

struct h2ws__tunnel;

/* The descriptor back, owned by the callee, or -1, H2WS_ERR_* and why. */
typedef void h2ws__tunnelled(int fd, int error, const char *why, void *user);

/*
 * Takes over `fd`. Calls `done` once, never from inside. `credentials` is
 * base64 or NULL. H2WS_ERR_NOMEM (then fd is closed).
 */
int h2ws__tunnel_start(struct h2ws__tunnel **out, h2ws_loop *loop, int fd,
                       const char *host, const char *port,
                       const char *credentials, h2ws__tunnelled *done,
                       void *user);

/* `done` will not be called. NULL does nothing. */
void h2ws__tunnel_cancel(struct h2ws__tunnel *tunnel);

#endif
