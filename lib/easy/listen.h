/* Servers. */
#ifndef H2WS_EASY_LISTEN_H
#define H2WS_EASY_LISTEN_H

#include "lib/easy/handle.h"

/*
 * Stops it, waits for its handlers, and leaves nothing but the memory.
 * H2WS_ERR_STATE on a thread that cannot wait for them.
 */
int h2ws__server_close(struct h2ws__handle *handle);

/* Where it listens. Lives as long as the handle. */
const char *h2ws__server_listens(struct h2ws__handle *handle);

#endif
