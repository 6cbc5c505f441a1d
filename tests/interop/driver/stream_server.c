/*
 * Our server of byte streams, for clients that we did not write. See README.md
 * for its paths.
 *
 *     stream_server --cert FILE --key FILE
 *
 * Prints "listening on URL". SIGTERM ends it.
 */
#include <h2ws/h2ws.h>

#include <ctype.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP 65536 /* the buffer, whatever the size of the exchange */
#define LINE_MAX_BYTES 4096
#define ROOM 64

struct path {
  const char *name;
  const char *methods;
  h2ws_handler *serve;
};

/* ------------------------------------------------------------------------
 * Bytes
 */

static void echo_as(h2ws *h, int (*change)(int)) {
  unsigned char *data = malloc(STEP);
  h2ws_ssize n = data != NULL ? h2ws_read(h, data, STEP, H2WS_FOREVER) : 0;
  while (n > 0) {
    h2ws_ssize i;
    for (i = 0; change != NULL && i < n; i++) {
      data[i] = (unsigned char)change(data[i]);
    }
    if (h2ws_write(h, data, (size_t)n) != 0) {
      break;
    }
    n = h2ws_read(h, data, STEP, H2WS_FOREVER);
  }
  free(data);
}

static void serve_raw(h2ws *h, void *user) {
  (void)user;
  echo_as(h, NULL);
}

static void serve_capitals(h2ws *h, void *user) {
  (void)user;
  echo_as(h, toupper);
}

static void serve_early(h2ws *h, void *user) {
  (void)user;
  (void)h2ws_write(h, "bye", 3);
}

static void serve_header(h2ws *h, void *user) {
  const char *value = h2ws_field(h, "x-interop");
  (void)user;
  (void)h2ws_send_text(h, value != NULL ? value : "none");
}

/* ------------------------------------------------------------------------
 * Lines
 */

struct lines {
  char text[LINE_MAX_BYTES];
  size_t len;
};

/* False at the end. The line, newline and all, stays in `lines`. */
static bool next_line(h2ws *h, struct lines *lines) {
  lines->len = 0;
  while (lines->len < sizeof(lines->text) - 1 &&
         h2ws_read(h, lines->text + lines->len, 1, H2WS_FOREVER) == 1) {
    if (lines->text[lines->len++] == '\n') {
      lines->text[lines->len] = '\0';
      return true;
    }
  }
  return false;
}

/* {"n":1,"text":"a"} becomes {"n":2,"text":"A"}; NULL for anything else. */
static char *answer_to(const char *line) {
  json_t *note = json_loads(line, 0, NULL);
  const char *text = json_string_value(json_object_get(note, "text"));
  json_int_t n = json_integer_value(json_object_get(note, "n"));
  char *capitals = text != NULL ? strdup(text) : NULL;
  char *answer = NULL;
  char *each;
  for (each = capitals; each != NULL && *each != '\0'; each++) {
    *each = (char)toupper((unsigned char)*each);
  }
  if (capitals != NULL) {
    json_t *object = json_pack("{s:I, s:s}", "n", n + 1, "text", capitals);
    answer = json_dumps(object, JSON_COMPACT);
    json_decref(object);
  }
  free(capitals);
  json_decref(note);
  return answer;
}

static void serve_json(h2ws *h, void *user) {
  struct lines lines;
  (void)user;
  while (next_line(h, &lines)) {
    char *answer = answer_to(lines.text);
    int rv = answer != NULL ? h2ws_send_text(h, answer) : H2WS_ERR_INVALID;
    free(answer);
    if (rv != 0 || h2ws_write(h, "\n", 1) != 0) {
      return;
    }
  }
}

/* ------------------------------------------------------------------------
 * Chat
 */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static h2ws *members[ROOM];
static size_t members_len;

static bool enter(h2ws *h) {
  bool fits;
  (void)pthread_mutex_lock(&mutex);
  fits = members_len < ROOM;
  if (fits) {
    members[members_len++] = h;
  }
  (void)pthread_mutex_unlock(&mutex);
  return fits;
}

static void say(const struct lines *lines) {
  (void)pthread_mutex_lock(&mutex);
  (void)h2ws_send_many(members, members_len, H2WS_TEXT, lines->text, lines->len,
                       NULL);
  (void)pthread_mutex_unlock(&mutex);
}

static void leave(const h2ws *h) {
  size_t i;
  (void)pthread_mutex_lock(&mutex);
  for (i = 0; i < members_len; i++) {
    if (members[i] == h) {
      members[i] = members[--members_len];
    }
  }
  (void)pthread_mutex_unlock(&mutex);
}

static void serve_chat(h2ws *h, void *user) {
  struct lines lines;
  (void)user;
  if (enter(h)) {
    while (next_line(h, &lines)) {
      say(&lines);
    }
    leave(h);
  }
}

/* ------------------------------------------------------------------------
 * The program
 */

static const struct path paths[] = {
  {"/raw", "CONNECT POST PUT", serve_raw},
  {"/ECHO", "PUT", serve_capitals},
  {"/json", "POST", serve_json},
  {"/chat", "POST", serve_chat},
  {"/early", "CONNECT POST PUT", serve_early},
  {"/header", "POST PUT", serve_header},
};

static const struct path *find_path(const char *name) {
  size_t i;
  for (i = 0; name != NULL && i < sizeof(paths) / sizeof(paths[0]); i++) {
    if (strcmp(paths[i].name, name) == 0) {
      return &paths[i];
    }
  }
  return NULL;
}

static int allow(const h2ws_stream *request, void *user) {
  const struct path *path = find_path(h2ws_stream_path(request));
  (void)user;
  if (path == NULL) {
    return 404;
  }
  return strstr(path->methods, h2ws_stream_method(request)) != NULL ? 0 : 405;
}

static void serve(h2ws *h, void *user) {
  h2ws_handle_info info = {.size = sizeof(info)};
  const struct path *path;
  (void)h2ws_info(h, &info);
  path = find_path(info.path);
  if (path != NULL) {
    path->serve(h, user);
  }
}

static void on_ready(h2ws *server, void *user) {
  h2ws_handle_info info = {.size = sizeof(info)};
  (void)user;
  (void)h2ws_info(server, &info);
  printf("listening on https://%s\n", info.address);
}

static void on_signal(int number) {
  (void)number;
  (void)h2ws_stop(NULL);
}

int main(int argc, char **argv) {
  h2ws_serve_options options;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc != 5 || strcmp(argv[1], "--cert") != 0 ||
      strcmp(argv[3], "--key") != 0) {
    fputs("usage: stream_server --cert FILE --key FILE\n", stderr);
    return 2;
  }
  (void)signal(SIGTERM, on_signal);
  h2ws_serve_options_default(&options, sizeof(options));
  options.cert_file = argv[2];
  options.key_file = argv[4];
  options.allow = allow;
  options.on_ready = on_ready;
  if (h2ws_serve("https://127.0.0.1:0/", serve, NULL, &options) != 0) {
    (void)fprintf(stderr, "stream_server: %s\n", h2ws_error(NULL));
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
