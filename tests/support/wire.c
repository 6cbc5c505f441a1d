/* The connection under test, its application, and what comes out of it. */
#include "tests/support/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------
 * The application
 */

static struct wire_app *app_new(struct wire *w) {
  struct wire_app *app = calloc(1, sizeof(*app));
  ck_assert_ptr_nonnull(app);
  app->wire = w;
  app->next = w->apps;
  w->apps = app;
  return app;
}

struct wire_app *wire_app(const struct wire *w, int64_t stream) {
  struct wire_app *app = w->apps;
  while (app != NULL && app->id != stream) {
    app = app->next;
  }
  return app;
}

static void app_open(h2ws_socket *socket, void *user) {
  struct wire_app *app = user;
  app->id = h2ws_stream_id(h2ws_socket_stream(socket));
  test_socket_callbacks.on_open(socket, user);
  if (app->wire->pause) {
    ck_assert_int_eq(h2ws_socket_pause(socket), 0);
  }
}

static void app_message(h2ws_socket *socket, h2ws_type type,
                        const uint8_t *data, size_t len, void *user) {
  struct wire_app *app = user;
  test_socket_callbacks.on_message(socket, type, data, len, user);
  if (app->wire->server && !app->wire->mute) {
    (void)h2ws_socket_send(socket, type, data, len);
  }
}

static void app_ping(h2ws_socket *socket, const uint8_t *data, size_t len,
                     void *user) {
  test_socket_callbacks.on_ping(socket, data, len, user);
}

static void app_writable(h2ws_socket *socket, void *user) {
  test_socket_callbacks.on_writable(socket, user);
}

static void app_close(h2ws_socket *socket, const h2ws_close_info *info,
                      void *user) {
  struct wire_app *app = user;
  app->stream = NULL;
  app->socket = NULL;
  test_socket_callbacks.on_close(socket, info, user);
}

static const h2ws_socket_callbacks app_callbacks = {
  .size = sizeof(app_callbacks),
  .on_open = app_open,
  .on_message = app_message,
  .on_ping = app_ping,
  .on_writable = app_writable,
  .on_close = app_close,
};

static void app_stream_open(h2ws_stream *stream, void *user) {
  struct wire_app *app = user;
  app->id = h2ws_stream_id(stream);
  test_stream_callbacks.on_open(stream, user);
}

static void app_stream_readable(h2ws_stream *stream, void *user) {
  test_stream_callbacks.on_readable(stream, user);
}

static void app_stream_close(h2ws_stream *stream, const h2ws_close_info *info,
                             void *user) {
  struct wire_app *app = user;
  app->stream = NULL;
  test_stream_callbacks.on_close(stream, info, user);
}

static const h2ws_stream_callbacks app_stream_callbacks = {
  .size = sizeof(app_stream_callbacks),
  .on_open = app_stream_open,
  .on_readable = app_stream_readable,
  .on_close = app_stream_close,
};

/* An answer may come too late, or be a 400; on_close tells. */
void wire_accept(struct wire *w, struct wire_app *app) {
  int rv = h2ws_socket_accept(app->stream, &app->socket, NULL, 0,
                              &w->socket_options, &app_callbacks, app);
  if (rv == 0 && w->pause) {
    ck_assert_int_eq(h2ws_socket_pause(app->socket), 0);
  }
}

static void keep(char *out, size_t size, const char *text) {
  (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct wire *w = user;
  struct wire_app *app = app_new(w);
  (void)conn;
  w->requests++;
  app->id = h2ws_stream_id(stream);
  app->stream = stream;
  keep(app->authority, sizeof(app->authority), h2ws_stream_authority(stream));
  keep(app->cookie, sizeof(app->cookie), h2ws_stream_header(stream, "cookie"));
  (void)h2ws_stream_set_callbacks(stream, &app_stream_callbacks, app);
  if (w->wait) {
    return;
  }
  if (w->refuse) {
    (void)h2ws_stream_respond(stream, 403, NULL, 0, NULL, 0);
  } else if (strcmp(h2ws_stream_method(stream), "CONNECT") != 0) {
    (void)h2ws_stream_respond(stream, 200, NULL, 0, "page", 4);
  } else if (w->raw) {
    (void)h2ws_stream_accept(stream, NULL, 0, &app_stream_callbacks, app);
  } else {
    wire_accept(w, app);
  }
}

static void on_push(h2ws_conn *conn, h2ws_stream *stream, h2ws_stream *parent,
                    void *user) {
  struct wire *w = user;
  struct wire_app *app = app_new(w);
  (void)conn;
  w->pushes++;
  app->id = h2ws_stream_id(stream);
  app->stream = stream;
  app->parent = h2ws_stream_id(parent);
  keep(app->authority, sizeof(app->authority), h2ws_stream_authority(stream));
  (void)h2ws_stream_set_callbacks(stream, &app_stream_callbacks, app);
  if (w->refuse) {
    (void)h2ws_stream_reset(stream, WIRE_CANCEL);
  }
}

static void on_ready(h2ws_conn *conn, bool extended_connect, void *user) {
  struct wire *w = user;
  (void)conn;
  w->ready++;
  w->ready_extended = extended_connect;
}

static void on_goaway(h2ws_conn *conn, uint32_t h2_code, void *user) {
  struct wire *w = user;
  (void)conn;
  w->goaways++;
  w->goaway_code = h2_code;
}

static void on_close(h2ws_conn *conn, const h2ws_close_info *info, void *user) {
  struct wire *w = user;
  (void)conn;
  w->closed++;
  w->cls = info->cls;
  w->error = info->error;
  w->h2_code = info->h2_code;
  w->by_peer = info->by_peer;
  keep(w->detail, sizeof(w->detail), info->detail);
}

static const h2ws_conn_callbacks conn_callbacks = {
  .size = sizeof(conn_callbacks),
  .on_request = on_request,
  .on_ready = on_ready,
  .on_goaway = on_goaway,
  .on_close = on_close,
  .on_push = on_push,
};

/* ------------------------------------------------------------------------
 * Life
 */

void wire_init(struct wire *w, size_t chunk) {
  memset(w, 0, sizeof(*w));
  test_env_init(&w->env);
  test_env_options(&w->env, &w->mem, &w->options);
  w->options.ping_interval_ms = 0;
  w->options.conn_window = 1024 * 1024;
  h2ws_socket_options_default(&w->socket_options, sizeof(w->socket_options));
  w->chunk = chunk;
  ck_assert_int_eq(nghttp2_hd_inflate_new(&w->inflater), 0);
}

void wire_start_server(struct wire *w) {
  w->server = true;
  ck_assert_int_eq(
    h2ws_conn_server_new(&w->conn, &w->options, &conn_callbacks, w), 0);
  wire_take(w);
}

void wire_start_client(struct wire *w) {
  w->preface = NGHTTP2_CLIENT_MAGIC_LEN;
  ck_assert_int_eq(
    h2ws_conn_client_new(&w->conn, &w->options, &conn_callbacks, w), 0);
  wire_take(w);
}

void wire_greet(struct wire *w) {
  if (w->server) {
    wire_preface(&w->in);
    wire_settings(&w->in, NULL, 0);
  } else {
    wire_set(&w->in, {8, 1});
  }
  wire_ack(&w->in);
  wire_feed(w);
  wire_expect_alive(w);
  wire_clear(w);
}

void wire_server(struct wire *w, size_t chunk) {
  wire_init(w, chunk);
  wire_start_server(w);
  wire_greet(w);
}

void wire_client(struct wire *w, size_t chunk) {
  wire_init(w, chunk);
  wire_start_client(w);
  wire_greet(w);
}

void wire_end(struct wire *w) {
  h2ws_conn_free(w->conn);
  ck_assert_int_eq(w->closed, 1);
  ck_assert_uint_eq(w->env.live, 0);
  while (w->apps != NULL) {
    struct wire_app *app = w->apps;
    ck_assert_int_eq(app->events.closed, 1);
    w->apps = app->next;
    test_events_dispose(&app->events);
    free(app);
  }
  wire_clear(w);
  free(w->got);
  wire_buf_free(&w->in);
  wire_buf_free(&w->out);
  nghttp2_hd_inflate_del(w->inflater);
}

/* ------------------------------------------------------------------------
 * Bytes in, frames out
 */

static char *text_of(const uint8_t *data, size_t len) {
  char *text = malloc(len + 1);
  if (text == NULL) {
    ck_abort();
  }
  memcpy(text, data, len);
  text[len] = '\0';
  return text;
}

static void got_add_field(struct wire_got *got, const nghttp2_nv *nv) {
  got->fields =
    realloc(got->fields, (got->fields_len + 1) * sizeof(got->fields[0]));
  ck_assert_ptr_nonnull(got->fields);
  got->fields[got->fields_len].name = text_of(nv->name, nv->namelen);
  got->fields[got->fields_len].value = text_of(nv->value, nv->valuelen);
  got->fields_len++;
}

static void got_inflate(struct wire *w, struct wire_got *got) {
  size_t before = got->type == WIRE_PUSH ? 4 : 0; /* the promised id */
  const uint8_t *in = got->payload + before;
  size_t len = got->len - before;
  int flags = 0;
  ck_assert_int_ne(got->flags & WIRE_EH, 0);
  while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
    nghttp2_nv nv;
    ssize_t n = nghttp2_hd_inflate_hd2(w->inflater, &nv, &flags, in, len, 1);
    ck_assert_int_ge(n, 0);
    in += n;
    len -= (size_t)n;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      got_add_field(got, &nv);
    }
  }
  (void)nghttp2_hd_inflate_end_headers(w->inflater);
}

static void got_add(struct wire *w, const uint8_t *frame, size_t len) {
  struct wire_got *got;
  if (w->got_len == w->got_cap) {
    w->got_cap = w->got_cap * 2 + 16;
    w->got = realloc(w->got, w->got_cap * sizeof(w->got[0]));
    ck_assert_ptr_nonnull(w->got);
  }
  got = &w->got[w->got_len++];
  memset(got, 0, sizeof(*got));
  got->type = frame[3];
  got->flags = frame[4];
  got->stream = (uint32_t)frame[5] << 24 | (uint32_t)frame[6] << 16 |
                (uint32_t)frame[7] << 8 | frame[8];
  got->len = len;
  got->payload = (uint8_t *)text_of(frame + 9, len);
  if (got->type == WIRE_HEADERS || got->type == WIRE_PUSH) {
    got_inflate(w, got);
  }
}

/* Takes whole frames off w->out. */
static void parse(struct wire *w) {
  size_t at = w->preface < w->out.len ? w->preface : w->out.len;
  if (at > 0) {
    ck_assert_mem_eq(
      w->out.data, NGHTTP2_CLIENT_MAGIC + NGHTTP2_CLIENT_MAGIC_LEN - w->preface,
      at);
    w->preface -= at;
  }
  while (w->out.len - at >= 9) {
    const uint8_t *frame = w->out.data + at;
    size_t len =
      (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | (size_t)frame[2];
    if (w->out.len - at - 9 < len) {
      break;
    }
    got_add(w, frame, len);
    at += 9 + len;
  }
  if (at > 0) {
    memmove(w->out.data, w->out.data + at, w->out.len - at);
    w->out.len -= at;
  }
}

void wire_take(struct wire *w) {
  static uint8_t buf[65536];
  h2ws_ssize n;
  while (!w->blocked && (n = h2ws_conn_send(w->conn, buf, sizeof(buf))) > 0) {
    wire_bytes(&w->out, buf, (size_t)n);
    parse(w);
  }
}

/* Each piece is a block of its own, so that overruns are seen. */
void wire_feed(struct wire *w) {
  size_t done = 0;
  while (done < w->in.len && !h2ws_conn_finished(w->conn)) {
    size_t n = w->in.len - done < w->chunk ? w->in.len - done : w->chunk;
    uint8_t *piece = malloc(n);
    int rv;
    if (piece == NULL) { /* a check that passes costs a system call */
      ck_abort();
    }
    memcpy(piece, w->in.data + done, n);
    rv = h2ws_conn_recv(w->conn, piece, n);
    free(piece);
    done += n;
    if (h2ws_conn_wants_send(w->conn)) {
      wire_take(w);
    }
    if (rv != 0) {
      w->recv_rv = rv;
      break;
    }
  }
  w->in.len = 0;
  wire_take(w);
}

void wire_clear(struct wire *w) {
  size_t i;
  size_t k;
  for (i = 0; i < w->got_len; i++) {
    for (k = 0; k < w->got[i].fields_len; k++) {
      free(w->got[i].fields[k].name);
      free(w->got[i].fields[k].value);
    }
    free(w->got[i].fields);
    free(w->got[i].payload);
  }
  w->got_len = 0;
}

void wire_advance(struct wire *w, uint64_t ms) {
  h2ws_time end = w->env.now + ms * H2WS_MS;
  h2ws_time next;
  while ((next = h2ws_conn_deadline(w->conn)) <= end) {
    w->env.now = next > w->env.now ? next : w->env.now;
    (void)h2ws_conn_tick(w->conn);
    wire_take(w);
  }
  w->env.now = end;
}

/* ------------------------------------------------------------------------
 * Asking
 */

static bool got_is(const struct wire_got *got, int type, int64_t stream) {
  return got->type == type && (stream == WIRE_ANY || got->stream == stream);
}

size_t wire_count(const struct wire *w, int type, int64_t stream) {
  size_t n = 0;
  size_t i;
  for (i = 0; i < w->got_len; i++) {
    n += got_is(&w->got[i], type, stream);
  }
  return n;
}

size_t wire_find(const struct wire *w, int type, int64_t stream) {
  size_t i;
  for (i = 0; i < w->got_len; i++) {
    if (got_is(&w->got[i], type, stream)) {
      return i;
    }
  }
  return WIRE_NOT_FOUND;
}

uint32_t wire_number(const struct wire_got *got, size_t at) {
  const uint8_t *p = got->payload + at;
  ck_assert_uint_ge(got->len, at + 4);
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
         p[3];
}

const char *wire_field_of(const struct wire *w, uint32_t stream,
                          const char *name) {
  size_t i;
  size_t k;
  for (i = w->got_len; i > 0; i--) {
    const struct wire_got *got = &w->got[i - 1];
    if (!got_is(got, WIRE_HEADERS, stream)) {
      continue;
    }
    for (k = 0; k < got->fields_len; k++) {
      if (strcmp(got->fields[k].name, name) == 0) {
        return got->fields[k].value;
      }
    }
    return NULL;
  }
  return NULL;
}

int wire_status(const struct wire *w, uint32_t stream) {
  const char *status = wire_field_of(w, stream, ":status");
  return status == NULL ? 0 : (int)strtol(status, NULL, 10);
}

bool wire_ended(const struct wire *w, uint32_t stream) {
  size_t i;
  for (i = 0; i < w->got_len; i++) {
    const struct wire_got *got = &w->got[i];
    if ((got_is(got, WIRE_HEADERS, stream) || got_is(got, WIRE_DATA, stream)) &&
        (got->flags & WIRE_ES) != 0) {
      return true;
    }
  }
  return false;
}

size_t wire_data_len(const struct wire *w, uint32_t stream) {
  size_t n = 0;
  size_t i;
  for (i = 0; i < w->got_len; i++) {
    n += got_is(&w->got[i], WIRE_DATA, stream) ? w->got[i].len : 0;
  }
  return n;
}

uint64_t wire_credit(const struct wire *w, uint32_t stream) {
  uint64_t sum = 0;
  size_t i;
  for (i = 0; i < w->got_len; i++) {
    if (got_is(&w->got[i], WIRE_UPDATE, stream)) {
      sum += wire_number(&w->got[i], 0);
    }
  }
  return sum;
}

void wire_expect_data(const struct wire *w, uint32_t stream, const void *data,
                      size_t len) {
  struct wire_buf all = {0};
  size_t i;
  for (i = 0; i < w->got_len; i++) {
    if (got_is(&w->got[i], WIRE_DATA, stream)) {
      wire_bytes(&all, w->got[i].payload, w->got[i].len);
    }
  }
  ck_assert_uint_eq(all.len, len);
  if (len > 0) {
    ck_assert_mem_eq(all.data, data, len);
  }
  wire_buf_free(&all);
}

void wire_expect_alive(const struct wire *w) {
  ck_assert_msg(w->closed == 0, "the connection ended: %s", w->detail);
  ck_assert_uint_eq(wire_count(w, WIRE_GOAWAY, WIRE_ANY), 0);
  ck_assert_int_eq(w->recv_rv, 0);
}

void wire_expect_rst(const struct wire *w, uint32_t stream, uint32_t code) {
  wire_expect_alive(w);
  ck_assert_uint_eq(wire_count(w, WIRE_RST, stream), 1);
  ck_assert_uint_eq(wire_number(&w->got[wire_find(w, WIRE_RST, stream)], 0),
                    code);
}

void wire_expect_goaway(const struct wire *w, uint32_t code) {
  size_t at = wire_find(w, WIRE_GOAWAY, 0);
  ck_assert_uint_ne(at, WIRE_NOT_FOUND);
  ck_assert_uint_eq(wire_number(&w->got[at], 4), code);
  ck_assert_int_eq(w->closed, 1);
  ck_assert(h2ws_conn_finished(w->conn));
  ck_assert_uint_eq(h2ws_conn_streams(w->conn), 0);
}

void wire_expect_refusal(const struct wire *w, uint32_t stream, int status) {
  wire_expect_alive(w);
  ck_assert_ptr_null(wire_app(w, stream));
  ck_assert_int_eq(wire_status(w, stream), status);
  ck_assert(wire_ended(w, stream));
}

/* ------------------------------------------------------------------------
 * Steps that many tests share
 */

struct wire_app *wire_open(struct wire *w, uint32_t stream) {
  wire_head(&w->in, stream, WIRE_EH, WIRE_CONNECT);
  wire_feed(w);
  ck_assert_int_eq(wire_status(w, stream), 200);
  wire_clear(w);
  return wire_app(w, stream);
}

struct wire_app *wire_ask(struct wire *w) {
  struct wire_app *app = app_new(w);
  h2ws_request request = {0};
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/echo";
  ck_assert_int_eq(h2ws_socket_open(w->conn, &app->socket, &request,
                                    &w->socket_options, &app_callbacks, app),
                   0);
  app->stream = h2ws_socket_stream(app->socket);
  wire_take(w);
  app->id = app->stream == NULL ? -1 : h2ws_stream_id(app->stream);
  return app;
}

struct wire_app *wire_ask_open(struct wire *w) {
  struct wire_app *app = wire_ask(w);
  wire_head(&w->in, (uint32_t)app->id, WIRE_EH, ":status: 200\n");
  wire_feed(w);
  ck_assert_int_eq(app->events.opened, 1);
  wire_clear(w);
  return app;
}

struct wire_app *wire_ask_raw(struct wire *w, const h2ws_request *request) {
  struct wire_app *app = app_new(w);
  ck_assert_int_eq(h2ws_stream_open(w->conn, &app->stream, request,
                                    &app_stream_callbacks, app),
                   0);
  wire_take(w);
  app->id = app->stream == NULL ? -1 : h2ws_stream_id(app->stream);
  return app;
}

void wire_unharmed(struct wire *w, uint32_t stream) {
  wire_expect_alive(w);
  wire_clear(w);
  wire_masked(&w->in, stream, WIRE_NONE, WIRE_TEXT, "still", 5);
  wire_feed(w);
  wire_expect_data(w, stream, "\x81\x05still", 7);
}

Suite *wire_suite(const char *name, const TTest *const *tests, size_t len) {
  Suite *suite = suite_create(name);
  TCase *tc = tcase_create("wire");
  size_t i;
  for (i = 0; i < len; i++) {
    tcase_add_loop_test(tc, tests[i], 0, TEST_CHUNKS);
  }
  suite_add_tcase(suite, tc);
  return suite;
}
