/*
 * What nghttp2 reports, translated into events of streams. Nothing here ends
 * the nghttp2 session or calls back into receiving or sending.
 */
#include <stdio.h>
#include <string.h>

#include "h2/session.h"

static struct h2ws__h2_stream *stream_of(nghttp2_session *session, int32_t id) {
  return nghttp2_session_get_stream_user_data(session, id);
}

/* ------------------------------------------------------------------------
 * Headers
 */

/*
 * RFC 9113 section 5.1.1: an id that was skipped is closed. nghttp2 ignores
 * HEADERS on it, which is right for ids that were in use, once or twice.
 */
static void begin_headers_frame(struct h2ws__h2 *h2, nghttp2_session *session,
                                const nghttp2_frame_hd *hd) {
  int32_t last = h2->rx.ids.last;
  if (!h2ws__ids_see(&h2->rx.ids, hd->stream_id)) {
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_PROTO,
                  NGHTTP2_PROTOCOL_ERROR,
                  "HEADERS on a stream id below one already used");
  } else if (hd->stream_id <= last &&
             nghttp2_session_find_stream(session, hd->stream_id) == NULL &&
             !h2ws__meter_glitch(&h2->rx.meter, h2->rx.at)) {
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  NGHTTP2_ENHANCE_YOUR_CALM,
                  "too many HEADERS on closed streams (max_glitch_burst)");
  }
}

/* nghttp2 refuses some promises by itself, with a RST_STREAM for each. */
static void begin_promise(struct h2ws__h2 *h2, nghttp2_session *session,
                          const nghttp2_frame_hd *hd) {
  const struct h2ws__h2_stream *parent = stream_of(session, hd->stream_id);
  bool wanted = h2->options.enable_push && parent != NULL &&
                !parent->base.reset_asked &&
                h2->pushed_len <= h2->options.max_streams;
  if (!wanted && !h2ws__meter_glitch(&h2->rx.meter, h2->rx.at)) {
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  NGHTTP2_ENHANCE_YOUR_CALM,
                  "too many promises that are not wanted (max_glitch_burst)");
  }
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd,
                          void *user) {
  struct h2ws__h2 *h2 = user;
  if (h2->server && hd->type == NGHTTP2_HEADERS && hd->stream_id % 2 == 1) {
    begin_headers_frame(h2, session, hd);
  } else if (!h2->server && hd->type == NGHTTP2_PUSH_PROMISE) {
    begin_promise(h2, session, hd);
  }
  return 0;
}

/* The stream whose fields a frame carries. */
static struct h2ws__h2_stream *head_stream_of(nghttp2_session *session,
                                              const nghttp2_frame *frame) {
  return stream_of(session, frame->hd.type == NGHTTP2_PUSH_PROMISE
                              ? frame->push_promise.promised_stream_id
                              : frame->hd.stream_id);
}

static int on_begin_headers(nghttp2_session *session,
                            const nghttp2_frame *frame, void *user) {
  struct h2ws__h2 *h2 = user;
  struct h2ws__h2_stream *stream;
  if (frame->hd.type == NGHTTP2_PUSH_PROMISE) {
    stream = h2ws__h2_promise_begin(h2, frame->push_promise.promised_stream_id);
    if (stream == NULL) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
  } else if (h2->server && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    stream = h2ws__h2_stream_new(h2, H2WS_STREAM_REQUESTED);
    if (stream == NULL) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    stream->base.id = frame->hd.stream_id;
    h2ws__list_push(&h2->streams, &stream->link);
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                               stream);
  } else {
    stream = stream_of(session, frame->hd.stream_id);
  }
  return h2ws__h2_begin_head(h2, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *user) {
  struct h2ws__h2 *h2 = user;
  struct h2ws__h2_stream *stream = head_stream_of(session, frame);
  h2ws_header field = {(const char *)name, (const char *)value};
  size_t lens[2] = {name_len, value_len};
  (void)flags;
  if (stream == NULL) {
    return 0;
  }
  switch (h2ws__h2_add_field(h2, stream, &field, lens)) {
  case 0:
    return 0;
  case H2WS_ERR_LIMIT:
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  NGHTTP2_ENHANCE_YOUR_CALM,
                  "a header block of more than 1000 fields, or of more than "
                  "16 times max_header_list");
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  default:
    h2ws__h2_stream_end(stream, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                        NGHTTP2_INTERNAL_ERROR, "no memory for the head");
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
}

/* RFC 9113 section 8.2.1: malformed; nghttp2 would only drop the field. */
static int on_invalid_header(nghttp2_session *session,
                             const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_len, const uint8_t *value,
                             size_t value_len, uint8_t flags, void *user) {
  struct h2ws__h2_stream *stream = head_stream_of(session, frame);
  (void)name;
  (void)name_len;
  (void)value;
  (void)value_len;
  (void)flags;
  (void)user;
  if (stream == NULL) {
    return 0;
  }
  h2ws__h2_stream_fault(stream, H2WS_ERR_PROTO, NGHTTP2_PROTOCOL_ERROR,
                        "a header field with a malformed name or value");
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void end_received(struct h2ws__h2_stream *stream) {
  h2ws_stream *base = &stream->base;
  if (base->rx_end || base->reset_asked) {
    return;
  }
  h2ws__stream_apply(base, H2WS__STREAM_END_RCVD);
  h2ws__stream_input_end(base);
}

/* ------------------------------------------------------------------------
 * Frames
 */

static void headers_received(struct h2ws__h2 *h2, const nghttp2_frame *frame) {
  bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  struct h2ws__h2_stream *stream = stream_of(h2->session, frame->hd.stream_id);
  if (stream == NULL || stream->base.reset_asked) {
    return;
  }
  if (!h2->server) {
    h2ws__h2_judge_answer(stream, end);
  } else if (!stream->head_done) {
    h2ws__h2_judge_request(stream, end);
  } else if (stream->connect) { /* RFC 9113 section 8.5 */
    h2ws__h2_stream_fault(stream, H2WS_ERR_PROTO, NGHTTP2_PROTOCOL_ERROR,
                          "header fields on an open tunnel");
  }
  if (end && stream->h2 != NULL) {
    end_received(stream);
  }
}

/* Nothing but padding, which the meter cannot see, is as odd as nothing. */
static bool is_padding_only(const nghttp2_frame *frame) {
  return frame->hd.length > 0 && frame->data.padlen == frame->hd.length;
}

static void data_received(struct h2ws__h2 *h2, const nghttp2_frame *frame) {
  struct h2ws__h2_stream *stream = stream_of(h2->session, frame->hd.stream_id);
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
    if (is_padding_only(frame) &&
        !h2ws__meter_glitch(&h2->rx.meter, h2->rx.at)) {
      h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                    NGHTTP2_ENHANCE_YOUR_CALM,
                    "too many DATA frames of padding (max_glitch_burst)");
    }
    return;
  }
  if (stream == NULL) {
    return;
  }
  if (stream->status >= 300 && stream->connect) {
    h2ws__h2_refused(stream);
    return;
  }
  end_received(stream);
}

static void goaway_received(struct h2ws__h2 *h2, const nghttp2_frame *frame) {
  h2ws__trace(h2->env, H2WS_TRACE_INFO, "GOAWAY received, %s (%u), last %d",
              h2ws_h2_code_name(frame->goaway.error_code),
              (unsigned)frame->goaway.error_code,
              (int)frame->goaway.last_stream_id);
  if (frame->goaway.error_code != NGHTTP2_NO_ERROR) {
    h2->end.cls = H2WS_CLOSE_LOST;
    h2->end.error = H2WS_ERR_LOST;
    h2->end.h2_code = frame->goaway.error_code;
    h2->end.by_peer = true;
    (void)snprintf(h2->end.detail, sizeof(h2->end.detail),
                   "the peer ended the connection: %s (%u)",
                   h2ws_h2_code_name(frame->goaway.error_code),
                   (unsigned)frame->goaway.error_code);
  }
  h2->events->goaway(h2->owner, frame->goaway.error_code);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user) {
  struct h2ws__h2 *h2 = user;
  struct h2ws__h2_stream *stream;
  h2ws__trace(h2->env, H2WS_TRACE_FRAME,
              "recv frame type %u flags 0x%02x stream %d length %zu",
              (unsigned)frame->hd.type, (unsigned)frame->hd.flags,
              (int)frame->hd.stream_id, frame->hd.length);
  switch (frame->hd.type) {
  case NGHTTP2_HEADERS:
    headers_received(h2, frame);
    break;
  case NGHTTP2_DATA:
    data_received(h2, frame);
    break;
  case NGHTTP2_SETTINGS:
    h2ws__h2_settings_received(h2, (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0);
    break;
  case NGHTTP2_PING:
    if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
      h2ws__h2_pong_received(h2, frame->ping.opaque_data);
    }
    break;
  case NGHTTP2_GOAWAY:
    goaway_received(h2, frame);
    break;
  case NGHTTP2_PUSH_PROMISE:
    stream = head_stream_of(session, frame);
    if (stream != NULL && !stream->base.reset_asked) {
      h2ws__h2_promise_received(stream, frame->hd.stream_id);
    }
    break;
  case NGHTTP2_WINDOW_UPDATE:
    if (frame->hd.stream_id == 0) {
      h2ws__h2_window_opened(h2);
    }
    break;
  case NGHTTP2_RST_STREAM:
    h2->env->stats.resets_received++;
    stream = stream_of(session, frame->hd.stream_id);
    if (stream != NULL) {
      stream->peer_reset = true;
    }
    break;
  default:
    break;
  }
  return 0;
}

/* nghttp2 is going to reset a stream or end the connection for this. */
static int on_invalid_frame(nghttp2_session *session,
                            const nghttp2_frame *frame, int error, void *user) {
  struct h2ws__h2 *h2 = user;
  struct h2ws__h2_stream *stream = stream_of(session, frame->hd.stream_id);
  h2ws__trace(h2->env, H2WS_TRACE_INFO, "stream %d: invalid frame type %u: %s",
              (int)frame->hd.stream_id, (unsigned)frame->hd.type,
              nghttp2_strerror(error));
  if (stream != NULL && stream->why == NULL) {
    stream->why_cls = H2WS_CLOSE_PROTOCOL;
    stream->why_error = H2WS_ERR_PROTO;
    stream->why = nghttp2_strerror(error);
  }
  if (!h2ws__meter_fault(&h2->rx.meter, h2->rx.at)) {
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  NGHTTP2_ENHANCE_YOUR_CALM,
                  "the peer made us reset too many streams "
                  "(max_resets_sent)");
  }
  return 0;
}

/* ------------------------------------------------------------------------
 * Data
 */

static void keep_refusal_body(struct h2ws__h2_stream *stream,
                              const uint8_t *data, size_t len) {
  struct h2ws__h2 *h2 = stream->h2;
  size_t max = h2->options.max_refusal_body;
  size_t room = max - stream->body_len;
  size_t n = len < room ? len : room;
  if (stream->body == NULL && n > 0) {
    stream->body = h2ws__mem_alloc(&h2->env->mem, max);
  }
  if (stream->body != NULL && n > 0) {
    memcpy(stream->body + stream->body_len, data, n);
    stream->body_len += (uint32_t)n;
  }
  if (len > room || stream->body == NULL) {
    h2ws__h2_refused(stream); /* enough of it */
  }
}

/* The application will never see these bytes: give the windows back. */
static void discard(struct h2ws__h2 *h2, int32_t id, size_t len) {
  (void)nghttp2_session_consume(h2->session, id, len);
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id,
                         const uint8_t *data, size_t len, void *user) {
  struct h2ws__h2 *h2 = user;
  struct h2ws__h2_stream *stream = stream_of(session, id);
  union {
    const uint8_t *in;
    uint8_t *out;
  } bytes = {data}; /* h2ws_conn_recv() was given them to change */
  (void)flags;
  if (stream == NULL || stream->base.reset_asked) {
    discard(h2, id, len);
    return 0;
  }
  if (stream->connect && stream->status >= 300) {
    discard(h2, id, len);
    keep_refusal_body(stream, data, len);
    return 0;
  }
  if (stream->base.answered && stream->base.state == H2WS_STREAM_REQUESTED) {
    discard(h2, id, len); /* answered without listening */
    return 0;
  }
  if (h2ws__stream_input(&stream->base, bytes.out, len) != 0) {
    h2ws__h2_stream_end(stream, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                        NGHTTP2_INTERNAL_ERROR, "no memory for input");
  }
  return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code,
                           void *user) {
  struct h2ws__h2_stream *stream = stream_of(session, id);
  (void)user;
  if (stream != NULL) {
    h2ws__h2_stream_close(stream, code);
  }
  return 0;
}

/* ------------------------------------------------------------------------
 * What went out
 */

/* nghttp2 found an error of the connection by itself. */
static void goaway_sent(struct h2ws__h2 *h2, const nghttp2_goaway *goaway) {
  if (h2->phase >= H2WS__H2_FAILED || goaway->error_code == NGHTTP2_NO_ERROR) {
    return;
  }
  h2->phase = H2WS__H2_FAILED;
  h2->end.cls = H2WS_CLOSE_PROTOCOL;
  h2->end.error = goaway->error_code == NGHTTP2_ENHANCE_YOUR_CALM
                    ? H2WS_ERR_LIMIT
                  : h2->not_http2 ? H2WS_ERR_NOT_HTTP2
                                  : H2WS_ERR_PROTO;
  h2->end.h2_code = goaway->error_code;
  h2->end.by_peer = false;
  (void)snprintf(
    h2->end.detail, sizeof(h2->end.detail),
    "HTTP/2 error of the peer, %s: %.*s", h2ws_h2_code_name(goaway->error_code),
    (int)(goaway->opaque_data_len > 100 ? 100 : goaway->opaque_data_len),
    (const char *)goaway->opaque_data);
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user) {
  struct h2ws__h2 *h2 = user;
  struct h2ws__h2_stream *stream;
  h2ws__trace(h2->env, H2WS_TRACE_FRAME,
              "send frame type %u flags 0x%02x stream %d length %zu",
              (unsigned)frame->hd.type, (unsigned)frame->hd.flags,
              (int)frame->hd.stream_id, frame->hd.length);
  switch (frame->hd.type) {
  case NGHTTP2_DATA:
    h2ws__meter_data_sent(&h2->rx.meter);
    break;
  case NGHTTP2_RST_STREAM:
    h2->env->stats.resets_sent++;
    break;
  case NGHTTP2_GOAWAY:
    goaway_sent(h2, &frame->goaway);
    break;
  case NGHTTP2_PUSH_PROMISE:
    h2ws__h2_push_sent(head_stream_of(session, frame));
    break;
  default:
    break;
  }
  if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    stream = stream_of(session, frame->hd.stream_id);
    if (stream != NULL) {
      h2ws__h2_stream_end_sent(stream);
    }
  }
  return 0;
}

static int on_frame_not_send(nghttp2_session *session,
                             const nghttp2_frame *frame, int error,
                             void *user) {
  (void)session;
  (void)error;
  if (frame->hd.type == NGHTTP2_PUSH_PROMISE) {
    h2ws__h2_push_failed(user, frame->push_promise.promised_stream_id);
  }
  return 0;
}

static int on_error(nghttp2_session *session, int code, const char *text,
                    size_t len, void *user) {
  struct h2ws__h2 *h2 = user;
  (void)session;
  if (code == NGHTTP2_ERR_SETTINGS_EXPECTED) {
    h2->not_http2 = true;
  }
  h2ws__trace(h2->env, H2WS_TRACE_INFO, "nghttp2: %.*s", (int)len, text);
  return 0;
}

int h2ws__h2_set_callbacks(nghttp2_session_callbacks *c) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(c, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(c,
                                                           on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
    c, on_invalid_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(c,
                                                           on_frame_not_send);
  nghttp2_session_callbacks_set_send_data_callback(c, h2ws__h2_send_data);
  nghttp2_session_callbacks_set_error_callback2(c, on_error);
  return 0;
}
