/* What a pool needs of a client beyond the public header. */
#ifndef H2WS_IO_CLIENT_H
#define H2WS_IO_CLIENT_H

#include <h2ws/event.h>

/*
 * `fn` is called, with the client's user, where on_connect came before the
 * peer's SETTINGS and these have now arrived.
 */
void h2ws__client_on_ready(h2ws_client *client,
                           void (*fn)(h2ws_client *client, void *user));

/* From now on WebSockets, or other requests, to this origin use HTTP/1.1. */
void h2ws__client_remember_http1(h2ws_client *client, bool websocket);

#endif
