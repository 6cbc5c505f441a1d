#include "tests/support/pair.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const size_t test_chunks[4] = {1, 2, 7, 65536};

/* ------------------------------------------------------------------------
 * Recording
 */

static void record_data(struct test_events *events, const uint8_t *data,
                        size_t len) {
  if (events->len + len > events->cap) {
    events->cap = (events->len + len) * 2;
    events->data = realloc(events->data, events->cap);
    ck_assert_ptr_nonnull(events->data);
  }
  if (len > 0) {
    memcpy(events->data + events->len, data, len);
    events->len += len;
  }
}

void test_events_dispose(struct test_events *events) {
  free(events->data);
  memset(events, 0, sizeof(*events));
}

static void record_close(struct test_events *events,
                         const h2ws_close_info *info) {
  events->closed++;
  events->cls = info->cls;
  events->error = info->error;
  events->code = info->code;
  events->by_peer = info->by_peer;
  events->retryable = info->retryable;
  events->status = info->status;
  events->h2_code = info->h2_code;
  ck_assert_ptr_nonnull(info->detail);
  (void)snprintf(events->reason, sizeof(events->reason), "%s", info->reason);
  events->reason_len = info->reason_len;
  (void)snprintf(events->detail, sizeof(events->detail), "%s", info->detail);
  (void)snprintf(events->body, sizeof(events->body), "%.*s",
                 (int)info->body_len,
                 info->body == NULL ? "" : (const char *)info->body);
}

static void on_open(h2ws_socket *socket, void *user) {
  struct test_events *events = user;
  (void)socket;
  events->opened++;
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct test_events *events = user;
  (void)socket;
  if (events->closed != 0) {
    ck_abort_msg("a message came after on_close");
  }
  events->messages++;
  events->type = type;
  events->last_len = len;
  record_data(events, data, len);
}

static void on_chunk(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                     size_t len, unsigned flags, void *user) {
  struct test_events *events = user;
  (void)socket;
  events->chunks++;
  events->type = type;
  events->flags = flags;
  events->messages += (flags & H2WS_CHUNK_LAST) != 0;
  record_data(events, data, len);
}

static void on_ping(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  struct test_events *events = user;
  (void)socket;
  (void)data;
  (void)len;
  events->pings++;
}

static void on_pong(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  struct test_events *events = user;
  (void)socket;
  (void)data;
  (void)len;
  events->pongs++;
}

static void on_writable(h2ws_socket *socket, void *user) {
  struct test_events *events = user;
  (void)socket;
  events->writable++;
}

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  (void)socket;
  record_close(user, info);
}

const h2ws_socket_callbacks test_socket_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_ping = on_ping,
  .on_pong = on_pong,
  .on_writable = on_writable,
  .on_close = on_close,
};

const h2ws_socket_callbacks test_chunk_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_chunk = on_chunk,
  .on_close = on_close,
};

static void on_stream_open(h2ws_stream *stream, void *user) {
  struct test_events *events = user;
  events->opened++;
  events->status = h2ws_stream_status(stream);
}

static void on_stream_readable(h2ws_stream *stream, void *user) {
  struct test_events *events = user;
  uint8_t *data = NULL;
  h2ws_ssize n;
  while ((n = h2ws_stream_peek(stream, &data)) > 0) {
    record_data(events, data, (size_t)n);
    if (h2ws_stream_consume(stream, (size_t)n) != 0) {
      ck_abort(); /* a check that passes costs a system call */
    }
  }
  events->messages += n == H2WS_ERR_EOF;
}

static void on_stream_writable(h2ws_stream *stream, void *user) {
  struct test_events *events = user;
  (void)stream;
  events->writable++;
}

static void on_stream_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  (void)stream;
  record_close(user, info);
}

const h2ws_stream_callbacks test_stream_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_open = on_stream_open,
  .on_readable = on_stream_readable,
  .on_writable = on_stream_writable,
  .on_close = on_stream_close,
};

/* ------------------------------------------------------------------------
 * The server's side
 */

static void peer_message(h2ws_socket *socket, h2ws_type type,
                         const uint8_t *data, size_t len, void *user) {
  struct test_pair *pair = user;
  on_message(socket, type, data, len, &pair->peer_events);
  if (pair->server_echoes) {
    ck_assert_int_eq(h2ws_socket_send(socket, type, data, len), 0);
  }
}

static void peer_ping(h2ws_socket *socket, const uint8_t *data, size_t len,
                      void *user) {
  struct test_pair *pair = user;
  on_ping(socket, data, len, &pair->peer_events);
}

static void peer_pong(h2ws_socket *socket, const uint8_t *data, size_t len,
                      void *user) {
  struct test_pair *pair = user;
  on_pong(socket, data, len, &pair->peer_events);
}

static void peer_writable(h2ws_socket *socket, void *user) {
  struct test_pair *pair = user;
  pair->peer_events.writable++;
  if (pair->server_writable != NULL) {
    pair->server_writable(socket, user);
  }
}

static void peer_close(h2ws_socket *socket, const h2ws_close_info *info,
                       void *user) {
  struct test_pair *pair = user;
  record_close(&pair->peer_events, info);
  if (pair->peer == socket) {
    pair->peer = NULL;
  }
}

static const h2ws_socket_callbacks peer_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_message = peer_message,
  .on_ping = peer_ping,
  .on_pong = peer_pong,
  .on_writable = peer_writable,
  .on_close = peer_close,
};

static void forget_request(h2ws_stream *stream, const h2ws_close_info *info,
                           void *user) {
  struct test_pair *pair = user;
  (void)info;
  if (pair->request == stream) {
    pair->request = NULL;
  }
}

static const h2ws_stream_callbacks waiting_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_close = forget_request,
};

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct test_pair *pair = user;
  (void)conn;
  pair->requests++;
  if (pair->server_waits) {
    pair->request = stream;
    (void)h2ws_stream_set_callbacks(stream, &waiting_callbacks, pair);
  } else if (!h2ws_stream_is_websocket(stream) ||
             strcmp(h2ws_stream_path(stream), "/echo") != 0) {
    (void)h2ws_stream_respond(stream, 404, NULL, 0, "not here", 8);
  } else {
    (void)h2ws_socket_accept(stream, &pair->peer, NULL, 0,
                             &pair->server_socket_options, &peer_callbacks,
                             pair);
  }
}

static void on_client_close(h2ws_conn *conn, const h2ws_close_info *info,
                            void *user) {
  struct test_pair *pair = user;
  (void)conn;
  pair->client_closed++;
  pair->client_cls = info->cls;
  (void)snprintf(pair->client_detail, sizeof(pair->client_detail), "%s",
                 info->detail);
}

static void on_server_close(h2ws_conn *conn, const h2ws_close_info *info,
                            void *user) {
  struct test_pair *pair = user;
  (void)conn;
  pair->server_closed++;
  pair->server_cls = info->cls;
}

static const h2ws_conn_callbacks client_callbacks = {
  .size = sizeof(h2ws_conn_callbacks),
  .on_close = on_client_close,
};

static const h2ws_conn_callbacks server_callbacks = {
  .size = sizeof(h2ws_conn_callbacks),
  .on_request = on_request,
  .on_close = on_server_close,
};

/* ------------------------------------------------------------------------
 * The pair
 */

void test_pair_init(struct test_pair *pair, size_t chunk) {
  memset(pair, 0, sizeof(*pair));
  test_env_init(&pair->env);
  test_env_options(&pair->env, &pair->mem, &pair->client_options);
  test_env_options(&pair->env, &pair->mem, &pair->server_options);
  h2ws_socket_options_default(&pair->server_socket_options,
                              sizeof(pair->server_socket_options));
  pair->chunk = chunk;
  pair->server_echoes = true;
}

void test_pair_start(struct test_pair *pair) {
  ck_assert_int_eq(h2ws_conn_client_new(&pair->client, &pair->client_options,
                                        &client_callbacks, pair),
                   0);
  ck_assert_int_eq(h2ws_conn_server_new(&pair->server, &pair->server_options,
                                        &server_callbacks, pair),
                   0);
  test_pair_pump(pair);
}

/* Each piece is a block of its own, so that overruns are seen. */
static void feed(h2ws_conn *conn, const uint8_t *data, size_t len,
                 size_t chunk) {
  size_t done = 0;
  while (done < len) {
    size_t n = len - done < chunk ? len - done : chunk;
    uint8_t *piece = malloc(n);
    if (piece == NULL) { /* no assert: each one writes to check's pipe */
      ck_abort();
    }
    memcpy(piece, data + done, n);
    (void)h2ws_conn_recv(conn, piece, n);
    free(piece);
    done += n;
  }
}

static bool move(struct test_pair *pair, h2ws_conn *from, h2ws_conn *to) {
  static uint8_t buf[65536];
  bool moved = false;
  h2ws_ssize n;
  while ((n = h2ws_conn_send(from, buf, sizeof(buf))) > 0) {
    moved = true;
    if (!pair->cut) {
      feed(to, buf, (size_t)n, pair->chunk);
    }
  }
  return moved;
}

void test_pair_pump(struct test_pair *pair) {
  bool moved = true;
  while (moved) {
    moved = move(pair, pair->client, pair->server);
    moved = move(pair, pair->server, pair->client) || moved;
  }
}

void test_pair_advance(struct test_pair *pair, uint64_t ms) {
  h2ws_time end = pair->env.now + ms * H2WS_MS;
  for (;;) {
    h2ws_time a = h2ws_conn_deadline(pair->client);
    h2ws_time b = h2ws_conn_deadline(pair->server);
    h2ws_time next = a < b ? a : b;
    if (next > end) {
      break;
    }
    if (next > pair->env.now) {
      pair->env.now = next;
    }
    (void)h2ws_conn_tick(pair->client);
    (void)h2ws_conn_tick(pair->server);
    test_pair_pump(pair);
  }
  pair->env.now = end;
}

h2ws_socket *test_pair_open(struct test_pair *pair, const char *path,
                            struct test_events *events) {
  h2ws_request request = {0};
  h2ws_socket *socket = NULL;
  memset(events, 0, sizeof(*events));
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = path;
  ck_assert_int_eq(h2ws_socket_open(pair->client, &socket, &request, NULL,
                                    &test_socket_callbacks, events),
                   0);
  return socket;
}

void test_pair_dispose(struct test_pair *pair) {
  h2ws_conn_free(pair->client);
  h2ws_conn_free(pair->server);
  ck_assert_int_eq(pair->client_closed, 1);
  ck_assert_int_eq(pair->server_closed, 1);
  ck_assert_uint_eq(pair->env.live, 0);
  test_events_dispose(&pair->peer_events);
}
