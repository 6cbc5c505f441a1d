#include "tests/support/text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------
 * The server's application
 */

static void record(struct test_text *wire, const h2ws_close_info *info) {
  wire->events.closed++;
  wire->events.cls = info->cls;
  wire->events.error = info->error;
  wire->events.code = info->code;
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct test_text *wire = user;
  wire->events.messages++;
  ck_assert_int_eq(h2ws_socket_send(socket, type, data, len), 0);
}

static void on_socket_close(h2ws_socket *socket, const h2ws_close_info *info,
                            void *user) {
  struct test_text *wire = user;
  (void)socket;
  record(wire, info);
  wire->socket = NULL;
}

static const h2ws_socket_callbacks socket_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_message = on_message,
  .on_close = on_socket_close,
};

static void on_stream_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  struct test_text *wire = user;
  record(wire, info);
  if (wire->stream == stream) {
    wire->stream = NULL;
  }
}

static void raw_readable(h2ws_stream *stream, void *user) {
  struct test_text *wire = user;
  uint8_t *data = NULL;
  h2ws_ssize n = 0;
  while (!wire->keep_unread && (n = h2ws_stream_peek(stream, &data)) > 0) {
    ck_assert_int_eq(h2ws_stream_write(stream, data, (size_t)n), 0);
    ck_assert_int_eq(h2ws_stream_consume(stream, (size_t)n), 0);
  }
  if (n == H2WS_ERR_EOF) {
    (void)h2ws_stream_shutdown(stream);
  }
}

static const h2ws_stream_callbacks raw_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_readable = raw_readable,
  .on_close = on_stream_close,
};

static const h2ws_stream_callbacks waiting_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_close = on_stream_close,
};

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct test_text *wire = user;
  const char *path = h2ws_stream_path(stream);
  const char *origin = h2ws_stream_header(stream, "origin");
  (void)conn;
  wire->requests++;
  (void)snprintf(wire->path, sizeof(wire->path), "%s", path);
  (void)snprintf(wire->origin, sizeof(wire->origin), "%s",
                 origin == NULL ? "" : origin);
  ck_assert_str_eq(h2ws_stream_scheme(stream), "http");
  if (strcmp(path, "/echo") == 0 && h2ws_stream_is_websocket(stream)) {
    wire->accept_result =
      h2ws_socket_accept(stream, &wire->socket, NULL, 0, &wire->socket_options,
                         &socket_callbacks, wire);
  } else if (strcmp(path, "/raw") == 0) {
    wire->stream = stream;
    ck_assert_int_eq(h2ws_stream_accept(stream, NULL, 0, &raw_callbacks, wire),
                     0);
  } else if (strcmp(path, "/wait") == 0) {
    wire->stream = stream;
    (void)h2ws_stream_set_callbacks(stream, &waiting_callbacks, wire);
  } else if (strcmp(path, "/forbidden") == 0) {
    (void)h2ws_stream_respond(stream, 403, NULL, 0, "no", 2);
  } else if (strcmp(path, "/") == 0) {
    (void)h2ws_stream_respond(stream, 200, NULL, 0, "page", 4);
  } else {
    (void)h2ws_stream_respond(stream, 404, NULL, 0, "not here", 8);
  }
}

static void on_close(h2ws_conn *conn, const h2ws_close_info *info, void *user) {
  struct test_text *wire = user;
  (void)conn;
  wire->closed++;
  wire->cls = info->cls;
  wire->error = info->error;
  (void)snprintf(wire->detail, sizeof(wire->detail), "%s", info->detail);
}

static void on_want_recv(h2ws_conn *conn, void *user) {
  struct test_text *wire = user;
  ck_assert(h2ws_conn_wants_recv(conn));
  wire->want_recv++;
}

static const h2ws_conn_callbacks callbacks = {
  .size = sizeof(h2ws_conn_callbacks),
  .on_request = on_request,
  .on_close = on_close,
  .on_want_recv = on_want_recv,
};

/* ------------------------------------------------------------------------
 * The wire
 */

void test_text_init(struct test_text *wire, size_t chunk) {
  memset(wire, 0, sizeof(*wire));
  test_env_init(&wire->env);
  test_env_options(&wire->env, &wire->mem, &wire->options);
  h2ws_socket_options_default(&wire->socket_options,
                              sizeof(wire->socket_options));
  wire->options.http = H2WS_HTTP_1_1;
  wire->chunk = chunk;
}

void test_text_serve(struct test_text *wire) {
  ck_assert_int_eq(
    h2ws_conn_server_new(&wire->conn, &wire->options, &callbacks, wire), 0);
  test_text_collect(wire);
}

void test_text_connect(struct test_text *wire) {
  ck_assert_int_eq(
    h2ws_conn_client_new(&wire->conn, &wire->options, &callbacks, wire), 0);
  test_text_collect(wire);
}

void test_text_forget(struct test_text *wire) {
  wire->out_len = 0;
  if (wire->out != NULL) {
    wire->out[0] = '\0';
  }
}

void test_text_collect(struct test_text *wire) {
  static uint8_t buf[65536];
  h2ws_ssize n;
  while ((n = h2ws_conn_send(wire->conn, buf, sizeof(buf))) > 0) {
    wire->out = realloc(wire->out, wire->out_len + (size_t)n + 1);
    ck_assert_ptr_nonnull(wire->out);
    memcpy(wire->out + wire->out_len, buf, (size_t)n);
    wire->out_len += (size_t)n;
    wire->out[wire->out_len] = '\0';
  }
}

int test_text_feed(struct test_text *wire, const void *data, size_t len) {
  const uint8_t *in = data;
  int rv = 0;
  while (len > 0) {
    size_t n = len < wire->chunk ? len : wire->chunk;
    uint8_t *piece = malloc(n);
    int result;
    ck_assert_ptr_nonnull(piece);
    memcpy(piece, in, n);
    result = h2ws_conn_recv(wire->conn, piece, n);
    rv = rv == 0 ? result : rv;
    free(piece);
    test_text_collect(wire);
    in += n;
    len -= n;
  }
  return rv;
}

void test_text_say(struct test_text *wire, const char *text) {
  (void)test_text_feed(wire, text, strlen(text));
}

void test_text_advance(struct test_text *wire, uint64_t ms) {
  h2ws_time end = wire->env.now + ms * H2WS_MS;
  h2ws_time next;
  while ((next = h2ws_conn_deadline(wire->conn)) <= end) {
    wire->env.now = next > wire->env.now ? next : wire->env.now;
    (void)h2ws_conn_tick(wire->conn);
    test_text_collect(wire);
  }
  wire->env.now = end;
}

int test_text_status(const struct test_text *wire) {
  int status = 0;
  if (wire->out == NULL || strncmp(wire->out, "HTTP/1.1 ", 9) != 0) {
    return 0;
  }
  status = (int)strtol(wire->out + 9, NULL, 10);
  return status;
}

bool test_text_has(const struct test_text *wire, const char *line) {
  char wanted[256];
  (void)snprintf(wanted, sizeof(wanted), "\r\n%s\r\n", line);
  return wire->out != NULL && strstr(wire->out, wanted) != NULL;
}

void test_text_dispose(struct test_text *wire) {
  h2ws_conn_free(wire->conn);
  ck_assert_int_eq(wire->closed, 1);
  ck_assert_uint_eq(wire->env.live, 0);
  free(wire->out);
  wire->out = NULL;
  test_events_dispose(&wire->events);
}
