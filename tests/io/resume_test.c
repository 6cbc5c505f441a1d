/* TLS sessions of clients: resumed, once, and only under the same trust. */
#include <stdio.h>
#include <string.h>

#include "tests/io/support/certs.h"
#include "tests/io/support/raw.h"
#include "tests/support/suite.h"

static struct edge edge;
static struct raw raw;

static void begin(void) {
  certs_begin();
  certs_make_simple("ca", NULL, NULL);
  certs_make_simple("server", "ca", "DNS:localhost,IP:127.0.0.1");
  memset(&raw, 0, sizeof(raw));
  edge_begin(&edge);
  edge.options.cert_file = certs_file("server");
}

static void end(void) {
  edge_end(&edge);
  certs_end();
}

/* One visit with an echo: was the session resumed, say both sides? */
static bool visit(const char *host, bool insecure) {
  struct guest guest;
  guest_init(&guest, &edge);
  guest.options.ca_file = certs_file("ca");
  guest.options.insecure = insecure;
  guest_visit(&guest, "wss", host, "/echo");
  guest_echo(&guest, "hello");
  ck_assert(guest.resumed == edge.resumed);
  ck_assert_str_eq(guest.tls_version, "TLSv1.3");
  guest_leave(&guest);
  EDGE_UNTIL(&edge, edge.conn_closes == edge.conns);
  return guest.resumed;
}

START_TEST(a_second_connection_resumes) {
  begin();
  edge_serve(&edge);
  ck_assert(!visit("localhost", false));
  ck_assert(visit("localhost", false));
  ck_assert(visit("localhost", false));
  end();
}
END_TEST

START_TEST(a_session_is_kept_for_its_origin_and_trust_only) {
  begin();
  edge_serve(&edge);
  ck_assert(!visit("localhost", true));
  ck_assert(!visit("localhost", false));
  ck_assert(!visit("127.0.0.1", false));
  ck_assert(visit("127.0.0.1", false));
  ck_assert(visit("localhost", true));
  end();
}
END_TEST

START_TEST(another_loop_starts_anew) {
  begin();
  edge_serve(&edge);
  ck_assert(!visit("localhost", false));
  edge_end(&edge);
  edge_begin(&edge);
  edge.options.cert_file = certs_file("server");
  edge_serve(&edge);
  ck_assert(!visit("localhost", false));
  end();
}
END_TEST

/* OpenSSL's server gives out two tickets a connection. */
START_TEST(connections_at_once_do_not_share_a_ticket) {
  static struct guest guests[3];
  int resumed = 0;
  int i;
  begin();
  edge_serve(&edge);
  ck_assert(!visit("127.0.0.1", false));
  for (i = 0; i < 3; i++) {
    guest_init(&guests[i], &edge);
    guests[i].options.ca_file = certs_file("ca");
    guest_visit(&guests[i], "wss", "127.0.0.1", "/echo");
  }
  /* One turn for the addresses: all are on their way before one is there. */
  edge_turn(&edge);
  for (i = 0; i < 3; i++) {
    EDGE_UNTIL(&edge, guests[i].opened);
    resumed += guests[i].resumed;
  }
  ck_assert_int_eq(resumed, 2);
  for (i = 0; i < 3; i++) {
    guest_leave(&guests[i]);
  }
  end();
}
END_TEST

#define VISITS 3

static int reused[VISITS];
static int early_data[VISITS];

/* A server that gives out one ticket in all; takes early data if asked to. */
static void serve_one_ticket(struct raw *peer) {
  int i;
  raw_context(peer, true);
  if (peer->input != NULL) { /* OpenSSL takes such tickets once only */
    (void)SSL_CTX_set_max_early_data(peer->ctx, 16384);
  }
  (void)SSL_CTX_set_num_tickets(peer->ctx, 1);
  for (i = 0; i < VISITS; i++) {
    raw_accept(peer);
    raw_tls(peer, true);
    reused[i] = SSL_session_reused(peer->ssl);
    early_data[i] = SSL_get_early_data_status(peer->ssl);
    (void)SSL_CTX_set_num_tickets(peer->ctx, 0);
    (void)raw_write(peer, RAW_SETTINGS, 9);
    raw_read_all(peer);
    (void)SSL_shutdown(peer->ssl); /* or the session counts as broken */
    raw_hang_up(peer);
  }
}

static void visit_raw(void) {
  struct guest guest;
  char url[64];
  guest_init(&guest, &edge);
  guest.options.ca_file = certs_file("ca");
  guest.no_socket = true;
  (void)snprintf(url, sizeof(url), "wss://localhost:%d/", raw.port);
  guest_connect(&guest, url);
  /* SETTINGS come behind the ticket. */
  EDGE_UNTIL(&edge, h2ws_conn_is_ready(h2ws_client_conn(guest.client)) ||
                      guest.closed);
  ck_assert_msg(!guest.closed, "%s", guest.detail);
  guest_leave(&guest);
}

static void visit_three_times(int version) {
  int i;
  raw.pem = certs_file("server");
  raw.version = version;
  raw_start_server(&raw, serve_one_ticket);
  for (i = 0; i < VISITS; i++) {
    visit_raw();
  }
  raw_join(&raw, &edge);
}

START_TEST(T_11_early_data_is_not_used) {
  begin();
  raw.input = "early data";
  visit_three_times(TLS1_3_VERSION);
  ck_assert_int_eq(reused[1], 1);
  ck_assert_int_eq(early_data[1], SSL_EARLY_DATA_NOT_SENT);
  end();
}
END_TEST

START_TEST(a_ticket_of_tls_1_3_is_used_once) {
  begin();
  visit_three_times(TLS1_3_VERSION);
  ck_assert_int_eq(reused[0], 0);
  ck_assert_int_eq(reused[1], 1);
  ck_assert_int_eq(reused[2], 0);
  end();
}
END_TEST

START_TEST(a_ticket_of_tls_1_2_is_used_again) {
  begin();
  visit_three_times(TLS1_2_VERSION);
  ck_assert_int_eq(reused[0], 0);
  ck_assert_int_eq(reused[1], 1);
  ck_assert_int_eq(reused[2], 1);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/resume");
  TCase *tc = tcase_create("sessions");
  tcase_add_test(tc, a_second_connection_resumes);
  tcase_add_test(tc, a_session_is_kept_for_its_origin_and_trust_only);
  tcase_add_test(tc, another_loop_starts_anew);
  tcase_add_test(tc, connections_at_once_do_not_share_a_ticket);
  tcase_add_test(tc, T_11_early_data_is_not_used);
  tcase_add_test(tc, a_ticket_of_tls_1_3_is_used_once);
  tcase_add_test(tc, a_ticket_of_tls_1_2_is_used_again);
  suite_add_tcase(suite, tc);
  return suite;
}
