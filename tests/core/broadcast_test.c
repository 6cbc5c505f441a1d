/* Prepared messages: encoded once, shared by many, blocked by none. */
#include <pthread.h>
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define MANY 100

static struct test_pair pair;
static struct test_events events[MANY];
static h2ws_socket *client[MANY];
static h2ws_socket *server[MANY];

/* Opens `count` sockets and finds the server's side of each. */
static void begin(size_t chunk, int count) {
  int i;
  test_pair_init(&pair, chunk);
  pair.server_echoes = false;
  test_pair_start(&pair);
  for (i = 0; i < count; i++) {
    client[i] = test_pair_open(&pair, "/echo", &events[i]);
    test_pair_pump(&pair);
    server[i] = pair.peer;
    ck_assert_ptr_nonnull(server[i]);
  }
}

static void end(int count) {
  int i;
  test_pair_dispose(&pair);
  for (i = 0; i < count; i++) {
    test_events_dispose(&events[i]);
  }
}

static h2ws_message *prepare(h2ws_type type, const void *data, size_t len) {
  h2ws_message *message = NULL;
  ck_assert_int_eq(h2ws_message_new(&message, &pair.mem, type, data, len), 0);
  return message;
}

START_TEST(a_message_reaches_everybody) {
  static const size_t sizes[] = {5, 0, 200, 70000};
  static char stars[70000];
  size_t s;
  int i;
  begin(test_chunks[_i], 10);
  memset(stars, 'm', sizeof(stars));
  for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
    h2ws_message *message = prepare(H2WS_TEXT, stars, sizes[s]);
    int results[10];
    ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 10, results), 10);
    h2ws_message_release(message); /* the queues keep it */
    test_pair_pump(&pair);
    for (i = 0; i < 10; i++) {
      ck_assert_int_eq(results[i], 0);
      ck_assert_int_eq(events[i].messages, (int)s + 1);
      ck_assert_uint_eq(events[i].last_len, sizes[s]);
      ck_assert_mem_eq(events[i].data + events[i].len - sizes[s], stars,
                       sizes[s]);
    }
  }
  end(10);
}
END_TEST

START_TEST(a_client_may_send_one_too) {
  h2ws_message *message;
  begin(test_chunks[_i], 1);
  message = prepare(H2WS_BINARY, "\1\2\3", 3);
  ck_assert_int_eq(h2ws_socket_send_message(client[0], message), 0);
  ck_assert_int_eq(h2ws_socket_send_message(client[0], message), 0);
  h2ws_message_release(message);
  test_pair_pump(&pair);
  ck_assert_int_eq(pair.peer_events.messages, 2);
  ck_assert_mem_eq(pair.peer_events.data, "\1\2\3\1\2\3", 6);
  end(1);
}
END_TEST

/* 100 sockets hold one copy: what grows is a small piece for each. */
START_TEST(the_bytes_are_shared) {
  static uint8_t data[50000];
  h2ws_message *message;
  size_t before;
  size_t blocks;
  begin(65536, MANY);
  message = prepare(H2WS_BINARY, data, sizeof(data));
  before = pair.env.bytes;
  blocks = pair.env.live;
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, MANY, NULL), MANY);
  ck_assert_uint_eq(pair.env.live - blocks, MANY);
  ck_assert_uint_lt(pair.env.bytes - before, (size_t)MANY * 200);
  h2ws_message_release(message);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[MANY - 1].messages, 1);
  end(MANY);
}
END_TEST

START_TEST(the_slow_one_is_skipped_and_named) {
  static uint8_t data[600000];
  h2ws_message *message;
  int results[4];
  begin(65536, 3);
  message = prepare(H2WS_BINARY, data, sizeof(data));
  ck_assert_int_eq(h2ws_socket_pause(client[1]), 0);
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 3, results), 3);
  test_pair_pump(&pair);
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 3, results), 3);
  test_pair_pump(&pair);
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 3, results), 3);
  test_pair_pump(&pair);
  server[3] = NULL;
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 4, results), 2);
  ck_assert_int_eq(results[0], 0);
  ck_assert_int_eq(results[1], H2WS_ERR_AGAIN);
  ck_assert_int_eq(results[2], 0);
  ck_assert_int_eq(results[3], H2WS_ERR_INVALID);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[0].messages, 4);
  ck_assert_int_eq(h2ws_socket_resume(client[1]), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[1].messages, 3);
  ck_assert_int_gt(pair.peer_events.writable, 0);
  h2ws_message_release(message);
  end(3);
}
END_TEST

START_TEST(what_cannot_be_sent_is_refused) {
  h2ws_message *message = NULL;
  begin(65536, 1);
  ck_assert_int_eq(h2ws_message_new(&message, NULL, H2WS_TEXT, "\xff", 1),
                   H2WS_ERR_UTF8);
  ck_assert_int_eq(h2ws_message_new(&message, NULL, 3, "x", 1),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(
    h2ws_message_new(&message, NULL, H2WS_BINARY, "x", H2WS_MESSAGE_MAX + 1),
    H2WS_ERR_TOO_BIG);
  ck_assert_ptr_null(message);
  message = prepare(H2WS_TEXT, "x", 1);
  ck_assert_int_eq(h2ws_socket_send_message(NULL, message), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_send_message(server[0], NULL), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_close(server[0], 1000, NULL, 0), 0);
  ck_assert_int_lt(h2ws_socket_send_message(server[0], message), 0);
  h2ws_message_release(message);
  h2ws_message_release(NULL);
  end(1);
}
END_TEST

/* ------------------------------------------------------------------------
 * Compressed
 */

static char text[40000];

/* Nothing repeats within 512 bytes, everything within 8 KiB. */
static void fill_text(void) {
  size_t i;
  for (i = 0; i < 4000; i++) {
    text[i] = (char)('a' + (i * i / 7 + i / 26) % 26);
  }
  for (; i < sizeof(text); i++) {
    text[i] = text[i - 4000];
  }
}

/* A pair whose server compresses; change its options, then start. */
static void prepare_pair(struct test_pair *one, size_t chunk) {
  fill_text();
  test_pair_init(one, chunk);
  one->server_echoes = false;
  one->server_socket_options.compress = true;
}

static h2ws_socket *open_with(struct test_pair *one, uint8_t bits,
                              bool takeover, struct test_events *into) {
  h2ws_request request = {
    .size = sizeof(request), .authority = "example.com", .path = "/echo"};
  h2ws_socket_options options;
  h2ws_socket *socket = NULL;
  memset(into, 0, sizeof(*into));
  h2ws_socket_options_default(&options, sizeof(options));
  options.compress = true;
  options.compress_recv_bits = bits;
  options.compress_recv_takeover = takeover;
  ck_assert_int_eq(h2ws_socket_open(one->client, &socket, &request, &options,
                                    &test_socket_callbacks, into),
                   0);
  test_pair_pump(one);
  ck_assert_ptr_nonnull(one->peer);
  return one->peer;
}

static void begin_compressed(size_t chunk, int count) {
  int i;
  prepare_pair(&pair, chunk);
  test_pair_start(&pair);
  for (i = 0; i < count; i++) {
    server[i] = open_with(&pair, 15, false, &events[i]);
    ck_assert(h2ws_socket_has_compression(server[i]));
  }
}

static h2ws_conn_stats stats_of(const h2ws_conn *conn) {
  h2ws_conn_stats stats = {.size = sizeof(stats)};
  ck_assert_int_eq(h2ws_conn_get_stats(conn, &stats), 0);
  return stats;
}

/* Sends it to one; returns how many bytes it took compressed, or 0. */
static uint64_t wire_size(h2ws_socket *socket, h2ws_message *message) {
  uint64_t before = stats_of(pair.server).compress_sent_wire;
  ck_assert_int_eq(h2ws_socket_send_message(socket, message), 0);
  return stats_of(pair.server).compress_sent_wire - before;
}

static void expect_text(const struct test_events *got, size_t len) {
  ck_assert_uint_eq(got->last_len, len);
  ck_assert_mem_eq(got->data + got->len - len, text, len);
}

START_TEST(a_compressed_message_reaches_everybody) {
  h2ws_message *message;
  h2ws_conn_stats sent;
  h2ws_conn_stats received;
  int i;
  begin_compressed(test_chunks[_i], 10);
  message = prepare(H2WS_TEXT, text, sizeof(text));
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 10, NULL), 10);
  h2ws_message_release(message); /* the queues keep it */
  test_pair_pump(&pair);
  sent = stats_of(pair.server);
  received = stats_of(pair.client);
  ck_assert_uint_eq(sent.messages_sent, 10);
  ck_assert_uint_eq(sent.compress_sent_plain, 10 * sizeof(text));
  ck_assert_uint_lt(sent.compress_sent_wire, sizeof(text));
  ck_assert_uint_eq(received.compress_received_plain, 10 * sizeof(text));
  ck_assert_uint_eq(received.compress_received_wire, sent.compress_sent_wire);
  for (i = 0; i < 10; i++) {
    ck_assert_int_eq(events[i].messages, 1);
    expect_text(&events[i], sizeof(text));
  }
  end(10);
}
END_TEST

/* The first socket has it compressed; the others hold a small piece each. */
START_TEST(the_compressed_bytes_are_shared) {
  h2ws_message *message;
  size_t before;
  size_t blocks;
  begin_compressed(65536, MANY);
  message = prepare(H2WS_TEXT, text, sizeof(text));
  ck_assert_int_eq(h2ws_socket_send_message(server[0], message), 0);
  before = pair.env.bytes;
  blocks = pair.env.live;
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server + 1, MANY - 1, NULL),
                    MANY - 1);
  ck_assert_uint_eq(pair.env.live - blocks, MANY - 1);
  ck_assert_uint_lt(pair.env.bytes - before, (size_t)MANY * 200);
  h2ws_message_release(message);
  test_pair_pump(&pair);
  expect_text(&events[MANY - 1], sizeof(text));
  end(MANY);
}
END_TEST

/* Each window has its own copy, and none goes beyond what was agreed on. */
START_TEST(each_window_has_its_own_copy) {
  static const uint8_t bits[] = {15, 9, 12, 9, 15};
  uint64_t sizes[5];
  h2ws_message *message;
  size_t i;
  prepare_pair(&pair, test_chunks[_i]);
  test_pair_start(&pair);
  message = prepare(H2WS_TEXT, text, sizeof(text));
  for (i = 0; i < 5; i++) {
    server[i] = open_with(&pair, bits[i], false, &events[i]);
    sizes[i] = wire_size(server[i], message);
    test_pair_pump(&pair);
    expect_text(&events[i], sizeof(text));
  }
  ck_assert_uint_gt(sizes[0], 0);
  ck_assert_uint_gt(sizes[1], 2 * sizes[0]);
  ck_assert_uint_eq(sizes[3], sizes[1]);
  ck_assert_uint_eq(sizes[4], sizes[0]);
  h2ws_message_release(message);
  end(5);
}
END_TEST

START_TEST(with_context_takeover_it_stays_plain) {
  h2ws_message *message;
  int i;
  prepare_pair(&pair, test_chunks[_i]);
  pair.server_socket_options.compress_send_takeover = true;
  test_pair_start(&pair);
  server[0] = open_with(&pair, 15, true, &events[0]);
  server[1] = open_with(&pair, 15, false, &events[1]);
  message = prepare(H2WS_TEXT, text, 5000);
  /* Between messages that refer back to each other. */
  for (i = 0; i < 2; i++) {
    ck_assert_int_eq(h2ws_socket_send(server[0], H2WS_TEXT, text, 5000), 0);
    ck_assert_uint_eq(wire_size(server[0], message), 0);
    ck_assert_uint_gt(wire_size(server[1], message), 0);
  }
  h2ws_message_release(message);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[0].messages, 4);
  ck_assert_int_eq(events[1].messages, 2);
  expect_text(&events[0], 5000);
  expect_text(&events[1], 5000);
  end(2);
}
END_TEST

static void expect_plain(h2ws_type type, const void *data, size_t len) {
  h2ws_message *message = prepare(type, data, len);
  ck_assert_uint_eq(wire_size(server[0], message), 0);
  ck_assert_uint_eq(wire_size(server[0], message), 0);
  h2ws_message_release(message);
  test_pair_pump(&pair);
  ck_assert_uint_eq(events[0].last_len, len);
  ck_assert_mem_eq(events[0].data + events[0].len - len, data, len);
}

START_TEST(what_gains_nothing_stays_plain) {
  static uint8_t noise[5000];
  uint32_t x = 1;
  size_t i;
  for (i = 0; i < sizeof(noise); i++) {
    x = x * 1664525 + 1013904223;
    noise[i] = (uint8_t)(x >> 24);
  }
  prepare_pair(&pair, test_chunks[_i]);
  pair.server_socket_options.compress_threshold = 100;
  test_pair_start(&pair);
  server[0] = open_with(&pair, 15, false, &events[0]);
  expect_plain(H2WS_BINARY, noise, sizeof(noise));
  expect_plain(H2WS_TEXT, text, 99);
  expect_plain(H2WS_TEXT_UNCOMPRESSED, text, 5000);
  expect_plain(H2WS_BINARY_UNCOMPRESSED, text, 5000);
  pair.server_socket_options.compress_threshold = 0;
  test_events_dispose(&events[0]);
  server[0] = open_with(&pair, 15, false, &events[0]);
  for (i = 1; i < 8; i++) {
    expect_plain(H2WS_TEXT, text, i);
  }
  end(1);
}
END_TEST

START_TEST(without_memory_it_stays_plain) {
  h2ws_message *message;
  size_t allocations;
  size_t failing;
  prepare_pair(&pair, 65536);
  pair.server_options.max_compress_memory = 0;
  test_pair_start(&pair);
  server[0] = open_with(&pair, 15, false, &events[0]);
  expect_plain(H2WS_TEXT, text, sizeof(text));
  end(1);

  begin_compressed(65536, 1);
  message = prepare(H2WS_TEXT, text, sizeof(text));
  allocations = pair.env.allocations;
  ck_assert_uint_gt(wire_size(server[0], message), 0);
  allocations = pair.env.allocations - allocations;
  h2ws_message_release(message);
  end(1);

  /* Any one allocation fails: the message goes out, or the send says so. */
  for (failing = 1; failing <= allocations; failing++) {
    int rv;
    begin_compressed(65536, 1);
    message = prepare(H2WS_TEXT, text, sizeof(text));
    pair.env.fail_at = pair.env.allocations + failing;
    rv = h2ws_socket_send_message(server[0], message);
    pair.env.fail_at = 0;
    ck_assert(rv == 0 || rv == H2WS_ERR_NOMEM);
    test_pair_pump(&pair);
    ck_assert_int_eq(events[0].messages, rv == 0);
    ck_assert_uint_gt(wire_size(server[0], message), 0);
    test_pair_pump(&pair);
    expect_text(&events[0], sizeof(text));
    h2ws_message_release(message);
    end(1);
  }
}
END_TEST

/* What `count` sockets hold that have sent a message and fallen silent. */
static size_t idle_bytes(bool compress, int from, int count) {
  h2ws_message *message = prepare(H2WS_TEXT, text, 5000);
  int i;
  pair.server_socket_options.compress = compress;
  for (i = from; i < count; i++) {
    server[i] = open_with(&pair, 15, false, &events[i]);
    ck_assert(h2ws_socket_has_compression(server[i]) == compress);
    ck_assert_int_eq(h2ws_socket_send(server[i], H2WS_TEXT, text, 5000), 0);
    ck_assert_int_eq(h2ws_socket_send_message(server[i], message), 0);
  }
  h2ws_message_release(message);
  test_pair_pump(&pair);
  test_pair_advance(&pair, 3000);
  return pair.env.bytes;
}

START_TEST(an_idle_socket_costs_no_more_with_compression) {
  size_t cost[2];
  int i;
  for (i = 0; i < 2; i++) {
    prepare_pair(&pair, 65536);
    test_pair_start(&pair);
    cost[i] = idle_bytes(i == 1, 0, 10);
    cost[i] = idle_bytes(i == 1, 10, 60) - cost[i];
    ck_assert_int_eq(events[59].messages, 2);
    end(60);
  }
  ck_assert_uint_eq(cost[0], cost[1]);
}
END_TEST

#define THREADS 4

struct sender {
  struct test_pair pair;
  struct test_events events[3];
  h2ws_socket *sockets[3];
  h2ws_message *message;
  size_t taken;
};

static void *send_in_thread(void *arg) {
  struct sender *sender = arg;
  sender->taken =
    h2ws_socket_broadcast(sender->message, sender->sockets, 3, NULL);
  h2ws_message_release(sender->message);
  return NULL;
}

/* Connections of different threads send one message at the same time. */
START_TEST(threads_share_a_compressed_message) {
  static const uint8_t bits[] = {15, 12, 9};
  static struct sender senders[THREADS];
  pthread_t threads[THREADS];
  h2ws_message *message = NULL;
  int i;
  int s;
  fill_text();
  ck_assert_int_eq(
    h2ws_message_new(&message, NULL, H2WS_TEXT, text, sizeof(text)), 0);
  for (i = 0; i < THREADS; i++) {
    prepare_pair(&senders[i].pair, 65536);
    test_pair_start(&senders[i].pair);
    for (s = 0; s < 3; s++) {
      senders[i].sockets[s] = open_with(&senders[i].pair, bits[(i + s) % 3],
                                        false, &senders[i].events[s]);
    }
    senders[i].message = h2ws_message_retain(message);
  }
  h2ws_message_release(message);
  for (i = 0; i < THREADS; i++) {
    ck_assert_int_eq(
      pthread_create(&threads[i], NULL, send_in_thread, &senders[i]), 0);
  }
  for (i = 0; i < THREADS; i++) {
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  }
  for (i = 0; i < THREADS; i++) {
    ck_assert_uint_eq(senders[i].taken, 3);
    test_pair_pump(&senders[i].pair);
    ck_assert_uint_gt(stats_of(senders[i].pair.server).compress_sent_wire, 0);
    for (s = 0; s < 3; s++) {
      expect_text(&senders[i].events[s], sizeof(text));
    }
    test_pair_dispose(&senders[i].pair);
    for (s = 0; s < 3; s++) {
      test_events_dispose(&senders[i].events[s]);
    }
  }
}
END_TEST

static void add_compressed(Suite *suite) {
  TCase *tc = tcase_create("compressed");
  tcase_add_loop_test(tc, a_compressed_message_reaches_everybody, 0,
                      TEST_CHUNKS);
  tcase_add_test(tc, the_compressed_bytes_are_shared);
  tcase_add_loop_test(tc, each_window_has_its_own_copy, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, with_context_takeover_it_stays_plain, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, what_gains_nothing_stays_plain, 0, TEST_CHUNKS);
  tcase_add_test(tc, without_memory_it_stays_plain);
  tcase_add_test(tc, an_idle_socket_costs_no_more_with_compression);
  tcase_add_test(tc, threads_share_a_compressed_message);
  suite_add_tcase(suite, tc);
}

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/broadcast");
  TCase *tc = tcase_create("pair");
  tcase_add_loop_test(tc, a_message_reaches_everybody, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, a_client_may_send_one_too, 0, TEST_CHUNKS);
  tcase_add_test(tc, the_bytes_are_shared);
  tcase_add_test(tc, the_slow_one_is_skipped_and_named);
  tcase_add_test(tc, what_cannot_be_sent_is_refused);
  suite_add_tcase(suite, tc);
  add_compressed(suite);
  return suite;
}
