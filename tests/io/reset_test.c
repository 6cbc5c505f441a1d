/*
 * Peers that say their last words and reset the connection: what they said is
 * heard, though sending fails (RFC 9112 section 9.6, RFC 9113 section 6.8).
 */
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/io/support/raw.h"
#include "tests/support/suite.h"

#define REFUSAL                                                                \
  "HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n"                    \
  "Connection: close\r\n\r\ntoo long"
#define GOAWAY_CALM "\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\13"

static struct edge edge;
static struct guest guest;
static struct raw raw;

/* What became of the upload. */
static struct {
  int status;
  int closed;
  h2ws_close_class cls;
  char body[16];
} upload;

static void on_open(h2ws_stream *stream, void *user) {
  (void)user;
  upload.status = h2ws_stream_status(stream);
}

static void on_readable(h2ws_stream *stream, void *user) {
  uint8_t *data = NULL;
  h2ws_ssize n = h2ws_stream_peek(stream, &data);
  (void)user;
  if (n > 0) {
    (void)snprintf(upload.body, sizeof(upload.body), "%.*s", (int)n, data);
    (void)h2ws_stream_consume(stream, (size_t)n);
  }
}

static void on_close(h2ws_stream *stream, const h2ws_close_info *info,
                     void *user) {
  (void)stream;
  (void)user;
  upload.closed++;
  upload.cls = info->cls;
}

static const h2ws_stream_callbacks callbacks = {
  .size = sizeof(callbacks),
  .on_open = on_open,
  .on_readable = on_readable,
  .on_close = on_close,
};

/* Closing with bytes unread resets the connection. */
static void speak_and_reset(struct raw *peer) {
  raw_accept(peer);
  (void)recv(peer->fd, peer->buf, 2, 0);
  if (memcmp(peer->buf, RAW_PREFACE, 2) == 0) {
    (void)raw_write(peer, RAW_SETTINGS RAW_ACK, 18);
  }
  raw_wait_step(peer, 1);
  (void)raw_write(peer, peer->input, peer->input_len);
  raw_hang_up(peer);
  peer->step = 2;
}

static void begin(const char *words, size_t len) {
  memset(&raw, 0, sizeof(raw));
  memset(&upload, 0, sizeof(upload));
  edge_begin(&edge);
  guest_init(&guest, &edge);
  guest.no_socket = true;
  raw.input = words;
  raw.input_len = len;
  raw_start_server(&raw, speak_and_reset);
}

static void connect_to_raw(void) {
  char url[64];
  (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", raw.port);
  guest_connect(&guest, url);
  EDGE_UNTIL(&edge, guest.connected);
}

/* The reset is there before the loop turns again. */
static void wait_for_reset(void) {
  raw.step = 1;
  raw_wait_step(&raw, 2);
  ck_assert_int_eq(raw.step, 2);
}

static void end(void) {
  h2ws_client_free(guest.client);
  raw_join(&raw, &edge);
  edge_end(&edge);
}

/* 0: while the socket is full, 1: while there was nothing to send. */
START_TEST(a_refusal_of_an_upload_is_heard) {
  static const char content[64 * 1024];
  h2ws_request request = {.size = sizeof(request)};
  h2ws_stream *stream = NULL;
  size_t queued = 0;
  int turns = 0;
  begin(REFUSAL, sizeof(REFUSAL) - 1);
  guest.options.conn.http = H2WS_HTTP_1_1;
  connect_to_raw();
  request.method = "POST";
  request.authority = "localhost";
  request.path = "/";
  ck_assert_int_eq(h2ws_stream_open(h2ws_client_conn(guest.client), &stream,
                                    &request, &callbacks, NULL),
                   0);
  while (turns < 10) {
    turns = h2ws_stream_queued(stream) == queued ? turns + 1 : 0;
    queued = h2ws_stream_queued(stream);
    while (_i == 0 &&
           h2ws_stream_write(stream, content, sizeof(content)) == 0) {
    }
    edge_turn(&edge);
  }
  wait_for_reset();
  (void)h2ws_stream_write(stream, content, 10);
  EDGE_UNTIL(&edge, upload.closed && guest.closed);
  ck_assert_int_eq(upload.status, 413);
  ck_assert_str_eq(upload.body, "too long");
  ck_assert_int_eq(upload.cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

START_TEST(F_30_a_goaway_before_a_reset_is_heard) {
  static const char words[] = GOAWAY_CALM;
  h2ws_request request = {.size = sizeof(request)};
  h2ws_stream *stream = NULL;
  begin(words, sizeof(words) - 1);
  connect_to_raw();
  EDGE_UNTIL(&edge, h2ws_conn_is_ready(h2ws_client_conn(guest.client)));
  wait_for_reset();
  request.method = "GET";
  request.authority = "localhost";
  request.path = "/";
  request.end = true;
  ck_assert_int_eq(h2ws_stream_open(h2ws_client_conn(guest.client), &stream,
                                    &request, &callbacks, NULL),
                   0);
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(upload.closed, 1);
  ck_assert_msg(strstr(guest.detail, "ENHANCE_YOUR_CALM") != NULL, "%s",
                guest.detail);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/reset");
  TCase *tc = tcase_create("last words");
  tcase_add_loop_test(tc, a_refusal_of_an_upload_is_heard, 0, 2);
  tcase_add_test(tc, F_30_a_goaway_before_a_reset_is_heard);
  suite_add_tcase(suite, tc);
  return suite;
}
