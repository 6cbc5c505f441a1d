/* /echo of `h2ws serve`. What cannot be sent yet is not read yet. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static bool compress;
static bool report;

/* One WebSocket, and its message that waits for room in the queue. */
struct echo {
  h2ws_type type;
  uint8_t *data; /* NULL: none waits */
  size_t len;
  char *name; /* NULL: nothing is told */
};

/* ------------------------------------------------------------------------
 * What -v tells
 */

/* "PEER HTTP/2 stream N PATH", owned by the caller. */
static char *name_of(h2ws_stream *stream) {
  h2ws_link_info link = {.size = sizeof(link)};
  const char *path = h2ws_stream_path(stream);
  char *name = NULL;
  size_t len = 0;
  FILE *file = open_memstream(&name, &len);
  if (file == NULL) {
    return NULL;
  }
  (void)h2ws_conn_link_info(h2ws_stream_conn(stream), &link);
  (void)fprintf(file, "%s ", link.peer != NULL ? link.peer : "?");
  cli_print_stream(file, stream);
  (void)fputc(' ', file);
  cli_print_words(file, path, strlen(path));
  (void)fclose(file);
  return name;
}

static void tell_open(const struct echo *echo, h2ws_socket *socket) {
  flockfile(stderr);
  (void)fprintf(stderr, "%s: open", echo->name);
  cli_print_agreed(stderr, socket);
  (void)fputc('\n', stderr);
  funlockfile(stderr);
}

static void tell_close(const struct echo *echo, const h2ws_close_info *info) {
  flockfile(stderr);
  (void)fprintf(stderr, "%s: closed, code %u", echo->name,
                (unsigned)info->code);
  if (info->reason_len > 0) {
    (void)fputs(" \"", stderr);
    cli_print_words(stderr, info->reason, info->reason_len);
    (void)fputc('"', stderr);
  }
  (void)fprintf(stderr, ", %s", h2ws_close_class_name(info->cls));
  if (info->cls == H2WS_CLOSE_CLEAN) {
    (void)fputs(info->by_peer ? ", by the client" : ", by us", stderr);
  } else {
    (void)fputs(": ", stderr);
    cli_print_words(stderr, info->detail, strlen(info->detail));
  }
  (void)fputc('\n', stderr);
  funlockfile(stderr);
}

/* ------------------------------------------------------------------------
 * Messages
 */

static void echo_message(h2ws_socket *socket, h2ws_type type,
                         const uint8_t *data, size_t len, void *user) {
  struct echo *echo = user;
  if (h2ws_socket_send(socket, type, data, len) != H2WS_ERR_AGAIN) {
    return;
  }
  echo->data = malloc(len > 0 ? len : 1);
  if (echo->data == NULL) {
    (void)h2ws_socket_abort(socket);
    return;
  }
  echo->type = type;
  echo->len = len;
  if (len > 0) {
    memcpy(echo->data, data, len);
  }
  (void)h2ws_socket_pause(socket);
}

static void echo_writable(h2ws_socket *socket, void *user) {
  struct echo *echo = user;
  if (echo->data != NULL && h2ws_socket_send(socket, echo->type, echo->data,
                                             echo->len) != H2WS_ERR_AGAIN) {
    free(echo->data);
    echo->data = NULL;
    (void)h2ws_socket_resume(socket);
  }
}

static void echo_free(struct echo *echo) {
  free(echo->name);
  free(echo->data);
  free(echo);
}

static void echo_close(h2ws_socket *socket, const h2ws_close_info *info,
                       void *user) {
  struct echo *echo = user;
  (void)socket;
  if (echo->name != NULL) {
    tell_close(echo, info);
  }
  echo_free(echo);
}

static const h2ws_socket_callbacks callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_message = echo_message,
  .on_writable = echo_writable,
  .on_close = echo_close,
};

/* ------------------------------------------------------------------------
 * The request
 */

/* The code that `/echo?close=CODE` asks for, or NULL. */
static const char *wanted_close(const char *path) {
  const char *query = strchr(path, '?');
  return query != NULL && strncmp(query, "?close=", 7) == 0 ? query + 7 : NULL;
}

/* The socket may end in here, and `echo` with it. */
static void close_at_once(h2ws_socket *socket, unsigned long code) {
  if (code > UINT16_MAX ||
      h2ws_socket_close(socket, (uint16_t)code, NULL, 0) != 0) {
    (void)h2ws_socket_abort(socket);
  }
}

static void accept_echo(h2ws_stream *stream, struct echo *echo) {
  h2ws_socket_options options;
  h2ws_socket *socket = NULL;
  const char *code = wanted_close(h2ws_stream_path(stream));
  unsigned long value = code == NULL ? 0 : strtoul(code, NULL, 10);
  h2ws_socket_options_default(&options, sizeof(options));
  options.protocols = h2ws_stream_header(stream, "sec-websocket-protocol");
  options.max_fragments = 1U << 17; /* the Autobahn suite sends 65536 */
  options.compress = compress;
  options.compress_send_takeover = true;
  options.compress_recv_takeover = true;
  if (h2ws_socket_accept(stream, &socket, NULL, 0, &options, &callbacks,
                         echo) != 0) {
    echo_free(echo);
    return;
  }
  if (echo->name != NULL) {
    tell_open(echo, socket);
  }
  if (code != NULL) {
    close_at_once(socket, value);
  }
}

static void serve_socket(h2ws_stream *stream) {
  struct echo *echo = calloc(1, sizeof(*echo));
  if (echo == NULL) {
    (void)h2ws_stream_respond(stream, 500, NULL, 0, NULL, 0);
    return;
  }
  echo->name = report ? name_of(stream) : NULL;
  accept_echo(stream, echo);
}

void cli_serve_echo(h2ws_stream *stream) {
  static const h2ws_header version = {"sec-websocket-version", "13"};
  if (h2ws_stream_is_websocket(stream)) {
    serve_socket(stream);
  } else { /* another :protocol (RFC 9220 section 3), or none at all */
    int status = h2ws_stream_protocol(stream) != NULL ? 501 : 400;
    (void)h2ws_stream_respond(stream, status, &version, 1, NULL, 0);
  }
}

void cli_echo_set(bool compress_wanted, bool report_wanted) {
  compress = compress_wanted;
  report = report_wanted;
}
