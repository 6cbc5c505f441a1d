/* Misuse is an error, never a crash. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/easy/echo.h"
#include "tests/support/suite.h"

/* Every call on a handle that is none: the same error from all. */
static void expect_from_all(h2ws *h, int error) {
  h2ws_handle_info info = {.size = sizeof(info)};
  h2ws_msg m;
  char buf[4];
  int result = 0;
  expect_error(h2ws_send(h, H2WS_TEXT, "x", 1), error);
  expect_error(h2ws_send_text(h, "x"), error);
  expect_error(h2ws_try_send(h, H2WS_TEXT, "x", 1), error);
  expect_error(h2ws_write(h, "x", 1), error);
  expect_error(h2ws_recv(h, &m, H2WS_FOREVER), error);
  expect_error(h2ws_read(h, buf, sizeof(buf), H2WS_FOREVER), error);
  expect_error(h2ws_shutdown(h), error);
  expect_error(h2ws_info(h, &info), error);
  ck_assert_ptr_null(h2ws_field(h, "origin"));
  ck_assert_uint_eq(h2ws_send_many(&h, 1, H2WS_TEXT, "x", 1, &result), 0);
  ck_assert_int_eq(result, error);
  ck_assert_ptr_nonnull(h2ws_error(h));
  ck_assert_int_ne(h2ws_cancel(h), 0);
  expect_error(h2ws_close(h), error);
  if (h != NULL) {
    ck_assert_int_eq(h2ws_error_code(h), error);
    ck_assert_ptr_nonnull(strstr(h2ws_error(h), "h2ws_close"));
  }
}

START_TEST(null_is_no_handle) {
  expect_from_all(NULL, H2WS_ERR_INVALID);
  expect_error(h2ws_stop(NULL), 0); /* all servers: there are none */
}
END_TEST

START_TEST(foreign_pointers_are_no_handles) {
  static char odd[8];
  void *heap = malloc(16);
  int number = 0;
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  expect_from_all((h2ws *)heap, H2WS_ERR_INVALID);
  expect_from_all((h2ws *)(void *)&number, H2WS_ERR_INVALID);
  expect_from_all((h2ws *)(void *)(odd + 1), H2WS_ERR_INVALID);
  expect_from_all((h2ws *)(void *)(odd + 2), H2WS_ERR_INVALID);
  /* NOLINTNEXTLINE(performance-no-int-to-ptr): nothing is there */
  expect_from_all((h2ws *)UINTPTR_MAX, H2WS_ERR_INVALID);
  free(heap);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(closed_handles_stay_closed) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  h2ws *again;
  expect_error(h2ws_close(c), 0);
  expect_from_all(c, H2WS_ERR_CLOSED);
  again = connect_to(url_of(s, "ws", "/")); /* in the same place */
  expect_from_all(c, H2WS_ERR_CLOSED);
  expect_error(h2ws_send_text(again, "untouched"), 0);
  expect_text(again, "untouched");
  expect_error(h2ws_close(again), 0);
  expect_error(h2ws_close(s), 0);
  expect_from_all(s, H2WS_ERR_CLOSED);
}
END_TEST

START_TEST(a_server_sends_nothing) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws_msg m;
  expect_error(h2ws_send_text(s, "x"), H2WS_ERR_INVALID);
  ck_assert_ptr_nonnull(strstr(h2ws_error(s), "server"));
  expect_error(h2ws_recv(s, &m, 0), H2WS_ERR_INVALID);
  expect_error(h2ws_shutdown(s), H2WS_ERR_INVALID);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(null_arguments) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  static const h2ws_header fields[] = {{NULL, "value"}, {"name", NULL}};
  h2ws_handle_info info = {0};
  h2ws_options o;
  char buf[1];
  size_t i;
  expect_error(h2ws_send_text(c, NULL), H2WS_ERR_INVALID);
  expect_error(h2ws_recv(c, NULL, 0), H2WS_ERR_INVALID);
  expect_error(h2ws_read(c, NULL, 1, 0), H2WS_ERR_INVALID);
  expect_error(h2ws_read(c, buf, 0, 0), H2WS_ERR_INVALID);
  expect_error(h2ws_info(c, NULL), H2WS_ERR_INVALID);
  expect_error(h2ws_info(c, &info), H2WS_ERR_INVALID);
  ck_assert_ptr_null(h2ws_field(c, NULL));
  ck_assert_uint_eq(h2ws_send_many(NULL, 1, H2WS_TEXT, "x", 1, NULL), 0);
  for (i = 0; i < 3; i++) {
    h2ws_options_default(&o, sizeof(o));
    o.headers = i == 2 ? NULL : &fields[i];
    o.headers_len = 1;
    ck_assert_ptr_null(h2ws_connect(url_of(s, "ws", "/"), &o));
    ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_INVALID);
  }
  h2ws_options_default(NULL, 0);
  h2ws_serve_options_default(NULL, 0);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* On the hidden thread: what would wait does not. */
static void misuse_inside(h2ws *c, const h2ws_msg *m, void *user) {
  h2ws_msg other;
  h2ws **server = user;
  ck_assert_ptr_null(h2ws_connect("ws://127.0.0.1:1/", NULL));
  ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_STATE);
  expect_error(h2ws_recv(c, &other, H2WS_FOREVER), H2WS_ERR_TIMEOUT);
  expect_error(h2ws_serve("ws://127.0.0.1:0/", echo, NULL, NULL),
               H2WS_ERR_STATE);
  ck_assert_ptr_null(h2ws_listen("ws://127.0.0.1:0/", echo, NULL, NULL));
  expect_error(h2ws_close(server[1]), H2WS_ERR_STATE); /* it has handlers */
  expect_error(h2ws_send(c, m->type, m->data, m->len), 0);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_send_text(c, "late"), H2WS_ERR_CLOSED);
}

START_TEST(callbacks_do_not_wait) {
  h2ws_serve_options o;
  h2ws_server_options so;
  h2ws *servers[2];
  h2ws_msg m;
  h2ws *c;
  serve_options(&o, &so);
  servers[1] = listen_on("ws://127.0.0.1:0/", echo, NULL);
  servers[0] =
    h2ws_listen_messages("ws://127.0.0.1:0/", misuse_inside, servers, &o);
  ck_assert_ptr_nonnull(servers[0]);
  c = connect_to(url_of(servers[0], "ws", "/"));
  expect_error(h2ws_send_text(c, "go"), 0);
  expect_text(c, "go");
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(servers[0]), 0);
  expect_error(h2ws_close(servers[1]), 0);
}
END_TEST

static void close_twice(h2ws *c, void *user) {
  (void)user;
  expect_error(h2ws_close_with(c, 3000, "mine"), 0);
  expect_error(h2ws_close(c), H2WS_ERR_CLOSED);
}

START_TEST(a_handler_may_close_its_own) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", close_twice, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  h2ws_handle_info info = {.size = sizeof(info)};
  h2ws_msg m;
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  expect_error(h2ws_info(c, &info), 0);
  ck_assert_uint_eq(info.close_code, 3000);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(a_child_process_is_told) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) {
    h2ws_msg m;
    bool told = h2ws_send_text(c, "x") == H2WS_ERR_STATE &&
                h2ws_recv(c, &m, H2WS_FOREVER) == H2WS_ERR_STATE &&
                h2ws_close(c) == H2WS_ERR_STATE &&
                h2ws_connect("ws://127.0.0.1:1/", NULL) == NULL &&
                h2ws_error_code(NULL) == H2WS_ERR_STATE;
    _exit(told ? 0 : 1);
  }
  ck_assert_int_gt(pid, 0);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
  expect_error(h2ws_send_text(c, "still mine"), 0);
  expect_text(c, "still mine");
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* The program ends without closing anything, in the midst of work. */
START_TEST(exit_does_not_hang) {
  int status = -1;
  pid_t pid = fork(); /* before the first call: the child has its own */
  if (pid == 0) {
    h2ws *s = listen_on("wss://127.0.0.1:0/", echo, NULL);
    h2ws *c = connect_to(url_of(s, "wss", "/"));
    (void)h2ws_send_text(c, "x");
    exit(0); /* NOLINT(concurrency-mt-unsafe): that is the question */
  }
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("easy misuse");
  TCase *tc = tcase_create("misuse");
  tcase_add_test(tc, exit_does_not_hang); /* first: nothing was started */
  tcase_add_test(tc, null_is_no_handle);
  tcase_add_test(tc, foreign_pointers_are_no_handles);
  tcase_add_test(tc, closed_handles_stay_closed);
  tcase_add_test(tc, a_server_sends_nothing);
  tcase_add_test(tc, null_arguments);
  tcase_add_test(tc, callbacks_do_not_wait);
  tcase_add_test(tc, a_handler_may_close_its_own);
  tcase_add_test(tc, a_child_process_is_told);
  suite_add_tcase(suite, tc);
  return suite;
}
