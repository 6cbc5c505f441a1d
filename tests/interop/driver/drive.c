#include "drive.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_S 120

struct arguments {
  const char *ca_file;
  const char *prefix;
  const char *url;
  char **names; /* of cases; none: all */
};

/* For the signal handler. */
static const char *current_prefix;
static const char *current_name;

static const struct drive *current;

void drive_fail(struct drive_run *run, const char *format, ...) {
  va_list args;
  if (run->failed) {
    return;
  }
  run->failed = true;
  va_start(args, format);
  (void)vsnprintf(run->why, sizeof(run->why), format, args);
  va_end(args);
  (void)h2ws_loop_stop(run->loop);
}

void drive_check(struct drive_run *run, int rv, const char *what) {
  if (rv != 0) {
    drive_fail(run, "%s: %s", what, h2ws_error_name(rv));
  }
}

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  struct drive_run *run = user;
  h2ws_link_info link = {.size = sizeof(link)};
  bool secure = strncmp(run->url, "https:", 6) == 0;
  run->client = client;
  drive_check(run, h2ws_conn_link_info(conn, &link), "link_info");
  if ((link.tls_version != NULL) != secure) {
    drive_fail(run, "TLS: %s",
               link.tls_version != NULL ? link.tls_version : "none");
  }
  current->connected(run, conn);
}

static void on_close(h2ws_client *client, const h2ws_close_info *info,
                     void *user) {
  struct drive_run *run = user;
  (void)client;
  if (run->failed) {
    return;
  }
  if (info->cls != H2WS_CLOSE_CLEAN) {
    drive_fail(run, "connection %s: %s", h2ws_close_class_name(info->cls),
               info->detail);
  } else if (run->closed < run->wanted) {
    drive_fail(run, "the connection ended before what it carried");
  }
  (void)h2ws_loop_stop(run->loop);
}

static const h2ws_client_callbacks callbacks = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_connect,
  .on_close = on_close,
};

static bool run_case(struct drive_run *run, const struct arguments *args) {
  h2ws_client_options options;
  h2ws_client *client = NULL;
  bool good;
  run->url = args->url;
  h2ws_client_options_default(&options, sizeof(options));
  options.ca_file = args->ca_file;
  drive_check(run, h2ws_loop_new(&run->loop, NULL), "loop");
  if (!run->failed) {
    drive_check(run,
                h2ws_client_connect(&client, run->loop, run->url, &options,
                                    &callbacks, run),
                "connect");
  }
  if (!run->failed) {
    drive_check(run, h2ws_loop_run(run->loop), "loop_run");
  }
  if (!run->failed && (run->closed == 0 || run->closed < run->wanted)) {
    drive_fail(run, "the loop ended before the case");
  }
  good = !run->failed;
  printf("%s %s%s%s%s\n", good ? "ok" : "FAIL", args->prefix, run->name,
         good ? "" : ": ", run->why);
  run->failed = true; /* nothing that still ends is worth a word */
  h2ws_client_free(client);
  h2ws_loop_free(run->loop);
  return good;
}

static void on_alarm(int number) {
  static const char text[] = ": the case took too long\n";
  (void)number;
  (void)!write(STDOUT_FILENO, "FAIL ", 5);
  (void)!write(STDOUT_FILENO, current_prefix, strlen(current_prefix));
  (void)!write(STDOUT_FILENO, current_name, strlen(current_name));
  (void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
  _exit(EXIT_FAILURE);
}

static bool is_wanted(const char *name, char **names) {
  char **each = names;
  for (; *each != NULL; each++) {
    if (strcmp(*each, name) == 0) {
      return true;
    }
  }
  return each == names;
}

static bool read_arguments(struct arguments *args, int argc, char **argv) {
  int i = 1;
  *args = (struct arguments){.prefix = ""};
  for (; i + 2 < argc; i += 2) {
    if (strcmp(argv[i], "--cacert") == 0) {
      args->ca_file = argv[i + 1];
    } else if (strcmp(argv[i], "--prefix") == 0) {
      args->prefix = argv[i + 1];
    } else {
      break;
    }
  }
  if (i >= argc) {
    return false;
  }
  args->url = argv[i];
  args->names = argv + i + 1;
  return true;
}

int drive_main(const struct drive *drive, int argc, char **argv) {
  struct arguments args;
  bool good = true;
  size_t i;
  if (!read_arguments(&args, argc, argv)) {
    (void)fprintf(stderr,
                  "usage: %s [--cacert FILE] [--prefix TEXT] URL [CASE...]\n",
                  argv[0]);
    return 2;
  }
  (void)setvbuf(stdout, NULL, _IOLBF, 0);
  (void)signal(SIGALRM, on_alarm);
  current = drive;
  current_prefix = args.prefix;
  for (i = 0; i < drive->cases_len; i++) {
    current_name = drive->case_name(i);
    if (is_wanted(current_name, args.names)) {
      (void)alarm(DEADLINE_S);
      good = run_case(drive->case_begin(i), &args) && good;
    }
  }
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
