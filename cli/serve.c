/* h2ws serve: an echo server with everything on. */
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define PAGE_TYPE "text/html; charset=utf-8"

static const char page[] = "<!doctype html>\n<title>h2ws</title>\n"
                           "<h1>h2ws serves here</h1>\n"
                           "<p>WebSocket echo on <code>/echo</code>, over "
                           "HTTP/2 (RFC 8441) and HTTP/1.1.</p>\n";

/* ------------------------------------------------------------------------
 * /echo: messages. What cannot be sent yet is not read yet.
 */

/* A message that waits for room in the socket's queue. */
struct echo {
  h2ws_type type;
  uint8_t *data;
  size_t len;
};

static void echo_message(h2ws_socket *socket, h2ws_type type,
                         const uint8_t *data, size_t len, void *user) {
  struct echo *waiting;
  (void)user;
  if (h2ws_socket_send(socket, type, data, len) != H2WS_ERR_AGAIN) {
    return;
  }
  waiting = calloc(1, sizeof(*waiting));
  if (waiting != NULL) {
    waiting->data = malloc(len > 0 ? len : 1);
  }
  if (waiting == NULL || waiting->data == NULL) {
    free(waiting);
    (void)h2ws_socket_abort(socket);
    return;
  }
  waiting->type = type;
  waiting->len = len;
  if (len > 0) {
    memcpy(waiting->data, data, len);
  }
  h2ws_socket_set_user(socket, waiting);
  (void)h2ws_socket_pause(socket);
}

static void echo_forget(h2ws_socket *socket) {
  struct echo *waiting = h2ws_socket_user(socket);
  if (waiting != NULL) {
    h2ws_socket_set_user(socket, NULL);
    free(waiting->data);
    free(waiting);
  }
}

static void echo_writable(h2ws_socket *socket, void *user) {
  struct echo *waiting = user;
  if (waiting != NULL && h2ws_socket_send(socket, waiting->type, waiting->data,
                                          waiting->len) != H2WS_ERR_AGAIN) {
    echo_forget(socket);
    (void)h2ws_socket_resume(socket);
  }
}

static void echo_close(h2ws_socket *socket, const h2ws_close_info *info,
                       void *user) {
  (void)info;
  (void)user;
  echo_forget(socket);
}

static const h2ws_socket_callbacks echo_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_message = echo_message,
  .on_writable = echo_writable,
  .on_close = echo_close,
};

/* Of the whole run, so read before anything is served. */
static bool compress;

static void serve_echo(h2ws_stream *stream) {
  static const h2ws_header version = {"sec-websocket-version", "13"};
  h2ws_socket *socket = NULL;
  h2ws_socket_options options;
  if (!h2ws_stream_is_websocket(stream)) {
    /* Another :protocol (RFC 9220 section 3), or none at all. */
    int status = h2ws_stream_protocol(stream) != NULL ? 501 : 400;
    (void)h2ws_stream_respond(stream, status, &version, 1, NULL, 0);
    return;
  }
  h2ws_socket_options_default(&options, sizeof(options));
  options.max_fragments = 1U << 17; /* the Autobahn suite sends 65536 */
  options.compress = compress;
  options.compress_send_takeover = true;
  options.compress_recv_takeover = true;
  (void)h2ws_socket_accept(stream, &socket, NULL, 0, &options, &echo_callbacks,
                           NULL);
}

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

/* The path without its query. */
static bool path_is(const char *path, const char *wanted) {
  size_t len = strlen(wanted);
  return strncmp(path, wanted, len) == 0 &&
         (path[len] == '\0' || path[len] == '?');
}

void cli_serve_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  static const h2ws_header html = {"content-type", PAGE_TYPE};
  static const h2ws_header text = {"content-type", "text/plain"};
  const char *path = h2ws_stream_path(stream);
  (void)conn;
  (void)user;
  if (path == NULL) {
    (void)h2ws_stream_respond(stream, 501, NULL, 0, NULL, 0);
  } else if (path_is(path, "/echo")) {
    serve_echo(stream);
  } else if (path_is(path, "/raw")) {
    serve_raw(stream);
  } else if (path_is(path, "/") && h2ws_stream_protocol(stream) == NULL) {
    (void)h2ws_stream_respond(stream, 200, &html, 1, page, sizeof(page) - 1);
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
                         int *verbose) {
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
      compress = true;
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
  int verbose = 0;
  int rv;
  h2ws_server_options_default(&options, sizeof(options));
  options.listen = "127.0.0.1:8443";
  options.conn.protocols = "*";
  if (!read_options(argc, argv, &options, &verbose)) {
    return CLI_USAGE;
  }
  cli_set_verbose(verbose);
  if (h2ws_loop_new(&loop, NULL) != 0) {
    (void)fprintf(stderr, "h2ws serve: no event loop to be had\n");
    return CLI_RECEIVE;
  }
  rv = serve(loop, &options, verbose);
  h2ws_loop_free(loop);
  return rv;
}
