/* Pools: who shares a connection, who waits, and what is tried again. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "h2/session.h"
#include "tests/io/support/certs.h"
#include "tests/io/support/edge.h"
#include "tests/support/suite.h"

#define VISITS 100

/* One opening, and what becomes of it. */
struct visit {
  h2ws_opening *opening;
  h2ws_socket *socket;
  h2ws_conn *conn;
  int opened;
  int messages;
  int closed;
  bool had_socket; /* on_close named one */
  int error;
  int status;
  h2ws_close_class cls;
  bool free_pool; /* from inside on_open or on_close */
};

static struct edge edge;
static h2ws_pool *pool;
static h2ws_pool_options pool_options;
static h2ws_client_options client;
static struct visit visits[VISITS];

static void begin(bool cleartext) {
  certs_begin();
  certs_make_simple("server", NULL, "DNS:localhost,IP:127.0.0.1");
  memset(visits, 0, sizeof(visits));
  edge_begin(&edge);
  edge.options.cleartext = cleartext;
  edge.options.cert_file = certs_file("server");
  h2ws_pool_options_default(&pool_options, sizeof(pool_options));
  h2ws_client_options_default(&client, sizeof(client));
  client.ca_file = certs_file("server");
}

static void serve(void) {
  edge_serve(&edge);
  ck_assert_int_eq(h2ws_pool_new(&pool, edge.loop, &pool_options), 0);
}

static void end(void) {
  h2ws_pool_free(pool);
  pool = NULL;
  edge_end(&edge);
  certs_end();
}

/* ------------------------------------------------------------------------
 * Visits
 */

static void maybe_free_pool(const struct visit *visit) {
  if (visit->free_pool) {
    h2ws_pool_free(pool);
    pool = NULL;
  }
}

static void on_open(h2ws_socket *socket, void *user) {
  struct visit *visit = user;
  ck_assert_ptr_eq(h2ws_socket_user(socket), visit);
  visit->opening = NULL;
  visit->socket = socket;
  visit->conn = h2ws_stream_conn(h2ws_socket_stream(socket));
  visit->opened++;
  maybe_free_pool(visit);
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct visit *visit = user;
  (void)socket;
  (void)type;
  ck_assert_uint_eq(len, 5);
  ck_assert_mem_eq(data, "hello", 5);
  visit->messages++;
}

static void visit_closed(struct visit *visit, const h2ws_close_info *info) {
  ck_assert_ptr_nonnull(info->detail);
  visit->opening = NULL;
  visit->socket = NULL;
  visit->closed++;
  visit->error = info->error;
  visit->status = info->status;
  visit->cls = info->cls;
  maybe_free_pool(visit);
}

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  struct visit *visit = user;
  visit->had_socket = socket != NULL;
  visit_closed(visit, info);
}

static const h2ws_socket_callbacks callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_close = on_close,
};

static void on_answer(h2ws_stream *stream, void *user) {
  struct visit *visit = user;
  visit->opening = NULL;
  visit->conn = h2ws_stream_conn(stream);
  visit->status = h2ws_stream_status(stream);
  visit->opened++;
}

static void on_stream_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  struct visit *visit = user;
  int status = visit->status;
  (void)stream;
  visit_closed(visit, info);
  visit->status = visit->opened > 0 ? status : visit->status;
}

static const h2ws_stream_callbacks stream_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_open = on_answer,
  .on_close = on_stream_close,
};

static const char *url_of(const char *scheme, const char *path) {
  static char url[256];
  (void)snprintf(url, sizeof(url), "%s%s://localhost:%d%s", scheme,
                 edge.options.cleartext ? "" : "s", edge_port(&edge), path);
  return url;
}

static void visit_start(int i, const char *path) {
  ck_assert_int_eq(h2ws_pool_open_socket(pool, &visits[i].opening,
                                         url_of("ws", path), &client, NULL,
                                         NULL, &callbacks, &visits[i]),
                   0);
  ck_assert_str_eq(h2ws_opening_path(visits[i].opening), path);
}

static void request_start(int i, const char *path) {
  h2ws_request request = {.size = sizeof(request)};
  request.method = "GET";
  request.end = true;
  ck_assert_int_eq(
    h2ws_pool_open_stream(pool, &visits[i].opening, url_of("http", path),
                          &client, &request, &stream_callbacks, &visits[i]),
    0);
}

static void visit_opened(int i) {
  EDGE_UNTIL(&edge, visits[i].opened || visits[i].closed);
  ck_assert_msg(visits[i].opened == 1, "visit %d: %s", i,
                h2ws_error_name(visits[i].error));
}

static void visit_ended(int i) {
  EDGE_UNTIL(&edge, visits[i].closed);
  ck_assert_int_eq(visits[i].closed, 1);
}

static void visit_open(int i, const char *path) {
  visit_start(i, path);
  visit_opened(i);
}

static void visit_echo(int i) {
  int before = visits[i].messages;
  ck_assert_int_eq(h2ws_socket_send(visits[i].socket, H2WS_TEXT, "hello", 5),
                   0);
  EDGE_UNTIL(&edge, visits[i].messages > before || visits[i].closed);
  ck_assert_int_eq(visits[i].messages, before + 1);
}

static void visit_leave(int i) {
  ck_assert_int_eq(h2ws_socket_close(visits[i].socket, 1000, NULL, 0), 0);
  visit_ended(i);
  ck_assert_int_eq(visits[i].cls, H2WS_CLOSE_CLEAN);
}

/* ------------------------------------------------------------------------
 * Sharing
 */

/* interop.md 40: a server that upgrades the first stream only. */
START_TEST(a_hundred_at_once_share_one_connection) {
  int i;
  begin(_i == 0);
  serve();
  for (i = 0; i < VISITS; i++) {
    visit_start(i, "/echo");
  }
  for (i = 0; i < VISITS; i++) {
    visit_opened(i);
    visit_echo(i);
  }
  ck_assert_int_eq(edge.conns, 1);
  ck_assert_int_eq(edge.requests, VISITS);
  ck_assert_uint_eq(h2ws_pool_conns(pool), 1);
  for (i = 0; i < VISITS; i++) {
    visit_leave(i);
  }
  end();
}
END_TEST

START_TEST(requests_share_it_too) {
  begin(_i == 0);
  serve();
  request_start(0, "/");
  visit_start(1, "/echo");
  visit_opened(1);
  visit_opened(0);
  ck_assert_int_eq(visits[0].status, 404);
  request_start(2, "/");
  visit_opened(2);
  visit_echo(1);
  ck_assert_int_eq(edge.conns, 1);
  end();
}
END_TEST

START_TEST(it_is_used_again) {
  begin(true);
  serve();
  visit_open(0, "/echo");
  visit_leave(0);
  visit_open(1, "/echo");
  visit_echo(1);
  ck_assert_int_eq(edge.conns, 1);
  end();
}
END_TEST

START_TEST(other_options_are_not_shared) {
  begin(false);
  serve();
  visit_open(0, "/echo");
  client.insecure = _i == 0;
  client.server_name = _i == 1 ? "127.0.0.1" : NULL;
  client.conn.stream_window += _i == 2 ? 1 : 0;
  client.conn.http = _i == 3 ? H2WS_HTTP_2 : H2WS_HTTP_ANY;
  visit_open(1, "/echo");
  ck_assert_ptr_ne(visits[0].conn, visits[1].conn);
  visit_open(2, "/echo");
  ck_assert_ptr_eq(visits[1].conn, visits[2].conn);
  ck_assert_int_eq(edge.conns, 2);
  end();
}
END_TEST

START_TEST(interop_39_one_may_have_its_own) {
  begin(true);
  serve();
  visit_start(0, "/echo");
  client.own_connection = true;
  visit_start(1, "/echo");
  client.own_connection = false;
  visit_start(2, "/echo");
  visit_opened(0);
  visit_opened(1);
  visit_opened(2);
  ck_assert_int_eq(edge.conns, 2);
  ck_assert_ptr_eq(visits[0].conn, visits[2].conn);
  ck_assert_ptr_ne(visits[0].conn, visits[1].conn);
  visit_echo(1);
  visit_leave(1); /* and the connection with it */
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_CLEAN);
  EDGE_UNTIL(&edge, h2ws_pool_conns(pool) == 1);
  visit_echo(0);
  end();
}
END_TEST

static int dial(int port) {
  struct sockaddr_in to = {0};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  to.sin_family = AF_INET;
  to.sin_port = htons((uint16_t)port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
  return fd;
}

/* Row 1: cancelled before anybody has used it; it is closed all the same. */
START_TEST(a_given_descriptor_is_not_shared) {
  begin(true);
  serve();
  visit_open(0, "/echo");
  client.fd = dial(edge_port(&edge));
  visit_start(1, "/echo");
  client.fd = -1;
  if (_i == 1) {
    h2ws_opening_cancel(visits[1].opening);
    visit_ended(1);
  } else {
    visit_opened(1);
    visit_echo(1);
    ck_assert_ptr_ne(visits[0].conn, visits[1].conn);
    visit_leave(1);
    EDGE_UNTIL(&edge, edge.conn_closes);
  }
  end();
}
END_TEST

START_TEST(nothing_open_ends_it) {
  begin(_i == 0);
  client.conn.idle_timeout_ms = 30;
  serve();
  visit_open(0, "/echo");
  visit_open(1, "/echo");
  visit_leave(0);
  visit_echo(1);
  visit_leave(1);
  EDGE_UNTIL(&edge, h2ws_pool_conns(pool) == 0 && edge.conn_closes);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_CLEAN);
  visit_open(2, "/echo");
  ck_assert_int_eq(edge.conns, 2);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * interop.md 38: at the peer's limit
 */

START_TEST(interop_38_at_the_limit_they_wait) {
  begin(true);
  edge.options.conn.max_streams = 2;
  serve();
  visit_open(0, "/echo");
  visit_open(1, "/echo");
  visit_start(2, "/echo");
  visit_echo(0);
  visit_echo(1);
  ck_assert_int_eq(visits[2].opened, 0);
  visit_leave(0);
  visit_opened(2);
  visit_echo(2);
  ck_assert_int_eq(edge.conns, 1);
  end();
}
END_TEST

/* Row 0: the peer's limit; row 1: ours. */
START_TEST(interop_38_at_the_limit_they_spill) {
  int i;
  begin(true);
  edge.options.conn.max_streams = _i == 0 ? 2 : 100;
  client.conn.http = H2WS_HTTP_2; /* announced before SETTINGS */
  pool_options.max_streams = _i == 0 ? 0 : 2;
  pool_options.max_conns = 2;
  serve();
  for (i = 0; i < 4; i++) {
    visit_start(i, "/echo");
  }
  for (i = 0; i < 4; i++) {
    visit_opened(i);
    visit_echo(i);
  }
  ck_assert_int_eq(edge.conns, 2);
  visit_start(4, "/echo");
  if (_i == 0) {
    visit_echo(3);
    ck_assert_int_eq(visits[4].opened, 0);
    for (i = 0; i < 4; i++) {
      visit_leave(i);
    }
  }
  visit_opened(4);
  ck_assert_int_eq(edge.conns, 2);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * interop.md 56: after GOAWAY
 */

/* The first one refuses to go, so that its connection stays. */
START_TEST(interop_56_after_goaway_they_go_to_a_new_connection) {
  begin(_i == 0);
  serve();
  visit_open(0, "/echo");
  ck_assert_int_eq(h2ws_socket_pause(visits[0].socket), 0);
  ck_assert_int_eq(h2ws_conn_drain(edge.conn), 0);
  EDGE_UNTIL(&edge, !h2ws_conn_can_open(visits[0].conn));
  ck_assert_int_eq(visits[0].closed, 0);
  visit_open(1, "/echo");
  visit_echo(1);
  ck_assert_ptr_ne(visits[0].conn, visits[1].conn);
  ck_assert_int_eq(edge.conns, 2);
  ck_assert_int_eq(visits[0].closed, 0);
  end();
}
END_TEST

START_TEST(those_that_waited_go_there_too) {
  begin(true);
  edge.options.conn.max_streams = 1;
  serve();
  visit_open(0, "/echo");
  visit_start(1, "/echo");
  visit_echo(0);
  ck_assert_uint_eq(h2ws_conn_streams(visits[0].conn), 2);
  if (_i == 0) {
    ck_assert_int_eq(h2ws_conn_drain(edge.conn), 0);
  } else {
    ck_assert_int_eq(
      h2ws_conn_shutdown(edge.conn, _i == 1 ? H2WS_H2_NO_ERROR
                                            : H2WS_H2_ENHANCE_YOUR_CALM),
      0);
  }
  visit_opened(1);
  visit_echo(1);
  visit_ended(0);
  ck_assert_int_eq(edge.conns, 2);
  ck_assert_int_eq(edge.requests, 2);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * interop.md 57: stream ids run out
 */

/* As on a connection that has used all ids before `id`. */
static void skip_to(const struct visit *visit, int32_t id) {
  const struct h2ws__h2_stream *stream =
    (void *)h2ws_socket_stream(visit->socket);
  ck_assert_int_eq(nghttp2_session_set_next_stream_id(stream->h2->session, id),
                   0);
}

static int64_t id_of(int i) {
  return h2ws_stream_id(h2ws_socket_stream(visits[i].socket));
}

/* Four more, for which two ids are left. Row 0: one after another; row 1: at
 * once. */
START_TEST(interop_57_without_ids_they_go_to_a_new_connection) {
  bool at_once = _i == 1;
  int i;
  begin(true);
  serve();
  visit_open(0, "/echo");
  skip_to(&visits[0], INT32_MAX - 2);
  for (i = 1; i < 5; i++) {
    visit_start(i, "/echo");
    if (!at_once) {
      visit_opened(i);
    }
  }
  for (i = 1; i < 5; i++) {
    visit_opened(i);
  }
  ck_assert_int_eq(id_of(1), INT32_MAX - 2);
  ck_assert_int_eq(id_of(2), INT32_MAX);
  ck_assert_int_eq(id_of(3), 1);
  ck_assert_int_eq(id_of(4), 3);
  ck_assert(!h2ws_conn_can_open(visits[0].conn));
  ck_assert_ptr_eq(visits[2].conn, visits[0].conn);
  ck_assert_ptr_ne(visits[3].conn, visits[0].conn);
  ck_assert_ptr_eq(visits[4].conn, visits[3].conn);
  for (i = 0; i < 5; i++) {
    visit_echo(i);
  }
  ck_assert_int_eq(edge.conns, 2);
  for (i = 0; i < 5; i++) {
    visit_leave(i);
  }
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Tried again
 */

START_TEST(F_45_a_misdirected_one_gets_its_own) {
  begin(true);
  serve();
  visit_open(0, "/echo");
  visit_open(1, "/first");
  visit_echo(1);
  visit_echo(0);
  ck_assert_int_eq(edge.conns, 2);
  ck_assert_int_eq(edge.requests, 3);
  visit_open(2, "/first"); /* remembered */
  ck_assert_int_eq(edge.conns, 3);
  ck_assert_int_eq(edge.requests, 4);
  end();
}
END_TEST

START_TEST(a_misdirected_request_gets_its_own) {
  begin(true);
  serve();
  visit_open(0, "/echo");
  request_start(1, "/first");
  visit_opened(1);
  ck_assert_int_eq(visits[1].status, 200);
  ck_assert_int_eq(edge.conns, 2);
  request_start(2, "/never");
  visit_opened(2);
  ck_assert_int_eq(visits[2].status, 421);
  end();
}
END_TEST

START_TEST(misdirected_on_its_own_is_refused) {
  begin(true);
  serve();
  visit_start(0, "/never");
  visit_ended(0);
  ck_assert_int_eq(visits[0].status, 421);
  ck_assert(visits[0].had_socket);
  ck_assert_int_eq(edge.requests, 1);
  end();
}
END_TEST

START_TEST(tries_are_bounded) {
  begin(true);
  pool_options.max_tries = (unsigned)_i + 1;
  serve();
  visit_start(0, "/refuse");
  visit_ended(0);
  ck_assert_int_eq(visits[0].error, H2WS_ERR_RETRY);
  ck_assert_int_eq(edge.requests, _i + 1);
  end();
}
END_TEST

START_TEST(HS_26_http_1_1_is_used_where_it_is_required) {
  begin(_i == 0);
  serve();
  visit_open(0, "/echo");
  visit_open(1, "/http1");
  visit_echo(1);
  ck_assert_int_eq(h2ws_conn_http(visits[0].conn), H2WS_HTTP_2);
  ck_assert_int_eq(h2ws_conn_http(visits[1].conn), H2WS_HTTP_1_1);
  visit_open(2, "/http1"); /* remembered */
  ck_assert_int_eq(edge.requests, 4);
  visit_echo(0);
  end();
}
END_TEST

START_TEST(http_1_1_is_not_used_against_the_options) {
  begin(true);
  client.conn.http = H2WS_HTTP_2;
  serve();
  visit_start(0, "/http1");
  visit_ended(0);
  ck_assert_int_eq(visits[0].error, H2WS_ERR_HTTP_1_1);
  end();
}
END_TEST

START_TEST(http_1_1_is_never_shared) {
  int i;
  begin(_i == 0);
  edge.options.conn.http = H2WS_HTTP_1_1;
  serve();
  for (i = 0; i < 3; i++) {
    visit_start(i, "/echo");
  }
  for (i = 0; i < 3; i++) {
    visit_opened(i);
    visit_echo(i);
  }
  ck_assert_uint_eq(h2ws_pool_conns(pool), 3);
  visit_leave(1);
  EDGE_UNTIL(&edge, h2ws_pool_conns(pool) == 2);
  visit_open(3, "/echo");
  ck_assert_uint_eq(h2ws_pool_conns(pool), 3);
  end();
}
END_TEST

START_TEST(requests_fall_back_too) {
  begin(_i == 0);
  edge.options.conn.http = H2WS_HTTP_1_1;
  serve();
  request_start(0, "/");
  visit_start(1, "/echo");
  request_start(2, "/first");
  visit_opened(1);
  visit_echo(1);
  ck_assert_int_eq(h2ws_conn_http(visits[1].conn), H2WS_HTTP_1_1);
  visit_ended(0);
  visit_ended(2);
  ck_assert_int_eq(visits[0].status, 404);
  ck_assert_int_eq(visits[0].cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(visits[2].status, 200);
  /* A connection ends with the request that it was made for. */
  EDGE_UNTIL(&edge, h2ws_pool_conns(pool) == 1);
  visit_leave(1);
  end();
}
END_TEST

START_TEST(HS_26_a_request_uses_http_1_1_where_it_is_required) {
  begin(_i == 0);
  serve();
  visit_open(0, "/echo");
  request_start(1, "/http1");
  visit_opened(1);
  ck_assert_int_eq(visits[1].status, 200);
  request_start(2, "/http1"); /* remembered */
  visit_opened(2);
  ck_assert_int_eq(edge.requests, 4);
  visit_open(3, "/echo"); /* requests apart from WebSockets */
  ck_assert_int_eq(h2ws_conn_http(visits[3].conn), H2WS_HTTP_2);
  end();
}
END_TEST

/* HTTP/1.1 carries no byte stream of CONNECT: that is told, and not tried. */
START_TEST(a_connect_needs_http_2) {
  h2ws_request request = {.size = sizeof(request)};
  begin(_i == 0);
  edge.options.conn.http = H2WS_HTTP_1_1;
  serve();
  request.protocol = "raw";
  ck_assert_int_eq(
    h2ws_pool_open_stream(pool, &visits[0].opening, url_of("http", "/echo"),
                          &client, &request, &stream_callbacks, &visits[0]),
    0);
  visit_ended(0);
  ck_assert_int_eq(visits[0].error, H2WS_ERR_HTTP_1_1);
  ck_assert_int_eq(visits[0].opened, 0);
  ck_assert_int_eq(edge.requests, 0);
  EDGE_UNTIL(&edge, h2ws_pool_conns(pool) == 0);
  end();
}
END_TEST

static void see_http1(struct edge *it) {
  if (h2ws_conn_http(it->conn) == H2WS_HTTP_1_1) {
    it->messages++;
  }
}

/* Our server without the setting takes no upgrade either: it is asked. */
START_TEST(without_the_setting_http_1_1_is_asked) {
  begin(_i == 0);
  edge.options.conn.enable_connect_protocol = false;
  edge.on_request = see_http1;
  serve();
  request_start(0, "/");
  visit_start(1, "/echo");
  EDGE_UNTIL(&edge, edge.requests == 2);
  ck_assert_int_eq(edge.messages, 1);
  ck_assert_int_eq(visits[1].closed, 0);
  ck_assert_int_eq(edge.conns, 3);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Failure and the end
 */

START_TEST(all_that_wait_hear_that_it_failed) {
  int i;
  begin(true);
  serve();
  h2ws_server_free(edge.server);
  edge.server = NULL;
  for (i = 0; i < 3; i++) {
    visit_start(i, "/echo");
  }
  for (i = 0; i < 3; i++) {
    visit_ended(i);
    ck_assert_int_eq(visits[i].error, H2WS_ERR_CONNECT);
    ck_assert(!visits[i].had_socket);
  }
  ck_assert_uint_eq(h2ws_pool_conns(pool), 0);
  end();
}
END_TEST

/* At once, what cannot even be copied. */
START_TEST(what_is_missing_is_refused) {
  static const h2ws_header fields[] = {{NULL, "value"}, {"name", NULL}};
  h2ws_request request = {.size = sizeof(request)};
  request.headers = _i == 2 ? NULL : &fields[_i];
  request.headers_len = 1;
  begin(true);
  serve();
  ck_assert_int_eq(h2ws_pool_open_socket(pool, NULL, url_of("ws", "/echo"),
                                         NULL, &request, NULL, &callbacks,
                                         NULL),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_pool_open_socket(pool, NULL, "ws://localhost:0/", NULL,
                                         NULL, NULL, &callbacks, NULL),
                   H2WS_ERR_URL);
  end();
}
END_TEST

START_TEST(what_cannot_be_asked_fails) {
  static const h2ws_header bad = {"Connection", "upgrade"};
  h2ws_request request = {.size = sizeof(request)};
  request.headers = &bad;
  request.headers_len = 1;
  begin(true);
  serve();
  ck_assert_int_eq(h2ws_pool_open_socket(pool, NULL, "gopher://localhost/",
                                         NULL, NULL, NULL, &callbacks, NULL),
                   H2WS_ERR_URL);
  client.own_connection = _i == 0;
  ck_assert_int_eq(h2ws_pool_open_socket(pool, NULL, url_of("ws", "/echo"),
                                         &client, &request, NULL, &callbacks,
                                         &visits[0]),
                   0);
  visit_ended(0);
  ck_assert_int_eq(visits[0].error, H2WS_ERR_HEADER);
  ck_assert(!visits[0].had_socket);
  visit_open(1, "/echo");
  end();
}
END_TEST

/* 0: before anything happened; 1: while it connects; 2: without an answer. */
START_TEST(an_opening_can_be_cancelled) {
  begin(true);
  serve();
  visit_start(0, "/wait");
  if (_i == 1) {
    EDGE_UNTIL(&edge, h2ws_pool_conns(pool) == 1);
  } else if (_i == 2) {
    EDGE_UNTIL(&edge, edge.waiting != NULL);
  }
  h2ws_opening_cancel(visits[0].opening);
  visit_ended(0);
  ck_assert_int_eq(visits[0].cls, H2WS_CLOSE_ABORTED);
  ck_assert_uint_eq(h2ws_pool_conns(pool), _i == 2 ? 1 : 0);
  visit_open(1, "/echo");
  end();
}
END_TEST

START_TEST(others_that_wait_for_it_stay) {
  begin(true);
  serve();
  visit_start(0, "/echo");
  visit_start(1, "/echo");
  EDGE_UNTIL(&edge, h2ws_pool_conns(pool) == 1);
  h2ws_opening_cancel(visits[0].opening);
  visit_opened(1);
  ck_assert_int_eq(visits[0].closed, 1);
  ck_assert_int_eq(edge.conns, 1);
  end();
}
END_TEST

START_TEST(freeing_it_ends_all) {
  int i;
  begin(true);
  edge.options.conn.max_streams = 2;
  serve();
  visit_open(0, "/echo");
  visit_start(1, "/wait");
  EDGE_UNTIL(&edge, edge.waiting != NULL);
  visit_start(2, "/echo"); /* waits for a stream */
  visit_echo(0);
  client.insecure = true;
  visit_start(3, "/echo"); /* for nobody yet */
  h2ws_pool_free(pool);
  pool = NULL;
  for (i = 0; i < 4; i++) {
    ck_assert_int_eq(visits[i].closed, 1);
    ck_assert_int_eq(visits[i].cls, H2WS_CLOSE_ABORTED);
  }
  end();
}
END_TEST

/* From on_open; from on_close of what cannot be asked; of what was refused. */
START_TEST(it_can_be_freed_from_inside) {
  int i;
  begin(true);
  edge.options.conn.http = _i == 3 ? H2WS_HTTP_1_1 : H2WS_HTTP_ANY;
  serve();
  for (i = 0; i < 3; i++) {
    visit_start(i, i > 0 || _i % 3 == 0 ? "/echo" : "/never");
  }
  visits[0].free_pool = true;
  if (_i == 2) {
    edge_stop(&edge); /* no connection at all */
  }
  for (i = 0; i < 3; i++) {
    visit_ended(i);
  }
  ck_assert_ptr_null(pool);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("pool");
  TCase *sharing = tcase_create("sharing");
  TCase *again = tcase_create("again");
  TCase *ends = tcase_create("ends");
  tcase_set_timeout(sharing, 30);
  tcase_set_timeout(again, 30);
  tcase_set_timeout(ends, 30);
  tcase_add_loop_test(sharing, a_hundred_at_once_share_one_connection, 0, 2);
  tcase_add_loop_test(sharing, requests_share_it_too, 0, 2);
  tcase_add_test(sharing, it_is_used_again);
  tcase_add_loop_test(sharing, other_options_are_not_shared, 0, 4);
  tcase_add_test(sharing, interop_39_one_may_have_its_own);
  tcase_add_loop_test(sharing, a_given_descriptor_is_not_shared, 0, 2);
  tcase_add_loop_test(sharing, nothing_open_ends_it, 0, 2);
  tcase_add_test(sharing, interop_38_at_the_limit_they_wait);
  tcase_add_loop_test(sharing, interop_38_at_the_limit_they_spill, 0, 2);
  tcase_add_loop_test(
    again, interop_56_after_goaway_they_go_to_a_new_connection, 0, 2);
  tcase_add_loop_test(again, interop_57_without_ids_they_go_to_a_new_connection,
                      0, 2);
  tcase_add_loop_test(again, those_that_waited_go_there_too, 0, 3);
  tcase_add_test(again, F_45_a_misdirected_one_gets_its_own);
  tcase_add_test(again, a_misdirected_request_gets_its_own);
  tcase_add_test(again, misdirected_on_its_own_is_refused);
  tcase_add_loop_test(again, tries_are_bounded, 0, 3);
  tcase_add_loop_test(again, HS_26_http_1_1_is_used_where_it_is_required, 0, 2);
  tcase_add_test(again, http_1_1_is_not_used_against_the_options);
  tcase_add_loop_test(again, http_1_1_is_never_shared, 0, 2);
  tcase_add_loop_test(again, requests_fall_back_too, 0, 2);
  tcase_add_loop_test(again, HS_26_a_request_uses_http_1_1_where_it_is_required,
                      0, 2);
  tcase_add_loop_test(again, a_connect_needs_http_2, 0, 2);
  tcase_add_loop_test(again, without_the_setting_http_1_1_is_asked, 0, 2);
  tcase_add_test(ends, all_that_wait_hear_that_it_failed);
  tcase_add_loop_test(ends, what_is_missing_is_refused, 0, 3);
  tcase_add_loop_test(ends, what_cannot_be_asked_fails, 0, 2);
  tcase_add_loop_test(ends, an_opening_can_be_cancelled, 0, 3);
  tcase_add_test(ends, others_that_wait_for_it_stay);
  tcase_add_test(ends, freeing_it_ends_all);
  tcase_add_loop_test(ends, it_can_be_freed_from_inside, 0, 4);
  suite_add_tcase(suite, sharing);
  suite_add_tcase(suite, again);
  suite_add_tcase(suite, ends);
  return suite;
}
