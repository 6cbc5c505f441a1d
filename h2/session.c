#include "h2/session.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define HPACK_TABLE_MAX 4096
#define MAX_SETTINGS 32
#define MAX_ACKS 1000

/* ------------------------------------------------------------------------
 * Life
 */

static void *nghttp2_alloc(size_t size, void *user) {
  return h2ws__mem_alloc(user, size);
}

static void nghttp2_release(void *ptr, void *user) {
  h2ws__mem_free(user, ptr);
}

static void *nghttp2_zalloc(size_t n, size_t size, void *user) {
  if (size != 0 && n > SIZE_MAX / size) {
    return NULL;
  }
  return h2ws__mem_zalloc(user, n * size);
}

static void *nghttp2_resize(void *ptr, size_t size, void *user) {
  return h2ws__mem_resize(user, ptr, size);
}

static int session_new_option(nghttp2_option **out, const struct h2ws__h2 *h2) {
  nghttp2_option *option;
  if (nghttp2_option_new(&option) != 0) {
    return H2WS_ERR_NOMEM;
  }
  /* Windows reopen when the application has taken the bytes. */
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_max_deflate_dynamic_table_size(option, HPACK_TABLE_MAX);
  nghttp2_option_set_max_settings(option, MAX_SETTINGS);
  nghttp2_option_set_max_outbound_ack(option, MAX_ACKS);
  /* It counts pieces of input, up to nine to a frame; meter.c counts frames. */
  nghttp2_option_set_max_continuations(option, (size_t)H2WS__CONTINUATIONS_MAX *
                                                 H2WS__FRAME_HEADER_LEN);
  /* Ours (meter.c) comes first, with a better code than INTERNAL_ERROR. */
  nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
  /* One more than we let pass, so that push.c refuses it. */
  nghttp2_option_set_max_reserved_remote_streams(option,
                                                 h2->options.max_streams + 1);
  *out = option;
  return 0;
}

static int session_new_nghttp2(struct h2ws__h2 *h2) {
  nghttp2_session_callbacks *callbacks = NULL;
  nghttp2_option *option = NULL;
  nghttp2_mem mem = {&h2->env->mem, nghttp2_alloc, nghttp2_release,
                     nghttp2_zalloc, nghttp2_resize};
  int rv = session_new_option(&option, h2);
  if (rv == 0 && nghttp2_session_callbacks_new(&callbacks) != 0) {
    rv = H2WS_ERR_NOMEM;
  }
  if (rv == 0) {
    rv = h2ws__h2_set_callbacks(callbacks);
  }
  if (rv == 0) {
    int nrv = h2->server ? nghttp2_session_server_new3(&h2->session, callbacks,
                                                       h2, option, &mem)
                         : nghttp2_session_client_new3(&h2->session, callbacks,
                                                       h2, option, &mem);
    rv = nrv == 0 ? 0 : H2WS_ERR_NOMEM;
  }
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  return rv;
}

/*
 * Credit goes out when half of the window has been read. If all streams but
 * one leave theirs unread, that half must still fit: hence twice their sum.
 */
static int32_t session_window(const h2ws_conn_options *o) {
  uint64_t all = (uint64_t)2 * o->max_streams * o->stream_window;
  if (o->conn_window > 0) {
    return (int32_t)o->conn_window;
  }
  all = all < 65535 ? 65535 : all; /* RFC 9113 section 6.9.2 */
  return all < INT32_MAX ? (int32_t)all : INT32_MAX;
}

/* The first SETTINGS, and the connection's window (RFC 9113 section 6.9.2). */
static int session_submit_settings(struct h2ws__h2 *h2) {
  const h2ws_conn_options *o = &h2->options;
  nghttp2_settings_entry iv[8];
  size_t n = 0;
  iv[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                     o->stream_window};
  iv[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_FRAME_SIZE,
                                     o->max_frame_size};
  iv[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                                     o->max_header_list};
  if (h2->server) {
    iv[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                       o->max_streams};
    if (o->enable_connect_protocol) { /* RFC 8441 section 3 */
      iv[n++] =
        (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
    }
  } else {
    iv[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH,
                                       o->enable_push ? 1 : 0};
    if (o->enable_push) {
      iv[n++] = (nghttp2_settings_entry){
        NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, o->max_streams};
    }
  }
  if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, iv, n) != 0 ||
      nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                            session_window(o)) != 0) {
    return H2WS_ERR_NOMEM;
  }
  return 0;
}

static int session_copy_protocols(struct h2ws__h2 *h2) {
  const char *protocols = h2->options.protocols;
  if (protocols == NULL) {
    return 0;
  }
  h2->protocols =
    h2ws__mem_strndup(&h2->env->mem, protocols, strlen(protocols));
  h2->options.protocols = h2->protocols;
  return h2->protocols == NULL ? H2WS_ERR_NOMEM : 0;
}

int h2ws__h2_new(struct h2ws__h2 **out, struct h2ws__env *env,
                 const h2ws_conn_options *options, bool server,
                 const struct h2ws__session_events *events, void *owner) {
  int rv;
  struct h2ws__h2 *h2 = h2ws__mem_zalloc(&env->mem, sizeof(*h2));
  if (h2 == NULL) {
    return H2WS_ERR_NOMEM;
  }
  h2->env = env;
  h2->events = events;
  h2->owner = owner;
  h2->options = *options;
  h2->server = server;
  h2ws__list_init(&h2->streams);
  h2ws__list_init(&h2->waiting);
  h2ws__list_init(&h2->requests);
  h2ws__list_init(&h2->dead);
  h2ws__list_init(&h2->endings);
  h2ws__list_init(&h2->halves);
  h2ws__meter_init(&h2->rx.meter, options, server, &env->stats.glitches);
  rv = session_copy_protocols(h2);
  if (rv == 0) {
    rv = session_new_nghttp2(h2);
  }
  if (rv == 0) {
    rv = session_submit_settings(h2);
  }
  if (rv != 0) {
    h2ws__h2_free(h2);
    return rv;
  }
  h2ws__h2_start_timers(h2);
  *out = h2;
  return 0;
}

void h2ws__h2_free(struct h2ws__h2 *h2) {
  const h2ws_mem *mem;
  if (h2 == NULL) {
    return;
  }
  mem = &h2->env->mem;
  h2ws__h2_stop_timers(h2);
  nghttp2_session_del(h2->session);
  h2ws__head_dispose(&h2->rx.head, mem);
  h2ws__mem_free(mem, h2->protocols);
  h2ws__mem_free(mem, h2);
}

/* ------------------------------------------------------------------------
 * The end
 */

static void session_set_end(struct h2ws__h2 *h2, h2ws_close_class cls,
                            int error, uint32_t code, const char *detail) {
  h2->end.cls = cls;
  h2->end.error = error;
  h2->end.h2_code = code;
  (void)snprintf(h2->end.detail, sizeof(h2->end.detail), "%s", detail);
}

void h2ws__h2_fail(struct h2ws__h2 *h2, h2ws_close_class cls, int error,
                   uint32_t code, const char *detail) {
  if (h2->phase >= H2WS__H2_FAILED) {
    return;
  }
  h2->phase = H2WS__H2_FAILED;
  session_set_end(h2, cls, error, code, detail);
  if (error == H2WS_ERR_LIMIT) {
    h2->env->stats.limits_hit++;
  }
  h2ws__trace(h2->env, H2WS_TRACE_INFO, "connection ends: %s (%s)", detail,
              h2ws_h2_code_name(code));
  if (nghttp2_session_terminate_session(h2->session, code) != 0) {
    h2->silent = true;
    h2ws__timer_set(&h2->env->timers, &h2->settle_timer, h2ws__now(h2->env));
  }
  h2ws__h2_touch(h2);
}

/* The stream's share of the connection's end. */
static void session_blame(const struct h2ws__h2 *h2,
                          struct h2ws__h2_stream *stream) {
  if (stream->why == NULL) {
    stream->why_cls = (uint8_t)h2->end.cls;
    stream->why_error = h2->end.error != 0 ? h2->end.error : H2WS_ERR_LOST;
    stream->why = h2->end.detail;
    if (h2->end.cls == H2WS_CLOSE_CLEAN) {
      stream->why_cls = H2WS_CLOSE_LOST;
    }
  }
}

static void session_close_list(struct h2ws__h2 *h2, struct h2ws__link *list) {
  while (!h2ws__list_is_empty(list)) {
    struct h2ws__h2_stream *stream =
      H2WS__OWNER(list->next, struct h2ws__h2_stream, link);
    session_blame(h2, stream);
    h2ws__h2_stream_close(stream, h2->end.h2_code);
  }
}

/* Everything on the connection ends, then the connection. */
static void session_over(struct h2ws__h2 *h2) {
  h2ws_close_info info;
  if (h2->phase == H2WS__H2_OVER) {
    return;
  }
  h2->phase = H2WS__H2_OVER;
  h2ws__h2_stop_timers(h2);
  session_close_list(h2, &h2->streams);
  session_close_list(h2, &h2->waiting);
  info = h2ws__close_info(h2->end.cls, h2->end.error, h2->end.detail);
  info.h2_code = h2->end.h2_code;
  info.by_peer = h2->end.by_peer;
  h2->events->over(h2->owner, &info);
}

/* nghttp2 has nothing left to read or write. */
static bool session_exhausted(const struct h2ws__h2 *h2) {
  return h2->silent ||
         (h2->tx.frame_len == 0 && !nghttp2_session_want_read(h2->session) &&
          !nghttp2_session_want_write(h2->session));
}

static void session_settle_over(struct h2ws__h2 *h2) {
  if (h2->phase == H2WS__H2_OVER || !session_exhausted(h2)) {
    return;
  }
  if (h2->phase < H2WS__H2_FAILED && h2->end.detail[0] == '\0') {
    session_set_end(h2, H2WS_CLOSE_CLEAN, 0, NGHTTP2_NO_ERROR,
                    "the connection ended in order");
  }
  session_over(h2);
}

void h2ws__h2_drop(struct h2ws__h2 *h2) {
  session_over(h2);
}

void h2ws__h2_abandon(struct h2ws__h2 *h2) {
  if (h2->phase == H2WS__H2_OVER) {
    return;
  }
  if (h2->phase < H2WS__H2_FAILED) {
    session_set_end(h2, H2WS_CLOSE_ABORTED, H2WS_ERR_ABORTED, NGHTTP2_CANCEL,
                    "the connection was freed on this side");
  }
  session_over(h2);
}

int h2ws__h2_shutdown(struct h2ws__h2 *h2, uint32_t h2_code) {
  if (h2->phase >= H2WS__H2_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  h2ws__h2_fail(h2, H2WS_CLOSE_ABORTED, H2WS_ERR_ABORTED, h2_code,
                "the connection was shut down on this side");
  return 0;
}

/* ------------------------------------------------------------------------
 * Receiving
 */

/* What nghttp2_session_mem_recv() returned when it gave up. */
static int session_recv_failed(struct h2ws__h2 *h2, int rv) {
  const char *text = nghttp2_strerror(rv);
  if (h2->phase >= H2WS__H2_FAILED) {
    return h2->end.error;
  }
  switch (rv) {
  case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_NOT_HTTP2,
                  NGHTTP2_PROTOCOL_ERROR,
                  "the peer does not speak HTTP/2: no client preface");
    break;
  case NGHTTP2_ERR_NOMEM:
    h2ws__h2_fail(h2, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                  NGHTTP2_INTERNAL_ERROR, text);
    break;
  case NGHTTP2_ERR_CALLBACK_FAILURE:
    h2ws__h2_fail(h2, H2WS_CLOSE_ABORTED, H2WS_ERR_INTERNAL,
                  NGHTTP2_INTERNAL_ERROR, text);
    break;
  default: /* NGHTTP2_ERR_FLOODED and its kin */
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  NGHTTP2_ENHANCE_YOUR_CALM, text);
    break;
  }
  return h2->end.error;
}

/*
 * "HTTP/1.1 400 Bad Request": as a frame, the H would be a SETTINGS of four
 * megabytes.
 */
static bool session_speaks_http1(const struct h2ws__h2 *h2, const uint8_t *data,
                                 size_t len) {
  return !h2->server && len > 0 && data[0] == 'H' &&
         h2->env->stats.bytes_received == 0;
}

static int session_feed(struct h2ws__h2 *h2, uint8_t *data, size_t len) {
  ssize_t n;
  const char *limit = h2ws__meter_feed(&h2->rx.meter, data, len, h2->rx.at);
  if (limit != NULL) {
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  NGHTTP2_ENHANCE_YOUR_CALM, limit);
    return h2->end.error;
  }
  h2->in_nghttp2 = true;
  n = nghttp2_session_mem_recv(h2->session, data, len);
  h2->in_nghttp2 = false;
  if (n < 0) {
    return session_recv_failed(h2, (int)n);
  }
  h2ws__h2_watch_header_block(h2);
  return h2->phase >= H2WS__H2_FAILED ? h2->end.error : 0;
}

int h2ws__h2_recv(struct h2ws__h2 *h2, uint8_t *data, size_t len) {
  int rv;
  if (h2->in_call) {
    return H2WS_ERR_STATE;
  }
  if (h2->phase >= H2WS__H2_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  h2->in_call = true;
  h2->rx.at = h2ws__now(h2->env);
  if (session_speaks_http1(h2, data, len)) {
    h2ws__h2_fail(h2, H2WS_CLOSE_PROTOCOL, H2WS_ERR_NOT_HTTP2,
                  NGHTTP2_PROTOCOL_ERROR, "the peer answered with HTTP/1.1");
    rv = h2->end.error;
  } else {
    rv = session_feed(h2, data, len);
  }
  h2->env->stats.bytes_received += len;
  h2ws__h2_settle(h2);
  h2->in_call = false;
  h2ws__h2_touch(h2);
  return rv;
}

int h2ws__h2_recv_eof(struct h2ws__h2 *h2, int error) {
  if (h2->in_call) {
    return H2WS_ERR_STATE;
  }
  if (h2->phase == H2WS__H2_OVER) {
    return H2WS_ERR_CLOSED;
  }
  if (h2->phase < H2WS__H2_FAILED) {
    bool clean = error == 0 && h2->streams_len == 0;
    const char *detail =
      error == 0 ? "the peer closed the connection" : h2ws_strerror(error);
    h2ws_close_class cls =
      error == H2WS_ERR_TIMEOUT ? H2WS_CLOSE_TIMEOUT : H2WS_CLOSE_LOST;
    session_set_end(h2, clean ? H2WS_CLOSE_CLEAN : cls,
                    clean ? 0 : (error == 0 ? H2WS_ERR_LOST : error),
                    NGHTTP2_NO_ERROR, detail);
    h2->end.by_peer = true;
  }
  session_over(h2);
  return 0;
}

/* ------------------------------------------------------------------------
 * Sending
 */

/* Copies what nghttp2 gave; false if the buffer is full. */
static bool session_copy_frame(struct h2ws__h2 *h2) {
  size_t room = h2->tx.cap - h2->tx.len;
  size_t n = h2->tx.frame_len < room ? h2->tx.frame_len : room;
  if (n > 0) {
    memcpy(h2->tx.buf + h2->tx.len, h2->tx.frame, n);
    h2->tx.len += n;
    h2->tx.frame += n;
    h2->tx.frame_len -= n;
  }
  return h2->tx.frame_len == 0;
}

static void session_fill(struct h2ws__h2 *h2) {
  while (session_copy_frame(h2) && h2->tx.cap - h2->tx.len >= H2WS__DATA_ROOM) {
    size_t before = h2->tx.len;
    const uint8_t *frame = NULL;
    ssize_t n;
    h2->in_nghttp2 = true;
    n = nghttp2_session_mem_send(h2->session, &frame);
    h2->in_nghttp2 = false;
    if (n < 0) {
      session_set_end(h2, H2WS_CLOSE_ABORTED,
                      n == NGHTTP2_ERR_NOMEM ? H2WS_ERR_NOMEM
                                             : H2WS_ERR_INTERNAL,
                      NGHTTP2_INTERNAL_ERROR, nghttp2_strerror((int)n));
      h2->phase = H2WS__H2_FAILED;
      session_over(h2);
      return;
    }
    h2->tx.frame = frame;
    h2->tx.frame_len = (size_t)n;
    /* DATA is written to the buffer by h2ws__h2_send_data() on the way. */
    if (n == 0 && h2->tx.len == before) {
      return;
    }
  }
}

h2ws_ssize h2ws__h2_send(struct h2ws__h2 *h2, uint8_t *buf, size_t cap) {
  if (h2->in_call) {
    return H2WS_ERR_STATE;
  }
  if (buf == NULL || cap < H2WS_SEND_MIN) {
    return H2WS_ERR_INVALID;
  }
  h2->told = false;
  if (h2->phase == H2WS__H2_OVER) {
    return 0;
  }
  h2->in_call = true;
  h2->tx.buf = buf;
  h2->tx.cap = cap;
  h2->tx.len = 0;
  h2->tx.at = h2ws__now(h2->env);
  session_fill(h2);
  if (h2->phase != H2WS__H2_OVER) {
    h2ws__h2_settle(h2);
  }
  h2->env->stats.bytes_sent += h2->tx.len;
  h2->tx.buf = NULL;
  h2->in_call = false;
  h2ws__h2_touch(h2); /* the buffer was full, or settling left something */
  return (h2ws_ssize)h2->tx.len;
}

bool h2ws__h2_wants_send(const struct h2ws__h2 *h2) {
  return h2->phase != H2WS__H2_OVER &&
         (h2->tx.frame_len > 0 || nghttp2_session_want_write(h2->session));
}

void h2ws__h2_touch(struct h2ws__h2 *h2) {
  if (h2->in_call) {
    return;
  }
  h2ws__h2_push_endings(h2);
  if (h2->told || !h2ws__h2_wants_send(h2)) {
    return;
  }
  h2->told = true;
  h2->tx.at = h2ws__now(h2->env); /* the transport's time begins */
  if (!h2ws__timer_is_set(&h2->stall_timer) &&
      h2->options.stall_timeout_ms > 0) {
    h2ws__timer_set(
      &h2->env->timers, &h2->stall_timer,
      h2ws__deadline_after(h2->tx.at, h2->options.stall_timeout_ms));
  }
  h2->events->want_send(h2->owner);
}

/* ------------------------------------------------------------------------
 * Between the calls
 */

static void session_hand_up_requests(struct h2ws__h2 *h2) {
  struct h2ws__link *link;
  while (h2->phase < H2WS__H2_FAILED &&
         (link = h2ws__list_pop(&h2->requests)) != NULL) {
    struct h2ws__h2_stream *stream =
      H2WS__OWNER(link, struct h2ws__h2_stream, todo);
    h2ws__h2_stream_arm(stream, h2->options.answer_timeout_ms);
    h2->events->request(h2->owner, &stream->base);
  }
}

static void session_close_dead(struct h2ws__h2 *h2) {
  struct h2ws__link *link;
  while ((link = h2ws__list_pop(&h2->dead)) != NULL) {
    struct h2ws__h2_stream *stream =
      H2WS__OWNER(link, struct h2ws__h2_stream, todo);
    h2ws__h2_stream_close(stream, NGHTTP2_CANCEL);
  }
}

void h2ws__h2_settle(struct h2ws__h2 *h2) {
  session_hand_up_requests(h2);
  session_close_dead(h2);
  if (h2->phase <= H2WS__H2_ENDING) {
    h2ws__h2_submit_waiting(h2);
  }
  h2ws__h2_streams_changed(h2);
  session_settle_over(h2);
}

int h2ws__h2_tick(struct h2ws__h2 *h2) {
  if (h2->in_call) {
    return H2WS_ERR_STATE;
  }
  if (h2->phase == H2WS__H2_OVER) {
    return H2WS_ERR_CLOSED;
  }
  h2->in_call = true;
  h2ws__timers_run(&h2->env->timers, h2ws__now(h2->env));
  if (h2->phase != H2WS__H2_OVER) {
    h2ws__h2_settle(h2);
  }
  h2->in_call = false;
  h2ws__h2_touch(h2);
  return 0;
}

/* ------------------------------------------------------------------------
 * Getters
 */

bool h2ws__h2_finished(const struct h2ws__h2 *h2) {
  return h2->phase == H2WS__H2_OVER;
}

bool h2ws__h2_is_ready(const struct h2ws__h2 *h2) {
  return h2->ready;
}

bool h2ws__h2_has_extended_connect(const struct h2ws__h2 *h2) {
  return h2->ready &&
         nghttp2_session_get_remote_settings(
           h2->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

bool h2ws__h2_can_open(const struct h2ws__h2 *h2) {
  return !h2->server && h2->phase == H2WS__H2_RUNNING &&
         nghttp2_session_check_request_allowed(h2->session);
}

size_t h2ws__h2_streams(const struct h2ws__h2 *h2) {
  return h2->streams_len;
}

h2ws_stream *h2ws__h2_stream(const struct h2ws__h2 *h2, int64_t id) {
  struct h2ws__h2_stream *stream;
  if (id <= 0 || id > INT32_MAX || h2->phase == H2WS__H2_OVER) {
    return NULL;
  }
  stream = nghttp2_session_get_stream_user_data(h2->session, (int32_t)id);
  return stream == NULL ? NULL : &stream->base;
}

void h2ws__h2_each(struct h2ws__h2 *h2,
                   void (*each)(h2ws_stream *stream, void *arg), void *arg) {
  struct h2ws__link *lists[2] = {&h2->streams, &h2->waiting};
  size_t i;
  for (i = 0; i < 2; i++) {
    struct h2ws__link *link = lists[i]->next;
    while (link != lists[i]) {
      struct h2ws__link *next = link->next;
      each(&H2WS__OWNER(link, struct h2ws__h2_stream, link)->base, arg);
      link = next;
    }
  }
}
