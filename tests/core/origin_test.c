/* W-26, H-25: which origins are welcome. */
#include "tests/support/pair.h"
#include "tests/support/suite.h"

static struct test_pair pair;
static struct test_events events;

/* The status that a request from `origin` gets; 200 if it opens. */
static int ask(const char *origins, const char *authority, const char *origin) {
  const h2ws_header header = {"Origin", origin};
  h2ws_request request = {0};
  h2ws_socket *socket = NULL;
  int status;
  test_pair_init(&pair, 65536);
  pair.server_socket_options.origins = origins;
  test_pair_start(&pair);
  request.size = sizeof(request);
  request.authority = authority;
  request.path = "/echo";
  request.headers = &header;
  request.headers_len = origin != NULL;
  ck_assert_int_eq(h2ws_socket_open(pair.client, &socket, &request, NULL,
                                    &test_socket_callbacks, &events),
                   0);
  test_pair_pump(&pair);
  status = events.opened ? 200 : events.status;
  test_pair_dispose(&pair);
  test_events_dispose(&events);
  return status;
}

START_TEST(W_26_all_origins_are_welcome_by_default) {
  ck_assert_int_eq(ask(NULL, "example.com", "https://anywhere.example"), 200);
  ck_assert_int_eq(ask(NULL, "example.com", NULL), 200);
}
END_TEST

START_TEST(W_26_only_listed_origins_are_welcome) {
  const char *list = "https://a.example, https://b.example:8443";
  ck_assert_int_eq(ask(list, "example.com", "https://a.example"), 200);
  ck_assert_int_eq(ask(list, "example.com", "https://A.Example"), 200);
  ck_assert_int_eq(ask(list, "example.com", "https://b.example:8443"), 200);
  ck_assert_int_eq(ask(list, "example.com", "https://b.example"), 403);
  ck_assert_int_eq(ask(list, "example.com", "http://a.example"), 403);
  ck_assert_int_eq(ask(list, "example.com", "https://a.example.evil"), 403);
  ck_assert_int_eq(ask(list, "example.com", "https://example.com"), 403);
  ck_assert_int_eq(ask(list, "example.com", "null"), 403);
  ck_assert_int_eq(ask("", "example.com", "https://a.example"), 403);
}
END_TEST

START_TEST(H_25_who_is_no_browser_has_no_origin) {
  ck_assert_int_eq(ask("https://a.example", "example.com", NULL), 200);
}
END_TEST

START_TEST(H_25_same_means_scheme_and_authority) {
  ck_assert_int_eq(ask("same", "example.com", "http://example.com"), 200);
  ck_assert_int_eq(ask("same", "example.com:80", "http://example.com"), 200);
  ck_assert_int_eq(ask("same", "example.com:8080", "http://example.com:8080"),
                   200);
  ck_assert_int_eq(ask("same", "example.com:8080", "http://example.com"), 403);
  ck_assert_int_eq(ask("same", "example.com", "https://example.com"), 403);
  ck_assert_int_eq(ask("same", "example.com", "http://example.comx"), 403);
  ck_assert_int_eq(ask("same", "example.com", "same"), 403);
  ck_assert_int_eq(
    ask("same, https://a.example", "example.com", "https://a.example"), 200);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/origin");
  TCase *tc = tcase_create("pair");
  tcase_add_test(tc, W_26_all_origins_are_welcome_by_default);
  tcase_add_test(tc, W_26_only_listed_origins_are_welcome);
  tcase_add_test(tc, H_25_who_is_no_browser_has_no_origin);
  tcase_add_test(tc, H_25_same_means_scheme_and_authority);
  suite_add_tcase(suite, tc);
  return suite;
}
