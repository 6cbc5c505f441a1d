/* The carrier of one stream: an nghttp2 stream under an h2ws_stream. */
#include <assert.h>
#include <string.h>

#include "h2/session.h"

/* One in so many of max_streams may wait for the peer's end. */
#define HALVES_SHARE 10

static struct h2ws__h2_stream *of(h2ws_stream *base) {
  return (struct h2ws__h2_stream *)(void *)base;
}

/* ------------------------------------------------------------------------
 * What the byte stream asks for
 */

/* True until the final answer opened the stream. */
static bool stream_is_opening(const struct h2ws__h2_stream *stream) {
  return stream->base.state == H2WS_STREAM_WAITING ||
         stream->base.state == H2WS_STREAM_OPENING;
}

static void carrier_wake(h2ws_stream *base) {
  struct h2ws__h2_stream *stream = of(base);
  struct h2ws__h2 *h2 = stream->h2;
  if (h2 == NULL || base->id < 0) {
    return;
  }
  if (stream->deferred) {
    stream->deferred = false;
    (void)nghttp2_session_resume_data(h2->session, (int32_t)base->id);
  }
  if (base->tx_end && base->tx.q.len == 0 &&
      !h2ws__link_is_in(&stream->ending)) {
    h2ws__list_push(&h2->endings, &stream->ending);
  }
  if (!h2ws__timer_is_set(&stream->timer) && !stream_is_opening(stream)) {
    stream->moved_at = h2ws__now(h2->env);
    h2ws__h2_stream_arm(stream, h2->options.stream_stall_timeout_ms);
  }
  h2ws__h2_touch(h2);
}

static void carrier_credit(h2ws_stream *base, size_t len) {
  struct h2ws__h2 *h2 = of(base)->h2;
  if (h2 == NULL || h2->phase == H2WS__H2_OVER) {
    return;
  }
  if (base->state == H2WS_STREAM_REQUESTED && !base->answered) {
    h2ws__h2_stream_arm(of(base), h2->options.answer_timeout_ms);
  }
  (void)nghttp2_session_consume(h2->session, (int32_t)base->id, len);
  h2ws__h2_touch(h2);
}

static int answer_add(struct h2ws__headers *out, const h2ws_mem *mem,
                      const char *name, size_t number) {
  char value[24];
  size_t at = sizeof(value);
  do {
    value[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return h2ws__headers_add(out, mem, name, strlen(name), value + at,
                           sizeof(value) - at);
}

static int answer_build(struct h2ws__h2_stream *stream,
                        struct h2ws__headers *out, int status,
                        const h2ws_header *headers, size_t len) {
  const h2ws_mem *mem = &stream->h2->env->mem;
  size_t body = stream->base.tx.q.len;
  size_t i;
  int rv = answer_add(out, mem, ":status", (size_t)status);
  if (rv == 0 && body > 0 && h2ws__status_has_content(status) &&
      !h2ws__fields_have(headers, len, "content-length")) {
    rv = answer_add(out, mem, "content-length", body);
  }
  for (i = 0; rv == 0 && i < len; i++) {
    rv = h2ws__headers_add(out, mem, headers[i].name, strlen(headers[i].name),
                           headers[i].value, strlen(headers[i].value));
  }
  return rv;
}

static int answer_submit(struct h2ws__h2_stream *stream,
                         const struct h2ws__headers *fields, bool end) {
  const h2ws_mem *mem = &stream->h2->env->mem;
  nghttp2_data_provider provider = h2ws__h2_data_provider(stream);
  nghttp2_nv *nva = h2ws__h2_nva(mem, fields);
  int rv;
  if (nva == NULL) {
    return H2WS_ERR_NOMEM;
  }
  rv = nghttp2_submit_response(stream->h2->session, (int32_t)stream->base.id,
                               nva, fields->len, end ? NULL : &provider);
  h2ws__mem_free(mem, nva);
  if (rv == 0) {
    return 0;
  }
  return rv == NGHTTP2_ERR_NOMEM ? H2WS_ERR_NOMEM : H2WS_ERR_CLOSED;
}

void h2ws__h2_count_refusal(struct h2ws__h2 *h2) {
  h2->env->stats.streams_refused++;
  if (!h2ws__meter_glitch(&h2->rx.meter, h2->rx.at)) {
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  NGHTTP2_ENHANCE_YOUR_CALM,
                  "too many refused requests (max_glitch_burst)");
  }
}

static int carrier_answer(h2ws_stream *base, int status,
                          const h2ws_header *headers, size_t headers_len,
                          unsigned flags) {
  struct h2ws__h2_stream *stream = of(base);
  struct h2ws__headers fields = {0};
  int rv;
  if (stream->h2 == NULL || stream->h2->phase >= H2WS__H2_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  rv = h2ws__fields_check(headers, headers_len);
  /* RFC 9110 section 9.3.6: a 2xx to CONNECT has no content-length */
  if (rv == 0 && stream->connect && status < 300 &&
      h2ws__fields_have(headers, headers_len, "content-length")) {
    rv = H2WS_ERR_HEADER;
  }
  if (rv == 0) {
    rv = answer_build(stream, &fields, status, headers, headers_len);
  }
  if (rv == 0) {
    rv = answer_submit(stream, &fields, (flags & H2WS__ANSWER_EMPTY) != 0);
  }
  h2ws__headers_dispose(&fields, &stream->h2->env->mem);
  if (rv == 0) {
    h2ws__timer_stop(&stream->h2->env->timers, &stream->timer);
    if (stream->connect && status >= 300) {
      h2ws__h2_count_refusal(stream->h2);
    }
    h2ws__h2_touch(stream->h2);
  }
  return rv;
}

/* Never sent: closed from the next call of the connection. */
static void close_soon(struct h2ws__h2_stream *stream) {
  struct h2ws__h2 *h2 = stream->h2;
  if (!h2ws__link_is_in(&stream->todo)) {
    h2ws__list_push(&h2->dead, &stream->todo);
  }
  h2ws__timer_set(&h2->env->timers, &h2->settle_timer, h2ws__now(h2->env));
}

static int carrier_reset(h2ws_stream *base, uint32_t code) {
  struct h2ws__h2_stream *stream = of(base);
  struct h2ws__h2 *h2 = stream->h2;
  if (h2 == NULL) {
    return H2WS_ERR_CLOSED;
  }
  if (base->id < 0) {
    close_soon(stream);
    return 0;
  }
  h2ws__timer_stop(&h2->env->timers, &stream->timer);
  h2ws__link_remove(&stream->todo);
  if (stream->unsent) { /* still idle: RST_STREAM goes behind the promise */
    stream->code = code;
    return 0;
  }
  if (nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE,
                                (int32_t)base->id, code) != 0) {
    h2ws__h2_fail(h2, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                  NGHTTP2_INTERNAL_ERROR, "no memory to reset a stream");
    return H2WS_ERR_NOMEM;
  }
  if (!h2->server && !stream->pushed &&
      nghttp2_session_find_stream(h2->session, (int32_t)base->id) == NULL) {
    /* nghttp2 holds the request back until the peer's limit allows it. */
    close_soon(stream);
  }
  h2ws__h2_touch(h2);
  return 0;
}

static void carrier_destroy(h2ws_stream *base) {
  struct h2ws__h2_stream *stream = of(base);
  const h2ws_mem *mem = &base->env->mem;
  h2ws__mem_free(mem, stream->body);
  h2ws__mem_free(mem, stream);
}

static const struct h2ws__carrier_ops ops = {
  .wake = carrier_wake,
  .credit = carrier_credit,
  .answer = carrier_answer,
  .push = h2ws__h2_push,
  .reset = carrier_reset,
  .destroy = carrier_destroy,
};

/* ------------------------------------------------------------------------
 * Life
 */

static void timer_fired(struct h2ws__timer *timer);

struct h2ws__h2_stream *h2ws__h2_stream_new(struct h2ws__h2 *h2,
                                            h2ws_stream_state state) {
  struct h2ws__h2_stream *stream =
    h2ws__mem_zalloc(&h2->env->mem, sizeof(*stream));
  if (stream == NULL) {
    return NULL;
  }
  h2ws__stream_init(&stream->base, h2->env, &ops, state);
  stream->h2 = h2;
  stream->timer.fire = timer_fired;
  h2->streams_len++;
  h2ws__meter_stream(&h2->rx.meter);
  return stream;
}

static void free_request(struct h2ws__h2_stream *stream) {
  const h2ws_mem *mem = &stream->base.env->mem;
  if (stream->request != NULL) {
    h2ws__headers_dispose(stream->request, mem);
    h2ws__mem_free(mem, stream->request);
    stream->request = NULL;
  }
}

/*
 * The code that says why the peer did not process a request. nghttp2 gives
 * those that a GOAWAY excluded up with REFUSED_STREAM, whatever its code.
 */
static uint32_t refusal_code(const struct h2ws__h2_stream *stream,
                             uint32_t code) {
  const struct h2ws__h2 *h2 = stream->h2;
  if (code == NGHTTP2_REFUSED_STREAM && !stream->peer_reset &&
      h2->end.by_peer && h2->end.h2_code == NGHTTP2_HTTP_1_1_REQUIRED) {
    return NGHTTP2_HTTP_1_1_REQUIRED;
  }
  return code;
}

/* Static, as the text of a close must be. */
static const char *text_of_reset(uint32_t code) {
  switch (code) {
#define TEXT(name, number)                                                     \
  case number:                                                                 \
    return "the peer reset the stream: " #name;
    H2WS_H2_CODES(TEXT)
#undef TEXT
  default:
    return "the peer reset the stream with an unknown code";
  }
}

/* The peer reset it, or nghttp2 gave it up with this code. */
static h2ws_close_info info_of_code(const struct h2ws__h2_stream *stream,
                                    uint32_t code) {
  h2ws_close_info info;
  uint32_t refusal =
    stream_is_opening(stream) ? refusal_code(stream, code) : NGHTTP2_NO_ERROR;
  if (refusal == NGHTTP2_REFUSED_STREAM) { /* RFC 9113 section 8.7 */
    info = h2ws__close_info(H2WS_CLOSE_REFUSED, H2WS_ERR_RETRY,
                            "the peer did not process the request");
    info.retryable = true;
  } else if (refusal == NGHTTP2_HTTP_1_1_REQUIRED) {
    info = h2ws__close_info(H2WS_CLOSE_REFUSED, H2WS_ERR_HTTP_1_1,
                            "the peer wants HTTP/1.1 for this request");
  } else if (stream->peer_reset && code == NGHTTP2_NO_ERROR &&
             stream->base.rx_end && !stream->connect && !stream->h2->server) {
    /* RFC 9113 section 8.1: the answer is whole. */
    info = h2ws__close_info(H2WS_CLOSE_CLEAN, 0,
                            "the peer answered and wants no more");
  } else if (stream->peer_reset) {
    info = h2ws__close_info(H2WS_CLOSE_LOST, H2WS_ERR_RESET,
                            stream_is_opening(stream)
                              ? "the peer reset the stream before it was "
                                "open; a proxy that lacks extended CONNECT "
                                "does that"
                              : text_of_reset(code));
  } else if (code == NGHTTP2_NO_ERROR) {
    info = h2ws__close_info(H2WS_CLOSE_CLEAN, 0, "both sides ended");
  } else {
    info = h2ws__close_info(H2WS_CLOSE_PROTOCOL, H2WS_ERR_PROTO,
                            "the peer violated HTTP/2 on this stream");
  }
  info.by_peer = stream->peer_reset;
  return info;
}

static h2ws_close_info info_of(const struct h2ws__h2_stream *stream,
                               uint32_t code) {
  h2ws_close_info info;
  if (stream->why != NULL) {
    info = h2ws__close_info((h2ws_close_class)stream->why_cls,
                            stream->why_error, stream->why);
    info.retryable = stream->why_error == H2WS_ERR_RETRY ||
                     stream->why_error == H2WS_ERR_GOING_AWAY ||
                     stream->why_error == H2WS_ERR_EXHAUSTED ||
                     (stream->why_error == H2WS_ERR_LOST &&
                      stream->base.id < 0); /* it was waiting */
  } else if (stream->base.reset_asked) {
    info = h2ws__close_info(H2WS_CLOSE_ABORTED, H2WS_ERR_ABORTED,
                            "the stream was reset on this side");
  } else if (stream->status >= 300 && stream->connect) {
    info = h2ws__close_info(H2WS_CLOSE_REFUSED, H2WS_ERR_REFUSED,
                            "the server refused the request");
  } else {
    info = info_of_code(stream, code);
  }
  info.h2_code = code;
  if (stream->status >= 300 && stream->base.head != NULL) {
    info.status = stream->status;
    info.headers = stream->base.head->fields.fields;
    info.headers_len = stream->base.head->fields.len;
    info.body = stream->body;
    info.body_len = stream->body_len;
  }
  return info;
}

static void half_remove(struct h2ws__h2_stream *stream) {
  if (h2ws__link_is_in(&stream->half)) {
    h2ws__link_remove(&stream->half);
    stream->h2->halves_len--;
  }
}

void h2ws__h2_stream_close(struct h2ws__h2_stream *stream, uint32_t code) {
  struct h2ws__h2 *h2 = stream->h2;
  h2ws_close_info info = info_of(stream, code);
  int64_t id = stream->base.id;
  size_t unread;
  h2ws__trace(h2->env, H2WS_TRACE_INFO, "stream %lld: closed, %s: %s",
              (long long)id, h2ws_close_class_name(info.cls), info.detail);
  h2ws__timer_stop(&h2->env->timers, &stream->timer);
  h2ws__link_remove(&stream->link);
  h2ws__link_remove(&stream->todo);
  h2ws__link_remove(&stream->ending);
  half_remove(stream);
  free_request(stream);
  h2->streams_len--;
  if (stream->ours) {
    h2->ours_len--;
  }
  if (stream->pushed) {
    h2->pushed_len--;
  }
  if (id > 0 && h2->phase != H2WS__H2_OVER) {
    (void)nghttp2_session_set_stream_user_data(h2->session, (int32_t)id, NULL);
  }
  stream->h2 = NULL;
  unread = h2ws__stream_closed(&stream->base, &info);
  if (unread > 0 && h2->phase < H2WS__H2_FAILED) {
    (void)nghttp2_session_consume_connection(h2->session, unread);
  }
}

void h2ws__h2_stream_end(struct h2ws__h2_stream *stream, h2ws_close_class cls,
                         int error, uint32_t code, const char *why) {
  if (stream->h2 == NULL || stream->base.reset_asked) {
    return;
  }
  if (stream->why == NULL) {
    stream->why_cls = (uint8_t)cls;
    stream->why_error = error;
    stream->why = why;
  }
  (void)h2ws_stream_reset(&stream->base, code);
}

void h2ws__h2_stream_fault(struct h2ws__h2_stream *stream, int error,
                           uint32_t code, const char *why) {
  struct h2ws__h2 *h2 = stream->h2;
  if (h2 == NULL || stream->base.reset_asked) {
    return;
  }
  h2ws__h2_stream_end(stream, H2WS_CLOSE_PROTOCOL, error, code, why);
  if (!h2ws__meter_fault(&h2->rx.meter, h2->rx.at)) {
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  NGHTTP2_ENHANCE_YOUR_CALM,
                  "the peer made us reset too many streams "
                  "(max_resets_sent)");
  }
}

/* ------------------------------------------------------------------------
 * Deadlines
 */

void h2ws__h2_stream_arm(struct h2ws__h2_stream *stream, uint32_t ms) {
  struct h2ws__env *env = stream->base.env;
  if (ms == 0) {
    h2ws__timer_stop(&env->timers, &stream->timer);
    return;
  }
  h2ws__timer_set(&env->timers, &stream->timer,
                  h2ws__deadline_after(h2ws__now(env), ms));
}

/* Bytes wait, and none has moved for the whole time? */
static void stall_check(struct h2ws__h2_stream *stream) {
  uint32_t ms = stream->h2->options.stream_stall_timeout_ms;
  h2ws_time due;
  if (stream->base.tx.q.len == 0 && !stream->base.tx_end) {
    return; /* armed again by the next bytes */
  }
  if (stream->moved_at == 0) {
    stream->moved_at = h2ws__now(stream->h2->env);
  }
  due = h2ws__deadline_after(stream->moved_at, ms);
  if (due > h2ws__now(stream->h2->env)) {
    h2ws__timer_set(&stream->h2->env->timers, &stream->timer, due);
    return;
  }
  h2ws__h2_stream_end(stream, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                      NGHTTP2_CANCEL,
                      "the peer opened no window for the bytes that wait "
                      "(stream_stall_timeout_ms)");
}

static void timer_fired(struct h2ws__timer *timer) {
  struct h2ws__h2_stream *stream =
    H2WS__OWNER(timer, struct h2ws__h2_stream, timer);
  if (h2ws__link_is_in(&stream->todo) || stream->base.reset_asked) {
    return; /* settled from h2ws__h2_settle() */
  }
  if (stream_is_opening(stream)) {
    bool refused = stream->status >= 300;
    if (refused) {
      h2ws__h2_refused(stream);
      return;
    }
    h2ws__h2_stream_end(
      stream, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT, NGHTTP2_CANCEL,
      stream->base.id < 0 ? "the peer allowed no new stream in time "
                            "(open_timeout_ms)"
                          : "the peer did not answer the request in time "
                            "(open_timeout_ms)");
  } else if (stream->lingering) {
    h2ws__h2_stream_end(stream, H2WS_CLOSE_CLEAN, 0, NGHTTP2_NO_ERROR,
                        "the peer never ended its side");
  } else if (stream->base.state == H2WS_STREAM_REQUESTED &&
             !stream->base.answered) {
    (void)h2ws_stream_respond(&stream->base, 503, NULL, 0, NULL, 0);
  } else {
    stall_check(stream);
  }
}

/*
 * Only the peer's end is missing, and that may never come: Firefox sends none
 * (row W-40) and opens the next stream at once, and one beyond max_streams
 * costs the connection. So few may wait, and the oldest goes first.
 */
static void half_add(struct h2ws__h2_stream *stream) {
  struct h2ws__h2 *h2 = stream->h2;
  h2ws__list_push(&h2->halves, &stream->half);
  h2->halves_len++;
  if (h2->halves_len > h2->options.max_streams / HALVES_SHARE) {
    struct h2ws__h2_stream *oldest =
      H2WS__OWNER(h2->halves.next, struct h2ws__h2_stream, half);
    half_remove(oldest);
    h2ws__h2_stream_end(oldest, H2WS_CLOSE_CLEAN, 0, NGHTTP2_NO_ERROR,
                        "the peer did not end its side");
  }
}

void h2ws__h2_stream_end_sent(struct h2ws__h2_stream *stream) {
  bool answered_whole = stream->base.state == H2WS_STREAM_REQUESTED;
  h2ws__stream_apply(&stream->base, H2WS__STREAM_END_SENT);
  h2ws__link_remove(&stream->ending);
  h2ws__timer_stop(&stream->h2->env->timers, &stream->timer);
  if (stream_is_opening(stream)) {
    h2ws__h2_stream_arm(stream, stream->h2->options.open_timeout_ms);
  }
  /*
   * Answered, not accepted: the peer has nothing more to say. If it does not
   * end its side, RFC 9113 section 8.1 lets us do it with NO_ERROR.
   */
  if (answered_whole && !stream->base.rx_end) {
    stream->lingering = true;
    h2ws__h2_stream_arm(stream, stream->h2->options.linger_timeout_ms);
  }
  if (stream->h2->server && !stream->base.rx_end &&
      (answered_whole || stream->base.all_said)) {
    half_add(stream);
  }
}

/* ------------------------------------------------------------------------
 * Sending
 */

/* What the connection's window really has for `length` bytes. */
static size_t conn_room(const struct h2ws__h2 *h2, size_t length) {
  int32_t window = nghttp2_session_get_remote_window_size(h2->session);
  if (!h2->tx.lent) {
    return length;
  }
  return length < (size_t)window ? length : (size_t)window - 1;
}

void h2ws__h2_window_opened(struct h2ws__h2 *h2) {
  struct h2ws__link *link;
  if (!h2->tx.lent) {
    return; /* nghttp2 sees to it */
  }
  for (link = h2->streams.next; link != &h2->streams; link = link->next) {
    struct h2ws__h2_stream *stream =
      H2WS__OWNER(link, struct h2ws__h2_stream, link);
    if (stream->deferred && stream->base.tx.q.len > 0) {
      stream->deferred = false;
      (void)nghttp2_session_resume_data(h2->session, (int32_t)stream->base.id);
    }
  }
}

static ssize_t read_data(nghttp2_session *session, int32_t id, uint8_t *buf,
                         size_t length, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
  struct h2ws__h2_stream *stream = source->ptr;
  size_t queued = stream->base.tx.q.len;
  size_t room = conn_room(stream->h2, length);
  size_t n = queued < room ? queued : room;
  (void)session;
  (void)id;
  (void)buf;
  (void)user;
  if (n == 0 && (queued > 0 || !stream->base.tx_end)) {
    stream->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (n == queued && stream->base.tx_end) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  if (n > 0) {
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  }
  return (ssize_t)n;
}

/* WINDOW_UPDATE for `id`, as if the peer had sent it. */
static void receive_update(struct h2ws__h2 *h2, int32_t id, uint32_t add) {
  uint8_t frame[H2WS__FRAME_HEADER_LEN + 4] = {0, 0, 4, NGHTTP2_WINDOW_UPDATE};
  size_t i;
  for (i = 0; i < 4; i++) {
    frame[5 + i] = (uint8_t)((uint32_t)id >> (24 - 8 * i));
    frame[9 + i] = (uint8_t)(add >> (24 - 8 * i));
  }
  h2->in_nghttp2 = true;
  (void)nghttp2_session_mem_recv(h2->session, frame, sizeof(frame));
  h2->in_nghttp2 = false;
}

/*
 * RFC 9113 section 6.9.1: an empty DATA frame with END_STREAM needs no window.
 * nghttp2 does not even ask for DATA without one, so it gets one. That of the
 * stream nothing will use any more; how far below zero it is, nghttp2 does not
 * tell. That of the connection is lent one byte, once, which conn_room() keeps
 * from all streams. (No peer that lets it fall to zero opens it to the very
 * last of 2^31-1 bytes at once, where nghttp2 would see one too many.)
 */
static void open_window(struct h2ws__h2 *h2, int32_t id) {
  uint32_t add;
  if (!h2->tx.lent &&
      nghttp2_session_get_remote_window_size(h2->session) == 0) {
    receive_update(h2, 0, 1);
    h2->tx.lent = true;
  }
  for (add = 1;
       add <= INT32_MAX &&
       nghttp2_session_get_stream_remote_window_size(h2->session, id) == 0;
       add *= 2) {
    receive_update(h2, id, add);
  }
}

void h2ws__h2_push_endings(struct h2ws__h2 *h2) {
  struct h2ws__link *link;
  if (h2->phase >= H2WS__H2_FAILED ||
      !h2ws__meter_is_between_frames(&h2->rx.meter)) {
    return;
  }
  /* They stay until it is out, for others may use up the window before. */
  for (link = h2->endings.next; link != &h2->endings; link = link->next) {
    struct h2ws__h2_stream *stream =
      H2WS__OWNER(link, struct h2ws__h2_stream, ending);
    open_window(h2, (int32_t)stream->base.id);
  }
}

nghttp2_data_provider h2ws__h2_data_provider(struct h2ws__h2_stream *stream) {
  nghttp2_data_provider provider;
  provider.source.ptr = stream;
  provider.read_callback = read_data;
  return provider;
}

/*
 * Writes one DATA frame into the caller's buffer. There is room for it:
 * session.c gives nghttp2 no turn otherwise, and PAUSE ends this turn when
 * the next frame might not fit.
 */
int h2ws__h2_send_data(nghttp2_session *session, nghttp2_frame *frame,
                       const uint8_t *framehd, size_t length,
                       nghttp2_data_source *source, void *user) {
  struct h2ws__h2 *h2 = user;
  struct h2ws__h2_stream *stream = source->ptr;
  uint8_t *out = h2->tx.buf + h2->tx.len;
  (void)session;
  (void)frame;
  assert(h2->tx.cap - h2->tx.len >= H2WS__FRAME_HEADER_LEN + length);
  memcpy(out, framehd, H2WS__FRAME_HEADER_LEN);
  h2->tx.len += H2WS__FRAME_HEADER_LEN + length;
  h2ws__stream_send_into(&stream->base, out + H2WS__FRAME_HEADER_LEN, length);
  /* When the next bytes come is not noted: that would cost each message. */
  stream->moved_at = stream->base.tx.q.len > 0 ? h2->tx.at : 0;
  if (stream_is_opening(stream)) {
    h2ws__h2_stream_arm(stream, h2->options.open_timeout_ms);
  }
  return h2->tx.cap - h2->tx.len < H2WS__DATA_ROOM ? NGHTTP2_ERR_PAUSE : 0;
}

/* ------------------------------------------------------------------------
 * Opening, as a client
 */

static int submit(struct h2ws__h2_stream *stream) {
  struct h2ws__h2 *h2 = stream->h2;
  const struct h2ws__headers *request = stream->request;
  const h2ws_mem *mem = &h2->env->mem;
  nghttp2_data_provider provider = h2ws__h2_data_provider(stream);
  nghttp2_nv *nva = h2ws__h2_nva(mem, request);
  bool end = h2ws__stream_output_ended(&stream->base);
  int32_t id;
  assert(request != NULL);
  if (nva == NULL) {
    return H2WS_ERR_NOMEM;
  }
  id = nghttp2_submit_request(h2->session, NULL, nva, request->len,
                              end ? NULL : &provider, stream);
  h2ws__mem_free(mem, nva);
  if (id < 0) {
    return id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE ? H2WS_ERR_EXHAUSTED
                                                     : H2WS_ERR_NOMEM;
  }
  stream->base.id = id;
  stream->ours = true;
  h2->ours_len++;
  h2->env->stats.streams_opened++;
  h2ws__link_remove(&stream->link);
  h2ws__list_push(&h2->streams, &stream->link);
  h2ws__stream_apply(&stream->base, H2WS__STREAM_SENT);
  free_request(stream);
  return 0;
}

/* It will never be sent: why. Closed from the next settling. */
static void give_up(struct h2ws__h2_stream *stream, h2ws_close_class cls,
                    int error, const char *why) {
  stream->why_cls = (uint8_t)cls;
  stream->why_error = error;
  stream->why = why;
  h2ws__h2_stream_close(stream, NGHTTP2_NO_ERROR);
}

/* Why no stream can be opened. */
static int open_error(const struct h2ws__h2 *h2) {
  if (h2->server) {
    return H2WS_ERR_STATE;
  }
  return nghttp2_session_get_next_stream_id(h2->session) > INT32_MAX
           ? H2WS_ERR_EXHAUSTED
           : H2WS_ERR_GOING_AWAY;
}

/* True if the peer's SETTINGS let this request go, or it was given up. */
static bool submit_next(struct h2ws__h2_stream *stream) {
  struct h2ws__h2 *h2 = stream->h2;
  int rv;
  if (!nghttp2_session_check_request_allowed(h2->session)) {
    rv = open_error(h2);
    give_up(stream, H2WS_CLOSE_REFUSED, rv, h2ws_strerror(rv));
    return true;
  }
  if (stream->extended && !h2ws__h2_has_extended_connect(h2)) {
    if (h2->options.wait_for_connect_protocol) {
      return false;
    }
    give_up(stream, H2WS_CLOSE_REFUSED, H2WS_ERR_UNSUPPORTED,
            "the peer speaks HTTP/2 but does not offer WebSocket over it "
            "(no ENABLE_CONNECT_PROTOCOL in its SETTINGS)");
    return true;
  }
  rv = submit(stream);
  if (rv != 0) {
    give_up(stream, H2WS_CLOSE_ABORTED, rv, h2ws_strerror(rv));
  }
  return true;
}

size_t h2ws__h2_max_ours(const struct h2ws__h2 *h2) {
  return nghttp2_session_get_remote_settings(
    h2->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

size_t h2ws__h2_room(const struct h2ws__h2 *h2) {
  size_t max = h2ws__h2_max_ours(h2);
  size_t taken = h2->streams_len - h2->pushed_len;
  return h2->ready && h2ws__h2_can_open(h2) && max > taken ? max - taken : 0;
}

void h2ws__h2_submit_waiting(struct h2ws__h2 *h2) {
  struct h2ws__link *link = h2->waiting.next;
  while (h2->ready && h2->phase != H2WS__H2_OVER && link != &h2->waiting) {
    struct h2ws__link *next = link->next;
    struct h2ws__h2_stream *stream =
      H2WS__OWNER(link, struct h2ws__h2_stream, link);
    if (h2->ours_len >= h2ws__h2_max_ours(h2) &&
        nghttp2_session_check_request_allowed(h2->session)) {
      return;
    }
    if (!h2ws__link_is_in(&stream->todo) && submit_next(stream)) {
      next = h2->waiting.next; /* on_close may have changed the list */
    }
    link = next;
  }
}

/*
 * Opened from outside of recv, send and tick: sent at once if that is
 * possible; if not, on_close may not run in here, but from the next tick.
 */
static void submit_now(struct h2ws__h2_stream *stream) {
  struct h2ws__h2 *h2 = stream->h2;
  bool supported = !stream->extended || h2ws__h2_has_extended_connect(h2);
  if (!supported && h2->options.wait_for_connect_protocol) {
    return;
  }
  if (supported && h2->ours_len >= h2ws__h2_max_ours(h2)) {
    return;
  }
  if (supported && submit(stream) == 0) {
    h2ws__h2_touch(h2);
    return;
  }
  h2ws__timer_set(&h2->env->timers, &h2->settle_timer, h2ws__now(h2->env));
}

int h2ws__h2_open(struct h2ws__h2 *h2, h2ws_stream **out,
                  const h2ws_request *request,
                  const h2ws_stream_callbacks *callbacks, void *user) {
  struct h2ws__h2_stream *stream;
  int rv;
  if (h2->phase >= H2WS__H2_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  if (!h2ws__h2_can_open(h2)) {
    return open_error(h2);
  }
  stream = h2ws__h2_stream_new(h2, H2WS_STREAM_WAITING);
  if (stream == NULL) {
    return H2WS_ERR_NOMEM;
  }
  stream->request = h2ws__mem_zalloc(&h2->env->mem, sizeof(*stream->request));
  rv = stream->request == NULL
         ? H2WS_ERR_NOMEM
         : h2ws__h2_build_request(h2, stream->request, request);
  if (rv == 0) {
    rv = h2ws__stream_count_request(&stream->base, request);
  }
  if (rv != 0) {
    h2->streams_len--;
    free_request(stream);
    h2ws_stream_release(&stream->base);
    return rv;
  }
  stream->base.callbacks = callbacks;
  stream->base.user = user;
  stream->base.tx_end = request->end;
  stream->extended = request->protocol != NULL;
  stream->connect =
    request->method == NULL || strcmp(request->method, "CONNECT") == 0;
  stream->base.body_first = !stream->connect;
  h2ws__list_push(&h2->waiting, &stream->link);
  h2ws__h2_stream_arm(stream, h2->options.open_timeout_ms);
  *out = &stream->base;
  if (h2->ready && !h2->in_call) {
    submit_now(stream);
  }
  return 0;
}
