/* h2ws serve: an echo server with everything on. */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* ------------------------------------------------------------------------
 * /raw: bytes
 */

static void raw_pump(h2ws_stream *stream, void *user) {
  uint8_t *data = NULL;
  h2ws_ssize n = 0;
  (void)user;
  while (h2ws_stream_is_writable(stream) &&
         (n = h2ws_stream_peek(stream, &data)) > 0) {
    if (h2ws_stream_write(stream, data, (size_t)n) != 0) {
      return;
    }
    (void)h2ws_stream_consume(stream, (size_t)n);
  }
  if (n == H2WS_ERR_EOF) {
    (void)h2ws_stream_shutdown(stream);
  }
}

static const h2ws_stream_callbacks raw_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_readable = raw_pump,
  .on_writable = raw_pump,
};

static void serve_raw(h2ws_stream *stream) {
  const char *method = h2ws_stream_method(stream);
  if (h2ws_stream_is_websocket(stream) ||
      (strcmp(method, "CONNECT") != 0 && strcmp(method, "POST") != 0 &&
       strcmp(method, "PUT") != 0)) {
    (void)h2ws_stream_respond(stream, 405, NULL, 0, NULL, 0);
    return;
  }
  (void)h2ws_stream_accept(stream, NULL, 0, &raw_callbacks, NULL);
}

/* ------------------------------------------------------------------------
 * Requests
 */

/* Without its query. */
static bool path_is(const char *path, const char *wanted) {
  size_t len = strlen(wanted);
  return strncmp(path, wanted, len) == 0 &&
         (path[len] == '\0' || path[len] == '?');
}

void cli_serve_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  static const h2ws_header html[] = {
    {"content-type", "text/html; charset=utf-8"},
    {"content-security-policy", cli_page_policy},
  };
  static const h2ws_header text = {"content-type", "text/plain"};
  const char *path = h2ws_stream_path(stream);
  (void)conn;
  (void)user;
  if (path == NULL) {
    (void)h2ws_stream_respond(stream, 501, NULL, 0, NULL, 0);
  } else if (path_is(path, "/echo")) {
    cli_serve_echo(stream);
  } else if (path_is(path, "/raw")) {
    serve_raw(stream);
  } else if (path_is(path, "/") && h2ws_stream_protocol(stream) == NULL) {
    (void)h2ws_stream_respond(stream, 200, html, 2, cli_page, cli_page_len);
  } else if (path_is(path, "/healthz") &&
             h2ws_stream_protocol(stream) == NULL) {
    (void)h2ws_stream_respond(stream, 200, &text, 1, "ok\n", 3);
  } else {
    (void)h2ws_stream_respond(stream, 404, NULL, 0, "not found\n", 10);
  }
}

static void on_conn_error(int error, const char *text, void *user) {
  (void)error;
  (void)user;
  (void)fprintf(stderr, "* connection refused: %s\n", text);
}

static void on_stopped(h2ws_server *server, void *user) {
  (void)server;
  (void)h2ws_loop_stop(user);
}

static const h2ws_server_callbacks callbacks = {
  .size = sizeof(h2ws_server_callbacks),
  .on_request = cli_serve_request,
  .on_stopped = on_stopped,
};
static const h2ws_server_callbacks callbacks_verbose = {
  .size = sizeof(h2ws_server_callbacks),
  .on_request = cli_serve_request,
  .on_conn_error = on_conn_error,
  .on_trace = cli_trace,
  .on_stopped = on_stopped,
};

/* ------------------------------------------------------------------------
 * The program
 */

static bool read_http(const char *version, h2ws_http *out) {
  *out = strcmp(version, "1.1") == 0 ? H2WS_HTTP_1_1
         : strcmp(version, "2") == 0 ? H2WS_HTTP_2
                                     : H2WS_HTTP_ANY;
  return *out != H2WS_HTTP_ANY || strcmp(version, "any") == 0;
}

/* True if the options make sense. */
static bool read_options(int argc, char **argv, h2ws_server_options *o,
                         bool *compress, int *verbose) {
  static const struct option longs[] = {
    {"listen", required_argument, NULL, 'l'},
    {"cert", required_argument, NULL, 'c'},
    {"key", required_argument, NULL, 'k'},
    {"cleartext", no_argument, NULL, 'C'},
    {"http", required_argument, NULL, 'h'},
    {"threads", required_argument, NULL, 't'},
    {"compress", no_argument, NULL, 'z'},
    {"verbose", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
  };
  bool ok = true;
  int c;
  while (ok && (c = getopt_long(argc, argv, "v", longs, NULL)) != -1) {
    switch (c) {
    case 'l':
      o->listen = optarg;
      break;
    case 'c':
      o->cert_file = optarg;
      break;
    case 'k':
      o->key_file = optarg;
      break;
    case 'C':
      o->cleartext = true;
      o->conn.any_scheme = true; /* a TLS terminator may stand in front */
      break;
    case 'h':
      ok = read_http(optarg, &o->conn.http);
      break;
    case 't':
      o->threads = (unsigned)strtoul(optarg, NULL, 10);
      break;
    case 'z':
      *compress = true;
      break;
    case 'v':
      (*verbose)++;
      break;
    default:
      return false;
    }
  }
  if (!ok || optind != argc || (o->cleartext && o->cert_file != NULL) ||
      o->threads > 256) {
    (void)fprintf(stderr, "h2ws serve: these options do not go together\n");
    return false;
  }
  return true;
}

static void on_signal(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)h2ws_server_stop(arg);
}

static int serve(h2ws_loop *loop, const h2ws_server_options *options,
                 int verbose) {
  struct event_base *base = h2ws_loop_base(loop);
  h2ws_server *server = NULL;
  struct event *term;
  struct event *interrupt;
  char why[256];
  int rv = h2ws_server_start(&server, loop, options,
                             verbose > 0 ? &callbacks_verbose : &callbacks,
                             loop, why, sizeof(why));
  if (rv != 0) {
    (void)fprintf(stderr, "h2ws serve: %s\n", why);
    return CLI_CONNECT;
  }
  term = evsignal_new(base, SIGTERM, on_signal, server);
  interrupt = evsignal_new(base, SIGINT, on_signal, server);
  (void)evsignal_add(term, NULL);
  (void)evsignal_add(interrupt, NULL);
  printf("listening on %s://%s\n", options->cleartext ? "http" : "https",
         h2ws_server_address(server));
  (void)fflush(stdout);
  rv = h2ws_loop_run(loop);
  event_free(term);
  event_free(interrupt);
  h2ws_server_free(server);
  return rv == 0 ? CLI_OK : CLI_RECEIVE;
}

int cli_serve(int argc, char **argv) {
  h2ws_server_options options;
  h2ws_loop *loop = NULL;
  bool compress = false;
  int verbose = 0;
  int rv;
  h2ws_server_options_default(&options, sizeof(options));
  options.listen = "127.0.0.1:8443";
  options.conn.protocols = "*";
  if (!read_options(argc, argv, &options, &compress, &verbose)) {
    return CLI_USAGE;
  }
  cli_set_verbose(verbose);
  cli_echo_set(compress, verbose > 0);
  (void)setvbuf(stderr, NULL, _IOLBF, 0); /* lines of threads stay whole */
  if (h2ws_loop_new(&loop, NULL) != 0) {
    (void)fprintf(stderr, "h2ws serve: no event loop to be had\n");
    return CLI_RECEIVE;
  }
  rv = serve(loop, &options, verbose);
  h2ws_loop_free(loop);
  return rv;
}
