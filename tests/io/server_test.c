/* Servers: peers that are slow, silent, deaf or gone, and our own end. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/io/support/raw.h"
#include "tests/support/suite.h"

#define PING                                                                   \
  "\0\0\10\6\0\0\0\0\0"                                                        \
  "12345678"

static struct edge edge;
static struct guest guest;
static struct raw raw;

static void begin(void) {
  memset(&raw, 0, sizeof(raw));
  edge_begin(&edge);
  guest_init(&guest, &edge);
  guest.options.insecure = true;
}

static void begin_cleartext(void) {
  begin();
  edge.options.cleartext = true;
}

static void end(void) {
  h2ws_client_free(guest.client);
  edge_end(&edge);
}

static void visit_raw(void (*script)(struct raw *peer)) {
  edge_serve(&edge);
  raw_start(&raw, script, edge_port(&edge));
}

static int dial(int flags) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  addr.sin_port = htons((uint16_t)edge_port(&edge));
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ck_assert_int_ge(fd, 0);
  if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

/* ------------------------------------------------------------------------
 * Peers that are silent or slow
 */

static void say_nothing(struct raw *peer) {
  raw_dial(peer);
  raw_read_all(peer);
}

START_TEST(ST_01_silence_before_tls_ends_at_the_deadline) {
  h2ws_time before = edge_now();
  begin();
  edge.options.handshake_timeout_ms = 150;
  visit_raw(say_nothing);
  raw_join(&raw, &edge);
  ck_assert_int_eq(raw.read_end, 0);
  EDGE_UNTIL(&edge, edge.conn_errors);
  ck_assert(edge_now() - before >= 150 * H2WS_MS);
  ck_assert_int_eq(edge.conn_error, H2WS_ERR_TIMEOUT);
  ck_assert_int_eq(edge.conns, 0);
  end();
}
END_TEST

START_TEST(silence_before_the_preface_ends_at_the_deadline) {
  begin_cleartext();
  edge.options.conn.settings_timeout_ms = 150;
  visit_raw(say_nothing);
  raw_join(&raw, &edge);
  ck_assert_int_eq(raw.read_end, 0);
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_TIMEOUT);
  end();
}
END_TEST

#define DRIPS 400

/* A ClientHello that takes four seconds. */
static void drip(struct raw *peer) {
  static const char head[] = "\x16\x03\x01\x01\xf4\x01\x00\x01\xf0\x03\x03";
  struct pollfd fd = {.events = POLLIN};
  int i;
  raw_dial(peer);
  fd.fd = peer->fd;
  for (i = 0; i < DRIPS && poll(&fd, 1, 10) == 0; i++) {
    (void)raw_write(peer, i < 11 ? head + i : "x", 1);
  }
  peer->step = i;
  raw_read_all(peer);
}

START_TEST(ST_02_bytes_do_not_move_the_deadline) {
  begin();
  edge.options.handshake_timeout_ms = 150;
  visit_raw(drip);
  raw_join(&raw, &edge);
  ck_assert_int_lt(raw.step, DRIPS);
  EDGE_UNTIL(&edge, edge.conn_errors);
  ck_assert_int_eq(edge.conn_error, H2WS_ERR_TIMEOUT);
  end();
}
END_TEST

/* Opens a socket with endless windows, and never reads from then on. */
static void open_and_be_deaf(struct raw *peer) {
  static const char hello[] =
    RAW_PREFACE "\0\0\6\4\0\0\0\0\0\0\4\x7f\xff\xff\xff"
                "\0\0\4\10\0\0\0\0\0\x7f\x00\xff\xff";
  uint8_t frame[256];
  size_t len = raw_connect_frame(frame, sizeof(frame), 1, "/echo");
  raw_dial(peer);
  (void)raw_write(peer, hello, sizeof(hello) - 1);
  (void)raw_write(peer, frame, len);
  raw_wait_step(peer, 1);
}

START_TEST(IO_10_FC_06_CVE_2019_9517_a_peer_that_never_reads) {
  static const char data[64 * 1024];
  size_t most = 0;
  begin_cleartext();
  edge.options.conn.stall_timeout_ms = 300;
  visit_raw(open_and_be_deaf);
  EDGE_UNTIL(&edge, edge.socket != NULL);
  while (edge.conn_closes == 0) {
    int rv = edge.socket == NULL
               ? H2WS_ERR_CLOSED
               : h2ws_socket_send(edge.socket, H2WS_BINARY, data, sizeof(data));
    ck_assert(rv == 0 || rv == H2WS_ERR_AGAIN || rv == H2WS_ERR_CLOSED);
    if (edge.socket != NULL && h2ws_socket_queued(edge.socket) > most) {
      most = h2ws_socket_queued(edge.socket);
    }
    edge_turn(&edge);
  }
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(edge.conn_close_error, H2WS_ERR_TIMEOUT);
  ck_assert_uint_le(most, edge.options.conn.high_water + sizeof(data) + 64);
  raw.step = 1;
  raw_join(&raw, &edge);
  end();
}
END_TEST

START_TEST(a_slow_reader_gets_all_of_it) {
  static char text[700 * 1024];
  int i;
  begin();
  memset(text, 'x', sizeof(text));
  edge_serve(&edge);
  guest_visit(&guest, "wss", "localhost", "/echo");
  EDGE_UNTIL(&edge, guest.opened);
  for (i = 0; i < 3; i++) {
    ck_assert_int_eq(h2ws_socket_pause(guest.socket), 0);
    ck_assert_int_eq(
      h2ws_socket_send(guest.socket, H2WS_TEXT, text, sizeof(text)), 0);
    EDGE_UNTIL(&edge, edge.messages == i + 1);
    edge_turn(&edge);
    ck_assert_int_eq(guest.messages, i);
    ck_assert_int_eq(h2ws_socket_resume(guest.socket), 0);
    EDGE_UNTIL(&edge, guest.messages == i + 1);
  }
  ck_assert_uint_eq(guest.len, 3 * sizeof(text));
  guest_leave(&guest);
  end();
}
END_TEST

/* Answers each PING of the server at once. */
static void answer_pings(struct raw *peer) {
  raw_dial(peer);
  (void)raw_write(peer, RAW_HELLO, sizeof(RAW_HELLO) - 1);
  while (peer->step < 3) {
    const uint8_t *ping;
    if (raw_read(peer) <= 0) {
      return;
    }
    ping = raw_find_frame(peer, NGHTTP2_PING);
    if (ping != NULL) {
      uint8_t ack[17];
      memcpy(ack, ping, sizeof(ack));
      ack[4] = 1;
      (void)raw_write(peer, ack, sizeof(ack));
      peer->len = 0;
      peer->step++;
    }
  }
}

START_TEST(TM_02_after_a_stop_input_counts_before_deadlines) {
  begin_cleartext();
  edge.options.conn.ping_interval_ms = 50;
  edge.options.conn.ping_timeout_ms = 100;
  visit_raw(answer_pings);
  EDGE_UNTIL(&edge, raw.step == 1);
  /* The process is stopped, for longer than a deadline. */
  (void)poll(NULL, 0, 300);
  ck_assert_int_eq(raw.step, 1);
  EDGE_UNTIL(&edge, raw.step == 3 || edge.conn_closes);
  ck_assert_int_eq(raw.step, 3);
  raw_join(&raw, &edge);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Peers that go
 */

static void ping_and_finish(struct raw *peer) {
  raw_dial(peer);
  (void)raw_write(peer, RAW_HELLO PING, sizeof(RAW_HELLO PING) - 1);
  (void)shutdown(peer->fd, SHUT_WR);
  raw_read_all(peer);
}

START_TEST(IO_09_who_ends_his_side_still_gets_ours) {
  begin_cleartext();
  visit_raw(ping_and_finish);
  raw_join(&raw, &edge);
  ck_assert_ptr_nonnull(raw_find_frame(&raw, NGHTTP2_PING));
  ck_assert_int_eq(raw.read_end, 0);
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

static void open_and_reset(struct raw *peer) {
  struct linger linger = {1, 0};
  uint8_t frame[256];
  size_t len = raw_connect_frame(frame, sizeof(frame), 1, "/echo");
  raw_dial(peer);
  (void)raw_write(peer, RAW_HELLO, sizeof(RAW_HELLO) - 1);
  (void)raw_write(peer, frame, len);
  while (raw_find_frame(peer, NGHTTP2_HEADERS) == NULL && raw_read(peer) > 0) {
  }
  (void)raw_write(peer, "\0\0\100\0\0\0", 6); /* mid-frame */
  (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
  raw_hang_up(peer);
  peer->step = 1;
}

/* SIGPIPE has its default action here: it would end the test. */
START_TEST(IO_07_a_reset_is_an_error_and_no_signal) {
  begin_cleartext();
  visit_raw(open_and_reset);
  EDGE_UNTIL(&edge, edge.socket != NULL);
  while (edge.conn_closes == 0) {
    if (edge.socket != NULL && raw.step == 1) {
      (void)h2ws_socket_send(edge.socket, H2WS_TEXT, "hello", 5);
      (void)h2ws_socket_send(edge.socket, H2WS_TEXT, "hello", 5);
    }
    edge_turn(&edge);
  }
  ck_assert_int_eq(edge.socket_code, 1006);
  ck_assert_int_eq(edge.socket_cls, H2WS_CLOSE_LOST);
  ck_assert_int_eq(edge.conn_close_error, H2WS_ERR_LOST);
  raw_join(&raw, &edge);
  end();
}
END_TEST

/*
 * A frame that ends the connection; and when all is read, and the server has
 * had its turns, more that nobody wants. A closed socket would answer RST.
 */
static void offend_and_go_on(struct raw *peer) {
  static const char offence[] = RAW_HELLO "\0\0\4\0\0\0\0\0\0data";
  static const char more[1024];
  int i;
  raw_dial(peer);
  (void)raw_write(peer, offence, sizeof(offence) - 1);
  raw_read_all(peer);
  raw_wait_step(peer, 1);
  for (i = 0; i < 32; i++) {
    peer->step += raw_write(peer, more, sizeof(more));
  }
}

START_TEST(F_30_LC_16_goaway_arrives_and_then_fin) {
  begin_cleartext();
  visit_raw(offend_and_go_on);
  EDGE_UNTIL(&edge, edge.conn_closes);
  edge_turn(&edge);
  edge_turn(&edge);
  raw.step = 1;
  raw_join(&raw, &edge);
  ck_assert(raw.goaway);
  ck_assert_uint_eq(raw.code, NGHTTP2_PROTOCOL_ERROR);
  ck_assert_int_eq(raw.read_end, 0); /* no ECONNRESET */
  ck_assert_int_eq(raw.step, 1 + 32);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_PROTOCOL);
  end();
}
END_TEST

static void offend_and_flood(struct raw *peer) {
  static const char more[1024 * 1024];
  raw_dial(peer);
  (void)raw_write(peer, RAW_PREFACE "\0\0\4\0\0\0\0\0\0data", 37);
  while (raw_write(peer, more, sizeof(more))) {
    peer->step++;
  }
}

START_TEST(LC_16_lingering_is_bounded) {
  begin_cleartext();
  visit_raw(offend_and_flood);
  raw_join(&raw, &edge);
  ck_assert_int_lt(raw.step, 20);
  end();
}
END_TEST

static void speak_tls(struct raw *peer) {
  raw_dial(peer);
  raw_tls(peer, false);
}

START_TEST(ST_12_tls_on_a_cleartext_port_is_closed) {
  begin_cleartext();
  visit_raw(speak_tls);
  raw_join(&raw, &edge);
  ck_assert_int_ne(raw.result, 1);
  EDGE_UNTIL(&edge, edge.conn_closes);
  ck_assert_int_eq(edge.conn_close_error, H2WS_ERR_PROTO);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * One turn, and no time lost
 */

/* What is there now, without waiting. */
static void raw_look(void) {
  ssize_t n = recv(raw.fd, raw.buf, sizeof(raw.buf), MSG_DONTWAIT);
  raw.len = n > 0 ? (size_t)n : 0;
}

/* 0: a reset, 1: an answer. On a loop that nobody else keeps awake. */
START_TEST(W_43_interop_27_a_refusal_is_on_the_wire_in_one_turn) {
  uint8_t frame[256];
  size_t len = raw_connect_frame(frame, sizeof(frame), 1, "/wait");
  const uint8_t *found;
  begin_cleartext();
  edge_serve(&edge);
  raw.fd = dial(0);
  ck_assert_int_eq(send(raw.fd, RAW_HELLO RAW_ACK, sizeof(RAW_HELLO) + 8, 0),
                   (ssize_t)sizeof(RAW_HELLO) + 8);
  ck_assert_int_eq(send(raw.fd, frame, len, 0), (ssize_t)len);
  EDGE_UNTIL(&edge, edge.waiting != NULL);
  edge_turn(&edge);
  raw_look();
  raw_look();
  ck_assert_uint_eq(raw.len, 0);
  if (_i == 0) {
    ck_assert_int_eq(h2ws_stream_reset(edge.waiting, H2WS_H2_CANCEL), 0);
  } else {
    ck_assert_int_eq(h2ws_stream_respond(edge.waiting, 403, NULL, 0, NULL, 0),
                     0);
  }
  ck_assert_int_eq(
    event_base_loop(h2ws_loop_base(edge.loop), EVLOOP_ONCE | EVLOOP_NONBLOCK),
    0);
  raw_look();
  found = raw_find_frame(&raw, _i == 0 ? NGHTTP2_RST_STREAM : NGHTTP2_HEADERS);
  ck_assert_ptr_nonnull(found);
  ck_assert_mem_eq(found + 5, "\0\0\0\1", 4);
  ck_assert_int_eq(close(raw.fd), 0);
  end();
}
END_TEST

static void answer_every_other(struct edge *of) {
  if (of->messages % 2 == 0) {
    (void)h2ws_socket_send(of->socket, H2WS_TEXT, "x", 1);
  }
}

#define PAIRS 100

/*
 * The second of two small records, with no answer to the first: by Nagle's
 * algorithm it waits for the peer's delayed ACK, 40 ms each.
 */
START_TEST(IO_22_small_records_do_not_wait) {
  h2ws_time before;
  int i;
  begin();
  edge.on_message = answer_every_other;
  edge_serve(&edge);
  guest_visit(&guest, "wss", "localhost", "/echo");
  EDGE_UNTIL(&edge, guest.opened);
  before = edge_now();
  for (i = 0; i < PAIRS; i++) {
    guest_send(&guest, "a");
    EDGE_UNTIL(&edge, edge.messages == 2 * i + 1);
    guest_send(&guest, "b");
    EDGE_UNTIL(&edge, guest.messages == i + 1);
  }
  ck_assert(edge_now() - before < 2000 * H2WS_MS);
  guest_leave(&guest);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Descriptors
 */

#define SPARE_MAX 4096

/* Takes all descriptors but `leave`; returns how many. */
static int take_descriptors(int *spare, int leave) {
  int n = 0;
  int i;
  while (n < SPARE_MAX) {
    int fd = dup(STDERR_FILENO);
    if (fd < 0) {
      break;
    }
    spare[n++] = fd;
  }
  for (i = 0; i < leave; i++) {
    (void)close(spare[--n]);
  }
  return n;
}

START_TEST(IO_13_without_descriptors_accepting_waits_and_does_not_spin) {
  static int spare[SPARE_MAX];
  struct rlimit limit;
  struct rlimit low;
  h2ws_time before;
  int turns = 0;
  int fd;
  int n;
  begin_cleartext();
  edge_serve(&edge);
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
  low = limit;
  low.rlim_cur = 256;
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
  n = take_descriptors(spare, 1);
  fd = dial(0); /* has the last one */
  ck_assert_int_ge(fd, 0);
  before = edge_now();
  while (edge_now() - before < 300 * H2WS_MS) {
    edge_turn(&edge);
    turns++;
  }
  ck_assert_int_eq(edge.conns, 0);
  ck_assert_int_lt(turns, 300); /* the tick alone makes 60 */
  while (n > 0) {
    (void)close(spare[--n]);
  }
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EDGE_UNTIL(&edge, edge.conns == 1);
  (void)close(fd);
  EDGE_UNTIL(&edge, edge.conn_closes == 1);
  end();
}
END_TEST

START_TEST(IO_20_descriptors_close_on_exec) {
  struct dirent *entry;
  DIR *dir;
  bool ours[1024] = {false};
  int judged = 0;
  int fd;
  for (fd = 0; fd < 1024; fd++) {
    ours[fd] = fcntl(fd, F_GETFD) < 0; /* free now: what comes is ours */
  }
  begin();
  edge_serve(&edge);
  guest_visit(&guest, "wss", "localhost", "/echo");
  guest_echo(&guest, "hello");
  dir = opendir("/proc/self/fd");
  ck_assert_ptr_nonnull(dir);
  while ((entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
    fd = (int)strtol(entry->d_name, NULL, 10);
    if (fd > 0 && fd < 1024 && ours[fd]) {
      ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
      judged++;
    }
  }
  (void)closedir(dir);
  ck_assert_int_ge(judged, 5); /* listener, two ends, epoll, mailbox */
  guest_leave(&guest);
  end();
}
END_TEST

START_TEST(a_listening_descriptor_is_taken_over) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  begin_cleartext();
  edge.options.listen = NULL;
  edge.options.listen_fd = socket(AF_INET, SOCK_STREAM, 0);
  edge.options.threads = (unsigned)_i;
  ck_assert_int_eq(
    bind(edge.options.listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
  ck_assert_int_eq(listen(edge.options.listen_fd, 8), 0);
  edge_serve(&edge);
  guest_visit(&guest, "ws", "127.0.0.1", "/echo");
  guest_echo(&guest, "hello");
  guest_leave(&guest);
  edge_stop(&edge);
  ck_assert_int_eq(fcntl(edge.options.listen_fd, F_GETFD), -1);
  end();
}
END_TEST

START_TEST(a_start_that_fails_leaves_the_descriptor) {
  h2ws_server *server = NULL;
  h2ws_server_callbacks callbacks = {.size = sizeof(callbacks)};
  begin();
  callbacks.on_request = (void (*)(h2ws_conn *, h2ws_stream *, void *))abort;
  edge.options.listen_fd = socket(AF_INET, SOCK_STREAM, 0);
  edge.options.cert_file = "/nowhere/cert.pem";
  ck_assert_int_eq(h2ws_server_start(&server, edge.loop, &edge.options,
                                     &callbacks, NULL, NULL, 0),
                   H2WS_ERR_TLS);
  ck_assert_int_eq(close(edge.options.listen_fd), 0);
  end();
}
END_TEST

START_TEST(an_address_in_use_is_told) {
  h2ws_server *server = NULL;
  h2ws_server_callbacks callbacks = {.size = sizeof(callbacks)};
  char why[256] = "";
  begin_cleartext();
  edge_serve(&edge);
  callbacks.on_request = (void (*)(h2ws_conn *, h2ws_stream *, void *))abort;
  edge.options.listen = edge.address;
  ck_assert_int_eq(h2ws_server_start(&server, edge.loop, &edge.options,
                                     &callbacks, NULL, why, sizeof(why)),
                   H2WS_ERR_IO);
  ck_assert_ptr_nonnull(strstr(why, edge.address));
  ck_assert_ptr_nonnull(strstr(why, "in use"));
  end();
}
END_TEST

START_TEST(connections_have_a_limit) {
  int fds[3];
  char byte;
  begin_cleartext();
  edge.options.max_conns = 2;
  edge_serve(&edge);
  fds[0] = dial(0);
  fds[1] = dial(0);
  EDGE_UNTIL(&edge, edge.conns == 2);
  fds[2] = dial(0);
  while (recv(fds[2], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) {
    edge_turn(&edge);
  }
  ck_assert_int_eq(edge.conns, 2);
  (void)close(fds[0]); /* makes room */
  (void)close(fds[2]);
  EDGE_UNTIL(&edge, edge.conn_closes == 1);
  edge_turn(&edge);
  fds[0] = dial(0);
  EDGE_UNTIL(&edge, edge.conns == 3);
  (void)close(fds[0]);
  (void)close(fds[1]);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Loops, threads, and the end
 */

START_TEST(a_loop_on_an_event_base_of_the_application) {
  struct event_base *base = event_base_new();
  begin();
  edge_end(&edge);
  edge.base = base;
  edge_begin(&edge);
  ck_assert_ptr_eq(h2ws_loop_base(edge.loop), base);
  edge_serve(&edge);
  guest_visit(&guest, "wss", "localhost", "/echo");
  guest_echo(&guest, "hello");
  guest_leave(&guest);
  end();
  event_base_free(base);
}
END_TEST

#define GUESTS 12

START_TEST(a_server_with_threads) {
  static struct guest guests[GUESTS];
  int i;
  begin();
  edge.options.threads = 4;
  edge_serve(&edge);
  for (i = 0; i < GUESTS; i++) {
    guest_init(&guests[i], &edge);
    guests[i].options.insecure = true;
    guest_visit(&guests[i], "wss", "127.0.0.1", "/echo");
  }
  for (i = 0; i < GUESTS; i++) {
    guest_echo(&guests[i], "hello");
  }
  ck_assert_int_eq(edge.conns, GUESTS);
  edge_stop(&edge); /* with all of them there */
  for (i = 0; i < GUESTS; i++) {
    EDGE_UNTIL(&edge, guests[i].closed);
    ck_assert_int_eq(guests[i].socket_closed, 1);
    ck_assert_int_eq(guests[i].code, 1001);
    h2ws_client_free(guests[i].client);
  }
  ck_assert_int_eq(edge.conn_closes, GUESTS);
  ck_assert_int_eq(edge.stopped, 1);
  end();
}
END_TEST

START_TEST(stopping_drains) {
  int fd;
  begin();
  edge.options.conn.goaway_delay_ms = 50;
  edge_serve(&edge);
  guest_visit(&guest, "wss", "localhost", "/echo");
  guest_echo(&guest, "hello");
  fd = dial(0); /* in the middle of its handshake */
  guest_send(&guest, "last words");
  ck_assert_int_eq(h2ws_server_stop(edge.server), 0);
  ck_assert_int_eq(h2ws_server_stop(edge.server), 0); /* again: no matter */
  EDGE_UNTIL(&edge, edge.stopped);
  ck_assert_int_eq(dial(SOCK_CLOEXEC), -1);
  ck_assert_int_eq(errno, ECONNREFUSED);
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(guest.code, 1001);
  ck_assert_int_eq(guest.socket_cls, H2WS_CLOSE_CLEAN);
  edge_turn(&edge);
  ck_assert_int_eq(edge.stopped, 1);
  (void)close(fd);
  end();
}
END_TEST

START_TEST(a_server_without_guests_stops_at_once) {
  begin();
  edge.options.threads = (unsigned)_i;
  edge_serve(&edge);
  edge_stop(&edge);
  end();
}
END_TEST

START_TEST(a_server_is_freed_while_it_stops) {
  begin();
  edge.options.threads = (unsigned)_i;
  edge_serve(&edge);
  guest_visit(&guest, "wss", "localhost", "/echo");
  guest_echo(&guest, "hello");
  ck_assert_int_eq(h2ws_server_stop(edge.server), 0);
  h2ws_server_free(edge.server);
  edge.server = NULL;
  EDGE_UNTIL(&edge, guest.closed);
  edge_turn(&edge);
  ck_assert_int_eq(edge.stopped, 0);
  end();
}
END_TEST

static void free_server(struct edge *of) {
  h2ws_server_free(of->server);
  of->server = NULL;
}

/* 0: by a request, 1: by a message. */
START_TEST(a_server_is_freed_from_inside) {
  begin();
  edge.on_request = _i == 0 ? free_server : NULL;
  edge.on_message = _i == 1 ? free_server : NULL;
  edge_serve(&edge);
  guest_visit(&guest, "wss", "localhost", "/echo");
  EDGE_UNTIL(&edge, guest.opened || guest.closed);
  if (_i == 1) {
    guest_send(&guest, "one");
    guest_send(&guest, "two");
  }
  EDGE_UNTIL(&edge, guest.closed);
  ck_assert_int_eq(guest.cls, H2WS_CLOSE_LOST);
  ck_assert_int_eq(edge.conn_closes, 1);
  ck_assert_int_eq(edge.conn_cls, H2WS_CLOSE_ABORTED);
  ck_assert_int_eq(edge.messages, _i);
  end();
}
END_TEST

static void add_peer_tests(TCase *tc) {
  tcase_add_test(tc, ST_01_silence_before_tls_ends_at_the_deadline);
  tcase_add_test(tc, silence_before_the_preface_ends_at_the_deadline);
  tcase_add_test(tc, ST_02_bytes_do_not_move_the_deadline);
  tcase_add_test(tc, IO_10_FC_06_CVE_2019_9517_a_peer_that_never_reads);
  tcase_add_test(tc, a_slow_reader_gets_all_of_it);
  tcase_add_test(tc, TM_02_after_a_stop_input_counts_before_deadlines);
  tcase_add_test(tc, IO_09_who_ends_his_side_still_gets_ours);
  tcase_add_test(tc, IO_07_a_reset_is_an_error_and_no_signal);
  tcase_add_test(tc, F_30_LC_16_goaway_arrives_and_then_fin);
  tcase_add_test(tc, LC_16_lingering_is_bounded);
  tcase_add_test(tc, ST_12_tls_on_a_cleartext_port_is_closed);
}

static void add_descriptor_tests(TCase *tc) {
  tcase_add_loop_test(tc, W_43_interop_27_a_refusal_is_on_the_wire_in_one_turn,
                      0, 2);
  tcase_add_test(tc, IO_22_small_records_do_not_wait);
  tcase_add_test(tc,
                 IO_13_without_descriptors_accepting_waits_and_does_not_spin);
  tcase_add_test(tc, IO_20_descriptors_close_on_exec);
  tcase_add_loop_test(tc, a_listening_descriptor_is_taken_over, 1, 3);
  tcase_add_test(tc, a_start_that_fails_leaves_the_descriptor);
  tcase_add_test(tc, an_address_in_use_is_told);
  tcase_add_test(tc, connections_have_a_limit);
}

static void add_end_tests(TCase *tc) {
  tcase_add_test(tc, a_loop_on_an_event_base_of_the_application);
  tcase_add_test(tc, a_server_with_threads);
  tcase_add_test(tc, stopping_drains);
  tcase_add_loop_test(tc, a_server_without_guests_stops_at_once, 1, 3);
  tcase_add_loop_test(tc, a_server_is_freed_while_it_stops, 1, 3);
  tcase_add_loop_test(tc, a_server_is_freed_from_inside, 0, 2);
}

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/server");
  TCase *peers = tcase_create("peers");
  TCase *descriptors = tcase_create("descriptors");
  TCase *ends = tcase_create("ends");
  add_peer_tests(peers);
  add_descriptor_tests(descriptors);
  add_end_tests(ends);
  suite_add_tcase(suite, peers);
  suite_add_tcase(suite, descriptors);
  suite_add_tcase(suite, ends);
  return suite;
}
