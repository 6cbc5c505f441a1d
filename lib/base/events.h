/* What a session (h2/ or h1/) tells the connection that owns it. */
#ifndef H2WS_BASE_EVENTS_H
#define H2WS_BASE_EVENTS_H

#include <h2ws/core.h>

/* None is NULL. */
struct h2ws__session_events {
  /* Client: the server promised a stream; `parent` may be NULL. */
  void (*push)(void *owner, h2ws_stream *stream, h2ws_stream *parent);
  /* Server: a well-formed request waits for its answer. */
  void (*request)(void *owner, h2ws_stream *stream);
  /* The peer's first SETTINGS arrived. */
  void (*ready)(void *owner, bool extended_connect);
  void (*goaway)(void *owner, uint32_t h2_code);
  /* The session has something to send, for the first time since it sent. */
  void (*want_send)(void *owner);
  /* HTTP/1.1: what was unread has been taken; receive again. */
  void (*want_recv)(void *owner);
  /* Drain: the last new stream was let in; end what is open, gently. */
  void (*drain)(void *owner);
  /* The connection is over; every stream has had its on_close. */
  void (*over)(void *owner, const h2ws_close_info *info);
};

#endif
