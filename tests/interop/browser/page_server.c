/*
 * Serves page.html, the WebSockets that it opens and the place for its report,
 * all from one origin. See README.md.
 *
 *     page_server --cert FILE --key FILE --page FILE [--http any|1.1]
 *
 * Prints "listening on URL", the lines of the report, and "closed PATH CODE
 * REASON" for each WebSocket. SIGTERM ends it.
 */
#include <h2ws/h2ws.h>

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 65536
#define REPORT_MAX 65536
#define PATH_MAX_BYTES 128
#define MESSAGE_MAX ((uint64_t)32 << 20)
#define QUEUE_MAX ((size_t)256 << 20) /* so that an echo always fits */

struct visit {
  char path[PATH_MAX_BYTES];
};

static char page[PAGE_MAX];
static size_t page_len;
static unsigned connections;
static char last_close[512];

static bool begins(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

/* ------------------------------------------------------------------------
 * WebSockets
 */

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  const struct visit *visit = user;
  if (begins(visit->path, "/abort") ||
      h2ws_socket_send(socket, type, data, len) != 0) {
    (void)h2ws_socket_abort(socket);
  }
}

static void on_pong(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  static const char text[] = "pong came";
  (void)user;
  if (len == 5 && memcmp(data, "there", 5) == 0) {
    (void)h2ws_socket_send(socket, H2WS_TEXT, text, sizeof(text) - 1);
  }
}

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  struct visit *visit = user;
  (void)socket;
  (void)snprintf(last_close, sizeof(last_close), "%s %u %s %s", visit->path,
                 (unsigned)info->code, h2ws_close_class_name(info->cls),
                 info->reason != NULL ? info->reason : "");
  printf("closed %s\n", last_close);
  free(visit);
}

static const h2ws_socket_callbacks socket_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_message = on_message,
  .on_pong = on_pong,
  .on_close = on_close,
};

/* How the browser has come here. */
static void say_about(h2ws_socket *socket) {
  h2ws_link_info link = {.size = sizeof(link)};
  char text[128];
  int len;
  (void)h2ws_conn_link_info(h2ws_stream_conn(h2ws_socket_stream(socket)),
                            &link);
  len = snprintf(text, sizeof(text),
                 "{\"http\":\"%s\",\"compressed\":%s,\"connections\":%u}",
                 link.http == H2WS_HTTP_2 ? "2" : "1.1",
                 h2ws_socket_has_compression(socket) ? "true" : "false",
                 connections);
  (void)h2ws_socket_send(socket, H2WS_TEXT, text, (size_t)len);
}

static void serve_socket(h2ws_stream *stream, const char *path) {
  struct visit *visit = calloc(1, sizeof(*visit));
  h2ws_socket_options options;
  h2ws_socket *socket = NULL;
  if (visit == NULL) {
    (void)h2ws_stream_respond(stream, 500, NULL, 0, NULL, 0);
    return;
  }
  (void)snprintf(visit->path, sizeof(visit->path), "%s", path);
  h2ws_socket_options_default(&options, sizeof(options));
  options.max_message = MESSAGE_MAX;
  options.protocols = "chat";
  options.compress = true;
  options.compress_send_takeover = true;
  options.compress_recv_takeover = true;
  options.compress_threshold = 0;
  if (h2ws_socket_accept(stream, &socket, NULL, 0, &options, &socket_callbacks,
                         visit) != 0) {
    free(visit);
    return;
  }
  if (begins(visit->path, "/about")) {
    say_about(socket);
  } else if (begins(visit->path, "/close?")) {
    (void)h2ws_socket_close(
      socket, (uint16_t)strtoul(visit->path + 7, NULL, 10), "bye", 3);
  } else if (begins(visit->path, "/ping")) {
    (void)h2ws_socket_ping(socket, "there", 5);
  }
}

/* ------------------------------------------------------------------------
 * The report: lines, printed when all are there
 */

struct report {
  char text[REPORT_MAX];
  size_t len;
};

static void report_readable(h2ws_stream *stream, void *user) {
  struct report *report = user;
  h2ws_ssize n = h2ws_stream_read(stream, report->text + report->len,
                                  REPORT_MAX - report->len);
  while (n > 0) {
    report->len += (size_t)n;
    n = h2ws_stream_read(stream, report->text + report->len,
                         REPORT_MAX - report->len);
  }
  if (n == H2WS_ERR_EOF) {
    (void)fwrite(report->text, 1, report->len, stdout);
    (void)h2ws_stream_shutdown(stream);
  }
}

static void report_close(h2ws_stream *stream, const h2ws_close_info *info,
                         void *user) {
  (void)stream;
  (void)info;
  free(user);
}

static const h2ws_stream_callbacks report_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_readable = report_readable,
  .on_close = report_close,
};

static void serve_report(h2ws_stream *stream) {
  struct report *report = calloc(1, sizeof(*report));
  if (report == NULL ||
      h2ws_stream_accept(stream, NULL, 0, &report_callbacks, report) != 0) {
    free(report);
  }
}

/* ------------------------------------------------------------------------
 * Requests
 */

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  static const h2ws_header html = {"content-type", "text/html; charset=utf-8"};
  static const h2ws_header fresh[] = {{"content-type", "text/plain"},
                                      {"cache-control", "no-store"}};
  const char *path = h2ws_stream_path(stream);
  (void)conn;
  (void)user;
  if (path == NULL || begins(path, "/nowhere")) {
    (void)h2ws_stream_respond(stream, 404, NULL, 0, NULL, 0);
  } else if (h2ws_stream_is_websocket(stream)) {
    serve_socket(stream, path);
  } else if (begins(path, "/report")) {
    serve_report(stream);
  } else if (begins(path, "/last-close")) {
    (void)h2ws_stream_respond(stream, 200, fresh, 2, last_close,
                              strlen(last_close));
  } else if (strcmp(path, "/") == 0) {
    (void)h2ws_stream_respond(stream, 200, &html, 1, page, page_len);
  } else {
    (void)h2ws_stream_respond(stream, 404, NULL, 0, NULL, 0);
  }
}

static void on_conn(h2ws_conn *conn, void *user) {
  (void)conn;
  (void)user;
  connections++;
}

static void on_conn_close(h2ws_conn *conn, const h2ws_close_info *info,
                          void *user) {
  (void)conn;
  (void)user;
  connections--;
  (void)fprintf(stderr, "connection: %s\n", info->detail);
}

static void on_conn_error(int error, const char *text, void *user) {
  (void)user;
  (void)fprintf(stderr, "connection: %s (%s)\n", text, h2ws_error_name(error));
}

static void on_stopped(h2ws_server *server, void *user) {
  (void)server;
  (void)h2ws_loop_stop(user);
}

static const h2ws_server_callbacks server_callbacks = {
  .size = sizeof(h2ws_server_callbacks),
  .on_request = on_request,
  .on_conn = on_conn,
  .on_conn_close = on_conn_close,
  .on_conn_error = on_conn_error,
  .on_stopped = on_stopped,
};

/* ------------------------------------------------------------------------
 * The program
 */

static bool read_page(const char *name) {
  FILE *file = fopen(name, "rb");
  if (file == NULL) {
    return false;
  }
  page_len = fread(page, 1, sizeof(page), file);
  return fclose(file) == 0 && page_len > 0 && page_len < sizeof(page);
}

static bool read_options(int argc, char **argv, h2ws_server_options *options) {
  int i;
  for (i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--cert") == 0) {
      options->cert_file = argv[i + 1];
    } else if (strcmp(argv[i], "--key") == 0) {
      options->key_file = argv[i + 1];
    } else if (strcmp(argv[i], "--page") == 0) {
      if (!read_page(argv[i + 1])) {
        return false;
      }
    } else if (strcmp(argv[i], "--http") == 0) {
      options->conn.http =
        strcmp(argv[i + 1], "1.1") == 0 ? H2WS_HTTP_1_1 : H2WS_HTTP_ANY;
    } else {
      return false;
    }
  }
  return i == argc && page_len > 0;
}

static void on_signal(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)h2ws_server_stop(arg);
}

int main(int argc, char **argv) {
  h2ws_server_options options;
  h2ws_server *server = NULL;
  h2ws_loop *loop = NULL;
  struct event *term;
  char why[256] = "out of memory";
  h2ws_server_options_default(&options, sizeof(options));
  options.listen = "127.0.0.1:0";
  options.conn.high_water = QUEUE_MAX;
  options.conn.drain_timeout_ms = 3000;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (!read_options(argc, argv, &options)) {
    fputs("usage: page_server --cert FILE --key FILE --page FILE "
          "[--http any|1.1]\n",
          stderr);
    return 2;
  }
  if (h2ws_loop_new(&loop, NULL) != 0 ||
      h2ws_server_start(&server, loop, &options, &server_callbacks, loop, why,
                        sizeof(why)) != 0) {
    (void)fprintf(stderr, "page_server: %s\n", why);
    return EXIT_FAILURE;
  }
  term = evsignal_new(h2ws_loop_base(loop), SIGTERM, on_signal, server);
  (void)evsignal_add(term, NULL);
  printf("listening on https://%s\n", h2ws_server_address(server));
  (void)h2ws_loop_run(loop);
  event_free(term);
  h2ws_server_free(server);
  h2ws_loop_free(loop);
  return EXIT_SUCCESS;
}
