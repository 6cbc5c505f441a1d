/*
 * What the drivers have in common: their command line, and their cases. A case
 * is one client with WebSockets or streams; it must end cleanly, and in time.
 *
 *     DRIVER [--cacert FILE] [--prefix TEXT] URL [CASE...]
 *
 * One line per case, `ok NAME` or `FAIL NAME: why`; exits 0 if all are ok.
 */
#ifndef H2WS_TESTS_DRIVE_H
#define H2WS_TESTS_DRIVE_H

#include <h2ws/h2ws.h>

/* A case under way. */
struct drive_run {
  const char *name;
  unsigned wanted; /* sockets or streams that must close */
  unsigned closed;
  const char *url;
  h2ws_loop *loop;
  h2ws_client *client; /* once it is connected */
  bool failed;
  char why[300];
};

struct drive {
  size_t cases_len;
  const char *(*case_name)(size_t i);
  /* Static, all zero but the name. */
  struct drive_run *(*case_begin)(size_t i);
  /* Opens what is wanted, and says how many. */
  void (*connected)(struct drive_run *run, h2ws_conn *conn);
};

int drive_main(const struct drive *drive, int argc, char **argv);

/* Ends the case; the first reason counts. */
void drive_fail(struct drive_run *run, const char *format, ...)
  __attribute__((format(printf, 2, 3)));

/* Fails unless rv is 0. */
void drive_check(struct drive_run *run, int rv, const char *what);

#endif
