/* Waking what waits: from other threads and from signal handlers. */
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/easy/echo.h"
#include "tests/support/suite.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
static const bool under_sanitizer = true;
#else
static const bool under_sanitizer = false;
#endif

static h2ws *volatile target;

static void on_cancel(int number) {
  (void)number;
  (void)h2ws_cancel(target);
}

static void on_stop(int number) {
  (void)number;
  (void)h2ws_stop(NULL);
}

static void *recv_cancelled(void *arg) {
  h2ws_msg m;
  expect_error(h2ws_recv(arg, &m, H2WS_FOREVER), H2WS_ERR_CANCELLED);
  return NULL;
}

/* True once a thread receives on it. */
static bool is_taken(h2ws *c) {
  int64_t until = now_ms() + LONG_MS;
  h2ws_msg m;
  int rv;
  do {
    rv = h2ws_recv(c, &m, 0);
  } while (rv == H2WS_ERR_TIMEOUT && now_ms() < until);
  return rv == H2WS_ERR_STATE;
}

START_TEST(cancel_wakes_recv) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  pthread_t thread;
  h2ws_msg m;
  ck_assert_int_eq(pthread_create(&thread, NULL, recv_cancelled, c), 0);
  ck_assert(is_taken(c));
  expect_error(h2ws_cancel(c), 0);
  (void)pthread_join(thread, NULL);
  expect_error(h2ws_recv(c, &m, H2WS_FOREVER), H2WS_ERR_CANCELLED);
  expect_error(h2ws_send_text(c, "x"), H2WS_ERR_CANCELLED);
  expect_error(h2ws_close(c), 0); /* still in good order */
  expect_error(h2ws_cancel(c), H2WS_ERR_CLOSED);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(a_signal_handler_cancels_recv) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  struct sigaction action = {.sa_handler = on_cancel};
  pthread_t thread;
  target = c;
  (void)sigaction(SIGUSR1, &action, NULL);
  ck_assert_int_eq(pthread_create(&thread, NULL, recv_cancelled, c), 0);
  ck_assert(is_taken(c));
  (void)pthread_kill(thread, SIGUSR1);
  (void)pthread_join(thread, NULL);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* A storm of them, while the thread is anywhere in the library. */
static void *storm(void *arg) {
  pthread_t *victim = arg;
  int i;
  for (i = 0; i < 2000; i++) {
    (void)pthread_kill(*victim, SIGUSR1);
  }
  return NULL;
}

START_TEST(signal_handlers_may_come_at_any_time) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  struct sigaction action = {.sa_handler = on_cancel, .sa_flags = SA_RESTART};
  pthread_t self = pthread_self();
  pthread_t thread;
  int i;
  target = NULL;
  (void)sigaction(SIGUSR1, &action, NULL);
  ck_assert_int_eq(pthread_create(&thread, NULL, storm, &self), 0);
  for (i = 0; i < 50; i++) {
    h2ws *c = connect_to(url_of(s, "ws", "/"));
    h2ws_msg m;
    target = c;
    if (h2ws_send_text(c, "x") == 0) {
      int rv = h2ws_recv(c, &m, LONG_MS);
      ck_assert(rv == 0 || rv == H2WS_ERR_CANCELLED);
    }
    (void)h2ws_close(c); /* may be cancelled too */
  }
  (void)pthread_join(thread, NULL);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static sem_t served;

static void tell_ready(h2ws *server, void *user) {
  (void)user;
  target = server;
  (void)sem_post(&served);
}

static void *serve_until_signal(void *arg) {
  h2ws_serve_options o;
  h2ws_server_options so;
  serve_options(&o, &so);
  o.on_ready = tell_ready;
  expect_error(h2ws_serve("ws://127.0.0.1:0/", echo, arg, &o), 0);
  return NULL;
}

static void serve_and_signal(void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler};
  pthread_t thread;
  h2ws_msg m;
  h2ws *c;
  (void)sem_init(&served, 0, 0);
  (void)sigaction(SIGUSR2, &action, NULL);
  ck_assert_int_eq(pthread_create(&thread, NULL, serve_until_signal, NULL), 0);
  (void)sem_wait(&served);
  c = connect_to(url_of(target, "ws", "/"));
  expect_error(h2ws_send_text(c, "hello"), 0);
  expect_text(c, "hello");
  (void)raise(SIGUSR2);
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  ck_assert_ptr_nonnull(strstr(h2ws_error(c), "1001"));
  (void)pthread_join(thread, NULL);
  expect_error(h2ws_close(c), 0);
}

START_TEST(a_signal_handler_stops_all_servers) {
  serve_and_signal(on_stop);
}
END_TEST

START_TEST(a_signal_handler_stops_one_server) {
  serve_and_signal(on_cancel);
}
END_TEST

static void stop_the_server(h2ws *c, void *user) {
  h2ws_msg m;
  (void)user;
  expect_error(h2ws_recv(c, &m, LONG_MS), 0);
  expect_error(h2ws_close(target), H2WS_ERR_STATE);
  ck_assert_ptr_nonnull(strstr(h2ws_error(target), "h2ws_stop"));
  expect_error(h2ws_stop(target), 0);
}

START_TEST(a_handler_stops_its_server) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", stop_the_server, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  h2ws_msg m;
  target = s;
  expect_error(h2ws_send_text(c, "stop"), 0);
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  expect_error(h2ws_close(s), 0);
  expect_error(h2ws_close(c), 0);
}
END_TEST

/* A port that takes connections and says nothing. */
static int silent_port(char *url, size_t len, const char *scheme) {
  struct sockaddr_in addr = {.sin_family = AF_INET};
  socklen_t size = sizeof(addr);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)(void *)&addr, size), 0);
  ck_assert_int_eq(listen(fd, 16), 0);
  (void)getsockname(fd, (struct sockaddr *)(void *)&addr, &size);
  (void)snprintf(url, len, "%s://127.0.0.1:%u/", scheme,
                 (unsigned)ntohs(addr.sin_port));
  return fd;
}

static void *cancel_target(void *arg) {
  (void)arg;
  expect_error(h2ws_cancel(target), 0);
  return NULL;
}

START_TEST(a_connect_in_the_background_is_cancelled) {
  static const char *const schemes[] = {"ws", "wss"};
  size_t i;
  for (i = 0; i < 2; i++) {
    char url[64];
    int fd = silent_port(url, sizeof(url), schemes[i]);
    pthread_t thread;
    h2ws_options o;
    h2ws_msg m;
    h2ws *c;
    h2ws_options_default(&o, sizeof(o));
    o.background = true;
    c = h2ws_connect(url, &o);
    ck_assert_ptr_nonnull(c);
    expect_error(h2ws_send_text(c, "queued"), 0);
    target = c;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_target, NULL), 0);
    expect_error(h2ws_recv(c, &m, H2WS_FOREVER), H2WS_ERR_CANCELLED);
    (void)pthread_join(thread, NULL);
    expect_error(h2ws_close(c), H2WS_ERR_CANCELLED);
    (void)close(fd);
  }
}
END_TEST

/* What a thread has blocked, SIGKILL and SIGSTOP aside; 0: it is gone. */
static unsigned long long blocked_by(const char *task) {
  char path[300];
  char line[128];
  unsigned long long mask = 0;
  FILE *file;
  (void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
  file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
    if (strncmp(line, "SigBlk:", 7) == 0) {
      mask = strtoull(line + 7, NULL, 16);
    }
  }
  if (file != NULL) {
    (void)fclose(file);
  }
  return mask;
}

/* A signal to the process must find a thread of the program's. */
START_TEST(threads_of_ours_block_all_signals) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  DIR *dir = opendir("/proc/self/task");
  struct dirent *entry;
  int others = 0;
  expect_error(h2ws_send_text(c, "handled"), 0);
  expect_text(c, "handled");
  ck_assert_ptr_nonnull(dir);
  while ((entry = readdir(dir)) != NULL) {
    unsigned long long mask = blocked_by(entry->d_name);
    if (entry->d_name[0] == '.' ||
        strtol(entry->d_name, NULL, 10) == getpid()) {
      continue;
    }
    ck_assert_msg((mask & 1) != 0 && (mask & 1ULL << (SIGTERM - 1)) != 0 &&
                    (mask & 1ULL << (SIGUSR1 - 1)) != 0 &&
                    (mask & 1ULL << (SIGALRM - 1)) != 0,
                  "thread %s blocks only %llx", entry->d_name, mask);
    others++;
  }
  (void)closedir(dir);
  ck_assert_int_ge(others, 2); /* the hidden one, and the handler's */
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("easy cancel");
  TCase *tc = tcase_create("cancel");
  tcase_add_test(tc, cancel_wakes_recv);
  tcase_add_test(tc, a_signal_handler_cancels_recv);
  tcase_add_test(tc, signal_handlers_may_come_at_any_time);
  tcase_add_test(tc, a_signal_handler_stops_all_servers);
  tcase_add_test(tc, a_signal_handler_stops_one_server);
  tcase_add_test(tc, a_handler_stops_its_server);
  tcase_add_test(tc, a_connect_in_the_background_is_cancelled);
  if (!under_sanitizer) { /* they have threads of their own */
    tcase_add_test(tc, threads_of_ours_block_all_signals);
  }
  suite_add_tcase(suite, tc);
  return suite;
}
