/*
 * Clients on their way: names, addresses, one deadline over all steps, Unix
 * sockets, descriptors. Names resolve as the tests say (getaddrinfo below).
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/io/support/certs.h"
#include "tests/io/support/raw.h"
#include "tests/support/suite.h"

static struct edge edge;
static struct guest guest;
static struct raw raw;
static pthread_mutex_t slow_names = PTHREAD_MUTEX_INITIALIZER;
static atomic_int slow_asked;
static atomic_int slow_answered;

typedef int resolver(const char *node, const char *service,
                     const struct addrinfo *hints, struct addrinfo **res);

/* ISO C has no cast from an object to a function. */
static resolver *system_resolver(void) {
  void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
  resolver *real = NULL;
  memcpy(&real, &symbol, sizeof(real));
  return real;
}

/* Takes the place of the system's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int getaddrinfo(const char *node, const char *service,
                const struct addrinfo *hints, struct addrinfo **res) {
  resolver *real = system_resolver();
  int rv;
  if (hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0) {
    return real(node, service, hints, res);
  }
  if (strcmp(node, "nowhere.test") == 0) {
    return EAI_NONAME;
  }
  if (strcmp(node, "slow.test") == 0) {
    slow_asked = 1;
    (void)pthread_mutex_lock(&slow_names);
    (void)pthread_mutex_unlock(&slow_names);
    rv = real("127.0.0.1", service, hints, res);
    slow_answered = 1;
    return rv;
  }
  if (strcmp(node, "two.test") == 0) {
    rv = real("127.0.0.2", service, hints, res);
    return rv != 0 ? rv : real("127.0.0.1", service, hints, &(*res)->ai_next);
  }
  return real(node, service, hints, res);
}

static void begin(void) {
  memset(&raw, 0, sizeof(raw));
  edge_begin(&edge);
  edge.options.cleartext = true;
  guest_init(&guest, &edge);
}

static void end(void) {
  h2ws_client_free(guest.client);
  edge_end(&edge);
}

/* It ended before it was there, and said so once. */
static void expect_failure(int error, h2ws_close_class cls, const char *text) {
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_msg(guest.error == error, "%s: %s", h2ws_error_name(guest.error),
                guest.detail);
  ck_assert_int_eq(guest.cls, cls);
  ck_assert(guest.retryable);
  ck_assert_msg(strstr(guest.detail, text) != NULL, "%s", guest.detail);
  edge_turn(&edge);
  ck_assert_int_eq(guest.closed, 1);
  ck_assert_int_eq(guest.connected, 0);
}

static struct sockaddr_in address(const char *host, int port) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  addr.sin_port = htons((uint16_t)port);
  ck_assert_int_eq(inet_pton(AF_INET, host, &addr.sin_addr), 1);
  return addr;
}

/* ------------------------------------------------------------------------
 * Addresses that do not answer: their queue of connections is full
 */

#define FILLERS 4

struct hole {
  int listener;
  int fillers[FILLERS];
  int port;
};

static void hole_dig(struct hole *hole, const char *host, int port) {
  struct sockaddr_in addr = address(host, port);
  socklen_t len = sizeof(addr);
  int i;
  hole->listener = socket(AF_INET, SOCK_STREAM, 0);
  ck_assert_int_eq(bind(hole->listener, (struct sockaddr *)&addr, len), 0);
  ck_assert_int_eq(listen(hole->listener, 0), 0);
  ck_assert_int_eq(getsockname(hole->listener, (struct sockaddr *)&addr, &len),
                   0);
  hole->port = ntohs(addr.sin_port);
  for (i = 0; i < FILLERS; i++) {
    hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(hole->fillers[i], (struct sockaddr *)&addr, len);
  }
}

static void hole_fill_in(const struct hole *hole) {
  int i;
  for (i = 0; i < FILLERS; i++) {
    (void)close(hole->fillers[i]);
  }
  (void)close(hole->listener);
}

/* ------------------------------------------------------------------------
 * Names and addresses
 */

START_TEST(IO_15_a_refused_port_is_told) {
  char url[64];
  begin();
  edge_serve(&edge);
  (void)snprintf(url, sizeof(url), "ws://127.0.0.1:%d/", edge_port(&edge));
  edge_stop(&edge);
  guest_connect(&guest, url);
  expect_failure(H2WS_ERR_CONNECT, H2WS_CLOSE_REFUSED, "refused");
  ck_assert_ptr_nonnull(strstr(guest.detail, "127.0.0.1:"));
  end();
}
END_TEST

START_TEST(an_unknown_host_is_told) {
  begin();
  guest_connect(&guest, "wss://nowhere.test/");
  expect_failure(H2WS_ERR_RESOLVE, H2WS_CLOSE_REFUSED, "nowhere.test");
  end();
}
END_TEST

START_TEST(IO_15_the_next_address_is_tried) {
  begin();
  edge_serve(&edge); /* not on 127.0.0.2 */
  guest_visit(&guest, "ws", "two.test", "/echo");
  guest_echo(&guest, "hello");
  ck_assert_ptr_nonnull(strstr(guest.peer, "127.0.0.1:"));
  guest_leave(&guest);
  end();
}
END_TEST

START_TEST(IO_15_a_silent_address_leaves_time_for_the_next) {
  struct hole hole;
  begin();
  edge_serve(&edge);
  hole_dig(&hole, "127.0.0.2", edge_port(&edge));
  guest.options.connect_timeout_ms = 600;
  guest_visit(&guest, "ws", "two.test", "/echo");
  guest_echo(&guest, "hello");
  guest_leave(&guest);
  hole_fill_in(&hole);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * The deadline, at each step
 */

START_TEST(the_deadline_covers_the_name) {
  begin();
  ck_assert_int_eq(pthread_mutex_lock(&slow_names), 0);
  guest.options.connect_timeout_ms = 100;
  guest_connect(&guest, "ws://slow.test:1/");
  expect_failure(H2WS_ERR_TIMEOUT, H2WS_CLOSE_TIMEOUT, "slow.test");
  ck_assert(slow_asked && !slow_answered);
  ck_assert_int_eq(pthread_mutex_unlock(&slow_names), 0);
  EDGE_UNTIL(&edge, slow_answered); /* and nobody listens to it */
  edge_turn(&edge);
  ck_assert_int_eq(guest.closed, 1);
  end();
}
END_TEST

START_TEST(the_deadline_covers_tcp) {
  struct hole hole;
  char url[64];
  begin();
  hole_dig(&hole, "127.0.0.1", 0);
  (void)snprintf(url, sizeof(url), "ws://127.0.0.1:%d/", hole.port);
  guest.options.connect_timeout_ms = 100;
  guest_connect(&guest, url);
  expect_failure(H2WS_ERR_TIMEOUT, H2WS_CLOSE_TIMEOUT, "no answer");
  hole_fill_in(&hole);
  end();
}
END_TEST

static void accept_and_read(struct raw *peer) {
  raw_accept(peer);
  raw_read_all(peer);
}

static void connect_raw(const char *scheme) {
  char url[64];
  (void)snprintf(url, sizeof(url), "%s://127.0.0.1:%d/echo", scheme, raw.port);
  guest.options.insecure = true;
  guest_connect(&guest, url);
}

START_TEST(the_deadline_covers_tls) {
  begin();
  raw_start_server(&raw, accept_and_read);
  guest.options.connect_timeout_ms = 100;
  connect_raw("wss");
  expect_failure(H2WS_ERR_TIMEOUT, H2WS_CLOSE_TIMEOUT, "TLS handshake");
  raw_join(&raw, &edge);
  ck_assert_uint_gt(raw.len, 0);
  end();
}
END_TEST

static void tls_and_read(struct raw *peer) {
  raw_accept(peer);
  raw_tls(peer, true);
  if (peer->input_len > 0) {
    (void)raw_write(peer, peer->input, peer->input_len);
  }
  raw_read_all(peer);
}

static void begin_tls_peer(void) {
  begin();
  certs_begin();
  certs_make_simple("peer", NULL, "DNS:localhost");
  raw.pem = certs_file("peer");
}

/* Frames after the preface, which the search for frames does not know. */
static void drop_preface(void) {
  size_t len = strlen(RAW_PREFACE);
  ck_assert_uint_ge(raw.len, len);
  ck_assert_mem_eq(raw.buf, RAW_PREFACE, len);
  raw.len -= len;
  memmove(raw.buf, raw.buf + len, raw.len);
}

START_TEST(ST_09_settings_never_come_and_nothing_was_asked) {
  begin_tls_peer();
  raw_start_server(&raw, tls_and_read);
  guest.options.conn.settings_timeout_ms = 150;
  connect_raw("wss");
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(guest.socket_closed, 1);
  ck_assert_int_eq(guest.opened, 0);
  raw_join(&raw, &edge);
  drop_preface();
  ck_assert_ptr_nonnull(raw_find_frame(&raw, NGHTTP2_SETTINGS));
  ck_assert_ptr_null(raw_find_frame(&raw, NGHTTP2_HEADERS));
  certs_end();
  end();
}
END_TEST

START_TEST(an_answer_never_comes_and_the_request_is_withdrawn) {
  static const char settings[] = "\0\0\6\4\0\0\0\0\0\0\10\0\0\0\1" RAW_ACK;
  const uint8_t *reset;
  begin_tls_peer();
  raw.input = settings;
  raw.input_len = sizeof(settings) - 1;
  raw_start_server(&raw, tls_and_read);
  guest.options.conn.open_timeout_ms = 150;
  connect_raw("wss");
  EDGE_UNTIL(&edge, guest.socket_closed);
  ck_assert_int_eq(guest.socket_cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(guest.closed, 0); /* the connection is good for others */
  guest_leave(&guest);
  raw_join(&raw, &edge);
  drop_preface();
  ck_assert_ptr_nonnull(raw_find_frame(&raw, NGHTTP2_HEADERS));
  reset = raw_find_frame(&raw, NGHTTP2_RST_STREAM);
  ck_assert_ptr_nonnull(reset);
  ck_assert_int_eq(reset[12], NGHTTP2_CANCEL);
  certs_end();
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Peers that go away, clients that are freed
 */

static void accept_and_leave(struct raw *peer) {
  raw_accept(peer);
  (void)raw_read(peer);
  if (peer->input_len > 0) {
    struct linger linger = {1, 0};
    (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
  }
}

/* 0: by FIN, 1: by RST. */
START_TEST(IO_07_the_peer_leaves_during_the_tls_handshake) {
  begin();
  raw.input_len = (size_t)_i;
  raw_start_server(&raw, accept_and_leave);
  connect_raw("wss");
  expect_failure(H2WS_ERR_LOST, H2WS_CLOSE_REFUSED, "127.0.0.1:");
  raw_join(&raw, &edge);
  end();
}
END_TEST

/* 0: at once, 1: while the name is looked up, 2: during the TLS handshake. */
START_TEST(a_client_freed_on_the_way_is_told_once) {
  begin();
  (void)pthread_mutex_lock(&slow_names);
  raw_start_server(&raw, accept_and_read);
  if (_i == 1) {
    guest_connect(&guest, "ws://slow.test:1/");
    EDGE_UNTIL(&edge, slow_asked);
  } else {
    connect_raw("wss");
  }
  if (_i == 2) {
    edge_turn(&edge);
    edge_turn(&edge);
  }
  h2ws_client_free(guest.client);
  guest.client = NULL;
  ck_assert_int_eq(guest.closed, 1);
  ck_assert_int_eq(guest.cls, H2WS_CLOSE_ABORTED);
  ck_assert_int_eq(guest.error, H2WS_ERR_CANCELLED);
  (void)pthread_mutex_unlock(&slow_names);
  if (_i == 1) {
    EDGE_UNTIL(&edge, slow_answered);
  }
  if (_i != 2) { /* nobody came */
    struct sockaddr_in addr = address("127.0.0.1", raw.port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    (void)close(fd);
  }
  raw_join(&raw, &edge);
  edge_turn(&edge);
  ck_assert_int_eq(guest.closed, 1);
  end();
}
END_TEST

START_TEST(a_client_freed_by_its_own_message_hears_no_more) {
  begin();
  edge_serve(&edge);
  guest_visit(&guest, "ws", "127.0.0.1", "/echo");
  EDGE_UNTIL(&edge, guest.opened);
  guest.free_on_message = true;
  guest_send(&guest, "one");
  guest_send(&guest, "two");
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.messages, 1);
  ck_assert_int_eq(guest.socket_closed, 1);
  ck_assert_int_eq(guest.cls, H2WS_CLOSE_ABORTED);
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(guest.closed, 1);
  end();
}
END_TEST

START_TEST(IO_15_no_descriptor_is_told) {
  struct rlimit limit;
  struct rlimit low;
  begin();
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
  low = limit;
  low.rlim_cur = 3;
  guest_connect(&guest, "ws://127.0.0.1:1/");
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
  expect_failure(H2WS_ERR_IO, H2WS_CLOSE_REFUSED, "open files");
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Unix sockets and descriptors
 */

START_TEST(unix_sockets_carry_it_too) {
  char listen_at[160];
  begin();
  certs_begin();
  (void)snprintf(listen_at, sizeof(listen_at), "unix:%s", certs_path("s"));
  edge.options.listen = listen_at;
  edge.options.cleartext = _i == 0;
  edge_serve(&edge);
  ck_assert_str_eq(edge.address, listen_at);
  guest.options.unix_path = certs_path("s");
  guest.options.insecure = true;
  guest_connect(&guest, _i == 0 ? "ws://name/echo" : "wss://name/echo");
  guest_echo(&guest, "hello");
  ck_assert_str_eq(guest.peer, certs_path("s"));
  guest_leave(&guest);
  edge_stop(&edge);
  certs_end();
  end();
}
END_TEST

START_TEST(a_unix_socket_left_behind_is_taken_over_but_no_live_one) {
  char listen_at[160];
  h2ws_server *server = NULL;
  h2ws_server_callbacks callbacks = {.size = sizeof(callbacks)};
  char why[128] = "";
  begin();
  certs_begin();
  (void)snprintf(listen_at, sizeof(listen_at), "unix:%s", certs_path("s"));
  edge.options.listen = listen_at;
  edge.options.threads = 3; /* which share it */
  edge_serve(&edge);
  callbacks.on_request = (void (*)(h2ws_conn *, h2ws_stream *, void *))abort;
  ck_assert_int_eq(h2ws_server_start(&server, edge.loop, &edge.options,
                                     &callbacks, NULL, why, sizeof(why)),
                   H2WS_ERR_IO);
  ck_assert_ptr_nonnull(strstr(why, "in use"));
  edge_stop(&edge);
  edge_serve(&edge);
  guest.options.unix_path = certs_path("s");
  guest_connect(&guest, "ws://name/echo");
  guest_echo(&guest, "hello");
  guest_leave(&guest);
  edge.stopped = 0;
  edge_stop(&edge);
  certs_end();
  end();
}
END_TEST

START_TEST(a_unix_socket_that_is_not_there_is_told) {
  begin();
  guest.options.unix_path = "/nowhere/socket";
  guest_connect(&guest, "ws://name/echo");
  expect_failure(H2WS_ERR_CONNECT, H2WS_CLOSE_REFUSED, "/nowhere/socket");
  end();
}
END_TEST

START_TEST(a_connected_descriptor_is_taken_over) {
  struct sockaddr_in addr;
  begin();
  edge_serve(&edge);
  addr = address("127.0.0.1", edge_port(&edge));
  guest.options.fd = socket(AF_INET, SOCK_STREAM, 0);
  ck_assert_int_eq(
    connect(guest.options.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
  /* Not by a call that fails. */
  ck_assert_int_eq(h2ws_client_connect(&guest.client, edge.loop, "no url",
                                       &guest.options,
                                       &(h2ws_client_callbacks){0}, NULL),
                   H2WS_ERR_INVALID);
  guest_connect(&guest, "ws://localhost/echo");
  guest_echo(&guest, "hello");
  guest_leave(&guest);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/connect");
  TCase *tc = tcase_create("addresses");
  tcase_add_test(tc, IO_15_a_refused_port_is_told);
  tcase_add_test(tc, an_unknown_host_is_told);
  tcase_add_test(tc, IO_15_the_next_address_is_tried);
  tcase_add_test(tc, IO_15_a_silent_address_leaves_time_for_the_next);
  tcase_add_test(tc, IO_15_no_descriptor_is_told);
  suite_add_tcase(suite, tc);
  tc = tcase_create("deadline");
  tcase_add_test(tc, the_deadline_covers_the_name);
  tcase_add_test(tc, the_deadline_covers_tcp);
  tcase_add_test(tc, the_deadline_covers_tls);
  tcase_add_test(tc, ST_09_settings_never_come_and_nothing_was_asked);
  tcase_add_test(tc, an_answer_never_comes_and_the_request_is_withdrawn);
  suite_add_tcase(suite, tc);
  tc = tcase_create("ends");
  tcase_add_loop_test(tc, IO_07_the_peer_leaves_during_the_tls_handshake, 0, 2);
  tcase_add_loop_test(tc, a_client_freed_on_the_way_is_told_once, 0, 3);
  tcase_add_test(tc, a_client_freed_by_its_own_message_hears_no_more);
  suite_add_tcase(suite, tc);
  tc = tcase_create("transports");
  tcase_add_loop_test(tc, unix_sockets_carry_it_too, 0, 2);
  tcase_add_test(tc, a_unix_socket_left_behind_is_taken_over_but_no_live_one);
  tcase_add_test(tc, a_unix_socket_that_is_not_there_is_told);
  tcase_add_test(tc, a_connected_descriptor_is_taken_over);
  suite_add_tcase(suite, tc);
  return suite;
}
