#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/support/bench.h"

void bench_folder(char *out, size_t len) {
  ssize_t n = readlink("/proc/self/exe", out, len - 1);
  if (n <= 0) {
    bench_die("no /proc");
  }
  out[n] = '\0';
  *strrchr(out, '/') = '\0';
}

static _Noreturn void child_run(char *const argv[], int out) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (out >= 0) {
    (void)dup2(out, STDOUT_FILENO);
  }
  (void)execv(argv[0], argv);
  _exit(127);
}

static void child_fork(struct bench_child *child, char *const argv[], int out) {
  child->pid = fork();
  if (child->pid < 0) {
    bench_die("no process");
  }
  if (child->pid == 0) {
    child_run(argv, out);
  }
}

void bench_child_start(struct bench_child *child, char *const argv[]) {
  child_fork(child, argv, -1);
}

/* The port in "listening on http://127.0.0.1:PORT". */
static int read_port(int fd) {
  char line[256];
  size_t len = 0;
  const char *colon;
  while (len + 1 < sizeof(line)) {
    ssize_t n = read(fd, line + len, 1);
    if (n <= 0 || line[len] == '\n') {
      break;
    }
    len++;
  }
  line[len] = '\0';
  colon = strrchr(line, ':');
  return colon == NULL ? -1 : (int)strtol(colon + 1, NULL, 10);
}

void bench_child_serve(struct bench_child *child, char *const argv[]) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    bench_die("no pipe");
  }
  child_fork(child, argv, fds[1]);
  (void)close(fds[1]);
  child->port = read_port(fds[0]);
  (void)close(fds[0]);
  if (child->port <= 0) {
    (void)fprintf(stderr, "bench: %s did not start\n", argv[0]);
    exit(1);
  }
}

double bench_child_cpu(const struct bench_child *child) {
  clockid_t clock;
  struct timespec ts;
  if (clock_getcpuclockid(child->pid, &clock) != 0 ||
      clock_gettime(clock, &ts) != 0) {
    bench_die("the server is gone");
  }
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void bench_child_stop(struct bench_child *child) {
  (void)kill(child->pid, SIGKILL);
  (void)waitpid(child->pid, NULL, 0);
}
