/* Messages through permessage-deflate (RFC 7692), on one side of a pipe. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"

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
START_TEST(X_12_vectors) {
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
  expect_failure(_i, "c1 01 06", 1007);                     /* block type */
  expect_failure(_i, "c1 03 f2 48 cd", 1007);               /* cut off */
  expect_failure(_i, "41 03 f2 48 cd 80 00", 1007);         /* cut off */
  expect_failure(_i, "c1 05 00 05 00 fa fe", 1007);         /* NLEN */
  expect_failure(_i, "c1 07 00 05 00 fa ff 48 65", 1007);   /* stored */
  expect_failure(_i, "c1 04 00 00 ff ff", 1007);            /* PD-03 */
  expect_failure(_i, "41 05" HELLO_AGAIN "00 01 61", 1007); /* distance */
  expect_failure(_i, "42 02 ff ff", 1007);                  /* at once */
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

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/deflate");
  TCase *tc = tcase_create("pipe");
  const TTest *const both[] = {
    X_12_vectors,
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
