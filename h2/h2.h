/*
 * HTTP/2 on nghttp2, as bytes in and bytes out: what lib/conn.c sees of it.
 */
#ifndef H2WS_H2_H
#define H2WS_H2_H

#include "lib/base/events.h"
#include "lib/base/stream.h"

struct h2ws__h2;

/* `options` are copied and complete. H2WS_ERR_NOMEM, H2WS_ERR_INVALID. */
int h2ws__h2_new(struct h2ws__h2 **out, struct h2ws__env *env,
                 const h2ws_conn_options *options, bool server,
                 const struct h2ws__session_events *events, void *owner);

/* The session must be over. NULL does nothing. */
void h2ws__h2_free(struct h2ws__h2 *h2);

/* As the h2ws_conn_* functions of core.h. */
int h2ws__h2_recv(struct h2ws__h2 *h2, uint8_t *data, size_t len);
int h2ws__h2_recv_eof(struct h2ws__h2 *h2, int error);
h2ws_ssize h2ws__h2_send(struct h2ws__h2 *h2, uint8_t *buf, size_t cap);
int h2ws__h2_tick(struct h2ws__h2 *h2);
bool h2ws__h2_wants_send(const struct h2ws__h2 *h2);
bool h2ws__h2_finished(const struct h2ws__h2 *h2);
int h2ws__h2_drain(struct h2ws__h2 *h2);
int h2ws__h2_shutdown(struct h2ws__h2 *h2, uint32_t h2_code);
bool h2ws__h2_is_ready(const struct h2ws__h2 *h2);
bool h2ws__h2_has_extended_connect(const struct h2ws__h2 *h2);
bool h2ws__h2_can_open(const struct h2ws__h2 *h2);
size_t h2ws__h2_streams(const struct h2ws__h2 *h2);
size_t h2ws__h2_room(const struct h2ws__h2 *h2);
void h2ws__h2_set_idle_timeout(struct h2ws__h2 *h2, uint32_t ms);
h2ws_stream *h2ws__h2_stream(const struct h2ws__h2 *h2, int64_t id);
int h2ws__h2_open(struct h2ws__h2 *h2, h2ws_stream **out,
                  const h2ws_request *request,
                  const h2ws_stream_callbacks *callbacks, void *user);

/* Ends everything without another byte: class aborted, then over(). */
void h2ws__h2_abandon(struct h2ws__h2 *h2);

/* Calls `each` for every stream; `each` may end streams. */
void h2ws__h2_each(struct h2ws__h2 *h2,
                   void (*each)(h2ws_stream *stream, void *arg), void *arg);

#endif
