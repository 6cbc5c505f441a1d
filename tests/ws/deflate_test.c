/* Messages through permessage-deflate (RFC 7692), on one side of a pipe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"
#include "tests/support/zpeer.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define HELLO "f2 48 cd c9 c9 07 00"
#define HELLO_AGAIN "f2 00 11 00 00"

static struct test_pipe pipe;

/* Compression with everything on; change options, then open. */
static void prepare(int way) {
  test_pipe_init(&pipe, way);
  pipe.socket_options.compress = true;
  pipe.socket_options.compress_send_takeover = true;
  pipe.socket_options.compress_recv_takeover = true;
  pipe.socket_options.compress_threshold = 0;
  pipe.extensions = "permessage-deflate";
}

static void begin(int way) {
  prepare(way);
  test_pipe_open(&pipe);
  ck_assert(h2ws_socket_has_compression(pipe.socket));
}

static void finish(void) {
  test_pipe_dispose(&pipe);
}

/* `payload` cut in two, with a PING and an empty frame between. */
static void feed_split(const struct test_bytes *payload, size_t at) {
  test_pipe_feed_frame(&pipe, 0x41, payload->data, at);
  test_pipe_feed_frame(&pipe, 0x89, "x", 1);
  test_pipe_feed_frame(&pipe, 0x00, NULL, 0);
  test_pipe_feed_frame(&pipe, 0x80, payload->data + at, payload->len - at);
}

/* One compressed message in one frame. */
static void feed_message(const char *hex) {
  struct test_bytes payload = {0};
  test_bytes_add_hex(&payload, hex);
  test_pipe_feed_frame(&pipe, 0xc1, payload.data, payload.len);
  test_bytes_dispose(&payload);
}

struct vector {
  const char *payload;
  const char *trace;
};

static const struct vector vectors[] = {
  {HELLO, "text 5 Hello\n"},
  {"00 05 00 fa ff 48 65 6c 6c 6f 00", "text 5 Hello\n"},
  {"f3 48 cd c9 c9 07 00 00", "text 5 Hello\n"},
  {"f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "text 5 Hello\n"},
  {"00", "text 0 \n"},
  {"", "text 0 \n"},
  /* A last block with nothing behind it, and a tail not left out. */
  {"f3 48 cd c9 c9 07 00", "text 5 Hello\n"},
  {HELLO "00 00 ff ff", "text 5 Hello\n"},
  {"00 00 00 ff ff", "text 0 \n"},
  /* Several last blocks, and stored ones among them. */
  {"f3 48 05 00 cb c9 c9 07 00 00", "text 5 Hello\n"},
  {"01 02 00 fd ff 48 65 01 03 00 fc ff 6c 6c 6f 00", "text 5 Hello\n"},
  {"03 00 03 00 03 00 00", "text 0 \n"},
};

/* The vectors of RFC 7692 section 7.2.3, and others. */
START_TEST(X_12_PD_03_vectors) {
  size_t i;
  for (i = 0; i < LEN(vectors); i++) {
    begin(_i);
    feed_message(vectors[i].payload);
    test_pipe_expect_trace(&pipe, vectors[i].trace);
    finish();
  }
}
END_TEST

START_TEST(X_14_history_goes_on_behind_last_blocks) {
  size_t i;
  for (i = 0; i < LEN(vectors); i++) {
    if (strstr(vectors[i].trace, "Hello") == NULL) {
      continue;
    }
    begin(_i);
    feed_message(vectors[i].payload);
    feed_message(HELLO_AGAIN);
    test_pipe_expect_trace(&pipe, "text 5 Hello\ntext 5 Hello\n");
    finish();
  }
}
END_TEST

START_TEST(X_21_PD_07_any_split) {
  size_t i;
  size_t at;
  for (i = 0; i < LEN(vectors); i++) {
    struct test_bytes payload = {0};
    test_bytes_add_hex(&payload, vectors[i].payload);
    for (at = 0; at <= payload.len; at++) {
      begin(_i);
      feed_split(&payload, at);
      ck_assert_int_eq(pipe.events.pings, 1);
      ck_assert_int_eq(pipe.events.messages, 1);
      ck_assert_uint_eq(pipe.events.len, strlen(vectors[i].trace) - 8);
      test_pipe_expect(&pipe, "8a 01 78");
      finish();
    }
    test_bytes_dispose(&payload);
  }
}
END_TEST

START_TEST(X_12_fragments) {
  begin(_i);
  test_pipe_feed_hex(&pipe, "41 03 f2 48 cd 80 04 c9 c9 07 00");
  test_pipe_expect_trace(&pipe, "text 5 Hello\n");
  finish();
}
END_TEST

START_TEST(X_15_takeover_over_all_that_is_between) {
  begin(_i);
  test_pipe_feed_hex(&pipe, "c1 07" HELLO);
  test_pipe_feed_hex(&pipe, "89 01 70 81 03 61 62 63 c1 01 00 c1 00 8a 00");
  test_pipe_feed_hex(&pipe, "c1 05" HELLO_AGAIN "82 01 7a c1 05" HELLO_AGAIN);
  test_pipe_expect_trace(&pipe, "text 5 Hello\nping 1 p\ntext 3 abc\ntext 0 \n"
                                "text 0 \npong 0 \ntext 5 Hello\n"
                                "binary 1 z\ntext 5 Hello\n");
  finish();
}
END_TEST

START_TEST(X_15_without_history_it_is_garbage) {
  begin(_i);
  test_pipe_feed_hex(&pipe, "c1 05" HELLO_AGAIN);
  test_pipe_expect_failed(&pipe, 1007);
  ck_assert_int_eq(pipe.events.messages, 0);
  finish();
}
END_TEST

/* We asked the peer to forget: so do we. */
START_TEST(X_16_no_takeover_of_what_is_received) {
  prepare(_i);
  pipe.socket_options.compress_recv_takeover = false;
  if (!pipe.server) {
    pipe.extensions = "permessage-deflate; server_no_context_takeover";
  }
  test_pipe_open(&pipe);
  test_pipe_feed_hex(&pipe, "c1 07" HELLO "c1 07" HELLO);
  test_pipe_expect_trace(&pipe, "text 5 Hello\ntext 5 Hello\n");
  test_pipe_feed_hex(&pipe, "c1 05" HELLO_AGAIN);
  test_pipe_expect_failed(&pipe, 1007);
  finish();
}
END_TEST

static void send_text(const char *text) {
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, text, strlen(text)),
                   0);
}

START_TEST(X_15_takeover_of_what_is_sent) {
  begin(_i);
  send_text("Hello");
  test_pipe_expect(&pipe, "c1 07" HELLO);
  send_text("Hello");
  test_pipe_expect(&pipe, "c1 05" HELLO_AGAIN);
  ck_assert_int_eq(
    h2ws_socket_send(pipe.socket, H2WS_TEXT_UNCOMPRESSED, "Hello", 5), 0);
  test_pipe_expect(&pipe, "81 05 48 65 6c 6c 6f");
  ck_assert_int_eq(h2ws_socket_ping(pipe.socket, "Hello", 5), 0);
  test_pipe_expect(&pipe, "89 05 48 65 6c 6c 6f");
  send_text("Hello");
  test_pipe_expect(&pipe, "c1 04 02 13 00 00");
  finish();
}
END_TEST

#define ELEVEN_HELLOS "HelloHelloHelloHelloHelloHelloHelloHelloHelloHelloHello"

/* Whoever asked for it; the peer, or our own options. */
START_TEST(X_16_no_takeover_of_what_is_sent) {
  int asked;
  for (asked = 0; asked < 2; asked++) {
    struct test_bytes first = {0};
    prepare(_i);
    if (asked == 0) {
      pipe.socket_options.compress_send_takeover = false;
    } else {
      pipe.extensions = pipe.server
                          ? "permessage-deflate; server_no_context_takeover"
                          : "permessage-deflate; client_no_context_takeover";
    }
    test_pipe_open(&pipe);
    send_text(ELEVEN_HELLOS);
    test_pipe_pump(&pipe);
    ck_assert_uint_lt(pipe.out.len, 20);
    ck_assert_uint_eq(pipe.out.data[0], 0xc1);
    test_bytes_add(&first, pipe.out.data, pipe.out.len);
    pipe.out.len = 0;
    send_text(ELEVEN_HELLOS);
    test_pipe_expect_bytes(&pipe, first.data, first.len, "the same again");
    send_text("Hello"); /* does not get smaller */
    test_pipe_expect(&pipe, "81 05 48 65 6c 6c 6f");
    test_bytes_dispose(&first);
    finish();
  }
}
END_TEST

START_TEST(X_11_uncompressed_in_between) {
  begin(_i);
  test_pipe_feed_hex(&pipe, "81 01 61 c1 07" HELLO "01 01 62 80 01 63");
  test_pipe_expect_trace(&pipe, "text 1 a\ntext 5 Hello\ntext 2 bc\n");
  finish();
}
END_TEST

/* These bytes make the socket fail with `code` and deliver nothing. */
static void expect_failure(int way, const char *hex, uint16_t code) {
  begin(way);
  test_pipe_feed_hex(&pipe, hex);
  test_pipe_expect_failed(&pipe, code);
  ck_assert_int_eq(pipe.events.messages, 0);
  finish();
}

START_TEST(X_10_PD_05_reserved_bits) {
  expect_failure(_i, "41 03 f2 48 cd c0 04 c9 c9 07 00", 1002);
  expect_failure(_i, "41 03 f2 48 cd 40 04 c9 c9 07 00", 1002);
  expect_failure(_i, "01 01 61 c0 01 62", 1002);
  expect_failure(_i, "c9 00", 1002);
  expect_failure(_i, "ca 00", 1002);
  expect_failure(_i, "c8 00", 1002);
  expect_failure(_i, "a1 00", 1002);
  expect_failure(_i, "91 00", 1002);
  expect_failure(_i, "e1 00", 1002);
  expect_failure(_i, "d1 00", 1002);
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "c1 07" HELLO);
  test_pipe_expect_failed(&pipe, 1002);
  finish();
}
END_TEST

START_TEST(X_17_PD_02_garbage) {
  expect_failure(_i, "c1 02 ff ff", 1007);
  expect_failure(_i, "c1 01 06", 1007);       /* block type */
  expect_failure(_i, "c1 03 f2 48 cd", 1007); /* cut off */
  expect_failure(_i, "c1 06 f2 48 cd c9 c9 07", 1007);
  /* Cut between a block and the header of the next, in a byte's middle. */
  expect_failure(_i, "c2 06 fa ff ef ef 1f 00", 1007);
  expect_failure(_i, "41 03 f2 48 cd 80 00", 1007);         /* cut off */
  expect_failure(_i, "c1 05 00 05 00 fa fe", 1007);         /* NLEN */
  expect_failure(_i, "c1 07 00 05 00 fa ff 48 65", 1007);   /* stored */
  expect_failure(_i, "c1 04 00 00 ff ff", 1007);            /* PD-03 */
  expect_failure(_i, "41 05" HELLO_AGAIN "00 01 61", 1007); /* distance */
  expect_failure(_i, "c2 05 f2 c8 48 05 2c", 1007); /* ends in the tail */
  expect_failure(_i, "42 02 ff ff", 1007);          /* at once */
}
END_TEST

START_TEST(U_05_inflated_text_is_judged) {
  expect_failure(_i, "c1 07 00 01 00 fe ff ff 00", 1007);
  /* At once, before the message is over, and before the rest is there. */
  expect_failure(_i, "41 09 00 03 00 fc ff 61 ff", 1007);
  /* A character cut off by the end. */
  expect_failure(_i, "c1 08 00 02 00 fd ff e2 82 00", 1007);
  begin(_i);
  test_pipe_feed_hex(&pipe, "c2 07 00 01 00 fe ff ff 00");
  ck_assert_int_eq(pipe.events.messages, 1);
  /* One cut by frames and blocks. */
  test_pipe_feed_hex(&pipe, "41 07 00 02 00 fd ff e2 82"
                            "80 07 00 01 00 fe ff ac 00");
  ck_assert_int_eq(pipe.events.messages, 2);
  ck_assert_mem_eq(pipe.events.data + 1, "\xe2\x82\xac", 3);
  finish();
}
END_TEST

START_TEST(X_08_a_client_that_may_only_use_8_bits) {
  prepare(TEST_CHUNKS + _i);
  pipe.extensions = "permessage-deflate; client_max_window_bits=8; "
                    "server_max_window_bits=8";
  test_pipe_open(&pipe);
  send_text("Hello");
  test_pipe_expect(&pipe, "81 05 48 65 6c 6c 6f");
  test_pipe_feed_hex(&pipe, "c1 07" HELLO "c1 05" HELLO_AGAIN);
  test_pipe_expect_trace(&pipe, "text 5 Hello\ntext 5 Hello\n");
  finish();
}
END_TEST

START_TEST(X_08_a_client_that_only_uses_8_bits) {
  prepare(_i);
  pipe.extensions = "permessage-deflate; client_max_window_bits=8";
  pipe.socket_options.compress_recv_bits = 9;
  test_pipe_open(&pipe);
  test_pipe_feed_hex(&pipe, "c1 07" HELLO "c1 05" HELLO_AGAIN);
  test_pipe_expect_trace(&pipe, "text 5 Hello\ntext 5 Hello\n");
  send_text("Hello");
  test_pipe_expect(&pipe, "c1 07" HELLO);
  finish();
}
END_TEST

START_TEST(PD_11_opting_out) {
  begin(_i);
  ck_assert_int_eq(
    h2ws_socket_send(pipe.socket, H2WS_BINARY_UNCOMPRESSED, "aaaaaa", 6), 0);
  test_pipe_expect(&pipe, "82 06 61 61 61 61 61 61");
  ck_assert_int_eq(
    h2ws_socket_send(pipe.socket, H2WS_TEXT_UNCOMPRESSED, "\xff", 1),
    H2WS_ERR_UTF8);
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_TEXT_UNCOMPRESSED),
                   0);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "aaaaaa", 6), 0);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), 0);
  test_pipe_expect(&pipe, "01 06 61 61 61 61 61 61 80 00");
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, (h2ws_type)3, "a", 1),
                   H2WS_ERR_INVALID);
  finish();
}
END_TEST

START_TEST(small_messages_stay_as_they_are) {
  static const char zeros[100] = {0};
  prepare(_i);
  pipe.socket_options.compress_threshold = 100;
  test_pipe_open(&pipe);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_BINARY, zeros, 99), 0);
  test_pipe_pump(&pipe);
  ck_assert_uint_eq(pipe.out.len, 101);
  pipe.out.len = 0;
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_BINARY, zeros, 100), 0);
  test_pipe_pump(&pipe);
  ck_assert_uint_eq(pipe.out.data[0], 0xc2);
  ck_assert_uint_lt(pipe.out.len, 20);
  finish();
}
END_TEST

START_TEST(X_13_empty_messages_are_sent_plain) {
  begin(_i);
  send_text("");
  test_pipe_expect(&pipe, "81 00");
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_TEXT), 0);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), 0);
  test_pipe_expect(&pipe, "81 00");
  finish();
}
END_TEST

/* Each piece goes out at once; RSV1 is on the first frame alone. */
START_TEST(X_12_pieces_are_flushed) {
  begin(_i);
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_TEXT), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "Hello", 5), 0);
  test_pipe_expect(&pipe, "41 07" HELLO);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "x", 1),
                   H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "", 0), 0);
  test_pipe_expect(&pipe, "");
  ck_assert_int_eq(h2ws_socket_ping(pipe.socket, NULL, 0), 0);
  test_pipe_expect(&pipe, "89 00");
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "Hello", 5), 0);
  test_pipe_expect(&pipe, "00 09 00 00 ff ff" HELLO_AGAIN);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), 0);
  test_pipe_expect(&pipe, "80 00");
  send_text("Hello");
  test_pipe_expect(&pipe, "c1 04 02 13 00 00");
  finish();
}
END_TEST

/* ------------------------------------------------------------------------
 * Limits and memory
 */

#define MIB ((size_t)1 << 20)

START_TEST(X_18_PD_01_CVE_2026_39804_interop_61_a_bomb_stops_at_the_limit) {
  struct test_bytes bomb = {0};
  size_t before;
  zpeer_zeros(&bomb, 64 * MIB);
  ck_assert_uint_lt(bomb.len, 66000);
  prepare(_i);
  pipe.socket_options.max_message = MIB;
  test_pipe_open(&pipe);
  before = pipe.env.bytes;
  pipe.env.peak = before;
  test_pipe_feed_frame(&pipe, 0xc2, bomb.data, bomb.len);
  test_pipe_advance(&pipe, 0);
  test_pipe_expect_failed(&pipe, 1009);
  ck_assert_int_eq(pipe.events.messages, 0);
  ck_assert_int_eq(pipe.events.error, H2WS_ERR_LIMIT);
  /* and what waits for its turn */
  ck_assert_uint_le(pipe.env.peak - before, MIB + 65536 + bomb.len);
  test_bytes_dispose(&bomb);
  finish();
}
END_TEST

START_TEST(X_18_the_limit_is_exact) {
  struct test_bytes message = {0};
  size_t len;
  for (len = 99999; len <= 100001; len++) {
    message.len = 0;
    zpeer_zeros(&message, len);
    prepare(_i);
    pipe.socket_options.max_message = 100000;
    test_pipe_open(&pipe);
    test_pipe_feed_frame(&pipe, 0xc2, message.data, message.len);
    if (len <= 100000) {
      ck_assert_uint_eq(pipe.events.last_len, len);
    } else {
      test_pipe_expect_failed(&pipe, 1009);
      ck_assert_int_eq(pipe.events.messages, 0);
    }
    finish();
  }
  test_bytes_dispose(&message);
}
END_TEST

/* In chunks nothing is assembled: not even the limit is needed. */
START_TEST(X_18_chunks_are_counted_too) {
  struct test_bytes message = {0};
  zpeer_zeros(&message, 3 * MIB);
  prepare(_i);
  pipe.by_chunk = true;
  pipe.socket_options.max_message = 2 * MIB;
  test_pipe_open(&pipe);
  test_pipe_feed_frame(&pipe, 0xc2, message.data, message.len);
  test_pipe_advance(&pipe, 0);
  test_pipe_expect_failed(&pipe, 1009);
  ck_assert_int_eq(pipe.events.messages, 0);
  ck_assert_uint_le(pipe.events.len, 2 * MIB);
  ck_assert_uint_ge(pipe.events.len, 2 * MIB - 16384);
  test_bytes_dispose(&message);
  finish();
}
END_TEST

static uint64_t inflated(void) {
  h2ws_conn_stats stats = {0};
  stats.size = sizeof(stats);
  ck_assert_int_eq(h2ws_conn_get_stats(pipe.conn, &stats), 0);
  return stats.compress_received_plain;
}

/* 16 KiB of input cost as much as 16 MiB: others come in between. */
START_TEST(PD_01_inflating_takes_turns) {
  struct test_bytes message = {0};
  uint64_t before = 0;
  int turns = 0;
  zpeer_zeros(&message, 16 * MIB);
  prepare(_i);
  pipe.chunk = 65536;
  test_pipe_open(&pipe);
  test_pipe_feed_frame(&pipe, 0xc2, message.data, message.len);
  test_pipe_feed_frame(&pipe, 0x82, "behind", 6);
  for (; inflated() < 16 * MIB; turns++) {
    ck_assert_uint_le(inflated() - before, 2 * MIB);
    ck_assert_int_eq(pipe.events.messages, 0);
    before = inflated();
    ck_assert_uint_le(h2ws_conn_deadline(pipe.conn), pipe.env.now);
    (void)h2ws_conn_tick(pipe.conn);
  }
  ck_assert_int_ge(turns, 8);
  test_pipe_advance(&pipe, 0);
  ck_assert_uint_eq(inflated(), 16 * MIB);
  ck_assert_int_eq(pipe.events.messages, 2);
  ck_assert_uint_eq(pipe.events.last_len, 6);
  test_bytes_dispose(&message);
  finish();
}
END_TEST

/* Nobody is called for a message that waited when its socket ended. */
START_TEST(PD_01_ending_while_inflating_waits) {
  struct test_bytes message = {0};
  zpeer_zeros(&message, 16 * MIB);
  prepare(_i);
  pipe.chunk = 65536;
  test_pipe_open(&pipe);
  test_pipe_feed_frame(&pipe, 0xc2, message.data, message.len);
  ck_assert_int_eq(h2ws_socket_abort(pipe.socket), 0);
  test_pipe_pump(&pipe);
  test_pipe_advance(&pipe, 1);
  ck_assert_int_eq(pipe.events.messages, 0);
  ck_assert_uint_le(inflated(), 2 * MIB);
  test_bytes_dispose(&message);
  finish();
}
END_TEST

/* what is announced beyond all reason is refused by its header. */
START_TEST(X_18_an_announced_size_is_judged) {
  expect_failure(_i, "c2 7f 00 00 00 00 80 00 00 00", 1009);
  prepare(_i);
  pipe.socket_options.max_message = 100;
  test_pipe_open(&pipe);
  /* 100 bytes, stored one by one: more on the wire than the limit. */
  test_pipe_feed_hex(&pipe, "42 7e 00 82");
  for (size_t k = 0; k < 21; k++) {
    test_pipe_feed_hex(&pipe, "00 01 00 fe ff 41");
  }
  test_pipe_feed_hex(&pipe, "00 01 00 fe 80 03 ff 41 00");
  ck_assert_uint_eq(pipe.events.last_len, 22);
  finish();
}
END_TEST

START_TEST(X_18_a_ratio_may_be_set) {
  struct test_bytes bomb = {0};
  struct test_bytes small = {0};
  int i;
  zpeer_zeros(&bomb, 2 * MIB);
  zpeer_zeros(&small, 60000);
  /* Over each message; one below 64 KiB may have any. */
  prepare(_i);
  pipe.socket_options.compress_max_ratio = 100;
  pipe.socket_options.compress_recv_takeover = false;
  if (!pipe.server) {
    pipe.extensions = "permessage-deflate; server_no_context_takeover";
  }
  test_pipe_open(&pipe);
  for (i = 0; i < 5; i++) {
    test_pipe_feed_frame(&pipe, 0xc2, small.data, small.len);
  }
  ck_assert_int_eq(pipe.events.messages, 5);
  test_pipe_feed_frame(&pipe, 0xc2, bomb.data, bomb.len);
  test_pipe_expect_failed(&pipe, 1009);
  ck_assert_int_eq(pipe.events.messages, 5);
  finish();
  /* With takeover, over all messages together. */
  prepare(_i);
  pipe.socket_options.compress_max_ratio = 100;
  test_pipe_open(&pipe);
  test_pipe_feed_frame(&pipe, 0xc2, small.data, small.len);
  ck_assert_int_eq(pipe.events.messages, 1);
  test_pipe_feed_frame(&pipe, 0xc2, small.data, small.len);
  test_pipe_expect_failed(&pipe, 1009);
  finish();
  test_bytes_dispose(&bomb);
  test_bytes_dispose(&small);
}
END_TEST

static void send_zeros(size_t len) {
  uint8_t *zeros = calloc(1, len);
  ck_assert_ptr_nonnull(zeros);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_BINARY, zeros, len), 0);
  test_pipe_pump(&pipe);
  free(zeros);
}

/* No more than a socket that never compressed; `takeover`: what it keeps. */
static long held_when_idle(int way, bool takeover) {
  struct test_bytes message = {0};
  size_t before;
  size_t after;
  zpeer_zeros(&message, 50000);
  prepare(way);
  pipe.socket_options.compress_send_takeover = takeover;
  pipe.socket_options.compress_recv_takeover = takeover;
  if (!pipe.server && !takeover) {
    pipe.extensions = "permessage-deflate; server_no_context_takeover";
  }
  test_pipe_open(&pipe);
  test_pipe_feed_frame(&pipe, 0x82, "plain", 5);
  test_pipe_advance(&pipe, 5000);
  before = pipe.env.bytes;
  test_pipe_feed_frame(&pipe, 0xc2, message.data, message.len);
  send_zeros(50000);
  ck_assert_int_eq(pipe.events.messages, 2);
  ck_assert_uint_gt(pipe.env.bytes, before + 250000);
  test_pipe_advance(&pipe, 5000);
  after = pipe.env.bytes;
  test_bytes_dispose(&message);
  finish();
  return (long)after - (long)before;
}

START_TEST(X_19_PD_08_an_idle_socket_holds_nothing) {
  ck_assert_int_le(held_when_idle(_i, false), 0);
}
END_TEST

START_TEST(X_19_takeover_keeps_its_two_states) {
  long held = held_when_idle(_i, true);
  ck_assert_int_gt(held, 260000);
  ck_assert_int_lt(held, 320000);
}
END_TEST

START_TEST(X_19_beyond_the_budget_messages_stay_plain) {
  prepare(_i);
  pipe.options.max_compress_memory = 200000;
  test_pipe_open(&pipe);
  send_text(ELEVEN_HELLOS);
  test_pipe_pump(&pipe);
  ck_assert_uint_eq(pipe.out.data[0], 0x81);
  pipe.out.len = 0;
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_TEXT), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "Hello", 5), 0);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), 0);
  test_pipe_expect(&pipe, "01 05 48 65 6c 6c 6f 80 00");
  /* Receiving is not held up by it. */
  test_pipe_feed_hex(&pipe, "c1 07" HELLO);
  test_pipe_expect_trace(&pipe, "text 5 Hello\n");
  finish();
  prepare(_i);
  pipe.options.max_compress_memory = 200000;
  pipe.socket_options.compress_send_bits = 12;
  pipe.socket_options.compress_mem_level = 5;
  if (pipe.server) {
    pipe.extensions = "permessage-deflate; server_max_window_bits=12";
  }
  test_pipe_open(&pipe);
  send_text("Hello");
  test_pipe_expect(&pipe, "c1 07" HELLO);
  finish();
}
END_TEST

static void fill_random(uint8_t *data, size_t len) {
  uint32_t x = 1;
  size_t i;
  for (i = 0; i < len; i++) {
    x = x * 1664525u + 1013904223u;
    data[i] = (uint8_t)(x >> 24);
  }
}

/* The payload of what was sent, and whether frames and RSV1 are right. */
static void take_sent(struct test_bytes *out, uint8_t first) {
  const uint8_t *p = pipe.out.data;
  const uint8_t *end = p + pipe.out.len;
  while (p < end) {
    size_t len = p[1];
    size_t head = 2;
    if (len == 126) {
      len = (size_t)p[2] << 8 | p[3];
      head = 4;
    }
    ck_assert_uint_lt(len, 65536);
    ck_assert_uint_eq(p[0] & 0x7f, first);
    first = 0;
    test_bytes_add(out, p + head, len);
    p += head + len;
    ck_assert_int_eq(p == end, p[-(ptrdiff_t)(head + len)] >> 7);
  }
  pipe.out.len = 0;
}

START_TEST(PD_10_what_does_not_compress_hardly_grows) {
  uint8_t *data = malloc(MIB);
  ck_assert_ptr_nonnull(data);
  fill_random(data, MIB);
  begin(_i);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_BINARY, data, MIB), 0);
  test_pipe_pump(&pipe);
  ck_assert_uint_le(pipe.out.len, MIB + MIB / 1000 + 16);
  free(data);
  finish();
}
END_TEST

/* What repeats lies 3000 bytes back: beyond a window of 9 to 11 bits. */
START_TEST(X_09_PD_06_the_agreed_window_is_kept) {
  uint8_t data[30000];
  char terms[64];
  int bits;
  fill_random(data, 3000);
  for (size_t at = 3000; at < sizeof(data); at += 3000) {
    memcpy(data + at, data, 3000);
  }
  for (bits = 9; bits <= 15; bits++) {
    struct test_bytes payload = {0};
    prepare(_i);
    (void)snprintf(
      terms, sizeof(terms), "permessage-deflate; %s=%d",
      pipe.server ? "server_max_window_bits" : "client_max_window_bits", bits);
    pipe.extensions = terms;
    test_pipe_open(&pipe);
    ck_assert_int_eq(
      h2ws_socket_send(pipe.socket, H2WS_BINARY, data, sizeof(data)), 0);
    test_pipe_pump(&pipe);
    take_sent(&payload, 0x42);
    zpeer_expect(&payload, bits, data, sizeof(data));
    ck_assert_int_eq(payload.len < 10000, bits >= 12);
    test_bytes_dispose(&payload);
    finish();
  }
}
END_TEST

/* Frames of a large message, and of a small fragment_size. */
START_TEST(X_22_a_large_message_drains_in_frames) {
  static uint8_t data[300000];
  struct test_bytes payload = {0};
  fill_random(data, sizeof(data));
  memset(data + 100000, 0, 100000);
  prepare(_i);
  pipe.socket_options.fragment_size = 1000;
  test_pipe_open(&pipe);
  ck_assert_int_eq(
    h2ws_socket_send(pipe.socket, H2WS_BINARY, data, sizeof(data)), 0);
  test_pipe_pump(&pipe);
  ck_assert_int_eq(pipe.out.data[2] << 8 | pipe.out.data[3], 1000);
  take_sent(&payload, 0x42);
  zpeer_expect(&payload, 15, data, sizeof(data));
  test_bytes_dispose(&payload);
  finish();
}
END_TEST

static void expect_counted(uint64_t sent_plain, uint64_t sent_wire,
                           uint64_t received_plain, uint64_t received_wire) {
  h2ws_conn_stats stats = {.size = sizeof(stats)};
  test_pipe_pump(&pipe);
  ck_assert_int_eq(h2ws_conn_get_stats(pipe.conn, &stats), 0);
  ck_assert_uint_eq(stats.compress_sent_plain, sent_plain);
  ck_assert_uint_eq(stats.compress_sent_wire, sent_wire);
  ck_assert_uint_eq(stats.compress_received_plain, received_plain);
  ck_assert_uint_eq(stats.compress_received_wire, received_wire);
}

START_TEST(bytes_are_counted_before_and_after) {
  static const char zeros[3000];
  begin(_i);
  test_pipe_feed_hex(&pipe, "c1 07" HELLO);
  expect_counted(0, 0, 5, 7);
  test_pipe_feed_hex(&pipe, "41 02 f2 00 80 03 11 00 00 81 02 68 69");
  expect_counted(0, 0, 10, 12);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "Hello", 5), 0);
  test_pipe_expect(&pipe, "c1 07" HELLO);
  expect_counted(5, 7, 10, 12);
  ck_assert_int_eq(
    h2ws_socket_send(pipe.socket, H2WS_TEXT_UNCOMPRESSED, "Hello", 5), 0);
  expect_counted(5, 7, 10, 12);
  pipe.out.len = 0;
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_BINARY), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, zeros, 3000), 0);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), 0);
  test_pipe_pump(&pipe);
  /* Two small frames: their headers are not payload. */
  expect_counted(3005, 7 + pipe.out.len - 4, 10, 12);
  finish();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/deflate");
  TCase *tc = tcase_create("pipe");
  const TTest *const both[] = {
    X_12_PD_03_vectors,
    X_12_fragments,
    X_12_pieces_are_flushed,
    X_14_history_goes_on_behind_last_blocks,
    X_21_PD_07_any_split,
    X_15_takeover_over_all_that_is_between,
    X_15_without_history_it_is_garbage,
    X_15_takeover_of_what_is_sent,
    X_16_no_takeover_of_what_is_received,
    X_16_no_takeover_of_what_is_sent,
    X_11_uncompressed_in_between,
    X_10_PD_05_reserved_bits,
    X_17_PD_02_garbage,
    U_05_inflated_text_is_judged,
    PD_11_opting_out,
    small_messages_stay_as_they_are,
    X_13_empty_messages_are_sent_plain,
    X_18_PD_01_CVE_2026_39804_interop_61_a_bomb_stops_at_the_limit,
    X_18_the_limit_is_exact,
    X_18_chunks_are_counted_too,
    PD_01_inflating_takes_turns,
    PD_01_ending_while_inflating_waits,
    X_18_an_announced_size_is_judged,
    X_18_a_ratio_may_be_set,
    X_19_PD_08_an_idle_socket_holds_nothing,
    X_19_takeover_keeps_its_two_states,
    X_19_beyond_the_budget_messages_stay_plain,
    PD_10_what_does_not_compress_hardly_grows,
    X_09_PD_06_the_agreed_window_is_kept,
    X_22_a_large_message_drains_in_frames,
    bytes_are_counted_before_and_after,
  };
  size_t i;
  for (i = 0; i < LEN(both); i++) {
    tcase_add_loop_test(tc, both[i], 0, TEST_PIPE_WAYS);
  }
  tcase_add_loop_test(tc, X_08_a_client_that_may_only_use_8_bits, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, X_08_a_client_that_only_uses_8_bits, 0, TEST_CHUNKS);
  suite_add_tcase(suite, tc);
  return suite;
}
