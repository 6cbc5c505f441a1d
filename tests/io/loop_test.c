/* Loops: work from other threads, ids, and many rounds without a trace. */
#include <event2/event.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/io/support/raw.h"
#include "tests/support/suite.h"

static struct edge edge;
static struct guest guest;

static void begin(bool cleartext) {
  edge_begin(&edge);
  edge.options.cleartext = cleartext;
  edge_serve(&edge);
  guest_init(&guest, &edge);
  guest.options.insecure = true;
}

static void end(void) {
  h2ws_client_free(guest.client);
  edge_end(&edge);
}

/* ------------------------------------------------------------------------
 * Other threads
 */

#define SENDERS 4
#define SENDS 500
#define SENDS_IN_ALL 2000

struct sender {
  pthread_t thread;
  h2ws_id id;
  int number;
  int failed; /* calls that returned an error */
};

static atomic_int sends_done;
static atomic_int sends_ok;
static int received[SENDERS]; /* next number expected of each */
static int out_of_order;

static void on_sent(h2ws_id id, int result, void *user) {
  const struct sender *sender = user;
  sends_ok += result == 0 && id == sender->id;
  sends_done++;
}

static void *send_many(void *arg) {
  struct sender *sender = arg;
  char text[32];
  int i;
  for (i = 0; i < SENDS; i++) {
    int len = snprintf(text, sizeof(text), "%d %d", sender->number, i);
    sender->failed += h2ws_loop_send(edge.loop, sender->id, H2WS_TEXT, text,
                                     (size_t)len, on_sent, sender) != 0;
  }
  return NULL;
}

static void on_numbered(h2ws_socket *socket, h2ws_type type,
                        const uint8_t *data, size_t len, void *user) {
  int number = 0;
  int i = 0;
  char text[32];
  (void)socket;
  (void)type;
  (void)user;
  (void)snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)data);
  ck_assert_int_eq(sscanf(text, "%d %d", &number, &i), 2); /* NOLINT */
  out_of_order += received[number] != i;
  received[number]++;
  guest.messages++;
}

static void on_numbered_open(h2ws_socket *socket, void *user) {
  (void)socket;
  (void)user;
  guest.opened++;
}

static const h2ws_socket_callbacks numbered_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_numbered_open,
  .on_message = on_numbered,
};

START_TEST(sends_by_id_from_threads_arrive_in_order) {
  struct sender senders[SENDERS] = {0};
  h2ws_socket *socket = NULL;
  int i;
  begin(false);
  guest.no_socket = true;
  guest_visit(&guest, "wss", "localhost", "/echo");
  EDGE_UNTIL(&edge, guest.connected);
  ck_assert_ptr_eq(h2ws_conn_loop(h2ws_client_conn(guest.client)), edge.loop);
  ck_assert_int_eq(h2ws_client_open_socket(guest.client, &socket, NULL, 0, NULL,
                                           &numbered_callbacks, NULL),
                   0);
  EDGE_UNTIL(&edge, guest.opened);
  for (i = 0; i < SENDERS; i++) {
    senders[i].number = i;
    senders[i].id = h2ws_socket_id(socket);
    ck_assert_uint_ne(senders[i].id, 0);
    ck_assert_int_eq(
      pthread_create(&senders[i].thread, NULL, send_many, &senders[i]), 0);
  }
  EDGE_UNTIL(&edge, guest.messages == SENDS_IN_ALL);
  for (i = 0; i < SENDERS; i++) {
    ck_assert_int_eq(pthread_join(senders[i].thread, NULL), 0);
    ck_assert_int_eq(senders[i].failed, 0);
    ck_assert_int_eq(received[i], SENDS);
  }
  ck_assert_int_eq(out_of_order, 0);
  ck_assert_int_eq(sends_done, SENDS_IN_ALL);
  ck_assert_int_eq(sends_ok, SENDS_IN_ALL);
  end();
}
END_TEST

static int gone_result;

static void on_gone(h2ws_id id, int result, void *user) {
  (void)id;
  (void)user;
  gone_result = result;
}

START_TEST(a_send_to_a_socket_that_is_gone_is_told) {
  h2ws_id id;
  begin(true);
  guest_visit(&guest, "ws", "localhost", "/echo");
  EDGE_UNTIL(&edge, guest.opened);
  id = h2ws_socket_id(guest.socket);
  ck_assert_ptr_eq(h2ws_loop_socket(edge.loop, id), guest.socket);
  ck_assert_int_eq(h2ws_socket_close(guest.socket, 1000, NULL, 0), 0);
  EDGE_UNTIL(&edge, guest.socket_closed);
  ck_assert_ptr_null(h2ws_loop_socket(edge.loop, id));
  ck_assert_int_eq(
    h2ws_loop_send(edge.loop, id, H2WS_TEXT, "x", 1, on_gone, NULL), 0);
  EDGE_UNTIL(&edge, gone_result != 0);
  ck_assert_int_eq(gone_result, H2WS_ERR_CLOSED);
  ck_assert_int_eq(
    h2ws_loop_send(edge.loop, 0, H2WS_TEXT, "x", 1, on_gone, NULL), 0);
  ck_assert_int_eq(h2ws_loop_send(NULL, id, H2WS_TEXT, "x", 1, on_gone, NULL),
                   H2WS_ERR_INVALID);
  guest_leave(&guest);
  end();
}
END_TEST

#define ROUNDS_OF_IDS 100

START_TEST(an_id_never_names_another_socket) {
  static h2ws_id ids[ROUNDS_OF_IDS];
  int i;
  int k;
  begin(true);
  for (i = 0; i < ROUNDS_OF_IDS; i++) {
    guest_init(&guest, &edge);
    guest_visit(&guest, "ws", "localhost", "/echo");
    EDGE_UNTIL(&edge, guest.opened);
    ids[i] = h2ws_socket_id(guest.socket);
    ck_assert_ptr_eq(h2ws_loop_socket(edge.loop, ids[i]), guest.socket);
    for (k = 0; k < i; k++) {
      ck_assert_uint_ne(ids[k], ids[i]);
      ck_assert_ptr_null(h2ws_loop_socket(edge.loop, ids[k]));
    }
    guest_leave(&guest);
  }
  end();
}
END_TEST

#define CROWD 40

/* More connections than the table had room for at first. */
START_TEST(each_of_many_is_found_by_its_id) {
  static struct guest guests[CROWD];
  static h2ws_id ids[CROWD];
  int i;
  begin(true);
  for (i = 0; i < CROWD; i++) {
    guest_init(&guests[i], &edge);
    guest_visit(&guests[i], "ws", "127.0.0.1", "/echo");
  }
  for (i = 0; i < CROWD; i++) {
    EDGE_UNTIL(&edge, guests[i].opened);
    ids[i] = h2ws_socket_id(guests[i].socket);
  }
  for (i = 0; i < CROWD; i += 2) {
    guest_leave(&guests[i]);
  }
  for (i = 0; i < CROWD; i++) {
    ck_assert_ptr_eq(h2ws_loop_socket(edge.loop, ids[i]),
                     i % 2 == 0 ? NULL : guests[i].socket);
  }
  for (i = 1; i < CROWD; i += 2) {
    guest_leave(&guests[i]);
  }
  end();
}
END_TEST

#define AUDIENCE 3

static h2ws_id audience[AUDIENCE + 1]; /* the last one is gone */
static int broadcasts_done;

static void on_broadcast(const h2ws_id *ids, const int *results, size_t len,
                         void *user) {
  size_t i;
  ck_assert_ptr_eq(user, &broadcasts_done);
  ck_assert_uint_eq(len, AUDIENCE + 1);
  ck_assert_mem_eq(ids, audience, sizeof(audience));
  for (i = 0; i < AUDIENCE; i++) {
    ck_assert_int_eq(results[i], 0);
  }
  ck_assert_int_eq(results[AUDIENCE], H2WS_ERR_CLOSED);
  broadcasts_done++;
}

static void *broadcast(void *arg) {
  h2ws_message *message = NULL;
  (void)arg;
  ck_assert_int_eq(h2ws_message_new(&message, NULL, H2WS_TEXT, "to all", 6), 0);
  ck_assert_int_eq(h2ws_loop_broadcast(edge.loop, message, audience,
                                       AUDIENCE + 1, on_broadcast,
                                       &broadcasts_done),
                   0);
  ck_assert_int_eq(
    h2ws_loop_broadcast(edge.loop, message, audience, 1, NULL, NULL), 0);
  ck_assert_int_eq(h2ws_loop_broadcast(edge.loop, message, NULL, 0, NULL, NULL),
                   0);
  h2ws_message_release(message); /* the loop has its own reference */
  return NULL;
}

START_TEST(a_broadcast_from_a_thread_tells_whom_it_reached) {
  static struct guest guests[AUDIENCE + 1];
  h2ws_message *message = NULL;
  pthread_t thread;
  int i;
  begin(true);
  for (i = 0; i <= AUDIENCE; i++) {
    guest_init(&guests[i], &edge);
    guest_visit(&guests[i], "ws", "127.0.0.1", "/echo");
    EDGE_UNTIL(&edge, guests[i].opened);
    audience[i] = h2ws_socket_id(guests[i].socket);
  }
  guest_leave(&guests[AUDIENCE]);
  ck_assert_int_eq(pthread_create(&thread, NULL, broadcast, NULL), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  for (i = 0; i < AUDIENCE; i++) {
    EDGE_UNTIL(&edge, guests[i].messages == (i == 0 ? 2 : 1));
    ck_assert_str_eq(guests[i].last, "to all");
  }
  ck_assert_int_eq(broadcasts_done, 1);
  ck_assert_int_eq(h2ws_message_new(&message, NULL, H2WS_TEXT, "x", 1), 0);
  ck_assert_int_eq(h2ws_loop_broadcast(NULL, message, audience, 1, NULL, NULL),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(
    h2ws_loop_broadcast(edge.loop, NULL, audience, 1, NULL, NULL),
    H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_loop_broadcast(edge.loop, message, NULL, 1, NULL, NULL),
                   H2WS_ERR_INVALID);
  h2ws_message_release(message);
  for (i = 0; i < AUDIENCE; i++) {
    guest_leave(&guests[i]);
  }
  end();
}
END_TEST

static void note(void *arg) {
  atomic_int *n = arg;
  (*n)++;
}

static void *run_loop(void *arg) {
  (void)h2ws_loop_run(arg);
  return NULL;
}

START_TEST(a_post_wakes_a_loop_that_sleeps) {
  h2ws_loop *loop = NULL;
  pthread_t thread;
  atomic_int noted = 0;
  int i;
  ck_assert_int_eq(h2ws_loop_new(&loop, NULL), 0); /* nothing else on it */
  ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
  for (i = 1; i <= 100; i++) {
    ck_assert_int_eq(h2ws_loop_post(loop, note, &noted), 0);
    while (noted < i) {
      (void)poll(NULL, 0, 1); /* the check's timeout bounds it */
    }
  }
  ck_assert_int_eq(h2ws_loop_stop(loop), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  h2ws_loop_free(loop);
}
END_TEST

START_TEST(a_stop_before_the_run_counts) {
  h2ws_loop *loop = NULL;
  atomic_int noted = 0;
  ck_assert_int_eq(h2ws_loop_new(&loop, NULL), 0);
  ck_assert_int_eq(h2ws_loop_post(loop, note, &noted), 0);
  ck_assert_int_eq(h2ws_loop_stop(loop), 0);
  ck_assert_int_eq(h2ws_loop_run(loop), 0);
  ck_assert_int_eq(noted, 1);
  h2ws_loop_free(loop);
}
END_TEST

/* What was posted runs, even if the loop never turns again. */
START_TEST(freeing_a_loop_runs_what_was_posted) {
  h2ws_loop *loop = NULL;
  atomic_int noted = 0;
  ck_assert_int_eq(h2ws_loop_new(&loop, NULL), 0);
  ck_assert_int_eq(h2ws_loop_post(loop, note, &noted), 0);
  ck_assert_int_eq(h2ws_loop_send(loop, 77, H2WS_TEXT, "x", 1, on_gone, NULL),
                   0);
  gone_result = 0;
  h2ws_loop_free(loop);
  ck_assert_int_eq(noted, 1);
  ck_assert_int_eq(gone_result, H2WS_ERR_CLOSED);
}
END_TEST

static struct sender to_thread;
static atomic_int thread_replies;

static void on_thread_reply(h2ws_id id, int result, void *user) {
  (void)id;
  (void)user;
  thread_replies += result == 0 ? 1 : 1000;
}

static h2ws_loop *worker_loop;
static atomic_int accepted;

static void on_worker_request(h2ws_conn *conn, h2ws_stream *stream,
                              void *user) {
  static const h2ws_socket_callbacks none = {.size = sizeof(none)};
  h2ws_socket *socket = NULL;
  (void)user;
  ck_assert_int_eq(
    h2ws_socket_accept(stream, &socket, NULL, 0, NULL, &none, NULL), 0);
  worker_loop = h2ws_conn_loop(conn);
  to_thread.id = h2ws_socket_id(socket);
  accepted = 1;
}

START_TEST(a_server_thread_is_sent_to_by_its_loop) {
  h2ws_server_callbacks callbacks = {.size = sizeof(callbacks)};
  h2ws_server *server = NULL;
  edge_begin(&edge);
  callbacks.on_request = on_worker_request;
  edge.options.cleartext = true;
  edge.options.threads = 2;
  ck_assert_int_eq(h2ws_server_start(&server, edge.loop, &edge.options,
                                     &callbacks, NULL, NULL, 0),
                   0);
  (void)snprintf(edge.address, sizeof(edge.address), "%s",
                 h2ws_server_address(server));
  guest_init(&guest, &edge);
  guest_visit(&guest, "ws", "127.0.0.1", "/echo");
  EDGE_UNTIL(&edge, guest.opened && accepted);
  ck_assert_ptr_ne(worker_loop, edge.loop);
  ck_assert_int_eq(h2ws_loop_send(worker_loop, to_thread.id, H2WS_TEXT, "news",
                                  4, on_thread_reply, NULL),
                   0);
  EDGE_UNTIL(&edge, guest.messages == 1);
  ck_assert_str_eq(guest.last, "news");
  EDGE_UNTIL(&edge, thread_replies == 1);
  guest_leave(&guest);
  h2ws_server_free(server);
  edge_end(&edge);
}
END_TEST

/* ------------------------------------------------------------------------
 * Many rounds
 */

static size_t memory_in_use(void) {
  return mallinfo2().uordblks;
}

/* In turn: an orderly visit, a freed one, one that is refused, a free one in
 * mid-handshake. */
static void one_round(int i, const char *scheme) {
  int closes = edge.conn_closes + edge.conn_errors;
  guest_init(&guest, &edge);
  guest.options.insecure = true;
  guest_visit(&guest, scheme, "127.0.0.1", i % 4 == 2 ? "/no" : "/echo");
  if (i % 4 == 3) {
    edge_turn(&edge);
    h2ws_client_free(guest.client);
    guest.client = NULL;
    edge_turn(&edge);
    return;
  }
  EDGE_UNTIL(&edge, guest.opened || guest.socket_closed);
  if (i % 4 == 1) {
    guest_send(&guest, "hello");
    h2ws_client_free(guest.client);
    guest.client = NULL;
  } else {
    if (i % 4 == 0) {
      guest_echo(&guest, "hello");
    }
    guest_leave(&guest);
  }
  EDGE_UNTIL(&edge, edge.conn_closes + edge.conn_errors > closes);
}

#define WARM_UP 200
#define MANY_ROUNDS 400

/* 0: TLS, 1: cleartext. */
START_TEST(FL_17_rounds_leave_no_descriptor_and_no_memory) {
  const char *scheme = _i == 0 ? "wss" : "ws";
  size_t before;
  int fds;
  int i;
  begin(_i == 1);
  for (i = 0; i < WARM_UP; i++) {
    one_round(i, scheme);
  }
  EDGE_UNTIL(&edge, edge.conn_closes == edge.conns);
  fds = edge_open_fds();
  before = memory_in_use();
  for (i = 0; i < MANY_ROUNDS; i++) {
    one_round(i, scheme);
  }
  EDGE_UNTIL(&edge, edge.conn_closes == edge.conns && edge_open_fds() <= fds);
  ck_assert_msg(memory_in_use() < before + (size_t)64 * 1024,
                "%zu bytes became %zu", before, memory_in_use());
  end();
}
END_TEST

static void be_a_good_peer(struct raw *peer) {
  raw_dial(peer);
  (void)raw_write(peer, RAW_HELLO, sizeof(RAW_HELLO) - 1);
  raw_read_all(peer);
}

/* What is left open when all is freed at once: edge_end() counts. */
START_TEST(freeing_all_at_once_closes_all) {
  static struct raw raw;
  int i;
  begin(true);
  memset(&raw, 0, sizeof(raw));
  raw_start(&raw, be_a_good_peer, edge_port(&edge));
  EDGE_UNTIL(&edge, edge.conns == 1);
  for (i = 0; i < 3; i++) {
    guest_init(&guest, &edge);
    guest_visit(&guest, "ws", "127.0.0.1", "/echo");
    EDGE_UNTIL(&edge, guest.opened);
    h2ws_client_free(guest.client);
    guest.client = NULL;
  }
  h2ws_server_free(edge.server);
  edge.server = NULL;
  raw_join(&raw, &edge);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/loop");
  TCase *tc = tcase_create("threads");
  tcase_add_test(tc, sends_by_id_from_threads_arrive_in_order);
  tcase_add_test(tc, a_send_to_a_socket_that_is_gone_is_told);
  tcase_add_test(tc, an_id_never_names_another_socket);
  tcase_add_test(tc, each_of_many_is_found_by_its_id);
  tcase_add_test(tc, a_broadcast_from_a_thread_tells_whom_it_reached);
  tcase_add_test(tc, a_post_wakes_a_loop_that_sleeps);
  tcase_add_test(tc, a_stop_before_the_run_counts);
  tcase_add_test(tc, freeing_a_loop_runs_what_was_posted);
  tcase_add_test(tc, a_server_thread_is_sent_to_by_its_loop);
  suite_add_tcase(suite, tc);
  tc = tcase_create("rounds");
  tcase_add_loop_test(tc, FL_17_rounds_leave_no_descriptor_and_no_memory, 0, 2);
  tcase_add_test(tc, freeing_all_at_once_closes_all);
  suite_add_tcase(suite, tc);
  return suite;
}
