/* Where a server listens: what is refused, and what is left alone. */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/io/support/edge.h"
#include "tests/support/suite.h"

static struct edge edge;

static void begin(void) {
  edge_begin(&edge);
  edge.options.cleartext = true;
}

/* Expects a start to fail, with a sentence that holds `text`. */
static void expect_refusal(int error, const char *text) {
  static const h2ws_server_callbacks callbacks = {
    .size = sizeof(callbacks),
    .on_request = (void (*)(h2ws_conn *, h2ws_stream *, void *))abort};
  h2ws_server *server = NULL;
  char why[256];
  int rv;
  memset(why, '?', sizeof(why));
  why[sizeof(why) - 1] = '\0';
  rv = h2ws_server_start(&server, edge.loop, &edge.options, &callbacks, NULL,
                         why, sizeof(why));
  ck_assert_msg(rv == error, "%s: %s", h2ws_error_name(rv), why);
  ck_assert_msg(strstr(why, text) != NULL, "%s", why);
}

START_TEST(whatever_is_wrong_there_is_a_sentence) {
  begin();
  edge.options.listen = NULL;
  expect_refusal(H2WS_ERR_INVALID, "invalid argument");
  edge_end(&edge);
}
END_TEST

/* connect() to a file of another kind says "refused", as to a dead socket. */
START_TEST(a_file_in_the_way_is_not_removed) {
  char dir[] = "/tmp/h2ws-listen-XXXXXX";
  char path[64];
  char address[80];
  struct stat st;
  FILE *file;
  begin();
  ck_assert_ptr_nonnull(mkdtemp(dir));
  (void)snprintf(path, sizeof(path), "%s/precious", dir);
  (void)snprintf(address, sizeof(address), "unix:%s", path);
  file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  (void)fputs("data", file);
  (void)fclose(file);
  edge.options.listen = address;
  expect_refusal(H2WS_ERR_IO, "in use");
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq(st.st_size, 4);
  (void)unlink(path);
  (void)rmdir(dir);
  edge_end(&edge);
}
END_TEST

START_TEST(a_port_is_16_bits) {
  static const char *const wrong[] = {"127.0.0.1:65536", "127.0.0.1:99999",
                                      "127.0.0.1:", "127.0.0.1:http",
                                      "127.0.0.1"};
  begin();
  edge.options.listen = wrong[_i];
  expect_refusal(H2WS_ERR_INVALID, wrong[_i]);
  edge_end(&edge);
}
END_TEST

/* It would be readable for ever, and never give a connection. */
START_TEST(a_descriptor_that_does_not_listen_is_refused) {
  int fds[2];
  begin();
  ck_assert_int_eq(
    _i == 0 ? pipe(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  edge.options.listen = NULL;
  edge.options.listen_fd = fds[0];
  expect_refusal(H2WS_ERR_INVALID, "does not listen");
  ck_assert_int_eq(close(fds[0]), 0);
  ck_assert_int_eq(close(fds[1]), 0);
  edge_end(&edge);
}
END_TEST

/* Not a server that takes whoever comes. */
START_TEST(certificates_cannot_be_required_of_nobody) {
  begin();
  edge.options.cleartext = _i == 1;
  edge.options.require_client_cert = true;
  if (_i == 1) {
    edge.options.client_ca_file = "/nowhere/ca.pem";
  }
  expect_refusal(H2WS_ERR_INVALID, "client_ca_file");
  edge_end(&edge);
}
END_TEST

static int threads(void) {
  DIR *dir = opendir("/proc/self/task");
  int n = 0;
  ck_assert_ptr_nonnull(dir);
  while (readdir(dir) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
    n++;
  }
  (void)closedir(dir);
  return n;
}

static sem_t over;

static void *wait_for_it(void *arg) {
  (void)sem_wait(&over);
  return arg;
}

#define OTHERS 4

/* What a server's threads posted before is found when they are joined. */
START_TEST(a_server_is_freed_when_its_threads_have_ended) {
  pthread_t others[OTHERS];
  int before;
  int i;
  begin();
  (void)sem_init(&over, 0, 1);
  /* A sanitizer makes a thread of its own beside the first of ours. */
  ck_assert_int_eq(pthread_create(&others[0], NULL, wait_for_it, NULL), 0);
  ck_assert_int_eq(pthread_join(others[0], NULL), 0);
  before = threads();
  edge.options.threads = 3;
  edge_serve(&edge);
  ck_assert_int_eq(h2ws_server_stop(edge.server), 0);
  while (threads() > before) {
    (void)usleep(1000);
  }
  h2ws_server_free(edge.server);
  edge.server = NULL;
  /* They get the ids of those that are gone: nobody may wait for them. */
  for (i = 0; i < OTHERS; i++) {
    ck_assert_int_eq(pthread_create(&others[i], NULL, wait_for_it, NULL), 0);
  }
  edge_turn(&edge);
  for (i = 0; i < OTHERS; i++) {
    (void)sem_post(&over);
  }
  for (i = 0; i < OTHERS; i++) {
    ck_assert_int_eq(pthread_join(others[i], NULL), 0);
  }
  ck_assert_int_eq(edge.stopped, 0);
  edge_end(&edge);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/listen");
  TCase *tc = tcase_create("listen");
  tcase_add_test(tc, whatever_is_wrong_there_is_a_sentence);
  tcase_add_test(tc, a_file_in_the_way_is_not_removed);
  tcase_add_loop_test(tc, a_port_is_16_bits, 0, 5);
  tcase_add_loop_test(tc, a_descriptor_that_does_not_listen_is_refused, 0, 2);
  tcase_add_loop_test(tc, certificates_cannot_be_required_of_nobody, 0, 2);
  tcase_add_test(tc, a_server_is_freed_when_its_threads_have_ended);
  tcase_set_timeout(tc, 30);
  suite_add_tcase(suite, tc);
  return suite;
}
