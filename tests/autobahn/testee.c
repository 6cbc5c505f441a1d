/*
 * autobahn-testee: the client under test of the Autobahn test suite. Asks the
 * suite's server how many cases there are, runs each by sending every message
 * back as it came, and has the reports written.
 */
#include <getopt.h>
#include <h2ws/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX_LEN 1024
#define MESSAGE_MAX (32U << 20) /* the suite's largest has 16 MiB */

struct testee {
  const char *url;
  const char *agent;
  h2ws_client_options client;
  h2ws_socket_options socket;
  h2ws_loop *loop;
  /* Of the visit under way. */
  h2ws_client *visit;
  bool echo;
  bool opened;
  long count; /* what the last message said, read as a number */
};

static const char usage[] =
  "usage: autobahn-testee [--http auto|2|1.1] [--agent NAME] URL\n";

/* ------------------------------------------------------------------------
 * One visit: a WebSocket from open to close
 */

static void on_open(h2ws_socket *socket, void *user) {
  struct testee *t = user;
  (void)socket;
  t->opened = true;
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct testee *t = user;
  char text[32] = {0};
  if (t->echo) {
    (void)h2ws_socket_send(socket, type, data, len);
  } else {
    memcpy(text, data, len < sizeof(text) ? len : sizeof(text) - 1);
    t->count = strtol(text, NULL, 10);
  }
}

static void on_socket_close(h2ws_socket *socket, const h2ws_close_info *info,
                            void *user) {
  struct testee *t = user;
  (void)socket;
  if (!t->opened) {
    (void)fprintf(stderr, "autobahn-testee: %s\n", info->detail);
  }
  h2ws_client_free(t->visit);
}

static const h2ws_socket_callbacks socket_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_close = on_socket_close,
};

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  struct testee *t = user;
  h2ws_socket *socket = NULL;
  int rv = h2ws_client_open_socket(client, &socket, NULL, 0, &t->socket,
                                   &socket_callbacks, t);
  (void)conn;
  if (rv != 0) {
    (void)fprintf(stderr, "autobahn-testee: %s\n", h2ws_strerror(rv));
    h2ws_client_free(client);
  }
}

static void on_close(h2ws_client *client, const h2ws_close_info *info,
                     void *user) {
  struct testee *t = user;
  (void)client;
  if (!t->opened) {
    (void)fprintf(stderr, "autobahn-testee: %s\n", info->detail);
  }
  (void)h2ws_loop_stop(t->loop);
}

static const h2ws_client_callbacks client_callbacks = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_connect,
  .on_close = on_close,
};

/* True if the WebSocket was open at all. */
static bool visit(struct testee *t, const char *path, bool echo) {
  char url[URL_MAX_LEN];
  size_t len = strlen(t->url);
  len -= len > 0 && t->url[len - 1] == '/';
  (void)snprintf(url, sizeof(url), "%.*s%s", (int)len, t->url, path);
  t->echo = echo;
  t->opened = false;
  t->count = -1;
  if (h2ws_client_connect(&t->visit, t->loop, url, &t->client,
                          &client_callbacks, t) != 0) {
    (void)fprintf(stderr, "autobahn-testee: '%s' cannot be used\n", url);
    return false;
  }
  (void)h2ws_loop_run(t->loop);
  return t->opened;
}

/* ------------------------------------------------------------------------
 * The program
 */

/* Room for every case; and nothing waits, so that each echo goes out. */
static void set_defaults(struct testee *t) {
  memset(t, 0, sizeof(*t));
  t->agent = "h2ws";
  h2ws_client_options_default(&t->client, sizeof(t->client));
  h2ws_socket_options_default(&t->socket, sizeof(t->socket));
  t->client.insecure = true;
  t->client.conn.http = H2WS_HTTP_ANY;
  t->client.conn.high_water = 2 * (size_t)MESSAGE_MAX;
  t->client.conn.low_water = MESSAGE_MAX;
  t->socket.max_message = MESSAGE_MAX;
  t->socket.max_fragments = 1U << 20;
  t->socket.compress = true;
  t->socket.compress_send_takeover = true;
  t->socket.compress_recv_takeover = true;
  t->socket.compress_threshold = 0;
}

static bool read_http(struct testee *t, const char *version) {
  if (strcmp(version, "2") == 0) {
    t->client.conn.http = H2WS_HTTP_2;
  } else if (strcmp(version, "1.1") == 0) {
    t->client.conn.http = H2WS_HTTP_1_1;
  }
  return strcmp(version, "auto") == 0 || t->client.conn.http != H2WS_HTTP_ANY;
}

static bool read_options(struct testee *t, int argc, char **argv) {
  static const struct option longs[] = {
    {"http", required_argument, NULL, 'h'},
    {"agent", required_argument, NULL, 'a'},
    {NULL, 0, NULL, 0},
  };
  bool ok = true;
  int c;
  while (ok && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
    if (c == 'h') {
      ok = read_http(t, optarg);
    } else if (c == 'a') {
      t->agent = optarg;
    } else {
      ok = false;
    }
  }
  if (!ok || optind != argc - 1) {
    return false;
  }
  t->url = argv[optind];
  return strlen(t->url) + strlen(t->agent) < URL_MAX_LEN / 2;
}

static int run(struct testee *t) {
  char path[URL_MAX_LEN];
  bool ok = visit(t, "/getCaseCount", /* echo = */ false);
  long count = t->count;
  long i;
  for (i = 1; ok && i <= count; i++) {
    (void)snprintf(path, sizeof(path), "/runCase?case=%ld&agent=%s", i,
                   t->agent);
    ok = visit(t, path, /* echo = */ true);
  }
  (void)printf("%ld of %ld cases run\n", i - 1, count);
  (void)snprintf(path, sizeof(path), "/updateReports?agent=%s", t->agent);
  ok = visit(t, path, /* echo = */ false) && ok;
  return ok && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
  struct testee t;
  int rc;
  set_defaults(&t);
  if (!read_options(&t, argc, argv)) {
    (void)fputs(usage, stderr);
    return 2;
  }
  if (h2ws_loop_new(&t.loop, NULL) != 0) {
    (void)fprintf(stderr, "autobahn-testee: no event loop to be had\n");
    return EXIT_FAILURE;
  }
  rc = run(&t);
  h2ws_loop_free(t.loop);
  return rc;
}
