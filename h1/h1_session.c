#include "h1/h1_session.h"

#include <stdio.h>
#include <string.h>

/* Bytes behind the exchange under way at which reading should pause. */
#define AHEAD_HIGH ((size_t)16 * 1024)
#define CONN_WINDOW ((uint32_t)1024 * 1024)
/* "ffffffff" CR LF before a chunk and CR LF behind it. */
#define CHUNK_OVERHEAD 12
static const uint8_t last_chunk[] = {'0', '\r', '\n', '\r', '\n'};

/* ------------------------------------------------------------------------
 * Deadlines
 */

void h2ws__h1_arm(struct h2ws__h1 *h1, struct h2ws__timer *timer, uint32_t ms) {
  if (ms == 0) {
    h2ws__timer_stop(&h1->env->timers, timer);
    return;
  }
  h2ws__timer_set(&h1->env->timers, timer,
                  h2ws__deadline_after(h2ws__now(h1->env), ms));
}

/* Nothing was asked for, or a head was begun and not ended. */
static void idle_fired(struct h2ws__timer *timer) {
  struct h2ws__h1 *h1 = H2WS__OWNER(timer, struct h2ws__h1, idle_timer);
  if (h1->rx.head.begun && h1->server) {
    h2ws__h1_refuse(h1, 408, H2WS_ERR_TIMEOUT,
                    "a head was begun and not ended (header_timeout_ms)");
  } else if (h1->exchanges == 0 && h1->server) {
    h2ws__h1_fail(h1, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                  "the peer sent nothing (settings_timeout_ms)");
  } else {
    h2ws__h1_fail(h1, H2WS_CLOSE_CLEAN, 0,
                  "nothing was open for a while (idle_timeout_ms)");
  }
}

/*
 * Accepted, and the rest of the request does not come. HTTP/1.1 has no PING to
 * tell who is silent from who is gone. What the application leaves unread is
 * not the peer's fault.
 */
static void body_check(struct h2ws__h1 *h1) {
  const h2ws_stream *base = &h1->stream->base;
  uint32_t ms = h1->options.idle_timeout_ms;
  h2ws_time due;
  if (base->rx_end || h1->ex.upgrade || ms == 0) {
    return;
  }
  if (base->rx.q.len > 0) {
    h1->ex.moved = h2ws__now(h1->env);
  }
  due = h2ws__deadline_after(h1->ex.moved, ms);
  if (due > h2ws__now(h1->env)) {
    h2ws__timer_set(&h1->env->timers, &h1->stream_timer, due);
    return;
  }
  h2ws__h1_stream_end(h1, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                      "the rest of the request did not come "
                      "(idle_timeout_ms)");
}

static void stream_fired(struct h2ws__timer *timer) {
  struct h2ws__h1 *h1 = H2WS__OWNER(timer, struct h2ws__h1, stream_timer);
  if (h1->stream == NULL) {
    return;
  }
  if (!h1->server && h1->ex.status != 0) {
    h2ws__h1_refused(h1); /* with what there is of its body */
  } else if (!h1->server) {
    h2ws__h1_stream_end(h1, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                        "the peer did not answer the request in time "
                        "(open_timeout_ms)");
  } else if (h1->ex.discards) {
    h2ws__h1_stream_end(h1, H2WS_CLOSE_CLEAN, 0,
                        "the peer never ended its side");
  } else if (h1->stream->base.answered) {
    body_check(h1);
  } else {
    (void)h2ws_stream_respond(&h1->stream->base, 503, NULL, 0, NULL, 0);
  }
}

static void stall_fired(struct h2ws__timer *timer) {
  struct h2ws__h1 *h1 = H2WS__OWNER(timer, struct h2ws__h1, stall_timer);
  h2ws_time due = h2ws__deadline_after(h1->tx.at, h1->options.stall_timeout_ms);
  if (!h1->told || !h2ws__h1_wants_send(h1)) {
    return; /* armed again by the next touch */
  }
  if (due > h2ws__now(h1->env)) {
    h2ws__timer_set(&h1->env->timers, timer, due);
    return;
  }
  h2ws__bufq_dispose(&h1->tx.out, &h1->env->chunks);
  h2ws__h1_fail(h1, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                "the transport took no bytes (stall_timeout_ms)");
}

static void drain_fired(struct h2ws__timer *timer) {
  struct h2ws__h1 *h1 = H2WS__OWNER(timer, struct h2ws__h1, drain_timer);
  h2ws__h1_fail(h1, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                "a stream was still open when the drain ended "
                "(drain_timeout_ms)");
}

/* The tick that fires timers settles afterwards. */
static void settle_fired(struct h2ws__timer *timer) {
  (void)timer;
}

void h2ws__h1_settle_soon(struct h2ws__h1 *h1) {
  h2ws__timer_set(&h1->env->timers, &h1->settle_timer, h2ws__now(h1->env));
}

static void stop_timers(struct h2ws__h1 *h1) {
  struct h2ws__timer *timers[] = {&h1->idle_timer, &h1->stream_timer,
                                  &h1->stall_timer, &h1->drain_timer,
                                  &h1->settle_timer};
  size_t i;
  for (i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
    h2ws__timer_stop(&h1->env->timers, timers[i]);
  }
}

/* ------------------------------------------------------------------------
 * Life
 */

int h2ws__h1_new(struct h2ws__h1 **out, struct h2ws__env *env,
                 const h2ws_conn_options *options, bool server,
                 const struct h2ws__session_events *events, void *owner) {
  struct h2ws__h1 *h1 = h2ws__mem_zalloc(&env->mem, sizeof(*h1));
  if (h1 == NULL) {
    return H2WS_ERR_NOMEM;
  }
  h1->env = env;
  h1->events = events;
  h1->owner = owner;
  h1->options = *options;
  h1->options.protocols = NULL; /* borrowed, and not needed */
  if (options->conn_window == 0) {
    h1->options.conn_window = CONN_WINDOW;
  }
  h1->server = server;
  h1->idle_timer.fire = idle_fired;
  h1->stream_timer.fire = stream_fired;
  h1->stall_timer.fire = stall_fired;
  h1->drain_timer.fire = drain_fired;
  h1->settle_timer.fire = settle_fired;
  h2ws__h1_arm(h1, &h1->idle_timer,
               server ? options->settings_timeout_ms
                      : options->idle_timeout_ms);
  *out = h1;
  return 0;
}

void h2ws__h1_free(struct h2ws__h1 *h1) {
  const h2ws_mem *mem;
  if (h1 == NULL) {
    return;
  }
  mem = &h1->env->mem;
  stop_timers(h1);
  h2ws__h1_intake_dispose(&h1->rx.head, mem);
  h2ws__bufq_dispose(&h1->rx.ahead, &h1->env->chunks);
  h2ws__bufq_dispose(&h1->tx.out, &h1->env->chunks);
  h2ws__mem_free(mem, h1);
}

/* ------------------------------------------------------------------------
 * The end
 */

static void set_end(struct h2ws__h1 *h1, h2ws_close_class cls, int error,
                    const char *detail) {
  if (h1->end.detail == NULL) {
    h1->end.cls = cls;
    h1->end.error = error;
    h1->end.detail = detail;
  }
}

void h2ws__h1_fail(struct h2ws__h1 *h1, h2ws_close_class cls, int error,
                   const char *detail) {
  if (h1->phase >= H2WS__H1_FAILED) {
    return;
  }
  h1->phase = H2WS__H1_FAILED;
  set_end(h1, cls, error, detail);
  if (error == H2WS_ERR_LIMIT) {
    h1->env->stats.limits_hit++;
  }
  h2ws__trace(h1->env, H2WS_TRACE_INFO, "connection ends: %s", detail);
  h2ws__h1_settle_soon(h1);
}

/* The stream's share of the connection's end. */
static void blame(struct h2ws__h1 *h1) {
  if (h1->ex.why == NULL && !h1->stream->base.reset_asked) {
    bool clean = h1->end.cls == H2WS_CLOSE_CLEAN;
    h1->ex.why_cls = (uint8_t)(clean ? H2WS_CLOSE_LOST : h1->end.cls);
    h1->ex.why_error = h1->end.error != 0 ? h1->end.error : H2WS_ERR_LOST;
    h1->ex.why = h1->end.detail;
  }
}

static void session_over(struct h2ws__h1 *h1) {
  h2ws_close_info info;
  if (h1->phase == H2WS__H1_OVER) {
    return;
  }
  h1->phase = H2WS__H1_OVER;
  set_end(h1, H2WS_CLOSE_CLEAN, 0, "the connection ended in order");
  stop_timers(h1);
  if (h1->stream != NULL) {
    blame(h1);
    h2ws__h1_stream_close(h1);
  }
  info = h2ws__close_info(h1->end.cls, h1->end.error, h1->end.detail);
  info.by_peer = h1->end.by_peer;
  h1->events->over(h1->owner, &info);
}

void h2ws__h1_abandon(struct h2ws__h1 *h1) {
  set_end(h1, H2WS_CLOSE_ABORTED, H2WS_ERR_ABORTED,
          "the connection was freed on this side");
  session_over(h1);
}

int h2ws__h1_shutdown(struct h2ws__h1 *h1) {
  if (h1->phase >= H2WS__H1_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  h2ws__h1_fail(h1, H2WS_CLOSE_ABORTED, H2WS_ERR_ABORTED,
                "the connection was shut down on this side");
  return 0;
}

int h2ws__h1_drain(struct h2ws__h1 *h1) {
  if (h1->phase >= H2WS__H1_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  if (h1->phase != H2WS__H1_RUNNING) {
    return 0;
  }
  h1->phase = H2WS__H1_ENDING;
  h2ws__h1_arm(h1, &h1->drain_timer, h1->options.drain_timeout_ms);
  h1->events->drain(h1->owner);
  h2ws__h1_settle_soon(h1);
  return 0;
}

void h2ws__h1_set_idle_timeout(struct h2ws__h1 *h1, uint32_t ms) {
  bool idle = h1->stream == NULL && !h1->rx.head.begun &&
              (!h1->server || h1->exchanges > 0);
  h1->options.idle_timeout_ms = ms;
  if (idle && h1->phase < H2WS__H1_FAILED) {
    h2ws__h1_arm(h1, &h1->idle_timer, ms);
  }
}

/* ------------------------------------------------------------------------
 * Between the calls
 */

/* The exchange is over for both sides, and the next one may come. */
static void next_exchange(struct h2ws__h1 *h1) {
  bool keep = h1->ex.keep && h1->phase == H2WS__H1_RUNNING;
  /* Answers that nobody asked for are not those to the next request. */
  if (!h1->server && h1->rx.ahead.len > 0) {
    keep = false;
  }
  if (keep) {
    h1->rx.expect = H2WS__H1_EXPECT_HEAD;
  } else if (h1->phase == H2WS__H1_RUNNING) {
    h1->phase = H2WS__H1_ENDING;
  }
  h2ws__h1_stream_close(h1);
  if (keep && h1->phase < H2WS__H1_FAILED && h1->stream == NULL) {
    h2ws__h1_arm(h1, &h1->idle_timer, h1->options.idle_timeout_ms);
  }
}

/*
 * A tunnel ends as a whole on a server; a client leaves that to the server.
 * An answer that is the last on its connection wants no more of the request.
 */
static bool exchange_is_done(const struct h2ws__h1 *h1) {
  const h2ws_stream *base = &h1->stream->base;
  if (!h1->server && !h1->ex.upgrade) {
    return base->rx_end && (h1->ex.sent || !h1->ex.keep);
  }
  if (!h1->ex.sent) {
    return false;
  }
  if (h1->ex.upgrade) {
    return h1->server || base->rx_end;
  }
  return base->rx_end || (h1->ex.discards && !h1->ex.keep);
}

static void settle_exchange(struct h2ws__h1 *h1) {
  if (h1->stream == NULL || h1->phase >= H2WS__H1_FAILED) {
    return;
  }
  if (h1->ex.dead) {
    h1->ex.keep = false;
    h2ws__bufq_dispose(&h1->tx.out, &h1->env->chunks);
    next_exchange(h1);
  } else if (exchange_is_done(h1)) {
    next_exchange(h1);
  }
}

static bool takes_input(const struct h2ws__h1 *h1) {
  return h1->phase < H2WS__H1_FAILED &&
         (h1->phase == H2WS__H1_RUNNING || h1->stream != NULL) &&
         h1->rx.expect != H2WS__H1_EXPECT_TURN;
}

static size_t feed(struct h2ws__h1 *h1, uint8_t *data, size_t len);

/* What came early is due once the exchange before it is over. */
static void feed_ahead(struct h2ws__h1 *h1) {
  uint8_t *data = NULL;
  while (takes_input(h1) && h1->rx.ahead.len > 0) {
    size_t n = h2ws__bufq_peek(&h1->rx.ahead, &data);
    n = feed(h1, data, n);
    h2ws__bufq_drain(&h1->rx.ahead, &h1->env->chunks, n);
    settle_exchange(h1);
  }
}

/* Nothing is open and nothing will be. */
static bool is_exhausted(const struct h2ws__h1 *h1) {
  if (h1->tx.out.len > 0) {
    return false;
  }
  if (h1->phase == H2WS__H1_FAILED) {
    return true;
  }
  return h1->stream == NULL && (h1->phase == H2WS__H1_ENDING || h1->rx.eof);
}

static void settle(struct h2ws__h1 *h1) {
  settle_exchange(h1);
  feed_ahead(h1);
  if (h1->phase != H2WS__H1_OVER && is_exhausted(h1)) {
    session_over(h1);
  }
  if (h1->rx.full && h1->phase != H2WS__H1_OVER && h2ws__h1_wants_recv(h1)) {
    h1->rx.full = false;
    h1->events->want_recv(h1->owner);
  }
}

/* ------------------------------------------------------------------------
 * Receiving
 */

static void head_failed(struct h2ws__h1 *h1, int rv) {
  if (rv < 0) {
    h2ws__h1_fail(h1, H2WS_CLOSE_ABORTED, rv, "no memory for a head");
  } else if (h1->server) {
    h2ws__h1_refuse(h1, rv, rv == 400 ? H2WS_ERR_PROTO : H2WS_ERR_LIMIT,
                    "the head of the request is malformed or too large");
  } else {
    h2ws__h1_fail(h1, H2WS_CLOSE_PROTOCOL,
                  rv == 400 ? H2WS_ERR_PROTO : H2WS_ERR_LIMIT,
                  "the head of the answer is malformed or too large");
  }
}

static size_t feed_head(struct h2ws__h1 *h1, const uint8_t *data, size_t len) {
  struct h2ws__h1_intake *head = &h1->rx.head;
  bool begun = head->begun;
  size_t used = 0;
  int rv;
  if (!h1->server && h1->stream == NULL) {
    h2ws__h1_fail(h1, H2WS_CLOSE_PROTOCOL, H2WS_ERR_PROTO,
                  "the server sent something before it was asked");
    return len;
  }
  rv = h2ws__h1_intake_feed(head, &h1->env->mem, data, len,
                            h1->options.max_header_list, &used);
  if (rv != 0) {
    head_failed(h1, rv);
  } else if (head->whole) {
    if (h1->server) {
      h2ws__h1_request(h1);
    } else {
      h2ws__h1_answer(h1);
    }
  } else if (!begun && h1->server) {
    h2ws__h1_arm(h1, &h1->idle_timer, h1->options.header_timeout_ms);
  }
  return used;
}

/* Client: the body under way is that of a refused upgrade. */
static bool is_refusal(const struct h2ws__h1 *h1) {
  return !h1->server && h1->ex.upgrade;
}

static void body_over(struct h2ws__h1 *h1) {
  if (is_refusal(h1)) {
    h2ws__h1_refused(h1);
  } else {
    h1->rx.expect = H2WS__H1_EXPECT_TURN;
    h2ws__h1_stream_input_end(h1);
  }
}

static void body_broken(struct h2ws__h1 *h1) {
  bool answered = h1->stream->base.answered;
  if (is_refusal(h1)) {
    h2ws__h1_refused(h1);
  } else if (h1->server && !answered) {
    h2ws__h1_refuse(h1, 400, H2WS_ERR_PROTO, "the chunks are malformed");
  } else {
    h2ws__h1_fail(h1, H2WS_CLOSE_PROTOCOL, H2WS_ERR_PROTO,
                  "the chunks are malformed");
  }
}

static size_t feed_body(struct h2ws__h1 *h1, uint8_t *data, size_t len) {
  bool content = false;
  h2ws_ssize n = h2ws__h1_body_next(&h1->rx.body, data, len, &content);
  if (n < 0) {
    body_broken(h1);
    return len;
  }
  if (content && is_refusal(h1)) {
    h2ws__h1_refusal_body(h1, data, (size_t)n);
  } else if (content) {
    h2ws__h1_stream_input(h1, data, (size_t)n);
  }
  if (h1->stream != NULL && !h1->ex.dead && h1->phase < H2WS__H1_FAILED &&
      h2ws__h1_body_is_over(&h1->rx.body)) {
    body_over(h1);
  }
  return (size_t)n;
}

/* Gives bytes to whom they belong to; returns how many were taken. */
static size_t feed(struct h2ws__h1 *h1, uint8_t *data, size_t len) {
  size_t done = 0;
  while (done < len && takes_input(h1) && !h1->ex.dead) {
    switch ((enum h2ws__h1_expect)h1->rx.expect) {
    case H2WS__H1_EXPECT_HEAD:
      done += feed_head(h1, data + done, len - done);
      break;
    case H2WS__H1_EXPECT_BODY:
      done += feed_body(h1, data + done, len - done);
      break;
    case H2WS__H1_EXPECT_TUNNEL:
      h2ws__h1_stream_input(h1, data + done, len - done);
      done = len;
      break;
    case H2WS__H1_EXPECT_TURN:
      break;
    }
  }
  return h1->ex.dead ? len : done;
}

/* Keeps what came early, within a bound. */
static void keep_ahead(struct h2ws__h1 *h1, const uint8_t *data, size_t len) {
  struct h2ws__bufq *ahead = &h1->rx.ahead;
  if (len == 0 || h1->phase >= H2WS__H1_FAILED) {
    return;
  }
  if (ahead->len + len > h1->options.conn_window) {
    h2ws__h1_fail(h1, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  "more requests arrived ahead than the connection may hold "
                  "(conn_window)");
  } else if (h2ws__bufq_append(ahead, &h1->env->chunks, data, len) != 0) {
    h2ws__h1_fail(h1, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                  "no memory for input");
  }
}

int h2ws__h1_recv(struct h2ws__h1 *h1, uint8_t *data, size_t len) {
  size_t done = 0;
  if (h1->in_call) {
    return H2WS_ERR_STATE;
  }
  if (h1->phase >= H2WS__H1_FAILED || h1->rx.eof) {
    return H2WS_ERR_CLOSED;
  }
  h1->in_call = true;
  h1->env->stats.bytes_received += len;
  if (h1->rx.ahead.len == 0) {
    done = feed(h1, data, len);
  }
  keep_ahead(h1, data + done, len - done);
  h1->rx.full = !h2ws__h1_wants_recv(h1);
  settle(h1);
  h1->in_call = false;
  h2ws__h1_touch(h1);
  return h1->phase >= H2WS__H1_FAILED ? h1->end.error : 0;
}

/* The peer's end ends what it has begun, and what lasts until then. */
static void end_of_input(struct h2ws__h1 *h1) {
  bool tunnel = h1->rx.expect == H2WS__H1_EXPECT_TUNNEL;
  h1->rx.eof = true;
  if (h1->stream == NULL) {
    h1->end.by_peer = true;
    set_end(h1, H2WS_CLOSE_CLEAN, 0, "the peer closed the connection");
    return;
  }
  h1->ex.keep = false;
  if (tunnel && h1->stream->base.state >= H2WS_STREAM_OPEN) {
    h2ws__h1_stream_input_end(h1);
  } else if (h1->ex.status != 0 && is_refusal(h1)) {
    h2ws__h1_refused(h1);
  } else if (h1->rx.expect == H2WS__H1_EXPECT_BODY &&
             h1->rx.body.kind == H2WS__H1_BODY_TO_END) {
    body_over(h1);
  } else if (h1->rx.expect != H2WS__H1_EXPECT_TURN) {
    h1->end.by_peer = true;
    h2ws__h1_fail(h1, H2WS_CLOSE_LOST, H2WS_ERR_LOST,
                  "the peer closed the connection");
  }
}

int h2ws__h1_recv_eof(struct h2ws__h1 *h1, int error) {
  if (h1->in_call) {
    return H2WS_ERR_STATE;
  }
  if (h1->phase == H2WS__H1_OVER) {
    return H2WS_ERR_CLOSED;
  }
  h1->in_call = true;
  if (error != 0) {
    h1->end.by_peer = true;
    set_end(h1, H2WS_CLOSE_LOST, error, h2ws_strerror(error));
    session_over(h1);
  } else {
    end_of_input(h1);
    settle(h1);
  }
  h1->in_call = false;
  h2ws__h1_touch(h1);
  return 0;
}

bool h2ws__h1_wants_recv(const struct h2ws__h1 *h1) {
  if (h1->rx.ahead.len >= AHEAD_HIGH) {
    return false;
  }
  return h1->stream == NULL ||
         h1->stream->base.rx.q.len < h1->options.stream_window;
}

/* ------------------------------------------------------------------------
 * Sending
 */

/* Bytes of the stream wait, or its end. */
static bool stream_wants_send(const struct h2ws__h1 *h1) {
  const h2ws_stream *base;
  if (h1->stream == NULL || h1->tx.framing == H2WS__H1_FRAMING_NONE ||
      h1->phase >= H2WS__H1_FAILED) {
    return false;
  }
  base = &h1->stream->base;
  return !base->reset_asked &&
         (base->tx.q.len > 0 || (base->tx_end && !h1->ex.sent));
}

bool h2ws__h1_wants_send(const struct h2ws__h1 *h1) {
  return h1->phase != H2WS__H1_OVER &&
         (h1->tx.out.len > 0 || stream_wants_send(h1));
}

void h2ws__h1_touch(struct h2ws__h1 *h1) {
  if (h1->in_call || h1->told || !h2ws__h1_wants_send(h1)) {
    return;
  }
  h1->told = true;
  h1->tx.at = h2ws__now(h1->env); /* the transport's time begins */
  if (!h2ws__timer_is_set(&h1->stall_timer)) {
    h2ws__h1_arm(h1, &h1->stall_timer, h1->options.stall_timeout_ms);
  }
  h1->events->want_send(h1->owner);
}

/* Bytes of the stream, as a chunk where that is the framing. */
static size_t fill_content(struct h2ws__h1 *h1, uint8_t *buf, size_t room) {
  h2ws_stream *base = &h1->stream->base;
  bool chunked = h1->tx.framing == H2WS__H1_FRAMING_CHUNKED;
  size_t n = base->tx.q.len;
  size_t len = 0;
  char size[CHUNK_OVERHEAD];
  if (chunked) {
    room = room > CHUNK_OVERHEAD ? room - CHUNK_OVERHEAD : 0;
  }
  n = n < room ? n : room;
  if (n == 0) {
    return 0;
  }
  if (chunked) {
    len = (size_t)snprintf(size, sizeof(size), "%zx\r\n", n);
    memcpy(buf, size, len);
    buf[len + n] = '\r';
    buf[len + n + 1] = '\n';
  }
  h2ws__stream_send_into(base, buf + len, n);
  h1->ex.moved = h1->tx.at;
  if (!h1->server && base->state == H2WS_STREAM_OPENING) {
    h2ws__h1_arm(h1, &h1->stream_timer, h1->options.open_timeout_ms);
  }
  return len + n + (chunked ? 2 : 0);
}

/* The end of the stream; 0 bytes if it is not there, or does not fit. */
static size_t fill_end(struct h2ws__h1 *h1, uint8_t *buf, size_t room) {
  h2ws_stream *base = &h1->stream->base;
  bool chunked = h1->tx.framing == H2WS__H1_FRAMING_CHUNKED;
  if (!h2ws__stream_output_ended(base) || h1->ex.sent ||
      (chunked && room < sizeof(last_chunk))) {
    return 0;
  }
  h1->ex.sent = true;
  h2ws__stream_apply(base, H2WS__STREAM_END_SENT);
  if (h1->ex.discards && !base->rx_end) {
    h2ws__h1_arm(h1, &h1->stream_timer, h1->options.linger_timeout_ms);
  }
  if (chunked) {
    memcpy(buf, last_chunk, sizeof(last_chunk));
  }
  return chunked ? sizeof(last_chunk) : 0;
}

static size_t fill(struct h2ws__h1 *h1, uint8_t *buf, size_t cap) {
  size_t len = h2ws__bufq_read(&h1->tx.out, &h1->env->chunks, buf, cap);
  while (h1->tx.out.len == 0 && stream_wants_send(h1)) {
    size_t n = fill_content(h1, buf + len, cap - len);
    if (n == 0) {
      return len + fill_end(h1, buf + len, cap - len);
    }
    len += n;
  }
  return len;
}

h2ws_ssize h2ws__h1_send(struct h2ws__h1 *h1, uint8_t *buf, size_t cap) {
  size_t len;
  if (h1->in_call) {
    return H2WS_ERR_STATE;
  }
  if (buf == NULL || cap < H2WS_SEND_MIN) {
    return H2WS_ERR_INVALID;
  }
  h1->told = false;
  if (h1->phase == H2WS__H1_OVER) {
    return 0;
  }
  h1->in_call = true;
  h1->tx.at = h2ws__now(h1->env);
  len = fill(h1, buf, cap);
  h1->env->stats.bytes_sent += len;
  settle(h1);
  h1->in_call = false;
  h2ws__h1_touch(h1);
  return (h2ws_ssize)len;
}

int h2ws__h1_tick(struct h2ws__h1 *h1) {
  if (h1->in_call) {
    return H2WS_ERR_STATE;
  }
  if (h1->phase == H2WS__H1_OVER) {
    return H2WS_ERR_CLOSED;
  }
  h1->in_call = true;
  h2ws__timers_run(&h1->env->timers, h2ws__now(h1->env));
  settle(h1);
  h1->in_call = false;
  h2ws__h1_touch(h1);
  return 0;
}

/* ------------------------------------------------------------------------
 * Getters
 */

bool h2ws__h1_finished(const struct h2ws__h1 *h1) {
  return h1->phase == H2WS__H1_OVER;
}

bool h2ws__h1_can_open(const struct h2ws__h1 *h1) {
  return !h1->server && h1->phase == H2WS__H1_RUNNING && !h1->rx.eof &&
         h1->stream == NULL;
}

size_t h2ws__h1_streams(const struct h2ws__h1 *h1) {
  return h1->stream == NULL ? 0 : 1;
}

h2ws_stream *h2ws__h1_stream(const struct h2ws__h1 *h1, int64_t id) {
  return h1->stream == NULL || h1->stream->base.id != id ? NULL
                                                         : &h1->stream->base;
}

void h2ws__h1_each(struct h2ws__h1 *h1,
                   void (*each)(h2ws_stream *stream, void *arg), void *arg) {
  if (h1->stream != NULL) {
    each(&h1->stream->base, arg);
  }
}
