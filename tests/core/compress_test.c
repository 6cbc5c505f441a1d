/* permessage-deflate between two of ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MIB ((size_t)1 << 20)

static struct test_pair pair;
static struct test_events events;

static void compress_all(h2ws_socket_options *options, bool takeover) {
  h2ws_socket_options_default(options, sizeof(*options));
  options->compress = true;
  options->compress_threshold = 0;
  options->compress_send_takeover = takeover;
  options->compress_recv_takeover = takeover;
}

static h2ws_socket *open_with(const h2ws_socket_options *options,
                              const h2ws_socket_callbacks *callbacks,
                              struct test_events *to) {
  h2ws_request request = {0};
  h2ws_socket *socket = NULL;
  memset(to, 0, sizeof(*to));
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/echo";
  ck_assert_int_eq(
    h2ws_socket_open(pair.client, &socket, &request, options, callbacks, to),
    0);
  test_pair_pump(&pair);
  ck_assert_int_eq(to->opened, 1);
  return socket;
}

static h2ws_socket *begin(int chunk, bool takeover) {
  h2ws_socket_options options;
  h2ws_socket *socket;
  test_pair_init(&pair, test_chunks[chunk]);
  compress_all(&options, takeover);
  compress_all(&pair.server_socket_options, takeover);
  test_pair_start(&pair);
  socket = open_with(&options, &test_socket_callbacks, &events);
  ck_assert(h2ws_socket_has_compression(socket));
  ck_assert(h2ws_socket_has_compression(pair.peer));
  return socket;
}

static void end(void) {
  test_pair_dispose(&pair);
  test_events_dispose(&events);
}

/* Random where `dense`, else something that repeats. */
static void fill(uint8_t *data, size_t len, bool dense, uint32_t x) {
  size_t i;
  for (i = 0; i < len; i++) {
    x = x * 1664525u + 1013904223u;
    data[i] = dense ? (uint8_t)(x >> 24) : (uint8_t)(i % 4 + i / 999);
  }
}

static void expect_echo(h2ws_socket *socket, size_t len, bool dense) {
  uint8_t *data = malloc(len + 1);
  int before = events.messages;
  ck_assert_ptr_nonnull(data);
  fill(data, len, dense, (uint32_t)len);
  events.len = 0;
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_BINARY, data, len), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.messages, before + 1);
  ck_assert_uint_eq(events.last_len, len);
  ck_assert_mem_eq(events.data, data, len);
  free(data);
}

/* ------------------------------------------------------------------------
 * Terms
 */

static const uint8_t bits[] = {9, 12, 15};

static void choose_options(h2ws_socket_options *options, int way) {
  compress_all(options, false);
  options->compress_send_takeover = (way & 1) != 0;
  options->compress_recv_takeover = (way & 2) != 0;
  options->compress_send_bits = bits[way / 4 % 3];
  options->compress_recv_bits = bits[way / 12 % 3];
  options->compress_level = (uint8_t)(way % 9 + 1);
  options->compress_mem_level = (uint8_t)(9 - way % 9);
}

/* 36 ways on the server's side, each with 7 or 8 of the client's. */
START_TEST(interop_60_all_parameters_together) {
  int way;
  for (way = _i % 5; way < 36; way += 5) {
    h2ws_socket_options options;
    h2ws_socket *socket;
    int i;
    test_pair_init(&pair, 65536);
    choose_options(&options, way);
    choose_options(&pair.server_socket_options, _i);
    test_pair_start(&pair);
    socket = open_with(&options, &test_socket_callbacks, &events);
    ck_assert(h2ws_socket_has_compression(socket));
    for (i = 0; i < 3; i++) {
      expect_echo(socket, 10, false);
      expect_echo(socket, 40000, false);
      expect_echo(socket, 5000, true);
    }
    end();
  }
}
END_TEST

START_TEST(one_side_alone_does_not_compress) {
  int who;
  for (who = 0; who < 2; who++) {
    h2ws_socket_options options;
    h2ws_socket *socket;
    test_pair_init(&pair, test_chunks[_i]);
    compress_all(&options, true);
    options.compress = who == 0;
    pair.server_socket_options.compress = who == 1;
    test_pair_start(&pair);
    socket = open_with(&options, &test_socket_callbacks, &events);
    ck_assert(!h2ws_socket_has_compression(socket));
    ck_assert(!h2ws_socket_has_compression(pair.peer));
    expect_echo(socket, 3000, false);
    end();
  }
}
END_TEST

START_TEST(options_out_of_range_are_refused) {
  h2ws_socket_options options;
  h2ws_request request = {0};
  h2ws_socket *socket = NULL;
  test_pair_init(&pair, test_chunks[_i]);
  pair.server_waits = true;
  test_pair_start(&pair);
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/echo";
  compress_all(&options, true);
  options.compress_send_bits = 8;
  ck_assert_int_eq(h2ws_socket_open(pair.client, &socket, &request, &options,
                                    &test_socket_callbacks, &events),
                   H2WS_ERR_INVALID);
  (void)test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_socket_accept(pair.request, &socket, NULL, 0, &options,
                                      &test_socket_callbacks, &events),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_stream_respond(pair.request, 404, NULL, 0, NULL, 0), 0);
  test_pair_pump(&pair);
  end();
}
END_TEST

/* A program that was built before there was compression. */
START_TEST(shorter_options_mean_no_compression) {
  h2ws_socket_options options;
  h2ws_socket *socket;
  memset(&options, 1, sizeof(options));
  test_pair_init(&pair, test_chunks[_i]);
  compress_all(&pair.server_socket_options, true);
  test_pair_start(&pair);
  h2ws_socket_options_default(&options,
                              offsetof(h2ws_socket_options, compress));
  socket = open_with(&options, &test_socket_callbacks, &events);
  ck_assert(!h2ws_socket_has_compression(socket));
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Messages
 */

START_TEST(X_22_interop_58_small_windows) {
  int takeover;
  for (takeover = 0; takeover < 2; takeover++) {
    h2ws_socket_options options;
    h2ws_socket *socket;
    int i;
    test_pair_init(&pair, test_chunks[_i]);
    pair.client_options.stream_window = 1500;
    pair.server_options.stream_window = 1500;
    compress_all(&options, takeover != 0);
    compress_all(&pair.server_socket_options, takeover != 0);
    test_pair_start(&pair);
    socket = open_with(&options, &test_socket_callbacks, &events);
    for (i = 0; i < 4; i++) {
      expect_echo(socket, 65536, i % 2 == 0);
    }
    ck_assert_uint_eq(h2ws_socket_queued(socket), 0);
    end();
  }
}
END_TEST

/* The same messages over an upgraded HTTP/1.1 connection. */
START_TEST(compression_over_http_1_1) {
  h2ws_socket_options options;
  h2ws_socket *socket;
  int i;
  test_pair_init(&pair, test_chunks[_i]);
  pair.client_options.http = H2WS_HTTP_1_1;
  pair.server_options.http = H2WS_HTTP_1_1;
  compress_all(&options, true);
  compress_all(&pair.server_socket_options, true);
  test_pair_start(&pair);
  socket = open_with(&options, &test_socket_callbacks, &events);
  ck_assert(h2ws_socket_has_compression(socket));
  ck_assert(h2ws_socket_has_compression(pair.peer));
  for (i = 0; i < 3; i++) {
    expect_echo(socket, 10, false);
    expect_echo(socket, 30000, i % 2 == 0);
  }
  end();
}
END_TEST

/* Compressed messages leave the tables of HPACK alone. */
START_TEST(interop_59_more_sockets_on_the_connection) {
  static struct test_events others[5];
  h2ws_socket *socket = begin(_i, true);
  h2ws_socket_options options;
  size_t i;
  compress_all(&options, true);
  for (i = 0; i < LEN(others); i++) {
    h2ws_socket *other;
    expect_echo(socket, 3000, i % 2 == 0);
    other = open_with(&options, &test_socket_callbacks, &others[i]);
    ck_assert_int_eq(h2ws_socket_send(other, H2WS_TEXT, "other", 5), 0);
    test_pair_pump(&pair);
    ck_assert_int_eq(others[i].messages, 1);
    ck_assert_mem_eq(others[i].data, "other", 5);
  }
  end();
  for (i = 0; i < LEN(others); i++) {
    test_events_dispose(&others[i]);
  }
}
END_TEST

/* Pieces of two sockets in turn: their states do not meet. */
START_TEST(X_19_sockets_share_no_history) {
  int takeover;
  for (takeover = 0; takeover < 2; takeover++) {
    static struct test_events other_events;
    h2ws_socket *socket = begin(_i, takeover != 0);
    h2ws_socket_options options;
    h2ws_socket *other;
    char text[64];
    int round;
    int i;
    compress_all(&options, takeover != 0);
    other = open_with(&options, &test_socket_callbacks, &other_events);
    for (round = 1; round <= 3; round++) {
      ck_assert_int_eq(h2ws_socket_send_begin(socket, H2WS_TEXT), 0);
      ck_assert_int_eq(h2ws_socket_send_begin(other, H2WS_TEXT), 0);
      for (i = 0; i < 20; i++) {
        (void)snprintf(text, sizeof(text), "one %d %d, ", round, i);
        ck_assert_int_eq(h2ws_socket_send_piece(socket, text, strlen(text)), 0);
        (void)snprintf(text, sizeof(text), "another %d %d, ", round, i);
        ck_assert_int_eq(h2ws_socket_send_piece(other, text, strlen(text)), 0);
        test_pair_pump(&pair);
      }
      ck_assert_int_eq(h2ws_socket_send_end(socket), 0);
      ck_assert_int_eq(h2ws_socket_send_end(other), 0);
      test_pair_pump(&pair);
      ck_assert_int_eq(events.messages, round);
      ck_assert_int_eq(other_events.messages, round);
    }
    ck_assert_mem_eq(events.data, "one 1 0, one 1 1, ", 18);
    ck_assert_mem_eq(other_events.data, "another 1 0, another 1 1, ", 26);
    end();
    test_events_dispose(&other_events);
  }
}
END_TEST

/* ------------------------------------------------------------------------
 * Large messages, both ways through fixed memory
 */

static struct {
  h2ws_socket *socket;
  size_t to_send;
  size_t sent;
  size_t received;
  uint32_t sum_sent;
  uint32_t sum_received;
  bool last;
} flow;

static uint32_t checksum(uint32_t sum, const uint8_t *data, size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    sum = sum * 31 + data[i];
  }
  return sum;
}

static void flow_send(void) {
  uint8_t piece[30000];
  while (flow.sent < flow.to_send) {
    int rv;
    fill(piece, sizeof(piece), flow.sent / sizeof(piece) % 4 == 0,
         (uint32_t)flow.sent);
    rv = h2ws_socket_send_piece(flow.socket, piece, sizeof(piece));
    if (rv == H2WS_ERR_AGAIN) {
      return;
    }
    ck_assert_int_eq(rv, 0);
    flow.sent += sizeof(piece);
    flow.sum_sent = checksum(flow.sum_sent, piece, sizeof(piece));
  }
  ck_assert(h2ws_socket_send_end(flow.socket) != H2WS_ERR_AGAIN);
}

static void flow_chunk(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, unsigned flags, void *user) {
  (void)socket;
  (void)user;
  ck_assert_int_eq(type, H2WS_BINARY);
  flow.received += len;
  flow.sum_received = checksum(flow.sum_received, data, len);
  flow.last = (flags & H2WS_CHUNK_LAST) != 0;
}

static void flow_writable(h2ws_socket *socket, void *user) {
  (void)socket;
  (void)user;
  flow_send();
}

/* The server sends, the client takes chunks. */
START_TEST(X_18_large_messages_need_no_more_memory) {
  h2ws_socket_callbacks callbacks = test_chunk_callbacks;
  h2ws_socket_options options;
  size_t before;
  memset(&flow, 0, sizeof(flow));
  flow.to_send = test_chunks[_i] < 7 ? MIB : 10 * MIB;
  callbacks.on_chunk = flow_chunk;
  test_pair_init(&pair, test_chunks[_i]);
  compress_all(&options, true);
  options.max_message = 0;
  options.max_fragments = 0;
  compress_all(&pair.server_socket_options, true);
  pair.server_writable = flow_writable;
  test_pair_start(&pair);
  (void)open_with(&options, &callbacks, &events);
  flow.socket = pair.peer;
  before = pair.env.bytes;
  pair.env.peak = before;
  ck_assert_int_eq(h2ws_socket_send_begin(pair.peer, H2WS_BINARY), 0);
  flow_send();
  test_pair_pump(&pair);
  ck_assert(flow.last);
  ck_assert_uint_eq(flow.received, flow.sent);
  ck_assert_uint_eq(flow.sum_received, flow.sum_sent);
  /* The sender's queue holds 1 MiB, the receiver's window 256 KiB. */
  ck_assert_uint_lt(pair.env.peak - before, 5 * MIB / 2);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Calls from inside of on_chunk, while there is more to inflate
 */

enum { PAUSE, CLOSE, ABORT };

static struct {
  int act;
  int at; /* the chunk that acts */
  int chunks;
  size_t len;
  bool paused;
  bool last;
  bool sum; /* else all bytes are zeros */
  uint32_t checksum;
} inside;

static void inside_chunk(h2ws_socket *socket, h2ws_type type,
                         const uint8_t *data, size_t len, unsigned flags,
                         void *user) {
  (void)type;
  (void)user;
  ck_assert(!inside.paused);
  ck_assert(inside.sum || len == 0 || (data[0] == 0 && data[len - 1] == 0));
  inside.checksum = checksum(inside.checksum, data, len);
  inside.len += len;
  inside.last = (flags & H2WS_CHUNK_LAST) != 0;
  if (inside.chunks++ < inside.at) {
    return;
  }
  switch (inside.act) {
  case PAUSE:
    ck_assert_int_eq(h2ws_socket_pause(socket), 0);
    inside.paused = true;
    break;
  case CLOSE:
    ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), 0);
    break;
  case ABORT:
    ck_assert_int_eq(h2ws_socket_abort(socket), 0);
    break;
  default:
    break;
  }
}

static h2ws_socket *inside_begin(int chunk, int act, int at, bool takeover) {
  static h2ws_socket_callbacks callbacks;
  h2ws_socket_options options;
  memset(&inside, 0, sizeof(inside));
  inside.act = act;
  inside.at = at;
  callbacks = test_chunk_callbacks;
  callbacks.on_chunk = inside_chunk;
  test_pair_init(&pair, test_chunks[chunk]);
  compress_all(&options, takeover);
  compress_all(&pair.server_socket_options, takeover);
  test_pair_start(&pair);
  return open_with(&options, &callbacks, &events);
}

static void send_zeros(size_t len) {
  uint8_t *zeros = calloc(1, len);
  ck_assert_ptr_nonnull(zeros);
  ck_assert_int_eq(h2ws_socket_send(pair.peer, H2WS_BINARY, zeros, len), 0);
  test_pair_pump(&pair);
  free(zeros);
}

/* A few bytes that become 200,000, and a pause after each step of them. */
START_TEST(a_pause_holds_what_is_not_inflated_yet) {
  int takeover;
  for (takeover = 0; takeover < 2; takeover++) {
    h2ws_socket *socket = inside_begin(_i, PAUSE, 0, takeover != 0);
    int steps = 0;
    send_zeros(200000);
    send_zeros(10);
    ck_assert_int_eq(inside.chunks, 1);
    ck_assert_uint_le(inside.len, 16384);
    while (inside.paused) {
      inside.paused = false;
      ck_assert_int_eq(h2ws_socket_resume(socket), 0);
      test_pair_pump(&pair);
      steps++;
    }
    ck_assert_uint_eq(inside.len, 200010);
    ck_assert(inside.last);
    ck_assert_int_ge(steps, 200000 / 16384);
    ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), 0);
    test_pair_pump(&pair);
    ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
    end();
  }
}
END_TEST

/* The same on a server, where input that waits for its turn is masked. */
START_TEST(a_pause_leaves_masked_input_as_it_was) {
  static uint8_t data[150000];
  h2ws_socket_callbacks callbacks = test_chunk_callbacks;
  h2ws_socket_options options;
  h2ws_request request = {0};
  h2ws_socket *socket = NULL;
  h2ws_socket *peer = NULL;
  memset(&inside, 0, sizeof(inside));
  inside.sum = true;
  callbacks.on_chunk = inside_chunk;
  fill(data, sizeof(data), true, 1);
  memset(data + 30000, 0, 60000);
  test_pair_init(&pair, test_chunks[_i]);
  pair.server_waits = true;
  compress_all(&options, true);
  test_pair_start(&pair);
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/echo";
  ck_assert_int_eq(h2ws_socket_open(pair.client, &socket, &request, &options,
                                    &test_socket_callbacks, &events),
                   0);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_socket_accept(pair.request, &peer, NULL, 0, &options,
                                      &callbacks, &pair.peer_events),
                   0);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_BINARY, data, sizeof(data)),
                   0);
  test_pair_pump(&pair);
  while (inside.paused) {
    inside.paused = false;
    ck_assert_int_eq(h2ws_socket_resume(peer), 0);
    test_pair_pump(&pair);
  }
  ck_assert(inside.last);
  ck_assert_uint_eq(inside.len, sizeof(data));
  ck_assert_uint_eq(inside.checksum, checksum(0, data, sizeof(data)));
  end();
}
END_TEST

START_TEST(a_pause_and_a_close_drop_the_rest) {
  h2ws_socket *socket = inside_begin(_i, PAUSE, 1, true);
  send_zeros(200000);
  ck_assert(inside.paused);
  ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(inside.chunks, 2);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

static void ends_inside(int chunk, int act, int at, bool takeover) {
  (void)inside_begin(chunk, act, at, takeover);
  send_zeros(200000);
  ck_assert_int_eq(inside.chunks, at + 1);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls,
                   act == CLOSE ? H2WS_CLOSE_CLEAN : H2WS_CLOSE_ABORTED);
}

START_TEST(a_close_inside_ends_it) {
  ends_inside(_i, CLOSE, 0, false);
  end();
  ends_inside(_i, CLOSE, 3, true);
  end();
}
END_TEST

START_TEST(an_abort_inside_ends_it) {
  ends_inside(_i, ABORT, 0, false);
  end();
  ends_inside(_i, ABORT, 3, true);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/compress");
  TCase *tc = tcase_create("pair");
  tcase_add_loop_test(tc, interop_60_all_parameters_together, 0, 36);
  tcase_add_loop_test(tc, one_side_alone_does_not_compress, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, options_out_of_range_are_refused, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, shorter_options_mean_no_compression, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, X_22_interop_58_small_windows, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, interop_59_more_sockets_on_the_connection, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, compression_over_http_1_1, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, X_19_sockets_share_no_history, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, X_18_large_messages_need_no_more_memory, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, a_pause_holds_what_is_not_inflated_yet, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, a_pause_leaves_masked_input_as_it_was, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, a_pause_and_a_close_drop_the_rest, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, a_close_inside_ends_it, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, an_abort_inside_ends_it, 0, TEST_CHUNKS);
  suite_add_tcase(suite, tc);
  return suite;
}
