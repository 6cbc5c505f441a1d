/* Trace goes to logs and terminals: a line stays a line. */
#include <check.h>
#include <h2ws/core.h>
#include <string.h>

#include "tests/support/suite.h"

static int lines;
static int named;

static void on_trace(h2ws_conn *conn, h2ws_trace_level level, const char *text,
                     void *user) {
  const char *p;
  (void)conn;
  (void)level;
  (void)user;
  lines++;
  named += strstr(text, "forged") != NULL ? 1 : 0;
  for (p = text; *p != '\0'; p++) {
    ck_assert_msg(*p >= ' ' && *p < 0x7f, "%s", text);
  }
}

static h2ws_time now(void *user) {
  (void)user;
  return 1;
}

/* A field that HTTP does not allow, which the parser quotes. */
START_TEST(what_the_peer_says_stays_on_its_line) {
  static const h2ws_conn_callbacks callbacks = {.size = sizeof(callbacks),
                                                .on_trace = on_trace};
  static const char input[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                              "\0\0\0\4\0\0\0\0\0"
                              "\0\0\26\1\5\0\0\0\1"
                              "\x82\x86\x84\x41\1h"
                              "\0\1x\14\n\033]\2330forged\177";
  uint8_t buf[sizeof(input)];
  h2ws_conn_options options;
  h2ws_conn *conn = NULL;
  h2ws_conn_options_default(&options, sizeof(options));
  options.now = now;
  memcpy(buf, input, sizeof(input));
  ck_assert_int_eq(h2ws_conn_server_new(&conn, &options, &callbacks, NULL), 0);
  (void)h2ws_conn_recv(conn, buf, sizeof(input) - 1);
  h2ws_conn_free(conn);
  ck_assert_int_gt(lines, 0);
  ck_assert_int_gt(named, 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("h2/trace");
  TCase *tc = tcase_create("trace");
  tcase_add_test(tc, what_the_peer_says_stays_on_its_line);
  suite_add_tcase(suite, tc);
  return suite;
}
