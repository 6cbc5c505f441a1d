/*
 * HTTP/1.1 as bytes in and bytes out: what lib/conn.c sees of it. One
 * exchange at a time: a request and its answer, or an upgrade to WebSocket,
 * which is the last thing on its connection.
 */
#ifndef H2WS_H1_H
#define H2WS_H1_H

#include "lib/base/events.h"
#include "lib/base/stream.h"

struct h2ws__h1;

/* `options` are copied and complete. H2WS_ERR_NOMEM. */
int h2ws__h1_new(struct h2ws__h1 **out, struct h2ws__env *env,
                 const h2ws_conn_options *options, bool server,
                 const struct h2ws__session_events *events, void *owner);

/* Without events: over, or not begun. NULL does nothing. */
void h2ws__h1_free(struct h2ws__h1 *h1);

/* As the h2ws_conn_* functions of core.h. */
int h2ws__h1_recv(struct h2ws__h1 *h1, uint8_t *data, size_t len);
int h2ws__h1_recv_eof(struct h2ws__h1 *h1, int error);
h2ws_ssize h2ws__h1_send(struct h2ws__h1 *h1, uint8_t *buf, size_t cap);
int h2ws__h1_tick(struct h2ws__h1 *h1);
bool h2ws__h1_wants_send(const struct h2ws__h1 *h1);
bool h2ws__h1_wants_recv(const struct h2ws__h1 *h1);
bool h2ws__h1_finished(const struct h2ws__h1 *h1);
int h2ws__h1_drain(struct h2ws__h1 *h1);
void h2ws__h1_set_idle_timeout(struct h2ws__h1 *h1, uint32_t ms);
int h2ws__h1_shutdown(struct h2ws__h1 *h1);
bool h2ws__h1_can_open(const struct h2ws__h1 *h1);
size_t h2ws__h1_streams(const struct h2ws__h1 *h1);
h2ws_stream *h2ws__h1_stream(const struct h2ws__h1 *h1, int64_t id);
int h2ws__h1_open(struct h2ws__h1 *h1, h2ws_stream **out,
                  const h2ws_request *request,
                  const h2ws_stream_callbacks *callbacks, void *user);

/* Ends everything without another byte: class aborted, then over(). */
void h2ws__h1_abandon(struct h2ws__h1 *h1);

/* Calls `each` for the stream, if there is one; `each` may end it. */
void h2ws__h1_each(struct h2ws__h1 *h1,
                   void (*each)(h2ws_stream *stream, void *arg), void *arg);

#endif
