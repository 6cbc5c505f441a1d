/*
 * A system that fails. The calls below take the place of the C library's; an
 * armed fault strikes, an idle one lets pass.
 */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/io/support/raw.h"
#include "tests/support/suite.h"

#define YEAR ((time_t)365 * 24 * 3600)

static struct edge edge;
static struct guest guest;
static struct raw raw;

/* Peers on threads of their own make calls, too. */
static struct {
  atomic_bool armed;
  size_t most;      /* bytes per call; 0: all */
  int between;      /* errno of every second call of send and recv */
  int accept_error; /* errno of accept4(), this many times */
  int accept_failures;
  int connect_error;
  int epoll_error;   /* of adding a descriptor */
  bool no_options;   /* setsockopt() fails */
  atomic_bool clock; /* the wall clock jumps by a year at each look */
  atomic_long looks; /* at any clock */
  long tls_writes;
  uint64_t tls_modes; /* that all SSL objects had */
  atomic_long calls;
  atomic_long refused; /* faults that struck */
} faults;

/* ISO C has no cast from an object to a function. */
#define SYSTEM(name, function)                                                 \
  do {                                                                         \
    void *symbol = dlsym(RTLD_NEXT, name);                                     \
    memcpy(&(function), &symbol, sizeof(function));                            \
  } while (0)

static bool strikes(int error) {
  if (!faults.armed || error == 0) {
    return false;
  }
  faults.refused++;
  errno = error;
  return true;
}

static size_t cut(size_t len) {
  faults.calls++;
  return faults.armed && faults.most > 0 && len > faults.most ? faults.most
                                                              : len;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
ssize_t send(int fd, const void *buf, size_t len, int flags) {
  ssize_t (*real)(int, const void *, size_t, int);
  size_t n = cut(len);
  SYSTEM("send", real);
  if (faults.calls % 2 == 0 && strikes(faults.between)) {
    return -1;
  }
  return real(fd, buf, n, flags);
}

ssize_t recv(int fd, void *buf, size_t len, int flags) {
  ssize_t (*real)(int, void *, size_t, int);
  size_t n = cut(len);
  SYSTEM("recv", real);
  if (faults.calls % 2 == 0 && strikes(faults.between)) {
    return -1;
  }
  return real(fd, buf, n, flags);
}

int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *len, int flags) {
  int (*real)(int, __SOCKADDR_ARG, socklen_t *, int);
  SYSTEM("accept4", real);
  if (faults.accept_failures > 0 && strikes(faults.accept_error)) {
    faults.accept_failures--;
    return -1;
  }
  return real(fd, addr, len, flags);
}

int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len) {
  int (*real)(int, __CONST_SOCKADDR_ARG, socklen_t);
  SYSTEM("connect", real);
  return strikes(faults.connect_error) ? -1 : real(fd, addr, len);
}

/* Called by libevent, which must see it. */
__attribute__((visibility("default"))) int
epoll_ctl(int epoll, int op, int fd, struct epoll_event *event) {
  int (*real)(int, int, int, struct epoll_event *);
  SYSTEM("epoll_ctl", real);
  if (op == EPOLL_CTL_ADD && strikes(faults.epoll_error)) {
    return -1;
  }
  return real(epoll, op, fd, event);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len) {
  int (*real)(int, int, int, const void *, socklen_t);
  SYSTEM("setsockopt", real);
  if (faults.no_options && strikes(ENOPROTOOPT)) {
    return -1;
  }
  return real(fd, level, name, value, len);
}

/* Called by OpenSSL's users and by libevent, which must see them. */
#define SEEN __attribute__((visibility("default")))

SEEN int SSL_write(SSL *ssl, const void *buf, int num) {
  int (*real)(SSL *, const void *, int);
  SYSTEM("SSL_write", real);
  faults.tls_writes++;
  faults.tls_modes &= (uint64_t)SSL_get_mode(ssl);
  return real(ssl, buf, num);
}

static time_t jump(void) {
  static unsigned jumps;
  if (!faults.clock) {
    return 0;
  }
  return jumps++ % 2 == 0 ? YEAR : -YEAR;
}

SEEN int clock_gettime(clockid_t clock, struct timespec *ts) {
  int (*real)(clockid_t, struct timespec *);
  int rv;
  SYSTEM("clock_gettime", real);
  rv = real(clock, ts);
  faults.looks++;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
    ts->tv_sec += jump();
  }
  return rv;
}

SEEN int gettimeofday(struct timeval *tv, void *zone) {
  int (*real)(struct timeval *, void *);
  int rv;
  SYSTEM("gettimeofday", real);
  rv = real(tv, zone);
  tv->tv_sec += jump();
  return rv;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

static void begin(bool cleartext) {
  memset(&faults, 0, sizeof(faults));
  edge_begin(&edge);
  edge.options.cleartext = cleartext;
  edge_serve(&edge);
  guest_init(&guest, &edge);
  guest.options.insecure = true;
}

static void end(void) {
  faults.armed = false;
  h2ws_client_free(guest.client);
  edge_end(&edge);
}

static void visit(bool cleartext) {
  guest_visit(&guest, cleartext ? "ws" : "wss", "127.0.0.1", "/echo");
}

/* Each: bytes per call, errno between the calls. */
static const struct {
  size_t most;
  int between;
} transports[] = {{1, 0},      {1, EAGAIN}, {1, EINTR}, {7, EAGAIN},
                  {0, EAGAIN}, {0, EINTR},  {100, 0}};
#define TRANSPORTS 7

/* TLS and cleartext by turns. */
START_TEST(IO_02_IO_03_any_transport_carries_the_same) {
  bool cleartext = _i % 2 == 1;
  begin(cleartext);
  faults.armed = true;
  faults.most = transports[_i / 2].most;
  faults.between = transports[_i / 2].between;
  visit(cleartext);
  guest_echo(&guest, "hello");
  guest_echo(&guest, "and again");
  guest_leave(&guest);
  EDGE_UNTIL(&edge, edge.conn_closes == 1);
  ck_assert_int_eq(guest.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_CLEAN);
  ck_assert(faults.between == 0 || faults.refused > 0);
  end();
}
END_TEST

/* A peer that takes nothing costs a call per wake-up, not a busy loop. */
START_TEST(IO_03_a_full_socket_does_not_spin) {
  long before;
  int i;
  begin(true);
  visit(true);
  EDGE_UNTIL(&edge, guest.opened);
  before = faults.calls;
  for (i = 0; i < 50; i++) {
    edge_turn(&edge); /* idle, but for the tick */
  }
  ck_assert_int_le(faults.calls - before, 4);
  guest_leave(&guest);
  end();
}
END_TEST

static const int accept_errors[] = {ECONNABORTED, EINTR,    EPROTO, EPERM,
                                    ENETDOWN,     EMFILE,   ENFILE, ENOBUFS,
                                    ENOMEM,       ETIMEDOUT};
#define ACCEPT_ERRORS 10

START_TEST(IO_13_IO_14_accepting_goes_on) {
  begin(true);
  faults.armed = true;
  faults.accept_error = accept_errors[_i];
  faults.accept_failures = 2;
  visit(true);
  guest_echo(&guest, "hello");
  ck_assert_int_eq(faults.accept_failures, 0);
  guest_leave(&guest);
  end();
}
END_TEST

static const int connect_errors[] = {EADDRNOTAVAIL, ENETUNREACH, EHOSTUNREACH,
                                     EACCES, EAGAIN};
#define CONNECT_ERRORS 5

START_TEST(IO_15_connecting_fails_at_once) {
  begin(true);
  faults.armed = true;
  faults.connect_error = connect_errors[_i];
  visit(true);
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.error, H2WS_ERR_CONNECT);
  ck_assert_msg(strstr(guest.detail, strerror(connect_errors[_i])) != NULL,
                "%s", guest.detail);
  end();
}
END_TEST

START_TEST(IO_17_options_of_sockets_are_no_condition) {
  begin(_i == 0);
  faults.armed = true;
  faults.no_options = true;
  visit(_i == 0);
  guest_echo(&guest, "hello");
  ck_assert_int_gt(faults.refused, 0);
  guest_leave(&guest);
  end();
}
END_TEST

START_TEST(IO_19_a_client_that_cannot_be_watched_is_told) {
  begin(true);
  faults.armed = true;
  faults.epoll_error = ENOSPC;
  visit(true);
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.connected, 0);
  ck_assert_int_ne(guest.error, 0);
  ck_assert_int_gt(faults.refused, 0);
  faults.armed = false;
  ck_assert_int_eq(guest.closed, 1);
  end();
}
END_TEST

static void dial_and_read(struct raw *peer) {
  raw_dial(peer);
  peer->step = 1;
  raw_read_all(peer);
}

START_TEST(IO_19_a_server_that_cannot_watch_one_serves_the_next) {
  begin(true);
  memset(&raw, 0, sizeof(raw));
  faults.armed = true;
  faults.epoll_error = ENOSPC;
  raw_start(&raw, dial_and_read, edge_port(&edge));
  raw_join(&raw, &edge); /* it saw the end */
  ck_assert_int_gt(faults.refused, 0);
  faults.armed = false;
  visit(true);
  guest_echo(&guest, "hello");
  guest_leave(&guest);
  end();
}
END_TEST

/* Both modes that let a retry come from other bytes, and a socket that makes
 * retries needed. */
START_TEST(IO_05_what_tls_retries_may_move) {
  static const uint64_t modes =
    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
  static char text[200000];
  memset(text, 'x', sizeof(text) - 1);
  begin(false);
  faults.tls_modes = UINT64_MAX;
  faults.armed = true;
  faults.most = 1000;
  faults.between = EAGAIN;
  visit(false);
  EDGE_UNTIL(&edge, guest.opened || guest.closed);
  guest_send(&guest, text);
  guest_send(&guest, text);
  EDGE_UNTIL(&edge, guest.messages == 2 || guest.closed);
  ck_assert_uint_eq(guest.len, 2 * (sizeof(text) - 1));
  ck_assert_int_gt(faults.tls_writes, 10);
  ck_assert_uint_eq(faults.tls_modes & modes, modes);
  ck_assert_int_gt(faults.refused, 0);
  guest_leave(&guest);
  end();
}
END_TEST

/* A request, a message and the end of the connection, before we look. */
static void say_and_leave(struct raw *peer) {
  static const uint8_t message[] = {0, 0,    7,    0, 0, 0, 0, 0,
                                    1, 0x81, 0x81, 0, 0, 0, 0, 'x'};
  uint8_t frame[512];
  size_t len = raw_connect_frame(frame, sizeof(frame), 1, "/echo");
  raw_dial(peer);
  (void)raw_write(peer, RAW_HELLO, sizeof(RAW_HELLO) - 1);
  (void)raw_write(peer, frame, len);
  (void)raw_write(peer, message, sizeof(message));
  if (peer->input != NULL) {
    (void)shutdown(peer->fd, SHUT_WR);
    peer->step = 1;
    raw_read_all(peer);
  }
}

/* EPOLLIN, EPOLLRDHUP and perhaps EPOLLHUP at once. */
START_TEST(IO_18_data_is_read_before_the_end_behind_it) {
  int i;
  memset(&raw, 0, sizeof(raw));
  begin(true);
  raw.input = _i == 0 ? "it half-closes" : NULL;
  raw_start(&raw, say_and_leave, edge_port(&edge));
  for (i = 0; i < 10000 && !raw.done && !raw.step; i++) {
    (void)poll(NULL, 0, 1); /* the loop does not turn */
  }
  EDGE_UNTIL(&edge, edge.conn_closes);
  raw_join(&raw, &edge);
  ck_assert_int_eq(edge.messages, 1);
  ck_assert_int_eq(edge.socket_closes, 1);
  ck_assert_int_eq(edge.socket_cls, H2WS_CLOSE_LOST);
  ck_assert_uint_eq(edge.socket_code, 1006);
  end();
}
END_TEST

static void only_listen(struct raw *peer) {
  raw_accept(peer);
  raw_read_all(peer);
}

/* Timers go by the clock that only runs forward: none fires, none sticks. */
START_TEST(TM_01_the_wall_clock_jumps) {
  h2ws_time before;
  char url[64];
  int i;
  memset(&raw, 0, sizeof(raw));
  begin(true);
  visit(true);
  guest_echo(&guest, "hello");
  faults.clock = true;
  for (i = 0; i < 50; i++) {
    edge_turn(&edge);
  }
  guest_echo(&guest, "still here");
  ck_assert_int_eq(guest.closed, 0);
  guest_leave(&guest);
  guest.closed = 0;
  raw_start_server(&raw, only_listen);
  guest.options.conn.settings_timeout_ms = 100;
  before = edge_now();
  (void)snprintf(url, sizeof(url), "ws://127.0.0.1:%d/", raw.port);
  guest_connect(&guest, url);
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.error, H2WS_ERR_TIMEOUT);
  ck_assert(edge_now() - before >= 100 * H2WS_MS);
  ck_assert_int_gt(faults.looks, 0);
  raw_join(&raw, &edge);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/faults");
  TCase *tc = tcase_create("calls");
  tcase_add_loop_test(tc, IO_02_IO_03_any_transport_carries_the_same, 0,
                      2 * TRANSPORTS);
  tcase_add_test(tc, IO_03_a_full_socket_does_not_spin);
  tcase_add_loop_test(tc, IO_13_IO_14_accepting_goes_on, 0, ACCEPT_ERRORS);
  tcase_add_loop_test(tc, IO_15_connecting_fails_at_once, 0, CONNECT_ERRORS);
  tcase_add_loop_test(tc, IO_17_options_of_sockets_are_no_condition, 0, 2);
  tcase_add_test(tc, IO_19_a_client_that_cannot_be_watched_is_told);
  tcase_add_test(tc, IO_19_a_server_that_cannot_watch_one_serves_the_next);
  tcase_add_test(tc, IO_05_what_tls_retries_may_move);
  tcase_add_loop_test(tc, IO_18_data_is_read_before_the_end_behind_it, 0, 2);
  tcase_add_test(tc, TM_01_the_wall_clock_jumps);
  suite_add_tcase(suite, tc);
  return suite;
}
