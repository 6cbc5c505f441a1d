/*
 * Names to addresses by getaddrinfo(), which obeys the system's settings, on
 * a helper thread, for it may block for long.
 */
#ifndef H2WS_IO_RESOLVE_H
#define H2WS_IO_RESOLVE_H

#include <h2ws/event.h>
#include <netdb.h>

struct h2ws__resolve;

/* `list` is owned by the callee (freeaddrinfo); `error` as gai_strerror. */
typedef void h2ws__resolved(struct addrinfo *list, int error, void *user);

/*
 * Calls `done` on the loop's thread, never from inside. H2WS_ERR_NOMEM,
 * H2WS_ERR_IO if there is no thread to be had.
 */
int h2ws__resolve_start(struct h2ws__resolve **out, h2ws_loop *loop,
                        const char *host, const char *port,
                        h2ws__resolved *done, void *user);

/* `done` will not be called. From the loop's thread; NULL does nothing. */
void h2ws__resolve_cancel(struct h2ws__resolve *resolve);

#endif
