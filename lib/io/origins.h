/*
 * Origins that need HTTP/1.1 for a WebSocket: learnt the long way once, then
 * remembered for a while. One loop, one thread.
 */
#ifndef H2WS_IO_ORIGINS_H
#define H2WS_IO_ORIGINS_H

#include <h2ws/core.h>

#define H2WS__ORIGINS_MAX 32
#define H2WS__ORIGIN_TTL (H2WS_MS * 300000)

/* Zeroed: empty. */
struct h2ws__origins {
  struct {
    char *name; /* NULL: free */
    h2ws_time until;
  } at[H2WS__ORIGINS_MAX];
  size_t next; /* to be overwritten */
};

void h2ws__origins_dispose(struct h2ws__origins *origins);
/* Forgets the oldest for it; nothing if there is no memory. */
void h2ws__origins_add(struct h2ws__origins *origins, const char *name,
                       h2ws_time now);
bool h2ws__origins_have(const struct h2ws__origins *origins, const char *name,
                        h2ws_time now);

#endif
