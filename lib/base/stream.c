#include "lib/base/stream.h"

#include <assert.h>
#include <string.h>

/* Of both marks, once max_queue bytes wait on a connection. */
#define CROWDED_SHARE 16

/* ------------------------------------------------------------------------
 * The state table
 */

#define ST(name) ((uint8_t)H2WS_STREAM_##name)

/* One row per state, one column per h2ws__stream_event. */
static const uint8_t transitions[][H2WS__STREAM_EVENTS] = {
  /*                     sent         opened            end sent
                         end received        gone */
  [H2WS_STREAM_WAITING] = {ST(OPENING), ST(WAITING), ST(WAITING), ST(WAITING),
                           ST(CLOSED)},
  [H2WS_STREAM_OPENING] = {ST(OPENING), ST(OPEN), ST(OPENING), ST(OPENING),
                           ST(CLOSED)},
  [H2WS_STREAM_REQUESTED] = {ST(REQUESTED), ST(OPEN), ST(REQUESTED),
                             ST(REQUESTED), ST(CLOSED)},
  [H2WS_STREAM_OPEN] = {ST(OPEN), ST(OPEN), ST(HALF_LOCAL), ST(HALF_REMOTE),
                        ST(CLOSED)},
  [H2WS_STREAM_HALF_LOCAL] = {ST(HALF_LOCAL), ST(HALF_LOCAL), ST(HALF_LOCAL),
                              ST(CLOSED), ST(CLOSED)},
  [H2WS_STREAM_HALF_REMOTE] = {ST(HALF_REMOTE), ST(HALF_REMOTE), ST(CLOSED),
                               ST(HALF_REMOTE), ST(CLOSED)},
  [H2WS_STREAM_CLOSED] = {ST(CLOSED), ST(CLOSED), ST(CLOSED), ST(CLOSED),
                          ST(CLOSED)},
};

h2ws_stream_state h2ws__stream_next_state(h2ws_stream_state state,
                                          enum h2ws__stream_event event) {
  return (h2ws_stream_state)transitions[state][event];
}

void h2ws__stream_apply(h2ws_stream *stream, enum h2ws__stream_event event) {
  stream->state = transitions[stream->state][event];
  stream->tx_end_sent = stream->tx_end_sent || event == H2WS__STREAM_END_SENT;
}

/* True while bytes may still be queued for sending. */
static bool stream_may_send(const h2ws_stream *stream) {
  bool early = stream->body_first && (stream->state == H2WS_STREAM_WAITING ||
                                      stream->state == H2WS_STREAM_OPENING);
  return (early || stream->state == H2WS_STREAM_OPEN ||
          stream->state == H2WS_STREAM_HALF_REMOTE) &&
         !stream->tx_end && !stream->reset_asked;
}

/* H2WS_ERR_CLOSED or H2WS_ERR_STATE: why nothing may be queued. */
static int stream_send_error(const h2ws_stream *stream) {
  if (stream->state == H2WS_STREAM_CLOSED || stream->reset_asked) {
    return H2WS_ERR_CLOSED;
  }
  return H2WS_ERR_STATE;
}

/* ------------------------------------------------------------------------
 * Life
 */

void h2ws__head_dispose(struct h2ws__head *head, const h2ws_mem *mem) {
  h2ws__headers_dispose(&head->fields, mem);
  h2ws__headers_dispose(&head->joined, mem);
  h2ws__mem_free(mem, head->method);
  h2ws__mem_free(mem, head->scheme);
  h2ws__mem_free(mem, head->authority);
  h2ws__mem_free(mem, head->path);
  h2ws__mem_free(mem, head->protocol);
  *head = (struct h2ws__head){0};
}

void h2ws__stream_init(h2ws_stream *stream, struct h2ws__env *env,
                       const struct h2ws__carrier_ops *ops,
                       h2ws_stream_state state) {
  *stream = (h2ws_stream){0};
  stream->env = h2ws__env_retain(env);
  stream->ops = ops;
  stream->state = (uint8_t)state;
  stream->id = -1;
  stream->refs = 1;
}

h2ws_stream *h2ws_stream_retain(h2ws_stream *stream) {
  if (stream != NULL) {
    stream->refs++;
  }
  return stream;
}

void h2ws_stream_release(h2ws_stream *stream) {
  if (stream == NULL) {
    return;
  }
  assert(stream->refs > 0);
  stream->refs--;
  if (stream->refs == 0) {
    struct h2ws__env *env = stream->env;
    stream->ops->destroy(stream);
    h2ws__env_release(env);
  }
}

static void stream_free_head(h2ws_stream *stream) {
  const h2ws_mem *mem = &stream->env->mem;
  if (stream->head != NULL) {
    h2ws__head_dispose(stream->head, mem);
    h2ws__mem_free(mem, stream->head);
    stream->head = NULL;
  }
}

h2ws_close_info h2ws__close_info(h2ws_close_class cls, int error,
                                 const char *detail) {
  h2ws_close_info info = {0};
  info.size = sizeof(info);
  info.cls = cls;
  info.error = error;
  info.code = 1006; /* RFC 6455 section 7.1.5: no CLOSE was seen */
  info.reason = "";
  info.detail = detail;
  return info;
}

static void stream_drop_output(h2ws_stream *stream) {
  stream->env->queued -= stream->tx.q.len;
  h2ws__bufq_dispose(&stream->tx.q, &stream->env->chunks);
}

size_t h2ws__stream_closed(h2ws_stream *stream, const h2ws_close_info *info) {
  size_t unread = stream->rx.q.len + stream->rx.chunk_len;
  assert(!stream->close_told);
  stream->close_told = true;
  h2ws__stream_apply(stream, H2WS__STREAM_GONE);
  stream->rx.chunk_len = 0;
  stream_drop_output(stream);
  /* Both sides may have ended while the application was slow to read. */
  if (stream->callbacks != NULL && stream->callbacks->on_close != NULL) {
    stream->callbacks->on_close(stream, info, stream->user);
  }
  h2ws__bufq_dispose(&stream->rx.q, &stream->env->chunks);
  stream_free_head(stream);
  stream->callbacks = NULL;
  h2ws_stream_release(stream);
  return unread;
}

/* ------------------------------------------------------------------------
 * Receiving
 */

static void stream_call_readable(h2ws_stream *stream) {
  if (stream->callbacks != NULL && stream->callbacks->on_readable != NULL) {
    stream->callbacks->on_readable(stream, stream->user);
  }
}

/* CONNECT, or an Upgrade. */
static bool stream_is_tunnel(const h2ws_stream *stream) {
  const char *method = h2ws_stream_method(stream);
  return h2ws_stream_protocol(stream) != NULL ||
         (method != NULL && strcmp(method, "CONNECT") == 0);
}

/*
 * True if the application may read already: not before the final answer, but
 * for the content of an ordinary request that it has set a callback for.
 */
static bool stream_may_read(const h2ws_stream *stream) {
  return stream->state >= H2WS_STREAM_OPEN ||
         (stream->state == H2WS_STREAM_REQUESTED && !stream->answered &&
          stream->head != NULL && !stream_is_tunnel(stream) &&
          stream->callbacks != NULL && stream->callbacks->on_readable != NULL);
}

/* Tells new callbacks of what is there. */
static void stream_tell_unread(h2ws_stream *stream) {
  bool end = stream->rx_end && !stream->rx_end_told;
  if (stream->rx.q.len > 0 || stream->rx.chunk_len > 0 || end) {
    stream->rx_end_told = stream->rx_end;
    stream_call_readable(stream);
  }
}

void h2ws__stream_opened(h2ws_stream *stream) {
  h2ws__stream_apply(stream, H2WS__STREAM_OPENED);
  if (stream->tx_end_sent) {
    h2ws__stream_apply(stream, H2WS__STREAM_END_SENT);
  }
  if (stream->callbacks != NULL && stream->callbacks->on_open != NULL) {
    stream->callbacks->on_open(stream, stream->user);
  }
  stream_free_head(stream);
}

/* What there is no memory for is lost, but for its room in the windows. */
static int stream_keep_input(h2ws_stream *stream, const uint8_t *data,
                             size_t len) {
  int rv = h2ws__bufq_append(&stream->rx.q, &stream->env->chunks, data, len);
  if (rv != 0) {
    stream->ops->credit(stream, len);
  }
  return rv;
}

int h2ws__stream_input(h2ws_stream *stream, uint8_t *data, size_t len) {
  int rv = 0;
  if (stream->rx.q.len > 0 || !stream_may_read(stream)) {
    /* Behind bytes that wait, or too early: the window bounds the queue. */
    rv = stream_keep_input(stream, data, len);
    if (rv != 0 || !stream_may_read(stream)) {
      return rv;
    }
    stream_call_readable(stream);
    return 0;
  }
  stream->rx.chunk = data;
  stream->rx.chunk_len = len;
  h2ws_stream_retain(stream);
  stream_call_readable(stream);
  if (stream->rx.chunk_len > 0 && !stream->close_told) {
    rv = stream_keep_input(stream, stream->rx.chunk, stream->rx.chunk_len);
  }
  stream->rx.chunk = NULL;
  stream->rx.chunk_len = 0;
  h2ws_stream_release(stream);
  return rv;
}

void h2ws__stream_input_end(h2ws_stream *stream) {
  stream->rx_end = true;
  if (stream_may_read(stream)) {
    stream->rx_end_told = true;
    stream_call_readable(stream);
  }
}

h2ws_ssize h2ws_stream_peek(h2ws_stream *stream, uint8_t **data) {
  if (stream == NULL || data == NULL) {
    return H2WS_ERR_INVALID;
  }
  if (stream->rx.q.len > 0) {
    return (h2ws_ssize)h2ws__bufq_peek(&stream->rx.q, data);
  }
  if (stream->rx.chunk_len > 0) {
    *data = stream->rx.chunk;
    return (h2ws_ssize)stream->rx.chunk_len;
  }
  if (stream->close_told || stream->reset_asked) {
    return H2WS_ERR_CLOSED;
  }
  return stream->rx_end ? H2WS_ERR_EOF : 0;
}

int h2ws_stream_consume(h2ws_stream *stream, size_t len) {
  if (stream == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  if (len <= stream->rx.q.len) {
    if (len > 0) {
      h2ws__bufq_drain(&stream->rx.q, &stream->env->chunks, len);
    }
  } else if (stream->rx.q.len == 0 && len <= stream->rx.chunk_len) {
    stream->rx.chunk += len;
    stream->rx.chunk_len -= len;
  } else {
    return H2WS_ERR_INVALID;
  }
  if (len > 0) {
    stream->ops->credit(stream, len);
  }
  return 0;
}

h2ws_ssize h2ws_stream_read(h2ws_stream *stream, void *buf, size_t cap) {
  size_t total = 0;
  h2ws_ssize n = 0;
  if (stream == NULL || (buf == NULL && cap > 0)) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  while (total < cap) {
    uint8_t *data = NULL;
    size_t take;
    n = h2ws_stream_peek(stream, &data);
    if (n <= 0) {
      break;
    }
    take = (size_t)n < cap - total ? (size_t)n : cap - total;
    memcpy((uint8_t *)buf + total, data, take);
    (void)h2ws_stream_consume(stream, take);
    total += take;
  }
  return total > 0 ? (h2ws_ssize)total : n;
}

/* ------------------------------------------------------------------------
 * Sending
 */

void h2ws__stream_all_said(h2ws_stream *stream) {
  stream->all_said = true;
}

/* A mark of one stream; of a smaller share if the connection has too much. */
static size_t stream_mark(const h2ws_stream *stream, size_t mark) {
  const struct h2ws__env *env = stream->env;
  return env->queued < env->max_queue ? mark : mark / CROWDED_SHARE;
}

bool h2ws__stream_is_below(h2ws_stream *stream, size_t mark) {
  if (!stream_may_send(stream)) {
    return false;
  }
  if (stream->tx.q.len == 0 || stream->tx.q.len < stream_mark(stream, mark)) {
    return true;
  }
  stream->tx_blocked = true;
  return false;
}

bool h2ws_stream_is_writable(h2ws_stream *stream) {
  return stream != NULL &&
         h2ws__stream_is_below(stream, stream->env->high_water);
}

int h2ws__stream_count(h2ws_stream *stream, const h2ws_header *headers,
                       size_t len) {
  return h2ws__fields_length(headers, len, &stream->tx_counted,
                             &stream->tx_left);
}

int h2ws__stream_count_request(h2ws_stream *stream,
                               const h2ws_request *request) {
  int rv = h2ws__stream_count(stream, request->headers, request->headers_len);
  return rv == 0 && request->end && stream->tx_left > 0 ? H2WS_ERR_HEADER : rv;
}

/* True if content-length has room for so many bytes more. */
static bool stream_length_allows(const h2ws_stream *stream, size_t len) {
  return !stream->tx_counted || len <= stream->tx_left;
}

static void stream_count_bytes(h2ws_stream *stream, size_t len) {
  if (stream->tx_counted) {
    stream->tx_left -= len;
  }
}

int h2ws_stream_reserve(h2ws_stream *stream, uint8_t **out, size_t len) {
  if (stream == NULL || out == NULL || len > H2WS_RESERVE_MAX) {
    return H2WS_ERR_INVALID;
  }
  if (!stream_may_send(stream)) {
    return stream_send_error(stream);
  }
  return h2ws__bufq_reserve(&stream->tx.q, &stream->env->chunks, out, len);
}

/* A carrier goes on while bytes wait: only the first ones are news to it. */
static void stream_added(h2ws_stream *stream, size_t before) {
  stream->env->queued += stream->tx.q.len - before;
  if (before == 0 && stream->tx.q.len > 0) {
    stream->ops->wake(stream);
  }
}

int h2ws_stream_commit(h2ws_stream *stream, size_t len) {
  size_t before;
  if (stream == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  if (!stream_may_send(stream)) {
    return stream_send_error(stream);
  }
  if (!stream_length_allows(stream, len)) {
    return H2WS_ERR_TOO_BIG;
  }
  stream_count_bytes(stream, len);
  before = stream->tx.q.len;
  h2ws__bufq_commit(&stream->tx.q, len);
  stream_added(stream, before);
  return 0;
}

int h2ws_stream_write(h2ws_stream *stream, const void *data, size_t len) {
  size_t before;
  int rv;
  if (stream == NULL || (data == NULL && len > 0)) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  if (!stream_may_send(stream)) {
    return stream_send_error(stream);
  }
  if (!stream_length_allows(stream, len)) {
    return H2WS_ERR_TOO_BIG;
  }
  if (!h2ws_stream_is_writable(stream)) {
    return H2WS_ERR_AGAIN;
  }
  before = stream->tx.q.len;
  rv = h2ws__bufq_append(&stream->tx.q, &stream->env->chunks, data, len);
  if (rv == 0) {
    stream_count_bytes(stream, len);
    stream_added(stream, before);
  }
  return rv;
}

int h2ws__stream_write_blob(h2ws_stream *stream, struct h2ws__blob *blob) {
  size_t before;
  int rv;
  if (!stream_may_send(stream)) {
    return stream_send_error(stream);
  }
  if (!h2ws_stream_is_writable(stream)) {
    return H2WS_ERR_AGAIN;
  }
  before = stream->tx.q.len;
  rv = h2ws__bufq_append_blob(&stream->tx.q, &stream->env->chunks, blob, 0);
  stream_added(stream, before);
  return rv;
}

size_t h2ws_stream_queued(const h2ws_stream *stream) {
  return stream == NULL ? 0 : stream->tx.q.len;
}

int h2ws_stream_shutdown(h2ws_stream *stream) {
  if (stream == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  if (!stream_may_send(stream)) {
    return stream_send_error(stream);
  }
  if (stream->tx_counted && stream->tx_left > 0) {
    return H2WS_ERR_STATE;
  }
  stream->tx_end = true;
  stream->ops->wake(stream);
  return 0;
}

int h2ws_stream_reset(h2ws_stream *stream, uint32_t h2_code) {
  if (stream == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  if (stream->state == H2WS_STREAM_CLOSED || stream->reset_asked) {
    return H2WS_ERR_CLOSED;
  }
  stream->reset_asked = true;
  stream_drop_output(stream);
  return stream->ops->reset(stream, h2_code);
}

/* Tells whoever got H2WS_ERR_AGAIN that there is room again. */
static void stream_unblock(h2ws_stream *stream) {
  if (!stream->tx_blocked || !stream_may_send(stream) ||
      stream->tx.q.len > stream_mark(stream, stream->env->low_water)) {
    return;
  }
  stream->tx_blocked = false;
  if (stream->callbacks != NULL && stream->callbacks->on_writable != NULL) {
    stream->callbacks->on_writable(stream, stream->user);
  }
}

void h2ws__stream_send_into(h2ws_stream *stream, uint8_t *buf, size_t len) {
  size_t n = h2ws__bufq_read(&stream->tx.q, &stream->env->chunks, buf, len);
  assert(n == len);
  stream->env->queued -= n;
  stream_unblock(stream);
}

bool h2ws__stream_output_ended(const h2ws_stream *stream) {
  return stream->tx_end && stream->tx.q.len == 0;
}

/* ------------------------------------------------------------------------
 * Answering, as a server
 */

static int stream_check_answer(const h2ws_stream *stream) {
  if (stream == NULL) {
    return H2WS_ERR_INVALID;
  }
  if (stream->state == H2WS_STREAM_CLOSED || stream->reset_asked) {
    return H2WS_ERR_CLOSED;
  }
  if (stream->state != H2WS_STREAM_REQUESTED || stream->answered) {
    return H2WS_ERR_STATE;
  }
  return 0;
}

bool h2ws__status_has_content(int status) {
  return status != 204 && status != 304;
}

/* True if an answer with this status carries no content here. */
static bool stream_answer_is_empty(const h2ws_stream *stream, int status) {
  const char *method = h2ws_stream_method(stream);
  return !h2ws__status_has_content(status) ||
         (method != NULL && strcmp(method, "HEAD") == 0);
}

/*
 * A content-length of the application has to be right, for the next answer may
 * begin behind it.
 */
static int stream_check_length(const h2ws_header *headers, size_t len,
                               int status, bool empty, size_t body_len) {
  bool given;
  uint64_t length;
  int rv = h2ws__fields_check(headers, len);
  if (rv == 0) {
    rv = h2ws__fields_length(headers, len, &given, &length);
  }
  if (rv == 0 && given && (status == 204 || (!empty && length != body_len))) {
    rv = H2WS_ERR_HEADER;
  }
  return rv;
}

/* Opens the byte stream with an answer. */
static int stream_answer(h2ws_stream *stream, int status,
                         const h2ws_header *headers, size_t headers_len,
                         const h2ws_stream_callbacks *callbacks, void *user) {
  bool empty;
  int rv = stream_check_answer(stream);
  if (rv != 0) {
    return rv;
  }
  h2ws__env_enter_scope(stream->env);
  rv = h2ws__fields_check(headers, headers_len);
  if (rv == 0) {
    rv = h2ws__stream_count(stream, headers, headers_len);
  }
  if (rv != 0) {
    return rv;
  }
  empty = stream_answer_is_empty(stream, status);
  rv = status == 204 && stream->tx_counted
         ? H2WS_ERR_HEADER
         : stream->ops->answer(stream, status, headers, headers_len,
                               empty ? H2WS__ANSWER_EMPTY : 0);
  if (rv != 0) {
    stream->tx_counted = false;
    return rv;
  }
  stream->answered = true;
  stream->callbacks = callbacks;
  stream->user = user;
  stream_free_head(stream);
  h2ws__stream_apply(stream, H2WS__STREAM_OPENED);
  if (stream->rx_end) {
    h2ws__stream_apply(stream, H2WS__STREAM_END_RCVD);
  }
  if (empty) {
    stream->tx_end = true;
    stream->ops->wake(stream);
  }
  stream_tell_unread(stream);
  return 0;
}

int h2ws_stream_accept(h2ws_stream *stream, const h2ws_header *headers,
                       size_t headers_len,
                       const h2ws_stream_callbacks *callbacks, void *user) {
  return stream_answer(stream, 200, headers, headers_len, callbacks, user);
}

int h2ws_stream_answer(h2ws_stream *stream, int status,
                       const h2ws_header *headers, size_t headers_len,
                       const h2ws_stream_callbacks *callbacks, void *user) {
  int rv = stream_check_answer(stream);
  if (rv != 0) {
    return rv;
  }
  if (stream_is_tunnel(stream)) {
    return H2WS_ERR_STATE;
  }
  if (status < 200 || status > 599) {
    return H2WS_ERR_INVALID;
  }
  return stream_answer(stream, status, headers, headers_len, callbacks, user);
}

int h2ws_stream_respond(h2ws_stream *stream, int status,
                        const h2ws_header *headers, size_t headers_len,
                        const void *body, size_t body_len) {
  unsigned flags = H2WS__ANSWER_WHOLE;
  bool empty;
  int rv = stream_check_answer(stream);
  if (rv != 0) {
    return rv;
  }
  if (status < 200 || status > 599 || (body == NULL && body_len > 0)) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  empty = stream_answer_is_empty(stream, status);
  rv = stream_check_length(headers, headers_len, status, empty, body_len);
  if (rv == 0) {
    rv = h2ws__bufq_append(&stream->tx.q, &stream->env->chunks, body, body_len);
  }
  if (rv != 0) {
    return rv;
  }
  stream->env->queued += body_len;
  flags |= empty || body_len == 0 ? H2WS__ANSWER_EMPTY : 0;
  rv = stream->ops->answer(stream, status, headers, headers_len, flags);
  if (rv != 0 || empty) {
    stream_drop_output(stream);
  }
  if (rv != 0) {
    return rv;
  }
  stream->answered = true;
  stream->tx_end = true;
  stream_free_head(stream);
  stream->ops->wake(stream);
  return 0;
}

int h2ws_stream_push(h2ws_stream *stream, h2ws_stream **out,
                     const h2ws_request *request,
                     const h2ws_stream_callbacks *callbacks, void *user) {
  int rv;
  if (stream == NULL || out == NULL || request == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  if (stream->state == H2WS_STREAM_CLOSED || stream->reset_asked) {
    return H2WS_ERR_CLOSED;
  }
  if (stream->ops->push == NULL) {
    return H2WS_ERR_UNSUPPORTED;
  }
  rv =
    stream->tx_end ? H2WS_ERR_STATE : stream->ops->push(stream, out, request);
  if (rv == 0) {
    (*out)->callbacks = callbacks;
    (*out)->user = user;
  }
  return rv;
}

/* ------------------------------------------------------------------------
 * Getters
 */

int h2ws_stream_set_callbacks(h2ws_stream *stream,
                              const h2ws_stream_callbacks *callbacks,
                              void *user) {
  if (stream == NULL) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  if (stream->close_told) {
    return H2WS_ERR_CLOSED;
  }
  stream->callbacks = callbacks;
  stream->user = user;
  if (stream->state == H2WS_STREAM_REQUESTED && stream_may_read(stream)) {
    stream_tell_unread(stream);
  }
  return 0;
}

h2ws_stream_state h2ws_stream_get_state(const h2ws_stream *stream) {
  return stream == NULL ? H2WS_STREAM_CLOSED : (h2ws_stream_state)stream->state;
}

int64_t h2ws_stream_id(const h2ws_stream *stream) {
  return stream == NULL ? -1 : stream->id;
}

h2ws_conn *h2ws_stream_conn(const h2ws_stream *stream) {
  return stream == NULL || stream->close_told ? NULL : stream->env->conn;
}

h2ws_socket *h2ws_stream_socket(const h2ws_stream *stream) {
  return stream == NULL ? NULL : stream->socket;
}

void *h2ws_stream_user(const h2ws_stream *stream) {
  return stream == NULL ? NULL : stream->user;
}

static const struct h2ws__head *stream_head(const h2ws_stream *stream) {
  return stream == NULL ? NULL : stream->head;
}

const char *h2ws_stream_method(const h2ws_stream *stream) {
  const struct h2ws__head *head = stream_head(stream);
  return head == NULL ? NULL : head->method;
}

const char *h2ws_stream_scheme(const h2ws_stream *stream) {
  const struct h2ws__head *head = stream_head(stream);
  return head == NULL ? NULL : head->scheme;
}

const char *h2ws_stream_authority(const h2ws_stream *stream) {
  const struct h2ws__head *head = stream_head(stream);
  return head == NULL ? NULL : head->authority;
}

const char *h2ws_stream_path(const h2ws_stream *stream) {
  const struct h2ws__head *head = stream_head(stream);
  return head == NULL ? NULL : head->path;
}

const char *h2ws_stream_protocol(const h2ws_stream *stream) {
  const struct h2ws__head *head = stream_head(stream);
  return head == NULL ? NULL : head->protocol;
}

bool h2ws_stream_is_websocket(const h2ws_stream *stream) {
  const char *protocol = h2ws_stream_protocol(stream);
  /* Upgrade tokens compare without case (RFC 9110 section 7.8). */
  return protocol != NULL && h2ws__equal_nocase(protocol, "websocket");
}

/*
 * RFC 9110 section 5.3: several lines of one name mean one list. Joined when
 * first asked for; few ever are.
 */
static const char *stream_join(const h2ws_stream *stream, const char *name) {
  struct h2ws__head *head = stream->head;
  const h2ws_mem *mem = &stream->env->mem;
  const char *separator = strcmp(name, "cookie") == 0 ? "; " : ", ";
  const char *joined = h2ws__headers_get(&head->joined, name);
  size_t i;
  for (i = 0; joined == NULL && i < head->fields.len; i++) {
    const h2ws_header *field = &head->fields.fields[i];
    if (strcmp(field->name, name) == 0 &&
        h2ws__headers_join(&head->joined, mem, name, strlen(name), field->value,
                           strlen(field->value), separator) != 0) {
      return NULL;
    }
  }
  return h2ws__headers_get(&head->joined, name);
}

const char *h2ws_stream_header(const h2ws_stream *stream, const char *name) {
  const struct h2ws__head *head = stream_head(stream);
  if (head == NULL || name == NULL) {
    return NULL;
  }
  if (strcmp(name, "set-cookie") == 0 ||
      h2ws__headers_count(&head->fields, name) < 2) {
    return h2ws__headers_get(&head->fields, name);
  }
  return stream_join(stream, name);
}

const h2ws_header *h2ws_stream_headers(const h2ws_stream *stream, size_t *len) {
  const struct h2ws__head *head = stream_head(stream);
  if (len != NULL) {
    *len = head == NULL ? 0 : head->fields.len;
  }
  return head == NULL ? NULL : head->fields.fields;
}

int h2ws_stream_status(const h2ws_stream *stream) {
  const struct h2ws__head *head = stream_head(stream);
  return head == NULL ? 0 : head->status;
}
