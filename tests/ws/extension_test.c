/* sec-websocket-extensions: the grammar, and the terms of RFC 7692. */
#include "ws/extension.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NO_TAKEOVER "; server_no_context_takeover; client_no_context_takeover"

static h2ws_socket_options options;

static void setup(void) {
  h2ws_socket_options_default(&options, sizeof(options));
  options.compress = true;
  options.compress_send_takeover = true;
  options.compress_recv_takeover = true;
}

/* What the server answers: "" nothing, "400" for a broken field. */
static const char *choose(const char *offers) {
  static char text[H2WS__TERMS_TEXT_MAX];
  struct h2ws__terms terms;
  if (h2ws__terms_choose(&terms, offers, &options) != NULL) {
    ck_assert(!terms.on);
    return "400";
  }
  return terms.on ? h2ws__terms_write(&terms, text) : "";
}

/* True if the client takes this answer to what its options offer. */
static bool judge(const char *answer) {
  struct h2ws__terms offer;
  struct h2ws__terms terms;
  h2ws__terms_offer(&offer, &options);
  if (h2ws__terms_judge(&terms, answer, &offer) != NULL) {
    ck_assert(!terms.on);
    return false;
  }
  return true;
}

static const char *offer(void) {
  static char text[H2WS__TERMS_TEXT_MAX];
  struct h2ws__terms terms;
  h2ws__terms_offer(&terms, &options);
  return terms.on ? h2ws__terms_write(&terms, text) : "";
}

struct pair_of_texts {
  const char *in;
  const char *out;
};

static void expect_answers(const struct pair_of_texts *rows, size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    const char *answer = choose(rows[i].in);
    ck_assert_msg(strcmp(answer, rows[i].out) == 0,
                  "'%s': expected '%s', got '%s'", rows[i].in, rows[i].out,
                  answer);
  }
}

START_TEST(X_01_the_grammar) {
  static const struct pair_of_texts rows[] = {
    {"permessage-deflate", "permessage-deflate"},
    {"foo, permessage-deflate", "permessage-deflate"},
    {"foo; a=1; b=\"2\"; c, permessage-deflate", "permessage-deflate"},
    {" \t,, permessage-deflate ,", "permessage-deflate"},
    {"permessage-deflate ; client_max_window_bits", "permessage-deflate"},
    {"permessage-deflate;client_max_window_bits=\"10\"", "permessage-deflate"},
    {"permessage-deflate;server_max_window_bits = \"1\\0\"",
     "permessage-deflate; server_max_window_bits=10"},
    {"foo", ""},
    {"Permessage-Deflate", ""},
    {"permessage-deflate-x", ""},
    {"x-webkit-deflate-frame, mux; max=4", ""},
    {"", "400"},
    {" ", "400"},
    {",", "400"},
    {", ,\t,", "400"},
    {";", "400"},
    {"permessage-deflate;", "400"},
    {"permessage-deflate; ;client_max_window_bits", "400"},
    {";client_max_window_bits", "400"},
    {"permessage-deflate=1", "400"},
    {"foo; a==b", "400"},
    {"foo; a=", "400"},
    {"foo; =b", "400"},
    {"foo; a=\"", "400"},
    {"foo; a=\"b", "400"},
    {"foo; a=\"b\\", "400"},
    {"foo; a=\"\"", "400"},
    {"foo; a=\"b c\"", "400"},
    {"foo; a=\"b\" c", "400"},
    {"foo bar", "400"},
    {"foo; a b", "400"},
    {"foo; a=b c", "400"},
    {"foo\x7f", "400"},
    {"f\xc3\xb6\xc3\xb6", "400"},
    {"permessage-deflate, foo; a==b", "400"},
    {"permessage-deflate, ;", "400"},
    {"permessage-deflate; client_max_window_bits=10 11", "400"},
  };
  expect_answers(rows, LEN(rows));
}
END_TEST

START_TEST(X_01_no_field_no_answer) {
  struct h2ws__terms terms;
  ck_assert_ptr_null(h2ws__terms_choose(&terms, NULL, &options));
  ck_assert(!terms.on);
  options.compress = false;
  ck_assert_str_eq(choose("permessage-deflate"), "");
  ck_assert_str_eq(choose("foo; a==b"), "400");
}
END_TEST

static double parse_seconds(const char *unit, size_t len) {
  char *text = malloc(len + 1);
  size_t unit_len = strlen(unit);
  clock_t start;
  size_t i;
  ck_assert_ptr_nonnull(text);
  for (i = 0; i < len; i++) {
    text[i] = unit[i % unit_len];
  }
  text[len] = '\0';
  start = clock();
  (void)choose(text);
  free(text);
  return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/*
 * A square law would make 16 MiB of this take days. AddressSanitizer brings
 * one: its strict_string_checks go to the end of the string in each strspn().
 */
#if defined(__SANITIZE_ADDRESS__)
#define LINEAR_LEN ((size_t)64 << 10)
#else
#define LINEAR_LEN ((size_t)16 << 20)
#endif

START_TEST(X_01_the_parser_is_linear) {
  static const char *const units[] = {
    ",",
    " ",
    "a,",
    "a;b;",
    "permessage-deflate,",
    "permessage-deflate;client_max_window_bits;",
    "permessage-deflate;client_max_window_bits=\"\\1\\5\\5\\5\",",
    "a;b=\"cccccccccccccccccccc\",",
  };
  size_t i;
  for (i = 0; i < LEN(units); i++) {
    double seconds = parse_seconds(units[i], LINEAR_LEN);
    ck_assert_msg(seconds < 10, "'%s' took %f s", units[i], seconds);
  }
}
END_TEST

START_TEST(X_02_the_first_acceptable_offer_wins) {
  static const struct pair_of_texts rows[] = {
    {"permessage-deflate; foo, permessage-deflate", "permessage-deflate"},
    {"permessage-deflate; foo", ""},
    {"permessage-deflate; foo=1; bar, mux", ""},
    {"permessage-deflate; server_no_context_takeover; "
     "server_no_context_takeover, permessage-deflate",
     "permessage-deflate"},
    {"permessage-deflate; client_max_window_bits; client_max_window_bits=9",
     ""},
    {"permessage-deflate; server_max_window_bits=9, "
     "permessage-deflate; server_max_window_bits=10",
     "permessage-deflate; server_max_window_bits=9"},
    {"permessage-deflate; server_max_window_bits=99, "
     "permessage-deflate; server_max_window_bits=10, permessage-deflate",
     "permessage-deflate; server_max_window_bits=10"},
    {"permessage-deflate, permessage-deflate; foo", "permessage-deflate"},
  };
  expect_answers(rows, LEN(rows));
}
END_TEST

START_TEST(X_03_no_takeover_has_no_value) {
  static const struct pair_of_texts rows[] = {
    {"permessage-deflate; server_no_context_takeover=1", ""},
    {"permessage-deflate; client_no_context_takeover=1", ""},
    {"permessage-deflate; client_no_context_takeover=\"true\"", ""},
    {"permessage-deflate; server_no_context_takeover",
     "permessage-deflate; server_no_context_takeover"},
    {"permessage-deflate; client_no_context_takeover",
     "permessage-deflate; client_no_context_takeover"},
  };
  expect_answers(rows, LEN(rows));
  ck_assert(!judge("permessage-deflate; server_no_context_takeover=1"));
  ck_assert(!judge("permessage-deflate; client_no_context_takeover=1"));
}
END_TEST

START_TEST(X_04_window_bits) {
  static const char *const wrong[] = {
    "7",   "16", "08", "+9",  "9.0",        "0", "1",  "015",
    "15x", "-9", "99", "1e1", "1000000015", "a", "10", "155",
  };
  static const char *const names[] = {"server_max_window_bits",
                                      "client_max_window_bits"};
  char text[128];
  size_t i;
  size_t k;
  for (k = 0; k < LEN(names); k++) {
    for (i = 0; i < LEN(wrong); i++) {
      bool right = strcmp(wrong[i], "10") == 0;
      (void)snprintf(text, sizeof(text), "permessage-deflate; %s=%s", names[k],
                     wrong[i]);
      ck_assert_msg((choose(text)[0] != '\0') == right, "%s", text);
      ck_assert_msg(judge(text) == right, "%s", text);
    }
    for (i = 9; i <= 15; i++) {
      (void)snprintf(text, sizeof(text), "permessage-deflate; %s=%zu", names[k],
                     i);
      ck_assert_msg(choose(text)[0] == 'p', "%s", text);
      ck_assert_msg(judge(text), "%s", text);
    }
  }
  ck_assert_str_eq(choose("permessage-deflate; server_max_window_bits"), "");
  ck_assert_str_eq(choose("permessage-deflate; client_max_window_bits"),
                   "permessage-deflate");
  ck_assert(!judge("permessage-deflate; server_max_window_bits"));
  ck_assert(!judge("permessage-deflate; client_max_window_bits"));
}
END_TEST

START_TEST(X_05_what_an_answer_may_add) {
  struct h2ws__terms none_of_it = {.on = true};
  struct h2ws__terms terms;
  ck_assert(judge("permessage-deflate; server_no_context_takeover"));
  ck_assert(judge("permessage-deflate; client_no_context_takeover"));
  ck_assert(judge("permessage-deflate; server_max_window_bits=8"));
  ck_assert(judge("permessage-deflate; client_max_window_bits=8"));
  options.compress_recv_bits = 10;
  options.compress_send_bits = 10;
  ck_assert(judge("permessage-deflate; server_max_window_bits=10"));
  ck_assert(judge("permessage-deflate; server_max_window_bits=9"));
  ck_assert(!judge("permessage-deflate; server_max_window_bits=11"));
  ck_assert(!judge("permessage-deflate; server_max_window_bits=10; "
                   "client_max_window_bits=11"));
  ck_assert_ptr_nonnull(h2ws__terms_judge(
    &terms, "permessage-deflate; client_max_window_bits=10", &none_of_it));
  ck_assert_ptr_null(h2ws__terms_judge(
    &terms, "permessage-deflate; server_max_window_bits=10", &none_of_it));
  /* The server's side of it. */
  ck_assert_str_eq(choose("permessage-deflate"),
                   "permessage-deflate; server_max_window_bits=10");
  ck_assert_str_eq(choose("permessage-deflate; client_max_window_bits=9"),
                   "permessage-deflate; server_max_window_bits=10; "
                   "client_max_window_bits=9");
  ck_assert_str_eq(choose("permessage-deflate; client_max_window_bits"),
                   "permessage-deflate; server_max_window_bits=10; "
                   "client_max_window_bits=10");
  options.compress_send_takeover = false;
  options.compress_recv_takeover = false;
  ck_assert_str_eq(choose("permessage-deflate"),
                   "permessage-deflate" NO_TAKEOVER
                   "; server_max_window_bits=10");
}
END_TEST

START_TEST(X_06_what_was_asked_is_in_the_answer) {
  static const struct pair_of_texts rows[] = {
    {"permessage-deflate; server_no_context_takeover; "
     "server_max_window_bits=12",
     "permessage-deflate; server_no_context_takeover; "
     "server_max_window_bits=12"},
    {"permessage-deflate; server_max_window_bits=15",
     "permessage-deflate; server_max_window_bits=15"},
  };
  expect_answers(rows, LEN(rows));
  options.compress_send_bits = 11;
  ck_assert_str_eq(choose("permessage-deflate; server_max_window_bits=12"),
                   "permessage-deflate; server_max_window_bits=11");
  options.compress_recv_bits = 12;
  ck_assert(!judge("permessage-deflate"));
  ck_assert(judge("permessage-deflate; server_max_window_bits=12"));
  options.compress_recv_takeover = false;
  ck_assert(!judge("permessage-deflate; server_max_window_bits=12"));
  ck_assert(judge("permessage-deflate; server_max_window_bits=12; "
                  "server_no_context_takeover"));
}
END_TEST

START_TEST(X_07_an_answer_lists_it_once) {
  ck_assert(judge(NULL));
  ck_assert(judge("permessage-deflate"));
  ck_assert(judge(" permessage-deflate ,"));
  ck_assert(!judge("permessage-deflate, permessage-deflate"));
  ck_assert(!judge("permessage-deflate, foo"));
  ck_assert(!judge("foo"));
  ck_assert(!judge(""));
  ck_assert(!judge("permessage-deflate; foo"));
  ck_assert(!judge("permessage-deflate; server_no_context_takeover; "
                   "server_no_context_takeover"));
  ck_assert(!judge("permessage-deflate; server_max_window_bits=9; "
                   "server_max_window_bits=9"));
  ck_assert(!judge("permessage-deflate;"));
  options.compress = false;
  ck_assert(judge(NULL));
  ck_assert(!judge("permessage-deflate"));
}
END_TEST

START_TEST(X_08_a_window_of_8) {
  ck_assert_str_eq(choose("permessage-deflate; server_max_window_bits=8"), "");
  ck_assert_str_eq(choose("permessage-deflate; server_max_window_bits=8, "
                          "permessage-deflate; server_max_window_bits=9"),
                   "permessage-deflate; server_max_window_bits=9");
  ck_assert_str_eq(choose("permessage-deflate; client_max_window_bits=8"),
                   "permessage-deflate");
  options.compress_recv_bits = 9;
  ck_assert_str_eq(choose("permessage-deflate; client_max_window_bits=8"),
                   "permessage-deflate; client_max_window_bits=8");
}
END_TEST

START_TEST(the_offer_says_what_the_options_say) {
  ck_assert_str_eq(offer(), "permessage-deflate; client_max_window_bits");
  options.compress_send_bits = 9;
  options.compress_recv_bits = 14;
  ck_assert_str_eq(offer(), "permessage-deflate; server_max_window_bits=14; "
                            "client_max_window_bits=9");
  options.compress_send_takeover = false;
  options.compress_recv_takeover = false;
  ck_assert_str_eq(offer(), "permessage-deflate" NO_TAKEOVER
                            "; server_max_window_bits=14; "
                            "client_max_window_bits=9");
  options.compress = false;
  ck_assert_str_eq(offer(), "");
}
END_TEST

START_TEST(options_have_ranges) {
  ck_assert(h2ws__terms_allowed(&options));
  options.compress_send_bits = 8;
  ck_assert(!h2ws__terms_allowed(&options));
  options.compress = false;
  ck_assert(h2ws__terms_allowed(&options));
  setup();
  options.compress_recv_bits = 16;
  ck_assert(!h2ws__terms_allowed(&options));
  setup();
  options.compress_level = 0;
  ck_assert(!h2ws__terms_allowed(&options));
  setup();
  options.compress_mem_level = 10;
  ck_assert(!h2ws__terms_allowed(&options));
}
END_TEST

/* ------------------------------------------------------------------------
 * On the wire
 */

static struct wire w;

#define OFFER(text) WIRE_CONNECT "sec-websocket-extensions: " text "\n"

static void ask_server(int chunk, const char *head) {
  wire_init(&w, test_chunks[chunk]);
  w.socket_options.compress = true;
  wire_start_server(&w);
  wire_greet(&w);
  wire_head(&w.in, 1, WIRE_EH, head);
  wire_feed(&w);
}

START_TEST(X_01_a_broken_field_is_answered_400) {
  ask_server(_i, OFFER("permessage-deflate; ="));
  ck_assert_int_eq(wire_status(&w, 1), 400);
  wire_end(&w);
}
END_TEST

START_TEST(X_02_an_invalid_offer_is_no_reason_to_refuse) {
  ask_server(_i, OFFER("permessage-deflate; foo"));
  ck_assert_int_eq(wire_status(&w, 1), 200);
  ck_assert_ptr_null(wire_field_of(&w, 1, "sec-websocket-extensions"));
  wire_end(&w);
}
END_TEST

START_TEST(X_01_several_lines_are_one_list) {
  ask_server(_i, OFFER("foo") "sec-websocket-extensions: permessage-deflate\n");
  ck_assert_int_eq(wire_status(&w, 1), 200);
  ck_assert_str_eq(wire_field_of(&w, 1, "sec-websocket-extensions"),
                   "permessage-deflate" NO_TAKEOVER);
  wire_end(&w);
}
END_TEST

START_TEST(off_by_default_on_the_server) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH, OFFER("permessage-deflate"));
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  ck_assert_ptr_null(wire_field_of(&w, 1, "sec-websocket-extensions"));
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/extension");
  TCase *tc = tcase_create("terms");
  tcase_add_checked_fixture(tc, setup, NULL);
  tcase_add_test(tc, X_01_the_grammar);
  tcase_add_test(tc, X_01_no_field_no_answer);
  tcase_add_test(tc, X_01_the_parser_is_linear);
  tcase_add_test(tc, X_02_the_first_acceptable_offer_wins);
  tcase_add_test(tc, X_03_no_takeover_has_no_value);
  tcase_add_test(tc, X_04_window_bits);
  tcase_add_test(tc, X_05_what_an_answer_may_add);
  tcase_add_test(tc, X_06_what_was_asked_is_in_the_answer);
  tcase_add_test(tc, X_07_an_answer_lists_it_once);
  tcase_add_test(tc, X_08_a_window_of_8);
  tcase_add_test(tc, the_offer_says_what_the_options_say);
  tcase_add_test(tc, options_have_ranges);
  suite_add_tcase(suite, tc);
  tc = tcase_create("wire");
  tcase_add_loop_test(tc, X_01_a_broken_field_is_answered_400, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, X_02_an_invalid_offer_is_no_reason_to_refuse, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, X_01_several_lines_are_one_list, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, off_by_default_on_the_server, 0, TEST_CHUNKS);
  suite_add_tcase(suite, tc);
  return suite;
}
