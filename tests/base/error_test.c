/* Errors: names, numbers that never change, texts. */
#include <h2ws/core.h>
#include <string.h>

#include "tests/support/suite.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
  const char *name;
  int number;
} known[] = {
  {"H2WS_ERR_AGAIN", -1},        {"H2WS_ERR_INVALID", -2},
  {"H2WS_ERR_STATE", -3},        {"H2WS_ERR_CLOSED", -4},
  {"H2WS_ERR_EOF", -5},          {"H2WS_ERR_UTF8", -6},
  {"H2WS_ERR_TOO_BIG", -7},      {"H2WS_ERR_HEADER", -8},
  {"H2WS_ERR_UNSUPPORTED", -20}, {"H2WS_ERR_REFUSED", -21},
  {"H2WS_ERR_HANDSHAKE", -22},   {"H2WS_ERR_RETRY", -23},
  {"H2WS_ERR_HTTP_1_1", -24},    {"H2WS_ERR_EXHAUSTED", -25},
  {"H2WS_ERR_GOING_AWAY", -26},  {"H2WS_ERR_MISDIRECTED", -27},
  {"H2WS_ERR_PROTO", -40},       {"H2WS_ERR_RESET", -41},
  {"H2WS_ERR_LOST", -42},        {"H2WS_ERR_TIMEOUT", -43},
  {"H2WS_ERR_LIMIT", -44},       {"H2WS_ERR_ABORTED", -45},
  {"H2WS_ERR_NOT_HTTP2", -46},   {"H2WS_ERR_URL", -60},
  {"H2WS_ERR_RESOLVE", -61},     {"H2WS_ERR_CONNECT", -62},
  {"H2WS_ERR_TLS", -63},         {"H2WS_ERR_CERTIFICATE", -64},
  {"H2WS_ERR_ALPN", -65},        {"H2WS_ERR_IO", -66},
  {"H2WS_ERR_CANCELLED", -67},   {"H2WS_ERR_PROXY", -68},
  {"H2WS_ERR_NOMEM", -100},      {"H2WS_ERR_INTERNAL", -101},
};

static const int numbers[] = {
#define NUMBER(name, number, text) H2WS_ERR_##name,
  H2WS_ERRORS(NUMBER)
#undef NUMBER
};

START_TEST(numbers_never_change) {
  size_t i;
  for (i = 0; i < LEN(known); i++) {
    ck_assert_str_eq(h2ws_error_name(known[i].number), known[i].name);
  }
}
END_TEST

START_TEST(each_error_has_a_number_and_a_text_of_its_own) {
  size_t i;
  size_t k;
  ck_assert_uint_eq(LEN(numbers), LEN(known));
  for (i = 0; i < LEN(numbers); i++) {
    const char *text = h2ws_strerror(numbers[i]);
    ck_assert_int_lt(numbers[i], 0);
    ck_assert_uint_gt(strlen(text), 5);
    ck_assert_str_ne(text, "unknown error");
    ck_assert_str_ne(h2ws_error_name(numbers[i]), "unknown");
    for (k = 0; k < i; k++) {
      ck_assert_int_ne(numbers[i], numbers[k]);
      ck_assert_str_ne(text, h2ws_strerror(numbers[k]));
    }
  }
}
END_TEST

START_TEST(what_is_no_error) {
  ck_assert_str_eq(h2ws_strerror(0), "ok");
  ck_assert_str_eq(h2ws_error_name(0), "0");
  ck_assert_str_eq(h2ws_strerror(1), "unknown error");
  ck_assert_str_eq(h2ws_strerror(-99999), "unknown error");
  ck_assert_str_eq(h2ws_error_name(-99999), "unknown");
}
END_TEST

/* RFC 9113 section 7. */
START_TEST(codes_of_http2_have_names) {
  static const char *const names[] = {
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
    "unknown code",
  };
  uint32_t i;
  for (i = 0; i < LEN(names); i++) {
    ck_assert_str_eq(h2ws_h2_code_name(i), names[i]);
  }
  ck_assert_uint_eq(H2WS_H2_HTTP_1_1_REQUIRED, 13);
}
END_TEST

START_TEST(fatal_ones) {
  ck_assert(h2ws_error_is_fatal(H2WS_ERR_NOMEM));
  ck_assert(h2ws_error_is_fatal(H2WS_ERR_INTERNAL));
  ck_assert(!h2ws_error_is_fatal(H2WS_ERR_AGAIN));
  ck_assert(!h2ws_error_is_fatal(H2WS_ERR_IO));
  ck_assert(!h2ws_error_is_fatal(0));
}
END_TEST

START_TEST(classes_and_states_have_names) {
  static const char *const classes[] = {"clean", "refused", "aborted",
                                        "lost",  "timeout", "protocol"};
  static const char *const states[] = {
    "waiting",
    "opening",
    "requested",
    "open",
    "half-closed (local)",
    "half-closed (remote)",
    "closed",
  };
  size_t i;
  for (i = 0; i < LEN(classes); i++) {
    ck_assert_str_eq(h2ws_close_class_name((h2ws_close_class)i), classes[i]);
  }
  for (i = 0; i < LEN(states); i++) {
    ck_assert_str_eq(h2ws_stream_state_name((h2ws_stream_state)i), states[i]);
  }
}
END_TEST

START_TEST(the_version_is_the_headers) {
  ck_assert_str_eq(h2ws_version(), H2WS_VERSION);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("base/error");
  TCase *tc = tcase_create("error");
  tcase_add_test(tc, numbers_never_change);
  tcase_add_test(tc, each_error_has_a_number_and_a_text_of_its_own);
  tcase_add_test(tc, what_is_no_error);
  tcase_add_test(tc, codes_of_http2_have_names);
  tcase_add_test(tc, fatal_ones);
  tcase_add_test(tc, classes_and_states_have_names);
  tcase_add_test(tc, the_version_is_the_headers);
  suite_add_tcase(suite, tc);
  return suite;
}
