/* HTTP/1.1 at the edge: who speaks it, who falls back to it, and how often. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "h1/key.h"
#include "tests/io/support/certs.h"
#include "tests/io/support/raw.h"
#include "tests/support/suite.h"
#include "tests/support/text.h"

#define ALPN_HTTP_1_1 "\x08http/1.1"

static struct edge edge;
static struct guest guest;
static struct raw raw;

/* A request, and what came back. */
static struct {
  h2ws_stream *stream;
  char body[64];
  size_t len;
  int status;
  int closed;
  int error;
} asked;

static void begin(bool cleartext) {
  certs_begin();
  certs_make_simple("server", NULL, "DNS:localhost,IP:127.0.0.1");
  memset(&raw, 0, sizeof(raw));
  memset(&asked, 0, sizeof(asked));
  raw.pem = certs_file("server");
  edge_begin(&edge);
  edge.options.cleartext = cleartext;
  edge.options.cert_file = certs_file("server");
  guest_init(&guest, &edge);
  guest.options.ca_file = certs_file("server");
  guest.options.conn.http = H2WS_HTTP_ANY;
}

static void end(void) {
  h2ws_client_free(guest.client);
  edge_end(&edge);
  certs_end();
}

/* ------------------------------------------------------------------------
 * A server of ours
 */

#define DOWNLOAD ((size_t)128 << 20)

static size_t written;

static void write_all_there_is(h2ws_stream *stream, void *user) {
  static const uint8_t zeros[65536];
  (void)user;
  while (written < DOWNLOAD && h2ws_stream_is_writable(stream)) {
    ck_assert_int_eq(h2ws_stream_write(stream, zeros, sizeof(zeros)), 0);
    written += sizeof(zeros);
  }
  if (written == DOWNLOAD) {
    (void)h2ws_stream_shutdown(stream);
  }
}

static const h2ws_stream_callbacks download_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_writable = write_all_there_is,
};

static void download(struct raw *peer) {
  static const char request[] = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";
  size_t all = 0;
  raw_dial(peer);
  (void)raw_write(peer, request, sizeof(request) - 1);
  while (all < DOWNLOAD) {
    ssize_t n = recv(peer->fd, peer->buf, sizeof(peer->buf), 0);
    if (n <= 0) {
      break;
    }
    all += (size_t)n;
  }
  peer->step = all >= DOWNLOAD;
  raw_hang_up(peer);
}

/* Its bytes are sent as fast as they come: the others want a turn as well. */
START_TEST(a_fast_reader_does_not_keep_the_loop) {
  size_t most = 0;
  begin(true);
  written = 0;
  edge_serve(&edge);
  raw_start(&raw, download, edge_port(&edge));
  EDGE_UNTIL(&edge, edge.waiting);
  ck_assert_int_eq(
    h2ws_stream_accept(edge.waiting, NULL, 0, &download_callbacks, NULL), 0);
  write_all_there_is(edge.waiting, NULL);
  while (written < DOWNLOAD) {
    size_t before = written;
    edge_turn(&edge);
    most = written - before > most ? written - before : most;
  }
  ck_assert_uint_le(most, (size_t)3 << 20);
  raw_join(&raw, &edge);
  ck_assert_int_eq(raw.step, 1);
  end();
}
END_TEST

static void upgrade(struct raw *peer) {
  static const char request[] = TEST_UPGRADE "\r\n";
  raw_dial(peer);
  if (peer->pem != NULL) {
    raw_tls(peer, false);
  }
  (void)raw_write(peer, request, sizeof(request) - 1);
  raw_read_until(peer, 12);
  raw_hang_up(peer);
}

static void expect_upgrade(void) {
  edge_serve(&edge);
  raw_start(&raw, upgrade, edge_port(&edge));
  raw_join(&raw, &edge);
  ck_assert_mem_eq(raw.buf, "HTTP/1.1 101", 12);
  EDGE_UNTIL(&edge, edge.socket_closes);
  ck_assert_int_eq(edge.socket_cls, H2WS_CLOSE_LOST);
}

START_TEST(T_02_http_1_1_is_served_where_alpn_chooses_it) {
  static const char *const offers[] = {ALPN_HTTP_1_1, "",
                                       "\x03"
                                       "foo" ALPN_HTTP_1_1};
  begin(false);
  raw.alpn = offers[_i];
  expect_upgrade();
  end();
}
END_TEST

START_TEST(T_02_http_1_1_is_served_in_cleartext) {
  begin(true);
  raw.pem = NULL;
  expect_upgrade();
  end();
}
END_TEST

static void handshake(struct raw *peer) {
  raw_dial(peer);
  raw_tls(peer, false);
  raw_read_all(peer);
}

START_TEST(T_03_an_http_2_server_takes_nothing_else) {
  begin(false);
  edge.options.conn.http = H2WS_HTTP_2;
  raw.alpn = _i == 0 ? ALPN_HTTP_1_1 : "";
  edge_serve(&edge);
  raw_start(&raw, handshake, edge_port(&edge));
  raw_join(&raw, &edge);
  EDGE_UNTIL(&edge, edge.conn_errors);
  ck_assert_int_eq(edge.conn_error, H2WS_ERR_ALPN);
  ck_assert_int_eq(edge.conns, 0);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Both sides of ours
 */

static void visit_and_leave(h2ws_http expected) {
  guest_visit(&guest, edge.options.cleartext ? "ws" : "wss", "localhost",
              "/echo");
  guest_echo(&guest, "hello");
  ck_assert_int_eq(guest.http, expected);
  ck_assert_int_eq(guest.connected, 1);
  guest_leave(&guest);
  ck_assert_int_eq(guest.socket_cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(guest.code, 1000);
}

/* Bit 0: in cleartext; the rest: what server and client want. */
START_TEST(T_02_interop_26_both_sides_agree) {
  static const struct {
    h2ws_http server;
    h2ws_http client;
    h2ws_http agreed;
  } rows[] = {
    {H2WS_HTTP_ANY, H2WS_HTTP_ANY, H2WS_HTTP_2},
    {H2WS_HTTP_ANY, H2WS_HTTP_2, H2WS_HTTP_2},
    {H2WS_HTTP_ANY, H2WS_HTTP_1_1, H2WS_HTTP_1_1},
    {H2WS_HTTP_2, H2WS_HTTP_ANY, H2WS_HTTP_2},
    {H2WS_HTTP_1_1, H2WS_HTTP_ANY, H2WS_HTTP_1_1},
    {H2WS_HTTP_1_1, H2WS_HTTP_1_1, H2WS_HTTP_1_1},
  };
  bool cleartext = (_i & 1) != 0;
  begin(cleartext);
  edge.options.conn.http = rows[_i / 2].server;
  guest.options.conn.http = rows[_i / 2].client;
  edge_serve(&edge);
  visit_and_leave(rows[_i / 2].agreed);
  end();
}
END_TEST

START_TEST(T_03_no_common_version_is_an_error) {
  begin(false);
  edge.options.conn.http = H2WS_HTTP_2;
  guest.options.conn.http = H2WS_HTTP_1_1;
  edge_serve(&edge);
  guest_visit(&guest, "wss", "localhost", "/echo");
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.error, H2WS_ERR_ALPN);
  end();
}
END_TEST

START_TEST(an_unread_socket_holds_the_peer_back) {
  enum { SIZE = 1 << 20, COUNT = 12 };
  char *text = malloc(SIZE + 1);
  int i;
  ck_assert_ptr_nonnull(text);
  memset(text, 'a', SIZE);
  text[SIZE] = '\0';
  begin(_i == 0);
  guest.options.conn.http = H2WS_HTTP_1_1;
  guest.options.conn.high_water = (size_t)COUNT * SIZE * 2;
  edge_serve(&edge);
  guest_visit(&guest, _i == 0 ? "ws" : "wss", "localhost", "/echo");
  guest_echo(&guest, "ready");
  ck_assert_int_eq(h2ws_socket_pause(edge.socket), 0);
  for (i = 0; i < COUNT; i++) {
    guest_send(&guest, text);
  }
  for (i = 0; i < 50; i++) {
    edge_turn(&edge);
  }
  /* What the kernel holds, and a window: the rest is still here. */
  ck_assert_uint_gt(h2ws_socket_queued(guest.socket), SIZE);
  ck_assert_int_eq(edge.messages, 1);
  ck_assert_int_eq(guest.closed, 0);
  ck_assert_int_eq(h2ws_socket_resume(edge.socket), 0);
  EDGE_UNTIL(&edge, guest.messages == COUNT + 1);
  ck_assert_uint_eq(guest.len, (size_t)COUNT * SIZE + 5);
  guest_leave(&guest);
  end();
  free(text);
}
END_TEST

/* ------------------------------------------------------------------------
 * Falling back
 */

/* Reads a request and answers 101, then echoes nothing and waits. */
static void answer_upgrade(struct raw *peer) {
  char accept[H2WS__H1_ACCEPT_LEN + 1];
  char head[256];
  const char *key = NULL;
  peer->len = 0;
  do {
    if (raw_read(peer) <= 0) {
      return;
    }
    peer->buf[peer->len] = '\0';
  } while (strstr((const char *)peer->buf, "\r\n\r\n") == NULL);
  key = strstr((const char *)peer->buf, "Sec-WebSocket-Key: ");
  if (key == NULL) {
    return;
  }
  h2ws__h1_accept(accept, key + strlen("Sec-WebSocket-Key: "));
  (void)snprintf(head, sizeof(head),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
                 "\x81\x02hi",
                 accept);
  (void)raw_write(peer, head, strlen(head));
  raw_read_all(peer);
}

static void next_connection(struct raw *peer) {
  raw_hang_up(peer);
  peer->len = 0;
  raw_accept(peer);
  peer->step++;
}

/* The same over TLS, whose ALPN now chooses HTTP/1.1. */
static void next_by_http_1_1(struct raw *peer) {
  SSL_CTX_free(peer->ctx);
  peer->ctx = NULL;
  peer->alpn = ALPN_HTTP_1_1;
  next_connection(peer);
  raw_tls(peer, true);
}

static void connect_any(const char *scheme) {
  char url[128];
  (void)snprintf(url, sizeof(url), "%s://localhost:%d/", scheme, raw.port);
  guest_connect(&guest, url);
}

static void expect_http_1_1(void) {
  EDGE_UNTIL(&edge, guest.messages || guest.closed);
  ck_assert_msg(guest.messages == 1, "%s", guest.detail);
  ck_assert_int_eq(guest.http, H2WS_HTTP_1_1);
  ck_assert_int_eq(guest.connected, 1);
  h2ws_client_free(guest.client);
  guest.client = NULL;
}

/* HTTP/2 without ENABLE_CONNECT_PROTOCOL, then HTTP/1.1. */
static void lack_the_setting(struct raw *peer) {
  raw_accept(peer);
  peer->step++;
  peer->alpn = "\x02h2" ALPN_HTTP_1_1;
  raw_tls(peer, true);
  (void)raw_write(peer, RAW_SETTINGS, 9);
  raw_read_all(peer);
  next_by_http_1_1(peer);
  answer_upgrade(peer);
  next_connection(peer); /* the origin is remembered */
  raw_tls(peer, true);
  answer_upgrade(peer);
}

START_TEST(W_06_interop_04_interop_06_interop_07_interop_08_interop_17) {
  begin(false);
  raw_start_server(&raw, lack_the_setting);
  connect_any("wss");
  expect_http_1_1();
  ck_assert_int_eq(raw.step, 2);
  guest.messages = 0;
  guest.connected = 0;
  guest.closed = 0;
  connect_any("wss");
  expect_http_1_1();
  raw_join(&raw, &edge);
  ck_assert_int_eq(raw.step, 3);
  end();
}
END_TEST

/* GOAWAY(HTTP_1_1_REQUIRED), before any request or behind the first. */
#define GOAWAY_HTTP_1_1 "\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\15"
#define SETTINGS_CONNECT "\0\0\6\4\0\0\0\0\0\0\10\0\0\0\1"

static void want_http_1_1(struct raw *peer) {
  raw_accept(peer);
  peer->step++;
  peer->alpn = "\x02h2" ALPN_HTTP_1_1;
  raw_tls(peer, true);
  if (peer->input == NULL) {
    (void)raw_write(peer, RAW_SETTINGS GOAWAY_HTTP_1_1, 9 + 17);
  } else {
    (void)raw_write(peer, SETTINGS_CONNECT, 15);
    raw_read_until(peer, sizeof(RAW_PREFACE) - 1);
    peer->len -= sizeof(RAW_PREFACE) - 1;
    memmove(peer->buf, peer->buf + sizeof(RAW_PREFACE) - 1, peer->len);
    while (raw_find_frame(peer, 1) == NULL && raw_read(peer) > 0) {
    }
    (void)raw_write(peer, GOAWAY_HTTP_1_1, 17);
  }
  raw_read_all(peer);
  next_by_http_1_1(peer);
  answer_upgrade(peer);
}

START_TEST(F_32_HS_26_a_goaway_may_ask_for_http_1_1) {
  begin(false);
  raw.input = _i == 0 ? NULL : "a request first";
  raw_start_server(&raw, want_http_1_1);
  connect_any("wss");
  if (_i == 1) { /* announced already: told, and right the next time */
    EDGE_UNTIL(&edge, guest.closed);
    ck_assert_int_eq(guest.socket_error, H2WS_ERR_HTTP_1_1);
    h2ws_client_free(guest.client);
    guest.connected = 0;
    guest.closed = 0;
    connect_any("wss");
  }
  expect_http_1_1();
  raw_join(&raw, &edge);
  ck_assert_int_eq(raw.step, 2);
  end();
}
END_TEST

static void answer_the_preface(struct raw *peer) {
  static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
  raw_accept(peer);
  peer->step++;
  (void)raw_read(peer);
  if (peer->input == NULL) {
    (void)raw_write(peer, answer, sizeof(answer) - 1);
  }
  next_connection(peer);
  answer_upgrade(peer);
}

START_TEST(a_cleartext_server_of_http_1_1_gets_an_upgrade) {
  begin(true);
  raw.input = _i == 0 ? NULL : "it just leaves";
  raw_start_server(&raw, answer_the_preface);
  connect_any("ws");
  expect_http_1_1();
  raw_join(&raw, &edge);
  ck_assert_int_eq(raw.step, 2);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Ordinary requests fall back too
 */

static void on_answer(h2ws_stream *stream, void *user) {
  (void)user;
  asked.status = h2ws_stream_status(stream);
}

static void on_body(h2ws_stream *stream, void *user) {
  h2ws_ssize n;
  (void)user;
  while ((n = h2ws_stream_read(stream, asked.body + asked.len,
                               sizeof(asked.body) - asked.len)) > 0) {
    asked.len += (size_t)n;
  }
}

static void on_answer_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  (void)stream;
  (void)user;
  asked.stream = NULL;
  asked.error = info->error;
  asked.closed++;
}

static const h2ws_stream_callbacks answer_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_open = on_answer,
  .on_readable = on_body,
  .on_close = on_answer_close,
};

static void ask(const char *method, const char *path) {
  h2ws_request request = {.size = sizeof(request)};
  memset(&asked, 0, sizeof(asked));
  request.method = method;
  request.authority = h2ws_client_authority(guest.client);
  request.path = path;
  request.end = strcmp(method, "GET") == 0;
  ck_assert_int_eq(h2ws_stream_open(h2ws_client_conn(guest.client),
                                    &asked.stream, &request, &answer_callbacks,
                                    NULL),
                   0);
}

static void expect_answer(int status, const char *body) {
  EDGE_UNTIL(&edge, asked.closed);
  ck_assert_int_eq(asked.error, 0);
  ck_assert_int_eq(asked.status, status);
  ck_assert_uint_eq(asked.len, strlen(body));
  ck_assert_mem_eq(asked.body, body, asked.len);
}

static void wait_for_http(h2ws_http http) {
  EDGE_UNTIL(&edge, guest.connected || guest.closed);
  ck_assert_msg(guest.connected == 1, "%s", guest.detail);
  ck_assert_int_eq(guest.http, http);
}

START_TEST(requests_fall_back_to_http_1_1) {
  begin(_i == 0);
  edge.options.conn.http = H2WS_HTTP_1_1;
  edge_serve(&edge);
  guest.no_socket = true;
  guest_visit(&guest, _i == 0 ? "http" : "https", "localhost", "/");
  wait_for_http(H2WS_HTTP_1_1);
  ask("GET", "/");
  expect_answer(404, "not here");
  ask("GET", "/nowhere"); /* on the same connection */
  expect_answer(404, "not here");
  ck_assert_int_eq(edge.requests, 2);
  guest_leave(&guest);
  end();
}
END_TEST

/* The body before the answer, and some of it behind. */
START_TEST(a_body_goes_in_chunks) {
  h2ws_stream *served = NULL;
  char got[16];
  begin(_i == 0);
  edge.options.conn.http = H2WS_HTTP_1_1;
  edge_serve(&edge);
  guest.no_socket = true;
  guest_visit(&guest, _i == 0 ? "http" : "https", "localhost", "/");
  wait_for_http(H2WS_HTTP_1_1);
  ask("POST", "/wait");
  ck_assert_int_eq(h2ws_stream_write(asked.stream, "ping", 4), 0);
  EDGE_UNTIL(&edge, edge.waiting != NULL);
  served = edge.waiting;
  ck_assert_int_eq(h2ws_stream_accept(served, NULL, 0, NULL, NULL), 0);
  ck_assert_int_eq(h2ws_stream_write(served, "pong", 4), 0);
  EDGE_UNTIL(&edge, asked.len == 4);
  ck_assert_int_eq(h2ws_stream_write(asked.stream, "more", 4), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(asked.stream), 0);
  EDGE_UNTIL(&edge, h2ws_stream_get_state(served) == H2WS_STREAM_HALF_REMOTE);
  ck_assert_int_eq(h2ws_stream_read(served, got, sizeof(got)), 8);
  ck_assert_mem_eq(got, "pingmore", 8);
  ck_assert_int_eq(h2ws_stream_shutdown(served), 0);
  expect_answer(200, "pong");
  guest_leave(&guest);
  end();
}
END_TEST

static void answer_request(struct raw *peer) {
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
  peer->len = 0;
  do {
    if (raw_read(peer) <= 0) {
      return;
    }
    peer->buf[peer->len] = '\0';
  } while (strstr((const char *)peer->buf, "\r\n\r\n") == NULL);
  (void)raw_write(peer, answer, sizeof(answer) - 1);
  raw_read_all(peer);
}

static void only_http_1_1(struct raw *peer) {
  raw_accept(peer);
  peer->alpn = ALPN_HTTP_1_1;
  raw_tls(peer, true);
  answer_request(peer);
}

/* It answers the preface with 400, or just leaves. */
static void only_http_1_1_in_cleartext(struct raw *peer) {
  static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
  raw_accept(peer);
  (void)raw_read(peer);
  if (peer->input == NULL) {
    (void)raw_write(peer, answer, sizeof(answer) - 1);
  }
  next_connection(peer);
  answer_request(peer);
}

static void require_http_1_1(struct raw *peer) {
  raw_accept(peer);
  peer->alpn = "\x02h2" ALPN_HTTP_1_1;
  raw_tls(peer, true);
  (void)raw_write(peer, RAW_SETTINGS GOAWAY_HTTP_1_1, 9 + 17);
  raw_read_all(peer);
  next_by_http_1_1(peer);
  answer_request(peer);
}

START_TEST(a_server_of_http_1_1_gets_a_request) {
  static void (*const scripts[])(struct raw *) = {
    only_http_1_1, only_http_1_1_in_cleartext, only_http_1_1_in_cleartext,
    require_http_1_1};
  bool secure = _i == 0 || _i == 3;
  begin(!secure);
  raw.input = _i == 2 ? "it just leaves" : NULL;
  guest.no_socket = true;
  raw_start_server(&raw, scripts[_i]);
  connect_any(secure ? "https" : "http");
  if (_i == 3) { /* announced with the SETTINGS before: right the next time */
    EDGE_UNTIL(&edge, guest.closed);
    h2ws_client_free(guest.client);
    guest.connected = 0;
    guest.closed = 0;
    connect_any("https");
  }
  wait_for_http(H2WS_HTTP_1_1);
  ask("GET", "/page");
  expect_answer(200, "hi");
  guest_leave(&guest);
  raw_join(&raw, &edge);
  ck_assert_mem_eq(raw.buf, "GET /page HTTP/1.1\r\nHost: localhost", 35);
  end();
}
END_TEST

/* What takes no WebSockets by HTTP/2 still takes requests by it. */
START_TEST(requests_stay_with_http_2_where_websockets_fall_back) {
  begin(_i == 0);
  edge.options.conn.enable_connect_protocol = false;
  edge_serve(&edge);
  guest.no_socket = true;
  guest_visit(&guest, _i == 0 ? "ws" : "wss", "localhost", "/");
  wait_for_http(H2WS_HTTP_1_1);
  guest_leave(&guest);
  guest.connected = 0;
  guest.closed = 0;
  guest_visit(&guest, _i == 0 ? "http" : "https", "localhost", "/");
  wait_for_http(H2WS_HTTP_2);
  ask("GET", "/");
  expect_answer(404, "not here");
  guest_leave(&guest);
  end();
}
END_TEST

static void always_leave(struct raw *peer) {
  struct timeval tv = {0, 300000};
  (void)setsockopt(peer->listener, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
  for (;;) {
    int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
      return;
    }
    peer->step++;
    (void)recv(fd, peer->buf, sizeof(peer->buf), 0);
    (void)close(fd);
  }
}

START_TEST(interop_05_there_is_one_fallback_and_no_more) {
  begin(true);
  raw_start_server(&raw, always_leave);
  connect_any("ws");
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.socket_closed, 1);
  ck_assert_int_eq(guest.socket_error, H2WS_ERR_LOST);
  raw_join(&raw, &edge);
  ck_assert_int_eq(raw.step, 2);
  end();
}
END_TEST

static void only_listen(struct raw *peer) {
  raw_accept(peer);
  raw_read_all(peer);
}

START_TEST(interop_09_one_deadline_holds_for_all_of_it) {
  h2ws_time before = edge_now();
  begin(true);
  raw_start_server(&raw, only_listen);
  guest.options.connect_timeout_ms = 200;
  connect_any("ws");
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.error, H2WS_ERR_TIMEOUT);
  ck_assert_int_eq(guest.connected, 0);
  ck_assert(edge_now() - before < 5000 * H2WS_MS);
  h2ws_client_free(guest.client);
  guest.client = NULL;
  raw_join(&raw, &edge);
  end();
}
END_TEST

START_TEST(a_client_can_be_freed_while_it_waits) {
  begin(true);
  raw_start_server(&raw, only_listen);
  connect_any("ws");
  EDGE_UNTIL(&edge, h2ws_client_conn(guest.client) != NULL);
  ck_assert_int_eq(guest.connected, 0);
  h2ws_client_free(guest.client);
  guest.client = NULL;
  ck_assert_int_eq(guest.closed, 1);
  ck_assert_int_eq(guest.cls, H2WS_CLOSE_ABORTED);
  raw_join(&raw, &edge);
  end();
}
END_TEST

START_TEST(a_given_descriptor_is_not_opened_again) {
  int fds[2];
  begin(true);
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  guest.options.fd = fds[1];
  guest_connect(&guest, "ws://localhost/");
  (void)close(fds[0]);
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.error, H2WS_ERR_UNSUPPORTED);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/http1");
  TCase *tc = tcase_create("server");
  tcase_add_loop_test(tc, T_02_http_1_1_is_served_where_alpn_chooses_it, 0, 3);
  tcase_add_test(tc, T_02_http_1_1_is_served_in_cleartext);
  tcase_add_loop_test(tc, T_03_an_http_2_server_takes_nothing_else, 0, 2);
  tcase_add_test(tc, a_fast_reader_does_not_keep_the_loop);
  suite_add_tcase(suite, tc);
  tc = tcase_create("both");
  tcase_add_loop_test(tc, T_02_interop_26_both_sides_agree, 0, 12);
  tcase_add_test(tc, T_03_no_common_version_is_an_error);
  tcase_add_loop_test(tc, an_unread_socket_holds_the_peer_back, 0, 2);
  suite_add_tcase(suite, tc);
  tc = tcase_create("fallback");
  tcase_add_test(tc,
                 W_06_interop_04_interop_06_interop_07_interop_08_interop_17);
  tcase_add_loop_test(tc, F_32_HS_26_a_goaway_may_ask_for_http_1_1, 0, 2);
  tcase_add_loop_test(tc, a_cleartext_server_of_http_1_1_gets_an_upgrade, 0, 2);
  tcase_add_loop_test(tc, requests_fall_back_to_http_1_1, 0, 2);
  tcase_add_loop_test(tc, a_body_goes_in_chunks, 0, 2);
  tcase_add_loop_test(tc, a_server_of_http_1_1_gets_a_request, 0, 4);
  tcase_add_loop_test(tc, requests_stay_with_http_2_where_websockets_fall_back,
                      0, 2);
  tcase_add_test(tc, interop_05_there_is_one_fallback_and_no_more);
  tcase_add_test(tc, interop_09_one_deadline_holds_for_all_of_it);
  tcase_add_test(tc, a_client_can_be_freed_while_it_waits);
  tcase_add_test(tc, a_given_descriptor_is_not_opened_again);
  suite_add_tcase(suite, tc);
  return suite;
}
