/* h2ws connect: lines in, messages out. */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

#define HEADERS_MAX 64
#define INPUT_STEP 65536
/* A line of input longer than this is not a text message any more. */
#define LINE_MAX_BYTES ((size_t)64 << 20)

/* One run of the verb. */
struct session {
  h2ws_loop *loop;
  h2ws_client *client;
  h2ws_socket *socket; /* NULL before it is there and after its end */
  struct event *input; /* readable: standard input, or its stand-in */
  bool input_is_file;  /* always readable; epoll does not take it */
  bool input_over;
  bool blocked;  /* the queue is full: no input is read */
  uint8_t *line; /* input not sent yet */
  size_t line_len;
  size_t line_cap;
  h2ws_type type;
  h2ws_header headers[HEADERS_MAX];
  size_t headers_len;
  h2ws_socket_options socket_options;
  char why[384]; /* the connect failed at once */
  int result;    /* what went wrong first */
  bool ended;
};

static void print_close_code(const h2ws_close_info *info) {
  if (info->code != 0 && info->code != 1000 && info->code != 1005 &&
      info->code != 1006 && info->code != 1015) {
    (void)fprintf(stderr, "closed with code %u%s", (unsigned)info->code,
                  info->reason_len > 0 ? ": " : "");
    cli_print_words(stderr, info->reason, info->reason_len);
    (void)fputc('\n', stderr);
  }
}

/* The peer could not do with what it got, or had trouble of its own. */
static bool is_complaint(const h2ws_close_info *info) {
  return info->code >= 1002 && info->code < 2000 && info->code != 1005;
}

static void finish(struct session *s, const h2ws_close_info *info) {
  int code = cli_exit_code(info);
  if (s->ended) {
    return;
  }
  s->ended = true;
  if (code == CLI_OK && is_complaint(info)) {
    code = CLI_RECEIVE;
  }
  s->result = s->result == CLI_OK ? code : s->result;
  if (info->status != 0) {
    (void)fprintf(stderr, "the server answered %d\n", info->status);
  }
  print_close_code(info);
  if (code != CLI_OK && info->cls != H2WS_CLOSE_CLEAN &&
      s->result != CLI_WRITE) {
    (void)fprintf(stderr, "h2ws connect: %s\n", info->detail);
  }
}

/* ------------------------------------------------------------------------
 * Standard input
 */

static void input_wait(struct session *s) {
  struct timeval at_once = {0, 0};
  if (s->input_over || s->blocked) {
    return;
  }
  (void)event_add(s->input, s->input_is_file ? &at_once : NULL);
}

static bool input_grow(struct session *s) {
  size_t cap = s->line_cap == 0 ? (size_t)2 * INPUT_STEP : s->line_cap * 2;
  uint8_t *line;
  if (s->line_cap - s->line_len >= INPUT_STEP) {
    return true;
  }
  line = cap > LINE_MAX_BYTES * 2 ? NULL : realloc(s->line, cap);
  if (line == NULL) {
    (void)fprintf(stderr, "h2ws connect: a line of input is too long\n");
    return false;
  }
  s->line = line;
  s->line_cap = cap;
  return true;
}

/* Sends one message; false if it must wait or failed. */
static bool input_send(struct session *s, const uint8_t *data, size_t len) {
  int rv = h2ws_socket_send(s->socket, s->type, data, len);
  if (rv == 0) {
    return true;
  }
  if (rv == H2WS_ERR_AGAIN) {
    s->blocked = true;
    return false;
  }
  (void)fprintf(stderr, "h2ws connect: not sent: %s\n", h2ws_strerror(rv));
  s->result = CLI_SEND;
  if (rv == H2WS_ERR_UTF8) {
    (void)fprintf(stderr, "  (send it with --binary)\n");
    return true;
  }
  return false;
}

/* The next message of the input: its length, and that of its end mark. */
static bool input_next(const struct session *s, size_t start, size_t *len,
                       size_t *skip) {
  const uint8_t *first = s->line + start;
  size_t left = s->line_len - start;
  const uint8_t *end = NULL;
  *len = left;
  *skip = 0;
  if (s->type == H2WS_BINARY) {
    return true;
  }
  end = memchr(first, '\n', left);
  if (end != NULL) {
    *len = (size_t)(end - first);
    *skip = 1;
  }
  return end != NULL || s->input_over; /* the last line may lack its end */
}

/* Sends what is complete and keeps the rest. */
static void input_send_lines(struct session *s) {
  size_t done = 0;
  size_t len;
  size_t skip;
  while (done < s->line_len && !s->blocked && s->socket != NULL) {
    if (!input_next(s, done, &len, &skip) ||
        !input_send(s, s->line + done, len)) {
      break;
    }
    done += len + skip;
  }
  if (done > 0) {
    memmove(s->line, s->line + done, s->line_len - done);
    s->line_len -= done;
  }
}

/* Sends; at the end of the input, CLOSE after what is queued. */
static void input_step(struct session *s) {
  input_send_lines(s);
  if (s->input_over && s->line_len == 0 && s->socket != NULL) {
    (void)h2ws_socket_close(s->socket, 1000, NULL, 0);
  }
}

static void on_input(evutil_socket_t fd, short what, void *arg) {
  struct session *s = arg;
  ssize_t n;
  (void)fd;
  (void)what;
  if (s->socket == NULL) {
    return;
  }
  if (!input_grow(s)) {
    (void)h2ws_socket_abort(s->socket);
    return;
  }
  n = read(STDIN_FILENO, s->line + s->line_len, INPUT_STEP);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
    n = 0;
  } else if (n <= 0) {
    s->input_over = true;
  }
  s->line_len += n > 0 ? (size_t)n : 0;
  input_step(s);
  input_wait(s);
}

/* Files are always readable, and epoll refuses them: a timer stands in. */
static bool input_can_wait(void) {
  struct stat st;
  return fstat(STDIN_FILENO, &st) == 0 &&
         (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) ||
          isatty(STDIN_FILENO) == 1);
}

static bool input_start(struct session *s) {
  struct event_base *base = h2ws_loop_base(s->loop);
  s->input_is_file = !input_can_wait();
  s->input = s->input_is_file
               ? event_new(base, -1, 0, on_input, s)
               : event_new(base, STDIN_FILENO, EV_READ, on_input, s);
  if (s->input == NULL) {
    return false;
  }
  input_wait(s);
  return true;
}

/* ------------------------------------------------------------------------
 * The socket
 */

static void on_open(h2ws_socket *socket, void *user) {
  struct session *s = user;
  cli_print_stream(stderr, h2ws_socket_stream(socket));
  cli_print_agreed(stderr, socket);
  (void)fputc('\n', stderr);
  if (!input_start(s)) {
    (void)h2ws_socket_abort(socket);
  }
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct session *s = user;
  (void)type;
  if (fwrite(data, 1, len, stdout) == len && fputc('\n', stdout) != EOF &&
      fflush(stdout) == 0) {
    return;
  }
  (void)fprintf(stderr, "h2ws connect: standard output: %s\n", strerror(errno));
  s->result = CLI_WRITE;
  (void)h2ws_socket_abort(socket);
}

static void on_writable(h2ws_socket *socket, void *user) {
  struct session *s = user;
  (void)socket;
  s->blocked = false;
  input_step(s);
  input_wait(s);
}

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  struct session *s = user;
  (void)socket;
  s->socket = NULL;
  finish(s, info);
  (void)h2ws_conn_drain(h2ws_client_conn(s->client));
}

static const h2ws_socket_callbacks socket_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_writable = on_writable,
  .on_close = on_close,
};

/* ------------------------------------------------------------------------
 * The client
 */

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  struct session *s = user;
  int rv =
    h2ws_client_open_socket(client, &s->socket, s->headers, s->headers_len,
                            &s->socket_options, &socket_callbacks, s);
  if (rv != 0) {
    (void)fprintf(stderr, "h2ws connect: %s\n", h2ws_strerror(rv));
    s->result = CLI_USAGE;
    s->ended = true;
    (void)h2ws_conn_shutdown(conn, H2WS_H2_NO_ERROR);
  }
}

static void on_client_close(h2ws_client *client, const h2ws_close_info *info,
                            void *user) {
  struct session *s = user;
  (void)client;
  finish(s, info);
  (void)h2ws_loop_stop(s->loop);
}

static const h2ws_client_callbacks client_callbacks = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_connect,
  .on_close = on_client_close,
};
static const h2ws_client_callbacks client_callbacks_verbose = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_connect,
  .on_close = on_client_close,
  .on_trace = cli_trace,
};

/* ------------------------------------------------------------------------
 * The program
 */

/* "Name: value", cut in two in place. */
static bool add_header(struct session *s, char *text) {
  char *colon = strchr(text, ':');
  if (s->headers_len == HEADERS_MAX) {
    (void)fprintf(stderr, "h2ws connect: more than %d times -H\n", HEADERS_MAX);
    return false;
  }
  if (colon == NULL) {
    (void)fprintf(stderr, "h2ws connect: '%s' is not 'Name: value'\n", text);
    return false;
  }
  *colon++ = '\0';
  colon += strspn(colon, " \t");
  s->headers[s->headers_len++] = (h2ws_header){text, colon};
  return true;
}

static bool choose_http(const char *version, h2ws_http *out) {
  if (strcmp(version, "auto") == 0) {
    *out = H2WS_HTTP_ANY;
  } else if (strcmp(version, "2") == 0) {
    *out = H2WS_HTTP_2;
  } else if (strcmp(version, "1.1") == 0) {
    *out = H2WS_HTTP_1_1;
  } else {
    (void)fprintf(stderr, "h2ws connect: --http takes auto, 2 or 1.1\n");
    return false;
  }
  return true;
}

static bool read_options(int argc, char **argv, struct session *s,
                         h2ws_client_options *o, int *verbose) {
  static const struct option longs[] = {
    {"http", required_argument, NULL, 'h'},
    {"header", required_argument, NULL, 'H'},
    {"protocol", required_argument, NULL, 'p'},
    {"binary", no_argument, NULL, 'b'},
    {"compress", no_argument, NULL, 'z'},
    {"insecure", no_argument, NULL, 'k'},
    {"cacert", required_argument, NULL, 'c'},
    {"proxy", required_argument, NULL, 'x'},
    {"verbose", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
  };
  bool ok = true;
  int c;
  while (ok && (c = getopt_long(argc, argv, "H:kvx:", longs, NULL)) != -1) {
    switch (c) {
    case 'h':
      ok = choose_http(optarg, &o->conn.http);
      break;
    case 'H':
      ok = add_header(s, optarg);
      break;
    case 'p':
      s->socket_options.protocols = optarg;
      break;
    case 'b':
      s->type = H2WS_BINARY;
      break;
    case 'z':
      s->socket_options.compress = true;
      s->socket_options.compress_send_takeover = true;
      s->socket_options.compress_recv_takeover = true;
      s->socket_options.compress_threshold = 0;
      break;
    case 'k':
      o->insecure = true;
      break;
    case 'c':
      o->ca_file = optarg;
      break;
    case 'x':
      o->proxy = optarg;
      break;
    case 'v':
      (*verbose)++;
      break;
    default:
      ok = false;
      break;
    }
  }
  return ok && optind == argc - 1;
}

/* http and https stand for ws and wss here: it is a WebSocket, or nothing. */
static int connect_to(struct session *s, const char *url,
                      const h2ws_client_options *options, int verbose) {
  bool http = strncasecmp(url, "http", 4) == 0;
  size_t len = strlen(url) + 1;
  char *ws = malloc(len);
  int rv;
  if (ws == NULL) {
    return H2WS_ERR_NOMEM;
  }
  (void)snprintf(ws, len, "%s%s", http ? "ws" : "", http ? url + 4 : url);
  rv = h2ws_client_connect(
    &s->client, s->loop, ws, options,
    verbose > 0 ? &client_callbacks_verbose : &client_callbacks, s);
  free(ws);
  return rv;
}

static int run(struct session *s, const char *url, h2ws_client_options *options,
               int verbose) {
  int rv = connect_to(s, url, options, verbose);
  if (rv != 0) {
    (void)fprintf(stderr, "h2ws connect: %s\n",
                  s->why[0] != '\0' ? s->why : h2ws_strerror(rv));
    return rv == H2WS_ERR_URL ? CLI_USAGE : CLI_TLS;
  }
  (void)h2ws_loop_run(s->loop);
  h2ws_client_free(s->client);
  if (s->input != NULL) {
    event_free(s->input);
  }
  return s->result;
}

int cli_connect(int argc, char **argv) {
  struct session s = {0};
  h2ws_client_options options;
  int verbose = 0;
  int rv;
  s.type = H2WS_TEXT;
  h2ws_client_options_default(&options, sizeof(options));
  h2ws_socket_options_default(&s.socket_options, sizeof(s.socket_options));
  options.keylog = true;
  options.why = s.why;
  options.why_len = sizeof(s.why);
  s.socket_options.receive_after_close = true; /* the answers to all we sent */
  if (!read_options(argc, argv, &s, &options, &verbose)) {
    (void)fprintf(stderr, "usage: h2ws connect [OPTIONS] URL "
                          "(h2ws --help lists them)\n");
    return CLI_USAGE;
  }
  if (options.insecure) {
    (void)fprintf(stderr, "warning: the server's certificate is not "
                          "verified\n");
  }
  cli_set_verbose(verbose);
  if (h2ws_loop_new(&s.loop, NULL) != 0) {
    return CLI_RECEIVE;
  }
  rv = run(&s, argv[optind], &options, verbose);
  h2ws_loop_free(s.loop);
  free(s.line);
  return rv;
}
