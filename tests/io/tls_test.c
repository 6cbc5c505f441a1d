/* TLS: what is offered, what is refused, who is believed. */
#include <event2/event.h>
#include <nghttp2/nghttp2.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/io/support/certs.h"
#include "tests/io/support/raw.h"
#include "tests/support/suite.h"

#define PING                                                                   \
  "\0\0\10\6\0\0\0\0\0"                                                        \
  "12345678"
#define PING_LEN 17
#define ALERT_UNEXPECTED_MESSAGE 10
#define ALERT_HANDSHAKE_FAILURE 40
#define ALERT_NO_RENEGOTIATION 100
#define ALERT_NO_APPLICATION_PROTOCOL 120

static struct edge edge;
static struct guest guest;
static struct raw raw;

static void begin(void) {
  certs_begin();
  certs_make_simple("ca", NULL, NULL);
  certs_make_simple("server", "ca", "DNS:localhost,IP:127.0.0.1");
  memset(&raw, 0, sizeof(raw));
  raw.pem = certs_file("server");
  edge_begin(&edge);
  edge.options.cert_file = certs_file("server");
  guest_init(&guest, &edge);
  guest.options.ca_file = certs_file("ca");
}

static void end(void) {
  h2ws_client_free(guest.client);
  edge_end(&edge);
  certs_end();
}

/* ------------------------------------------------------------------------
 * A server of ours, a client that is not
 */

static void handshake_and_read(struct raw *peer) {
  raw_dial(peer);
  raw_tls(peer, false);
  if (peer->result == 1) {
    (void)raw_write(peer, RAW_HELLO, sizeof(RAW_HELLO) - 1);
  }
  raw_read_all(peer);
}

static void visit_raw(void (*script)(struct raw *peer)) {
  edge_serve(&edge);
  raw_start(&raw, script, edge_port(&edge));
  raw_join(&raw, &edge);
}

static void handshake_and_leave(struct raw *peer) {
  const unsigned char *chosen = NULL;
  unsigned len = 0;
  raw_dial(peer);
  raw_tls(peer, false);
  SSL_get0_alpn_selected(peer->ssl, &chosen, &len);
  memcpy(peer->buf, chosen, len);
  peer->len = len;
  (void)SSL_shutdown(peer->ssl);
}

START_TEST(T_01_alpn_chooses_h2) {
  begin();
  raw.alpn = "\x08http/1.1\x02h2";
  visit_raw(handshake_and_leave);
  ck_assert_int_eq(raw.result, 1);
  ck_assert_uint_eq(raw.len, 2);
  ck_assert_mem_eq(raw.buf, "h2", 2);
  end();
}
END_TEST

START_TEST(T_03_no_common_protocol_is_an_alert) {
  begin();
  raw.alpn = "\x03"
             "foo\x03h2c";
  visit_raw(handshake_and_read);
  ck_assert_int_ne(raw.result, 1);
  ck_assert_int_eq(raw.alert, ALERT_NO_APPLICATION_PROTOCOL);
  EDGE_UNTIL(&edge, edge.conn_errors);
  ck_assert_int_eq(edge.conn_error, H2WS_ERR_ALPN);
  ck_assert_int_eq(edge.conns, 0);
  end();
}
END_TEST

START_TEST(T_04_tls_1_1_is_refused) {
  begin();
  raw.version = TLS1_1_VERSION;
  visit_raw(handshake_and_read);
  ck_assert_int_ne(raw.result, 1);
  EDGE_UNTIL(&edge, edge.conn_errors);
  ck_assert_int_eq(edge.conn_error, H2WS_ERR_TLS);
  end();
}
END_TEST

START_TEST(T_05_old_suites_are_refused) {
  static const char *const suites[] = {"AES128-SHA", "AES128-GCM-SHA256",
                                       "ECDHE-ECDSA-AES128-SHA256",
                                       "NULL-SHA256", "ECDHE-RSA-AES128-SHA"};
  begin();
  raw.version = TLS1_2_VERSION;
  raw.ciphers = suites[_i];
  visit_raw(handshake_and_read);
  ck_assert_int_ne(raw.result, 1);
  ck_assert_int_eq(raw.alert, ALERT_HANDSHAKE_FAILURE);
  ck_assert_int_eq(edge.conns, 0);
  end();
}
END_TEST

START_TEST(T_05_the_suite_everybody_must_have_is_there) {
  struct cert_wish wish = {"rsa", "ca", "DNS:localhost", -1, 1, true};
  begin();
  certs_make(&wish);
  edge.options.cert_file = certs_file("rsa");
  raw.version = TLS1_2_VERSION;
  raw.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  visit_raw(handshake_and_leave);
  ck_assert_int_eq(raw.result, 1);
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_str_eq(edge.tls_version, "TLSv1.2");
  end();
}
END_TEST

static void renegotiate(struct raw *peer) {
  raw_dial(peer);
  raw_tls(peer, false);
  (void)raw_write(peer, RAW_HELLO PING, sizeof(RAW_HELLO PING) - 1);
  while (raw_find_frame(peer, NGHTTP2_PING) == NULL && raw_read(peer) > 0) {
  }
  peer->result = SSL_renegotiate(peer->ssl);
  peer->result = SSL_do_handshake(peer->ssl);
  raw_read_all(peer);
}

START_TEST(T_06_renegotiation_ends_the_connection) {
  begin();
  raw.version = TLS1_2_VERSION;
  visit_raw(renegotiate);
  ck_assert_int_eq(raw.alert, ALERT_NO_RENEGOTIATION);
  ck_assert_int_ne(raw.read_end, 0);
  EDGE_UNTIL(&edge, edge.conn_closes);
  end();
}
END_TEST

#define ROUNDS 10

/* A key update before each of some PINGs, both keys; then an orderly end. */
static void update_keys(struct raw *peer) {
  int i;
  raw_dial(peer);
  raw_tls(peer, false);
  (void)raw_write(peer, RAW_HELLO, sizeof(RAW_HELLO) - 1);
  for (i = 0; i < ROUNDS; i++) {
    (void)SSL_key_update(peer->ssl, SSL_KEY_UPDATE_REQUESTED);
    if (!raw_write(peer, PING, PING_LEN)) {
      return;
    }
  }
  while (raw_read(peer) > 0) {
    size_t acks = 0;
    size_t at;
    for (at = 0; at + PING_LEN <= peer->len; at++) {
      acks += memcmp(peer->buf + at,
                     "\0\0\10\6\1\0\0\0\0"
                     "12345678",
                     PING_LEN) == 0;
    }
    if (acks == ROUNDS) {
      peer->step = 1;
      break;
    }
  }
  (void)SSL_shutdown(peer->ssl);
}

START_TEST(T_07_IO_04_key_updates_do_not_disturb_data) {
  begin();
  visit_raw(update_keys);
  ck_assert_int_eq(raw.step, 1);
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

static void flood_key_updates(struct raw *peer) {
  int i;
  raw_dial(peer);
  raw_tls(peer, false);
  (void)raw_write(peer, RAW_HELLO, sizeof(RAW_HELLO) - 1);
  for (i = 0; i < 100000 && peer->result == 1; i++) {
    (void)SSL_key_update(peer->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
    peer->result = SSL_do_handshake(peer->ssl);
  }
  peer->step = i;
}

START_TEST(ST_14_a_flood_of_key_updates_ends_the_connection) {
  begin();
  visit_raw(flood_key_updates);
  ck_assert_int_lt(raw.step, 100000);
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.conn_close_error, H2WS_ERR_TLS);
  ck_assert_ptr_nonnull(strstr(edge.conn_detail, "keys"));
  end();
}
END_TEST

static void write_byte_by_byte(struct raw *peer) {
  static const char all[] = RAW_HELLO RAW_ACK PING;
  size_t i;
  raw_dial(peer);
  raw_tls(peer, false);
  for (i = 0; i < sizeof(all) - 1; i++) {
    if (!raw_write(peer, all + i, 1)) {
      return;
    }
  }
  while (raw_find_frame(peer, NGHTTP2_PING) == NULL && raw_read(peer) > 0) {
  }
  (void)SSL_shutdown(peer->ssl);
}

START_TEST(ST_16_records_of_one_byte_are_enough) {
  begin();
  visit_raw(write_byte_by_byte);
  ck_assert_ptr_nonnull(raw_find_frame(&raw, NGHTTP2_PING));
  end();
}
END_TEST

START_TEST(ST_17_frames_and_records_of_all_sizes) {
  static char text[1200000];
  size_t i;
  begin();
  for (i = 0; i < sizeof(text) - 1; i++) {
    text[i] = (char)('a' + i % 26);
  }
  edge_serve(&edge);
  guest_visit(&guest, "wss", "localhost", "/echo");
  EDGE_UNTIL(&edge, guest.opened);
  for (i = 1; i < sizeof(text); i *= 9) {
    int before = guest.messages;
    guest.len = 0;
    text[i] = '\0';
    guest_send(&guest, text);
    text[i] = 'x';
    EDGE_UNTIL(&edge, guest.messages > before || guest.closed);
    ck_assert_uint_eq(guest.len, i);
  }
  guest_leave(&guest);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Ends
 */

static void close_notify_then_read(struct raw *peer) {
  raw_dial(peer);
  raw_tls(peer, false);
  (void)raw_write(peer, RAW_HELLO PING, sizeof(RAW_HELLO PING) - 1);
  (void)SSL_shutdown(peer->ssl);
  raw_read_all(peer);
}

START_TEST(ST_19_after_close_notify_our_bytes_still_go_out) {
  begin();
  visit_raw(close_notify_then_read);
  ck_assert_ptr_nonnull(raw_find_frame(&raw, NGHTTP2_PING));
  ck_assert_int_eq(raw.read_end, 0); /* close_notify came back */
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

static void open_then_truncate(struct raw *peer) {
  uint8_t frame[256];
  size_t len = raw_connect_frame(frame, sizeof(frame), 1, "/echo");
  raw_dial(peer);
  raw_tls(peer, false);
  (void)raw_write(peer, RAW_HELLO, sizeof(RAW_HELLO) - 1);
  (void)raw_write(peer, frame, len);
  while (raw_find_frame(peer, NGHTTP2_HEADERS) == NULL && raw_read(peer) > 0) {
  }
  peer->step = 1;
  (void)raw_write(peer, "\0\0\100\0\0\0", 6); /* part of a frame header */
}

START_TEST(T_10_ST_20_truncation_is_an_abnormal_close) {
  begin();
  edge.options.conn.any_scheme = true;
  visit_raw(open_then_truncate);
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.socket_closes, 1);
  ck_assert_int_eq(edge.socket_code, 1006);
  ck_assert_int_eq(edge.socket_cls, H2WS_CLOSE_LOST);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_LOST);
  ck_assert_int_eq(edge.conn_close_error, H2WS_ERR_LOST);
  end();
}
END_TEST

static void serve_then_truncate(struct raw *peer) {
  raw_accept(peer);
  raw_tls(peer, true);
  (void)raw_write(peer, RAW_SETTINGS RAW_ACK, 18);
  if (peer->input_len > 0) {
    (void)raw_write(peer, peer->input, peer->input_len);
  }
  raw_read_until(peer, 50);
}

static void visit_truncating_server(void) {
  char url[64];
  raw_start_server(&raw, serve_then_truncate);
  (void)snprintf(url, sizeof(url), "wss://localhost:%d/", raw.port);
  guest.no_socket = true;
  guest_connect(&guest, url);
  EDGE_UNTIL(&edge, guest.closed);
  raw_join(&raw, &edge);
}

START_TEST(T_10_truncation_is_lost_for_a_client) {
  begin();
  visit_truncating_server();
  ck_assert_int_eq(guest.connected, 1);
  ck_assert_int_eq(guest.cls, H2WS_CLOSE_LOST);
  end();
}
END_TEST

START_TEST(T_10_truncation_after_goaway_is_clean) {
  static const char goaway[] = "\0\0\10\7\0\0\0\0\0"
                               "\0\0\0\0\0\0\0\0";
  begin();
  raw.input = goaway;
  raw.input_len = sizeof(goaway) - 1;
  visit_truncating_server();
  ck_assert_int_eq(guest.cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

static void send_input(struct raw *peer) {
  raw_dial(peer);
  (void)raw_write(peer, peer->input, peer->input_len);
  raw_read_all(peer);
}

START_TEST(W_49_ST_12_what_is_no_tls_is_closed_at_once) {
  static const struct {
    const char *bytes;
    size_t len;
  } inputs[] = {
    {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35},
    {RAW_HELLO, sizeof(RAW_HELLO) - 1},
    {"\x16\x03\x01\x00\x05\x01\x00\x02\x00\xff", 10}, /* half a ClientHello */
    {"\x16\x03\x01\xff\xff\x01\x00\x00\x01\xff", 10}, /* a record too long */
    {"\x17\x03\x03\x00\x05hello", 10},                /* data before all */
    {"\x15\x03\x03\x00\x02\x02\x28", 7},              /* an alert */
    {"\xff\xff\xff\xff\xff\xff\xff\xff", 8},
  };
  begin();
  raw.input = inputs[_i].bytes;
  raw.input_len = inputs[_i].len;
  edge.options.handshake_timeout_ms = _i == 2 ? 100 : 10000;
  visit_raw(send_input);
  EDGE_UNTIL(&edge, edge.conn_errors);
  ck_assert_int_eq(edge.conn_error, _i == 2 ? H2WS_ERR_TIMEOUT : H2WS_ERR_TLS);
  ck_assert_int_eq(edge.conns, 0);
  end();
}
END_TEST

static void handshake_then_garbage(struct raw *peer) {
  raw_dial(peer);
  raw_tls(peer, false);
  (void)raw_write(peer, RAW_HELLO, sizeof(RAW_HELLO) - 1);
  (void)send(peer->fd, "\x17\x03\x03\x00\x20garbage garbage garbage garbage!",
             37, MSG_NOSIGNAL);
  raw_read_all(peer);
}

START_TEST(a_garbage_record_ends_the_connection) {
  begin();
  visit_raw(handshake_then_garbage);
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_LOST);
  ck_assert_int_eq(edge.conn_close_error, H2WS_ERR_TLS);
  ck_assert_ptr_nonnull(strstr(edge.conn_detail, "mac"));
  end();
}
END_TEST

static void handshake_then_http_1(struct raw *peer) {
  raw_dial(peer);
  raw_tls(peer, false);
  (void)raw_write(peer, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35);
  raw_read_all(peer);
}

START_TEST(ST_04_http_1_after_alpn_h2_gets_goaway) {
  begin();
  visit_raw(handshake_then_http_1);
  ck_assert(raw.goaway);
  ck_assert_uint_eq(raw.code, NGHTTP2_PROTOCOL_ERROR);
  ck_assert_int_eq(raw.read_end, 0);
  ck_assert_int_eq(edge.conn_close_error, H2WS_ERR_NOT_HTTP2);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * A client of ours, a server that is not
 */

static void serve_handshake(struct raw *peer) {
  const char *name;
  raw_accept(peer);
  raw_tls(peer, true);
  name = SSL_get_servername(peer->ssl, TLSEXT_NAMETYPE_host_name);
  (void)snprintf((char *)peer->buf, 64, "%s", name == NULL ? "none" : name);
  if (peer->result == 1) {
    (void)raw_write(peer, RAW_SETTINGS, 9);
    peer->len = 64;
    raw_read_all(peer);
    (void)SSL_shutdown(peer->ssl);
  }
}

static void connect_to_raw(const char *host) {
  char url[128];
  raw_start_server(&raw, serve_handshake);
  (void)snprintf(url, sizeof(url), "wss://%s:%d/", host, raw.port);
  guest.no_socket = true;
  guest_connect(&guest, url);
  EDGE_UNTIL(&edge, guest.connected || guest.closed);
  if (guest.connected) {
    guest_leave(&guest);
  }
  raw_join(&raw, &edge);
}

START_TEST(T_08_names_are_sent_and_addresses_are_not) {
  begin();
  connect_to_raw(_i == 0 ? "localhost" : "127.0.0.1");
  ck_assert_int_eq(guest.connected, 1);
  ck_assert_str_eq((const char *)raw.buf, _i == 0 ? "localhost" : "none");
  end();
}
END_TEST

START_TEST(T_08_a_name_of_choice_is_sent_and_verified) {
  begin();
  certs_make_simple("other", "ca", "DNS:other.test");
  raw.pem = certs_file("other");
  guest.options.server_name = "other.test";
  connect_to_raw("127.0.0.1");
  ck_assert_int_eq(guest.connected, 1);
  ck_assert_str_eq((const char *)raw.buf, "other.test");
  end();
}
END_TEST

START_TEST(T_01_a_server_without_alpn_is_refused) {
  begin();
  raw.alpn = _i == 0 ? "" : "\x08http/1.1";
  connect_to_raw("localhost");
  ck_assert_int_eq(guest.connected, 0);
  ck_assert_int_eq(guest.error, H2WS_ERR_ALPN);
  ck_assert_uint_le(raw.len, 64); /* nothing was sent */
  end();
}
END_TEST

START_TEST(K_05_a_failure_of_tls_is_1015) {
  static const char *const sans[] = {"DNS:localhost", "DNS:other.test"};
  begin();
  certs_make_simple("t", "ca", sans[_i]);
  raw.pem = certs_file("t");
  raw.version = _i == 0 ? TLS1_1_VERSION : 0;
  connect_to_raw("localhost");
  ck_assert_int_eq(guest.error, _i == 0 ? H2WS_ERR_TLS : H2WS_ERR_CERTIFICATE);
  ck_assert_uint_eq(guest.close_code, 1015);
  end();
}
END_TEST

START_TEST(T_05_a_server_of_old_suites_is_refused) {
  begin();
  raw.version = TLS1_2_VERSION;
  raw.ciphers = "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA256";
  connect_to_raw("localhost");
  ck_assert_int_ne(raw.result, 1);
  ck_assert_int_eq(guest.error, H2WS_ERR_TLS);
  end();
}
END_TEST

START_TEST(T_04_a_server_of_tls_1_1_is_refused) {
  begin();
  raw.version = TLS1_1_VERSION;
  connect_to_raw("localhost");
  ck_assert_int_ne(raw.result, 1);
  ck_assert_int_eq(guest.error, H2WS_ERR_TLS);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * A CertificateRequest after the handshake (RFC 9113 section 9.2.3). OpenSSL
 * sends none to a client that did not offer to answer, so it is sealed here,
 * as the first record after the handshake (RFC 8446 sections 5.2 and 7.3).
 */

static uint8_t server_secret[32];

static void keep_secret(const SSL *ssl, const char *line) {
  const char *hex = strrchr(line, ' ');
  size_t i;
  (void)ssl;
  if (strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) != 0) {
    return;
  }
  for (i = 0; i < sizeof(server_secret); i++) {
    char digits[3] = {hex[1 + 2 * i], hex[2 + 2 * i], '\0'};
    server_secret[i] = (uint8_t)strtoul(digits, NULL, 16);
  }
}

/* HKDF-Expand-Label without context, one block of output. */
static void expand(const char *label, uint8_t *out, size_t len) {
  uint8_t info[32] = {0};
  uint8_t block[32];
  unsigned block_len = sizeof(block);
  size_t n = strlen(label);
  info[1] = (uint8_t)len;
  info[2] = (uint8_t)(n + 6);
  memcpy(info + 3, "tls13 ", 6);
  memcpy(info + 9, label, n);
  info[9 + n] = 0;  /* no context */
  info[10 + n] = 1; /* the first block */
  (void)HMAC(EVP_sha256(), server_secret, sizeof(server_secret), info, n + 11,
             block, &block_len);
  memcpy(out, block, len);
}

/* Writes a record around `message` and returns its length. */
static size_t seal(uint8_t *record, const uint8_t *message, size_t len) {
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  uint8_t head[5] = {0x17, 3, 3, 0, (uint8_t)(len + 1 + 16)};
  uint8_t inner[64];
  uint8_t key[16];
  uint8_t iv[12]; /* of record 0 */
  int n = 0;
  memcpy(inner, message, len);
  inner[len] = 0x16; /* handshake */
  expand("key", key, sizeof(key));
  expand("iv", iv, sizeof(iv));
  (void)EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv);
  (void)EVP_EncryptUpdate(ctx, NULL, &n, head, sizeof(head));
  memcpy(record, head, sizeof(head));
  (void)EVP_EncryptUpdate(ctx, record + 5, &n, inner, (int)len + 1);
  (void)EVP_EncryptFinal_ex(ctx, record + 5 + n, &n);
  (void)EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16,
                            record + 5 + len + 1);
  EVP_CIPHER_CTX_free(ctx);
  return 5 + len + 1 + 16;
}

static void ask_for_a_certificate(struct raw *peer) {
  static const uint8_t request[] = {0x0d, 0,  0, 12, 1, 0xaa, 0, 8,
                                    0,    13, 0, 4,  0, 2,    4, 3};
  uint8_t record[128];
  size_t len;
  raw_accept(peer);
  raw_context(peer, true);
  (void)SSL_CTX_set_ciphersuites(peer->ctx, "TLS_AES_128_GCM_SHA256");
  (void)SSL_CTX_set_num_tickets(peer->ctx, 0);
  SSL_CTX_set_keylog_callback(peer->ctx, keep_secret);
  raw_tls(peer, true);
  len = seal(record, request, sizeof(request));
  (void)send(peer->fd, record, len, MSG_NOSIGNAL);
  raw_read_all(peer);
}

START_TEST(T_07_a_request_for_a_certificate_ends_the_connection) {
  char url[64];
  begin();
  raw_start_server(&raw, ask_for_a_certificate);
  (void)snprintf(url, sizeof(url), "wss://localhost:%d/", raw.port);
  guest_connect(&guest, url);
  EDGE_UNTIL(&edge, guest.closed);
  raw_join(&raw, &edge);
  ck_assert_int_eq(raw.result, 1);
  ck_assert_int_eq(raw.alert, ALERT_UNEXPECTED_MESSAGE);
  ck_assert_int_eq(guest.connected, 1);
  ck_assert_int_eq(guest.error, H2WS_ERR_TLS);
  ck_assert_int_eq(guest.socket_closed, 1);
  ck_assert_int_eq(guest.opened, 0);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Certificates
 */

static const struct trust {
  struct cert_wish wish;
  const char *host;
  int error;
  const char *why;
} trusts[] = {
  {{"t", "ca", "DNS:localhost", -1, 1, false}, "localhost", 0, ""},
  {{"t", "ca", "IP:127.0.0.1", -1, 1, false}, "127.0.0.1", 0, ""},
  {{"t", "ca", "DNS:*.test,DNS:localhost", -1, 1, false}, "localhost", 0, ""},
  {{"t", "ca", "DNS:other.test", -1, 1, false},
   "localhost",
   H2WS_ERR_CERTIFICATE,
   "hostname mismatch"},
  {{"t", "ca", "DNS:127.0.0.1", -1, 1, false},
   "127.0.0.1",
   H2WS_ERR_CERTIFICATE,
   "IP address mismatch"},
  {{"t", "ca", "DNS:localhost", -3, -1, false},
   "localhost",
   H2WS_ERR_CERTIFICATE,
   "expired"},
  {{"t", "ca", "DNS:localhost", 1, 2, false},
   "localhost",
   H2WS_ERR_CERTIFICATE,
   "not yet valid"},
  {{"t", NULL, "DNS:localhost", -1, 1, false},
   "localhost",
   H2WS_ERR_CERTIFICATE,
   "self-signed"},
  {{"t", "stranger", "DNS:localhost", -1, 1, false},
   "localhost",
   H2WS_ERR_CERTIFICATE,
   "issuer"},
};
#define TRUSTS ((int)(sizeof(trusts) / sizeof(trusts[0])))

START_TEST(T_09_ST_15_certificates) {
  const struct trust *trust = &trusts[_i];
  begin();
  certs_make_simple("stranger", NULL, NULL);
  certs_make(&trust->wish);
  edge.options.cert_file = certs_file("t");
  edge_serve(&edge);
  guest_visit(&guest, "wss", trust->host, "/echo");
  EDGE_UNTIL(&edge, guest.opened || guest.closed);
  ck_assert_msg(guest.error == trust->error, "%s", guest.detail);
  if (trust->error == 0) {
    guest_leave(&guest);
  } else {
    ck_assert_msg(strstr(guest.detail, trust->why) != NULL, "%s", guest.detail);
    EDGE_UNTIL(&edge, edge.conn_errors);
    ck_assert_int_eq(edge.requests, 0);
    ck_assert_int_eq(edge.conns, 0);
  }
  end();
}
END_TEST

START_TEST(ST_15_one_star_is_one_label) {
  begin();
  certs_make_simple("t", "ca", "DNS:*.w.test");
  raw.pem = certs_file("t");
  guest.options.server_name = _i == 0 ? "a.w.test" : "a.b.w.test";
  connect_to_raw("127.0.0.1");
  ck_assert_int_eq(guest.connected, _i == 0);
  ck_assert_int_eq(guest.error, _i == 0 ? 0 : H2WS_ERR_CERTIFICATE);
  end();
}
END_TEST

START_TEST(the_throw_away_certificate_needs_insecure) {
  begin();
  edge.options.cert_file = NULL;
  edge_serve(&edge);
  guest.options.insecure = _i == 1;
  guest_visit(&guest, "wss", "localhost", "/echo");
  EDGE_UNTIL(&edge, guest.opened || guest.closed);
  ck_assert_int_eq(guest.opened, _i);
  ck_assert_int_eq(guest.error, _i == 1 ? 0 : H2WS_ERR_CERTIFICATE);
  if (_i == 0) {
    ck_assert_ptr_nonnull(strstr(guest.detail, "--insecure"));
  } else {
    guest_leave(&guest);
  }
  end();
}
END_TEST

/* 0: none, 1: the right one, 2: a stranger's. TLS 1.3 and 1.2. */
START_TEST(a_client_certificate_is_required) {
  begin();
  certs_make_simple("client", "ca", NULL);
  certs_make_simple("stranger", NULL, NULL);
  edge.options.client_ca_file = certs_file("ca");
  edge.options.require_client_cert = true;
  edge_serve(&edge);
  if (_i > 0) {
    guest.options.cert_file = certs_file(_i == 1 ? "client" : "stranger");
  }
  guest_visit(&guest, "wss", "localhost", "/echo");
  EDGE_UNTIL(&edge, guest.opened || guest.closed);
  ck_assert_int_eq(guest.opened, _i == 1);
  if (_i == 1) {
    guest_leave(&guest);
  } else {
    EDGE_UNTIL(&edge, edge.conn_errors);
    ck_assert_int_eq(edge.conn_error, H2WS_ERR_TLS);
    ck_assert_int_eq(edge.requests, 0);
    /* TLS 1.3: our side was done before the server looked. */
    ck_assert_int_eq(guest.error, H2WS_ERR_TLS);
    ck_assert_msg(strstr(guest.detail, "alert") != NULL, "%s", guest.detail);
  }
  end();
}
END_TEST

START_TEST(files_that_are_no_use_are_told_at_once) {
  char why[256] = "";
  h2ws_server *server = NULL;
  h2ws_server_callbacks callbacks = {.size = sizeof(callbacks)};
  h2ws_client_callbacks none = {.size = sizeof(none)};
  begin();
  callbacks.on_request = (void (*)(h2ws_conn *, h2ws_stream *, void *))abort;
  none.on_close =
    (void (*)(h2ws_client *, const h2ws_close_info *, void *))abort;
  edge.options.cert_file = "/nowhere/cert.pem";
  ck_assert_int_eq(h2ws_server_start(&server, edge.loop, &edge.options,
                                     &callbacks, NULL, why, sizeof(why)),
                   H2WS_ERR_TLS);
  ck_assert_ptr_nonnull(strstr(why, "/nowhere/cert.pem"));
  edge.options.cert_file = certs_file("server");
  edge.options.key_file = certs_file("ca"); /* another key */
  ck_assert_int_eq(h2ws_server_start(&server, edge.loop, &edge.options,
                                     &callbacks, NULL, why, sizeof(why)),
                   H2WS_ERR_TLS);
  ck_assert_ptr_null(server);
  guest.options.ca_file = "/nowhere/ca.pem";
  ck_assert_int_eq(h2ws_client_connect(&guest.client, edge.loop,
                                       "wss://localhost/", &guest.options,
                                       &none, NULL),
                   H2WS_ERR_TLS);
  ck_assert_ptr_null(guest.client);
  end();
}
END_TEST

START_TEST(tls_secrets_are_logged_only_when_asked) {
  struct stat st;
  begin();
  ck_assert_int_eq(setenv("SSLKEYLOGFILE", certs_path("keys"), 1), 0);
  edge_serve(&edge);
  guest.options.keylog = _i == 1;
  guest_visit(&guest, "wss", "localhost", "/echo");
  guest_echo(&guest, "hello");
  guest_leave(&guest);
  ck_assert_int_eq(stat(certs_path("keys"), &st), _i == 1 ? 0 : -1);
  ck_assert_int_eq(unsetenv("SSLKEYLOGFILE"), 0);
  end();
}
END_TEST

static void add_server_tests(TCase *tc) {
  tcase_add_test(tc, T_01_alpn_chooses_h2);
  tcase_add_test(tc, T_03_no_common_protocol_is_an_alert);
  tcase_add_test(tc, T_04_tls_1_1_is_refused);
  tcase_add_loop_test(tc, T_05_old_suites_are_refused, 0, 5);
  tcase_add_test(tc, T_05_the_suite_everybody_must_have_is_there);
  tcase_add_test(tc, T_06_renegotiation_ends_the_connection);
  tcase_add_test(tc, T_07_IO_04_key_updates_do_not_disturb_data);
  tcase_add_test(tc, ST_14_a_flood_of_key_updates_ends_the_connection);
  tcase_add_test(tc, ST_16_records_of_one_byte_are_enough);
  tcase_add_test(tc, ST_17_frames_and_records_of_all_sizes);
}

static void add_end_tests(TCase *tc) {
  tcase_add_test(tc, ST_19_after_close_notify_our_bytes_still_go_out);
  tcase_add_test(tc, T_10_ST_20_truncation_is_an_abnormal_close);
  tcase_add_test(tc, T_10_truncation_is_lost_for_a_client);
  tcase_add_test(tc, T_10_truncation_after_goaway_is_clean);
  tcase_add_loop_test(tc, W_49_ST_12_what_is_no_tls_is_closed_at_once, 0, 7);
  tcase_add_test(tc, a_garbage_record_ends_the_connection);
  tcase_add_test(tc, ST_04_http_1_after_alpn_h2_gets_goaway);
}

static void add_client_tests(TCase *tc) {
  tcase_add_loop_test(tc, T_08_names_are_sent_and_addresses_are_not, 0, 2);
  tcase_add_test(tc, T_08_a_name_of_choice_is_sent_and_verified);
  tcase_add_loop_test(tc, T_01_a_server_without_alpn_is_refused, 0, 2);
  tcase_add_test(tc, T_04_a_server_of_tls_1_1_is_refused);
  tcase_add_test(tc, T_05_a_server_of_old_suites_is_refused);
  tcase_add_loop_test(tc, K_05_a_failure_of_tls_is_1015, 0, 2);
  tcase_add_test(tc, T_07_a_request_for_a_certificate_ends_the_connection);
  tcase_add_loop_test(tc, T_09_ST_15_certificates, 0, TRUSTS);
  tcase_add_loop_test(tc, ST_15_one_star_is_one_label, 0, 2);
  tcase_add_loop_test(tc, the_throw_away_certificate_needs_insecure, 0, 2);
  tcase_add_loop_test(tc, a_client_certificate_is_required, 0, 3);
  tcase_add_test(tc, files_that_are_no_use_are_told_at_once);
  tcase_add_loop_test(tc, tls_secrets_are_logged_only_when_asked, 0, 2);
}

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/tls");
  TCase *server = tcase_create("server");
  TCase *ends = tcase_create("ends");
  TCase *client = tcase_create("client");
  add_server_tests(server);
  add_end_tests(ends);
  add_client_tests(client);
  suite_add_tcase(suite, server);
  suite_add_tcase(suite, ends);
  suite_add_tcase(suite, client);
  return suite;
}
