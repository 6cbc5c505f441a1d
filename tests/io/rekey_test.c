/* A peer that reads nothing and has TLS answer it, time and again. */
#include <stdlib.h>
#include <string.h>

#include "tests/io/support/raw.h"
#include "tests/support/suite.h"

#define UPGRADE                                                                \
  "GET /wait HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"           \
  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                        \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
/* The head of a message of a mebibyte, masked with zeros. */
#define HEAD "\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0"
#define REKEYS 20000

static struct edge edge;
static struct raw raw;

/* Each is answered with a change of keys (RFC 8446 section 4.6.3). */
static void change_keys(struct raw *peer) {
  raw_dial(peer);
  peer->alpn = "\x08http/1.1";
  raw_tls(peer, false);
  (void)raw_write(peer, UPGRADE, sizeof(UPGRADE) - 1);
  (void)raw_write(peer, HEAD, sizeof(HEAD) - 1);
  raw_wait_step(peer, 1);
  while (peer->step < REKEYS &&
         SSL_key_update(peer->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
         raw_write(peer, "x", 1)) {
    peer->step++;
  }
  raw_wait_step(peer, REKEYS + 1);
  raw_hang_up(peer);
}

START_TEST(answers_of_tls_that_nobody_reads_have_a_limit) {
  static const h2ws_socket_callbacks callbacks = {.size = sizeof(callbacks)};
  size_t len = (size_t)32 << 20;
  h2ws_socket *socket = NULL;
  void *data = calloc(1, len);
  memset(&raw, 0, sizeof(raw));
  edge_begin(&edge);
  edge.options.conn.stall_timeout_ms = 60000;
  edge_serve(&edge);
  raw_start(&raw, change_keys, edge_port(&edge));
  EDGE_UNTIL(&edge, edge.waiting != NULL);
  ck_assert_int_eq(
    h2ws_socket_accept(edge.waiting, &socket, NULL, 0, NULL, &callbacks, NULL),
    0);
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_BINARY, data, len), 0);
  free(data);
  edge_turn(&edge);
  raw.step = 1;
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.conn_close_error, H2WS_ERR_LIMIT);
  raw.step = REKEYS + 1;
  raw_join(&raw, &edge);
  edge_end(&edge);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/rekey");
  TCase *tc = tcase_create("rekey");
  tcase_add_test(tc, answers_of_tls_that_nobody_reads_have_a_limit);
  tcase_set_timeout(tc, 30);
  suite_add_tcase(suite, tc);
  return suite;
}
