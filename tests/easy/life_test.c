/* A thousand rounds leave nothing behind: descriptors, threads, memory. */
#include <dirent.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>

#include "tests/easy/echo.h"
#include "tests/support/suite.h"

#define ROUNDS 1000
#define WARM_UP 100
#define HANDLERS 2
/* Threads that come later keep some; what leaks in each round would be more. */
#define MEMORY_SLACK ((size_t)256 * 1024)

static int count_in(const char *folder) {
  DIR *dir = opendir(folder);
  int n = 0;
  ck_assert_ptr_nonnull(dir);
  while (readdir(dir) != NULL) {
    n++;
  }
  (void)closedir(dir);
  return n;
}

struct usage {
  int fds;
  int threads;
  size_t memory;
};

static struct usage usage_now(void) {
  struct usage u;
  u.fds = count_in("/proc/self/fd");
  u.threads = count_in("/proc/self/task");
  u.memory = mallinfo2().uordblks; /* 0 under a sanitizer, which looks itself */
  return u;
}

/* Connections linger for a moment behind the last bytes. */
static struct usage usage_settled(const struct usage *wanted) {
  int64_t until = now_ms() + LONG_MS;
  struct usage u = usage_now();
  while ((u.fds > wanted->fds || u.threads > wanted->threads ||
          u.memory > wanted->memory + MEMORY_SLACK) &&
         now_ms() < until) {
    (void)poll(NULL, 0, 10);
    u = usage_now();
  }
  return u;
}

/* Once the connections so far are closed: `fds` were open before them. */
static struct usage usage_idle(int fds) {
  struct usage idle = {fds, INT_MAX, SIZE_MAX / 2};
  return usage_settled(&idle);
}

static void expect_settled(const struct usage *before) {
  struct usage after = usage_settled(before);
  ck_assert_int_le(after.fds, before->fds);
  ck_assert_int_le(after.threads, before->threads);
  ck_assert_uint_le(after.memory, before->memory + MEMORY_SLACK);
}

static h2ws *connect_alone(const char *url) {
  h2ws_options o;
  h2ws *c;
  h2ws_options_default(&o, sizeof(o));
  o.insecure = true;
  o.own_connection = true;
  c = h2ws_connect(url, &o);
  ck_assert_msg(c != NULL, "%s", h2ws_error(NULL));
  return c;
}

static void one_round(const char *url, int i) {
  h2ws *c = i % 2 == 0 ? connect_alone(url) : connect_to(url);
  if (i % 3 > 0) {
    expect_error(h2ws_send_text(c, "round"), 0);
  }
  if (i % 3 == 1) {
    expect_text(c, "round");
  }
  expect_error(h2ws_close(c), 0);
}

static void rounds(const char *scheme, int warm_up, int n) {
  h2ws_serve_options o;
  h2ws_server_options so;
  char url[256];
  struct usage before;
  int fds;
  h2ws *s;
  int i;
  serve_options(&o, &so);
  o.threads = HANDLERS;
  (void)snprintf(url, sizeof(url), "%s://127.0.0.1:0/", scheme);
  s = h2ws_listen(url, echo, NULL, &o);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  (void)snprintf(url, sizeof(url), "%s", url_of(s, scheme, "/"));
  fds = count_in("/proc/self/fd");
  for (i = 0; i < warm_up; i++) {
    one_round(url, i);
  }
  before = usage_idle(fds);
  before.threads += HANDLERS; /* they come as they are needed */
  for (i = 0; i < n; i++) {
    one_round(url, i);
  }
  expect_settled(&before);
  expect_error(h2ws_close(s), 0);
}

START_TEST(a_thousand_connections) {
  rounds("ws", WARM_UP, ROUNDS);
}
END_TEST

START_TEST(a_hundred_connections_with_tls) {
  rounds("wss", 20, 100);
}
END_TEST

START_TEST(a_thousand_failures) {
  h2ws *s = listen_on("ws://127.0.0.1:0/only", echo, NULL);
  int fds = count_in("/proc/self/fd");
  struct usage before = {0};
  int i;
  for (i = 0; i < 420; i++) {
    ck_assert_ptr_null(h2ws_connect(url_of(s, "ws", "/none"), NULL));
    ck_assert_ptr_null(h2ws_connect("ws://127.0.0.1:1/", NULL));
    ck_assert_ptr_null(h2ws_connect("wss:", NULL));
    if (i == 20) {
      before = usage_idle(fds);
    }
  }
  expect_settled(&before);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(three_hundred_servers) {
  h2ws *first = listen_on("ws://127.0.0.1:0/", echo, NULL);
  int fds = count_in("/proc/self/fd");
  struct usage before = {0};
  int i;
  for (i = 0; i < 310; i++) {
    h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
    h2ws *c = i % 10 == 0 ? connect_to(url_of(s, "ws", "/")) : NULL;
    expect_error(h2ws_close(s), 0);
    if (c != NULL) {
      expect_error(h2ws_close(c), 0);
    }
    if (i == 10) {
      before = usage_idle(fds);
    }
  }
  expect_settled(&before);
  expect_error(h2ws_close(first), 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("easy life");
  TCase *tc = tcase_create("life");
  tcase_set_timeout(tc, 240);
  tcase_add_test(tc, a_thousand_connections);
  tcase_add_test(tc, a_hundred_connections_with_tls);
  tcase_add_test(tc, a_thousand_failures);
  tcase_add_test(tc, three_hundred_servers);
  suite_add_tcase(suite, tc);
  return suite;
}
