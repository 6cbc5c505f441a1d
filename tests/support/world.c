#include "tests/support/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORLD_STEPS 5000000
#define WORLD_TICKS 10000

#define MUST(condition)                                                        \
  do {                                                                         \
    if (!(condition)) {                                                        \
      broken(#condition, __LINE__);                                            \
    }                                                                          \
  } while (0)

static _Noreturn void broken(const char *what, int line) {
  (void)fprintf(stderr, "world.c:%d: does not hold: %s\n", line, what);
  abort();
}

/* What any call may return when memory is short or the other end is gone. */
static int expected(int rv) {
  switch (rv) {
  case 0:
  case H2WS_ERR_AGAIN:
  case H2WS_ERR_STATE:
  case H2WS_ERR_CLOSED:
  case H2WS_ERR_GOING_AWAY:
  case H2WS_ERR_NOMEM:
    break;
  default:
    (void)fprintf(stderr, "unexpected: %s\n", h2ws_error_name(rv));
    MUST(false);
  }
  return rv;
}

/* ------------------------------------------------------------------------
 * Handles
 */

static struct world_handle *handle_new(struct world *w) {
  struct world_handle *h = NULL;
  if (w->handles_len < WORLD_HANDLES) {
    h = &w->handles[w->handles_len++];
    h->world = w;
    h->asked_at = w->env.now;
    h->opened_at = H2WS_NEVER;
    h->closing_at = H2WS_NEVER;
  }
  return h;
}

static void handle_open(struct world_handle *h) {
  MUST(!h->opened && !h->closed);
  h->opened = true;
  h->opened_at = h->world->env.now;
}

static void handle_close(struct world_handle *h, const h2ws_close_info *info) {
  MUST(!h->closed);
  MUST(info->detail != NULL && info->detail[0] != '\0');
  MUST((info->cls == H2WS_CLOSE_CLEAN) == (info->error == 0));
  h->closed = true;
  h->closed_at = h->world->env.now;
  h->cls = info->cls;
  h->error = info->error;
  h->socket = NULL;
  h->stream = NULL;
}

/* ------------------------------------------------------------------------
 * Messages carry their number and then a pattern
 */

static uint8_t pattern(uint32_t number, size_t at) {
  uint8_t digits[4];
  size_t i;
  for (i = 4; i > 0; i--) {
    digits[i - 1] = (uint8_t)('0' + number % 10);
    number /= 10;
  }
  return at < 4 ? digits[at] : (uint8_t)('a' + at % 26);
}

static uint8_t *message_make(uint32_t number, size_t len) {
  uint8_t *data = malloc(len + 1);
  size_t i;
  MUST(data != NULL);
  for (i = 0; i < len; i++) {
    data[i] = pattern(number, i);
  }
  return data;
}

static void message_check(struct world_handle *h, const uint8_t *data,
                          size_t len, size_t from) {
  size_t i;
  MUST(!h->closed);
  for (i = 0; i < len; i++) {
    MUST(data[i] == pattern(h->next_in, from + i));
  }
}

/* ------------------------------------------------------------------------
 * The client's callbacks
 */

static void on_open(h2ws_socket *socket, void *user) {
  struct world_handle *h = user;
  MUST(h->socket == socket);
  handle_open(h);
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct world_handle *h = user;
  (void)socket;
  (void)type;
  message_check(h, data, len, 0);
  h->messages++;
  h->next_in++;
}

static void on_socket_close(h2ws_socket *socket, const h2ws_close_info *info,
                            void *user) {
  (void)socket;
  handle_close(user, info);
}

static const h2ws_socket_callbacks client_socket = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_close = on_socket_close,
};

static void on_stream_open(h2ws_stream *stream, void *user) {
  struct world_handle *h = user;
  MUST(h->stream == stream);
  handle_open(h);
}

static void on_stream_readable(h2ws_stream *stream, void *user) {
  struct world_handle *h = user;
  uint8_t *data = NULL;
  h2ws_ssize n;
  MUST(!h->closed);
  while ((n = h2ws_stream_peek(stream, &data)) > 0) {
    h->bytes += (size_t)n;
    (void)expected(h2ws_stream_consume(stream, (size_t)n));
  }
}

static void on_stream_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  (void)stream;
  handle_close(user, info);
}

static const h2ws_stream_callbacks client_stream = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_open = on_stream_open,
  .on_readable = on_stream_readable,
  .on_close = on_stream_close,
};

/* ------------------------------------------------------------------------
 * The server's callbacks: everything comes back
 */

static void echo_message(h2ws_socket *socket, h2ws_type type,
                         const uint8_t *data, size_t len, void *user) {
  struct world_handle *h = user;
  message_check(h, data, len, 0);
  h->messages++;
  h->next_in++;
  if (expected(h2ws_socket_send(socket, type, data, len)) == H2WS_ERR_NOMEM) {
    (void)h2ws_socket_abort(socket); /* an echo with a gap is none */
  }
}

static void echo_chunk(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, unsigned flags, void *user) {
  struct world_handle *h = user;
  int rv = 0;
  if ((flags & H2WS_CHUNK_FIRST) != 0) {
    h->bytes = 0;
    rv = expected(h2ws_socket_send_begin(socket, type));
  }
  message_check(h, data, len, h->bytes);
  h->bytes += len;
  if (rv == 0) {
    rv = expected(h2ws_socket_send_piece(socket, data, len));
  }
  if (rv == 0 && (flags & H2WS_CHUNK_LAST) != 0) {
    rv = expected(h2ws_socket_send_end(socket));
    h->messages++;
    h->next_in++;
  }
  if (rv != 0) {
    (void)h2ws_socket_abort(socket);
  }
}

static const h2ws_socket_callbacks server_socket = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_message = echo_message,
  .on_close = on_socket_close,
};

static const h2ws_socket_callbacks server_chunks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_chunk = echo_chunk,
  .on_close = on_socket_close,
};

static void echo_bytes(h2ws_stream *stream, void *user) {
  struct world_handle *h = user;
  uint8_t *data = NULL;
  h2ws_ssize n;
  MUST(!h->closed);
  while (h2ws_stream_is_writable(stream) &&
         (n = h2ws_stream_peek(stream, &data)) > 0) {
    if (expected(h2ws_stream_write(stream, data, (size_t)n)) != 0) {
      (void)h2ws_stream_reset(stream, H2WS_H2_INTERNAL_ERROR);
      return;
    }
    (void)expected(h2ws_stream_consume(stream, (size_t)n));
  }
  if (h2ws_stream_peek(stream, &data) == H2WS_ERR_EOF) {
    (void)expected(h2ws_stream_shutdown(stream));
  }
}

static const h2ws_stream_callbacks server_stream = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_readable = echo_bytes,
  .on_writable = echo_bytes,
  .on_close = on_stream_close,
};

/* The client's history goes on from message to message, the server's not. */
static void compress_by(const struct world *w, h2ws_socket_options *options,
                        bool server) {
  options->compress = w->compressed;
  options->compress_threshold = 16;
  options->compress_send_takeover = true;
  options->compress_recv_takeover = server;
}

static void accept_socket(struct world *w, h2ws_stream *stream) {
  struct world_handle *h = handle_new(w);
  h2ws_socket_options options;
  h2ws_socket *socket = NULL;
  h2ws_socket_options_default(&options, sizeof(options));
  options.protocols = "chat";
  compress_by(w, &options, /* server = */ true);
  if (h != NULL && expected(h2ws_socket_accept(
                     stream, &socket, NULL, 0, &options,
                     w->chunked ? &server_chunks : &server_socket, h)) == 0) {
    h->socket = socket;
    h->is_socket = true;
    handle_open(h);
  } else if (h != NULL) {
    w->handles_len--; /* never handed out */
  }
}

static void accept_stream(struct world *w, h2ws_stream *stream) {
  struct world_handle *h = handle_new(w);
  if (h == NULL) {
    return;
  }
  h->stream = stream;
  if (expected(h2ws_stream_accept(stream, NULL, 0, &server_stream, h)) == 0) {
    handle_open(h);
  } else {
    w->handles_len--;
  }
}

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct world *w = user;
  const char *path = h2ws_stream_path(stream);
  (void)conn;
  if (strcmp(path, "/echo") == 0 && h2ws_stream_is_websocket(stream)) {
    accept_socket(w, stream);
  } else if (strcmp(path, "/raw") == 0) {
    accept_stream(w, stream);
  } else {
    (void)expected(h2ws_stream_respond(stream, 404, NULL, 0, "no", 2));
  }
}

static void conn_close(struct world *w, int side, const h2ws_close_info *info) {
  MUST(!w->conn_closed[side]);
  w->conn_closed[side] = true;
  w->conn_error[side] = info->error;
  w->conn_closed_at[side] = w->env.now;
}

static void on_client_close(h2ws_conn *conn, const h2ws_close_info *info,
                            void *user) {
  (void)conn;
  conn_close(user, WORLD_CLIENT, info);
}

static void on_server_close(h2ws_conn *conn, const h2ws_close_info *info,
                            void *user) {
  (void)conn;
  conn_close(user, WORLD_SERVER, info);
}

static const h2ws_conn_callbacks client_conn = {
  .size = sizeof(h2ws_conn_callbacks),
  .on_close = on_client_close,
};

static const h2ws_conn_callbacks server_conn = {
  .size = sizeof(h2ws_conn_callbacks),
  .on_request = on_request,
  .on_close = on_server_close,
};

/* ------------------------------------------------------------------------
 * The transport
 */

/* xorshift, as env_random(), whose bytes the delays shall not change. */
static h2ws_time delay_next(struct world *w, const struct world_delay *delay) {
  uint64_t span = (uint64_t)(delay->max_ms - delay->min_ms) + 1;
  w->delay_state ^= w->delay_state << 13;
  w->delay_state ^= w->delay_state >> 7;
  w->delay_state ^= w->delay_state << 17;
  return (delay->min_ms + (w->delay_state >> 32) % span) * H2WS_MS;
}

/* What was sent earlier arrives earlier. */
static void pipe_delay(struct world *w, int from) {
  struct world_pipe *p = &w->pipe[from];
  h2ws_time due = w->env.now + delay_next(w, &w->delay[from]);
  struct world_batch *last;
  p->batches =
    realloc(p->batches, (p->batches_len + 1) * sizeof(struct world_batch));
  MUST(p->batches != NULL);
  last = &p->batches[p->batches_len++];
  if (p->batches_len > 1 && last[-1].due > due) {
    due = last[-1].due;
  }
  *last = (struct world_batch){p->carried + p->len, due};
}

static void pipe_put(struct world *w, int from, const uint8_t *data,
                     size_t len) {
  struct world_pipe *p = &w->pipe[from];
  size_t end = p->start + p->len;
  if (p->data == NULL || p->cap - end < len) {
    p->cap = (end + len) * 2;
    p->data = realloc(p->data, p->cap);
    MUST(p->data != NULL);
  }
  memcpy(p->data + end, data, len);
  p->len += len;
  if (w->delay[from].max_ms > 0) {
    pipe_delay(w, from);
  }
}

/* Bytes at the other end, not handed over. */
static size_t pipe_arrived(const struct world *w, const struct world_pipe *p) {
  size_t late = p->batches_len;
  while (late > 0 && p->batches[late - 1].due > w->env.now) {
    late--;
  }
  if (late == p->batches_len) {
    return p->len;
  }
  return late == 0 ? 0 : p->batches[late - 1].end - p->carried;
}

/* When more arrives. */
static h2ws_time pipe_due(const struct world *w, const struct world_pipe *p) {
  size_t i = 0;
  while (i < p->batches_len && p->batches[i].due <= w->env.now) {
    i++;
  }
  return i == p->batches_len || w->cut ? H2WS_NEVER : p->batches[i].due;
}

static void pipe_drop(struct world_pipe *p, size_t len) {
  size_t gone = 0;
  p->len -= len;
  p->carried += len;
  p->start = p->len == 0 ? 0 : p->start + len;
  while (gone < p->batches_len && p->batches[gone].end <= p->carried) {
    gone++;
  }
  if (gone > 0) {
    p->batches_len -= gone;
    memmove(p->batches, p->batches + gone,
            p->batches_len * sizeof(struct world_batch));
  }
}

static void transport_dies(struct world *w) {
  w->cut = true;
  (void)h2ws_conn_recv_eof(w->conn[WORLD_CLIENT], H2WS_ERR_LOST);
  (void)h2ws_conn_recv_eof(w->conn[WORLD_SERVER], H2WS_ERR_LOST);
}

static bool take_output(struct world *w, int side) {
  static uint8_t buf[65536];
  h2ws_ssize n = h2ws_conn_send(w->conn[side], buf, sizeof(buf));
  MUST(n >= 0);
  if (n > 0 && !w->cut) {
    pipe_put(w, side, buf, (size_t)n);
  }
  return n > 0;
}

/* The piece is a block of its own, so that overruns are seen. */
static void hand_over(struct world *w, int from, size_t len) {
  struct world_pipe *p = &w->pipe[from];
  size_t left = w->cut_at[from] - p->carried;
  size_t n = len < p->len ? len : p->len;
  uint8_t *piece;
  n = n < left ? n : left;
  piece = malloc(n + 1);
  MUST(piece != NULL);
  memcpy(piece, p->data + p->start, n);
  pipe_drop(p, n);
  if (n > 0) {
    (void)h2ws_conn_recv(w->conn[1 - from], piece, n);
  }
  free(piece);
  if (p->carried == w->cut_at[from]) {
    transport_dies(w);
  }
}

bool world_step(struct world *w, enum world_side from, size_t len) {
  bool moved = take_output(w, (int)from);
  size_t arrived = pipe_arrived(w, &w->pipe[from]);
  if (w->cut) {
    return moved;
  }
  if (arrived > 0 || w->cut_at[from] == 0) {
    hand_over(w, (int)from, len < arrived ? len : arrived);
    return true;
  }
  if (w->pipe[from].len == 0 && h2ws_conn_finished(w->conn[from])) {
    w->cut = true; /* closed: the other side reads the end */
    (void)h2ws_conn_recv_eof(w->conn[1 - from], 0);
    return true;
  }
  return moved;
}

static void pump(struct world *w) {
  bool moved = true;
  int turns;
  for (turns = 0; moved; turns++) {
    MUST(turns < WORLD_STEPS);
    moved = world_step(w, WORLD_CLIENT, w->split);
    moved = world_step(w, WORLD_SERVER, w->split) || moved;
  }
}

void world_pump(struct world *w) {
  pump(w);
  if (w->pause.max_ms > 0) {
    world_advance(w, delay_next(w, &w->pause) / H2WS_MS);
  }
}

static h2ws_time earlier(h2ws_time a, h2ws_time b) {
  return a < b ? a : b;
}

static h2ws_time next_event(const struct world *w) {
  h2ws_time next = H2WS_NEVER;
  int side;
  for (side = 0; side < 2; side++) {
    next = earlier(next, h2ws_conn_deadline(w->conn[side]));
    next = earlier(next, pipe_due(w, &w->pipe[side]));
  }
  return next;
}

void world_advance(struct world *w, uint64_t ms) {
  h2ws_time end = w->env.now + ms * H2WS_MS;
  h2ws_time next;
  int turns;
  for (turns = 0; (next = next_event(w)) <= end; turns++) {
    MUST(turns < WORLD_TICKS);
    w->env.now = next > w->env.now ? next : w->env.now;
    pump(w); /* what comes at its deadline is not late */
    (void)h2ws_conn_tick(w->conn[WORLD_CLIENT]);
    (void)h2ws_conn_tick(w->conn[WORLD_SERVER]);
    pump(w);
  }
  w->env.now = end;
}

/* ------------------------------------------------------------------------
 * Life
 */

void world_init(struct world *w, size_t split) {
  int side;
  memset(w, 0, sizeof(*w));
  test_env_init(&w->env);
  for (side = 0; side < 2; side++) {
    test_env_options(&w->env, &w->mem, &w->options[side]);
    w->options[side].protocols = "bytes";
    w->cut_at[side] = WORLD_NO_CUT;
  }
  w->split = split;
  w->delay_state = 1;
}

bool world_start(struct world *w) {
  int rv = h2ws_conn_client_new(&w->conn[WORLD_CLIENT],
                                &w->options[WORLD_CLIENT], &client_conn, w);
  MUST((rv == 0) == (w->conn[WORLD_CLIENT] != NULL));
  (void)expected(rv);
  rv = h2ws_conn_server_new(&w->conn[WORLD_SERVER], &w->options[WORLD_SERVER],
                            &server_conn, w);
  MUST((rv == 0) == (w->conn[WORLD_SERVER] != NULL));
  (void)expected(rv);
  return w->conn[WORLD_CLIENT] != NULL && w->conn[WORLD_SERVER] != NULL;
}

void world_end(struct world *w) {
  size_t i;
  int side;
  for (side = 0; side < 2; side++) {
    bool made = w->conn[side] != NULL;
    h2ws_conn_free(w->conn[side]);
    MUST(w->conn_closed[side] == made);
    free(w->pipe[side].data);
    free(w->pipe[side].batches);
  }
  for (i = 0; i < w->handles_len; i++) {
    MUST(w->handles[i].closed);
  }
  MUST(w->env.live == 0);
}

/* ------------------------------------------------------------------------
 * What clients do
 */

static h2ws_request request_for(const char *path) {
  h2ws_request request = {0};
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = path;
  return request;
}

struct world_handle *world_open(struct world *w, const char *path) {
  struct world_handle *h = handle_new(w);
  h2ws_request request = request_for(path);
  h2ws_socket_options options;
  h2ws_socket_options_default(&options, sizeof(options));
  options.protocols = "chat, other";
  compress_by(w, &options, /* server = */ false);
  if (h == NULL) {
    return NULL;
  }
  if (expected(h2ws_socket_open(w->conn[WORLD_CLIENT], &h->socket, &request,
                                &options, &client_socket, h)) != 0) {
    w->handles_len--;
    return NULL;
  }
  h->by_client = true;
  h->is_socket = true;
  return h;
}

struct world_handle *world_post(struct world *w, const char *path) {
  struct world_handle *h = handle_new(w);
  h2ws_request request = request_for(path);
  request.method = "POST";
  if (h == NULL) {
    return NULL;
  }
  if (expected(h2ws_stream_open(w->conn[WORLD_CLIENT], &h->stream, &request,
                                &client_stream, h)) != 0) {
    w->handles_len--;
    return NULL;
  }
  h->by_client = true;
  return h;
}

static bool has_socket(const struct world_handle *h) {
  return h != NULL && h->socket != NULL;
}

static bool has_stream(const struct world_handle *h) {
  return h != NULL && h->stream != NULL;
}

void world_send(struct world_handle *h, h2ws_type type, size_t len) {
  uint8_t *data;
  if (has_socket(h)) {
    data = message_make(h->next_out, len);
    if (expected(h2ws_socket_send(h->socket, type, data, len)) == 0) {
      h->next_out++;
    }
    free(data);
  }
}

void world_stream(struct world_handle *h, size_t len) {
  uint8_t *data;
  size_t third = len / 3;
  int rv;
  if (!has_socket(h) ||
      expected(h2ws_socket_send_begin(h->socket, H2WS_BINARY)) != 0) {
    return;
  }
  data = message_make(h->next_out, len);
  rv = expected(h2ws_socket_send_piece(h->socket, data, third));
  if (rv == 0) {
    rv = expected(h2ws_socket_send_piece(h->socket, data + third, third));
  }
  if (rv == 0) {
    rv = expected(
      h2ws_socket_send_piece(h->socket, data + 2 * third, len - 2 * third));
  }
  if (rv == 0) {
    rv = expected(h2ws_socket_send_end(h->socket));
  }
  if (rv == 0) {
    h->next_out++;
  } else {
    world_abort(h); /* half a message cannot be taken back */
  }
  free(data);
}

void world_ping(struct world_handle *h) {
  if (has_socket(h)) {
    (void)expected(h2ws_socket_ping(h->socket, "ping", 4));
  }
}

void world_close(struct world_handle *h, uint16_t code) {
  if (has_socket(h)) {
    h->closing_at = h->world->env.now;
    (void)expected(
      h2ws_socket_close(h->socket, code, "done", code == 0 ? 0 : 4));
  }
}

void world_abort(struct world_handle *h) {
  if (has_socket(h)) {
    (void)expected(h2ws_socket_abort(h->socket));
  } else if (has_stream(h)) {
    (void)expected(h2ws_stream_reset(h->stream, H2WS_H2_CANCEL));
  }
}

void world_write(struct world_handle *h, size_t len) {
  uint8_t *data;
  if (has_stream(h)) {
    data = message_make(0, len);
    (void)expected(h2ws_stream_write(h->stream, data, len));
    free(data);
  }
}

void world_shutdown(struct world_handle *h) {
  if (has_stream(h)) {
    (void)expected(h2ws_stream_shutdown(h->stream));
  }
}
