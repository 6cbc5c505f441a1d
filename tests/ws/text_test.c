/* Text is UTF-8 (RFC 6455 sections 5.6 and 8.1), both ways. */
#include <string.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Characters of one to four bytes. */
#define TEXT "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5z\xf0\x90\x8d\x88"
#define TEXT_LEN (sizeof(TEXT) - 1)

static struct test_pipe pipe;

START_TEST(U_01_text_is_valid_or_1007) {
  static const struct {
    const char *text;
    bool valid;
  } rows[] = {
    {"\x7f", true},
    {"\xc2\x80", true},
    {"\xef\xbf\xbf", true}, /* a non-character is fine */
    {"\xf4\x8f\xbf\xbf", true},
    {"\xed\x9f\xbf", true},
    {"\xee\x80\x80", true},
    {"\xed\xa0\x80", false}, /* a surrogate */
    {"\xed\xbf\xbf", false},
    {"\xc0\x80", false}, /* overlong */
    {"\xc1\xbf", false},
    {"\xe0\x9f\xbf", false},
    {"\xf0\x8f\xbf\xbf", false},
    {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
    {"\xf5\x80\x80\x80", false},
    {"\x80", false},
    {"\xff", false},
  };
  size_t i;
  for (i = 0; i < LEN(rows); i++) {
    const char *text = rows[i].text;
    test_pipe_begin(&pipe, _i);
    test_pipe_feed_frame(&pipe, 0x81, text, strlen(text));
    ck_assert_int_eq(pipe.events.messages, rows[i].valid ? 1 : 0);
    if (!rows[i].valid) {
      test_pipe_expect_failed(&pipe, 1007);
    }
    test_pipe_dispose(&pipe);
  }
}
END_TEST

START_TEST(U_01_binary_is_not_looked_at) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "82 04 fffec080 02 01 c2 80 01 c2 89 02 ffff");
  ck_assert_int_eq(pipe.events.messages, 2);
  ck_assert_mem_eq(pipe.events.data, "\xff\xfe\xc0\x80\xc2\xc2", 6);
  test_pipe_expect(&pipe, "8a 02 ffff");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(U_02_a_character_may_be_cut_anywhere) {
  size_t a;
  size_t b;
  test_pipe_begin(&pipe, _i);
  for (a = 0; a <= TEXT_LEN; a++) {
    for (b = a; b <= TEXT_LEN; b++) {
      pipe.events.len = 0;
      test_pipe_feed_frame(&pipe, 0x01, TEXT, a);
      test_pipe_feed_frame(&pipe, 0x00, &TEXT[a], b - a);
      test_pipe_feed_frame(&pipe, 0x80, &TEXT[b], TEXT_LEN - b);
      ck_assert_uint_eq(pipe.events.len, TEXT_LEN);
      ck_assert_mem_eq(pipe.events.data, TEXT, TEXT_LEN);
    }
  }
  ck_assert_int_eq(pipe.events.closed, 0);
  test_pipe_dispose(&pipe);
}
END_TEST

/* Texts that are impossible from the byte at `bad` on. */
static const struct {
  const char *text;
  size_t bad;
} impossible[] = {
  {"ab\xf4\x90\x80\x80", 3}, {"ab\xed\xa0\x80", 3}, {"\xc0\x80", 0},
  {"abcdefgh\x80", 8},       {"\xe2\x82z", 2},      {"\xf0\x90\x8dz", 3},
  {"\xe0\x9f\xbf", 1},       {"\xc2\xc2", 1},
};

START_TEST(U_03_fails_at_the_first_impossible_byte) {
  size_t i;
  for (i = 0; i < LEN(impossible); i++) {
    struct test_bytes frame = {0};
    const char *text = impossible[i].text;
    size_t bad = 2 + impossible[i].bad;
    test_bytes_add_frame(&frame, 0x81, text, strlen(text));
    frame.data[1] = 100; /* the rest never comes */
    test_pipe_begin(&pipe, _i);
    test_pipe_feed(&pipe, frame.data, bad);
    test_pipe_expect(&pipe, "");
    test_pipe_feed(&pipe, frame.data + bad, 1);
    test_pipe_expect_failed(&pipe, 1007);
    test_pipe_dispose(&pipe);
    test_bytes_dispose(&frame);
  }
}
END_TEST

START_TEST(U_03_fails_before_the_last_fragment) {
  size_t i;
  for (i = 0; i < LEN(impossible); i++) {
    const char *text = impossible[i].text;
    size_t bad = impossible[i].bad;
    test_pipe_begin(&pipe, _i);
    test_pipe_feed_frame(&pipe, 0x01, text, bad);
    test_pipe_expect(&pipe, "");
    test_pipe_feed_frame(&pipe, 0x00, text + bad, 1);
    test_pipe_expect_failed(&pipe, 1007);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

START_TEST(U_04_a_text_ends_with_a_whole_character) {
  static const char *const frames[] = {
    "81 01 c2",         "81 02 e282",
    "81 03 f0908d",     "81 03 6162c2",
    "01 02 c2c2 80 00", "01 01 c2 80 00",
    "01 00 80 01 e2",   "01 02 e282 00 00 80 00",
  };
  size_t i;
  for (i = 0; i < LEN(frames); i++) {
    test_pipe_begin(&pipe, _i);
    test_pipe_feed_hex(&pipe, frames[i]);
    test_pipe_expect_failed(&pipe, 1007);
    ck_assert_int_eq(pipe.events.messages, 0);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

START_TEST(U_04_the_next_text_begins_afresh) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "02 01 c2 80 00 81 01 61 81 02 c2a2 81 00");
  ck_assert_int_eq(pipe.events.messages, 4);
  ck_assert_int_eq(pipe.events.closed, 0);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(U_06_WS_06_a_reason_may_be_cut_anywhere) {
  static const uint8_t frame[] = {0x88, 8,    0x03, 0xe8, 'a',
                                  0xc3, 0xa9, 0xe2, 0x82, 0xac};
  size_t split;
  for (split = 1; split < sizeof(frame); split++) {
    test_pipe_begin(&pipe, _i);
    test_pipe_feed(&pipe, frame, split);
    test_pipe_expect(&pipe, "");
    test_pipe_feed(&pipe, frame + split, sizeof(frame) - split);
    test_pipe_expect(&pipe, "88 02 03 e8");
    test_pipe_feed_end(&pipe);
    test_pipe_expect_trace(&pipe, "close clean 1000 a\xc3\xa9\xe2\x82\xac\n");
    test_pipe_dispose(&pipe);
  }
}
END_TEST

START_TEST(U_06_WS_06_a_bad_reason_is_found_at_every_cut) {
  static const uint8_t frame[] = {0x88, 6, 0x03, 0xe8, 'a', 'b', 0xff, 0xff};
  size_t split;
  for (split = 1; split < sizeof(frame); split++) {
    test_pipe_begin(&pipe, _i);
    test_pipe_feed(&pipe, frame, split);
    test_pipe_feed(&pipe, frame + split, sizeof(frame) - split);
    test_pipe_expect_failed(&pipe, 1007);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

START_TEST(U_06_a_reason_ends_with_a_whole_character) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "88 04 03e8 e282");
  test_pipe_expect_failed(&pipe, 1007);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(U_07_bad_text_is_not_sent) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "a\xff", 2),
                   H2WS_ERR_UTF8);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "\xc2", 1),
                   H2WS_ERR_UTF8);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, "\xff", 1),
                   H2WS_ERR_UTF8);
  test_pipe_expect(&pipe, "");
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "\xc2\xa2", 2), 0);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_BINARY, "\xff", 1), 0);
  test_pipe_expect(&pipe, "81 02 c2a2 82 01 ff");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(U_07_bad_pieces_are_not_sent) {
  h2ws_socket *socket;
  test_pipe_begin(&pipe, _i);
  socket = pipe.socket;
  ck_assert_int_eq(h2ws_socket_send_begin(socket, H2WS_TEXT), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(socket, "a\xe2", 2), 0);
  ck_assert_int_eq(h2ws_socket_send_end(socket), H2WS_ERR_UTF8);
  ck_assert_int_eq(h2ws_socket_send_piece(socket, "b", 1), H2WS_ERR_UTF8);
  ck_assert_int_eq(h2ws_socket_send_piece(socket, "\x82", 1), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(socket, "\xac\xff", 2),
                   H2WS_ERR_UTF8);
  ck_assert_int_eq(h2ws_socket_send_piece(socket, "\xac", 1), 0);
  ck_assert_int_eq(h2ws_socket_send_end(socket), 0);
  test_pipe_expect(&pipe, "01 02 61e2 00 01 82 00 01 ac 80 00");
  test_pipe_dispose(&pipe);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/text");
  TCase *tc = tcase_create("both");
  tcase_add_loop_test(tc, U_01_text_is_valid_or_1007, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_01_binary_is_not_looked_at, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_02_a_character_may_be_cut_anywhere, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_03_fails_at_the_first_impossible_byte, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_03_fails_before_the_last_fragment, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_04_a_text_ends_with_a_whole_character, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_04_the_next_text_begins_afresh, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_06_WS_06_a_reason_may_be_cut_anywhere, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_06_WS_06_a_bad_reason_is_found_at_every_cut, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_06_a_reason_ends_with_a_whole_character, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_07_bad_text_is_not_sent, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, U_07_bad_pieces_are_not_sent, 0, TEST_PIPE_WAYS);
  suite_add_tcase(suite, tc);
  return suite;
}
