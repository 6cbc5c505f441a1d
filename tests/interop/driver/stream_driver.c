/*
 * Byte streams to a peer that we did not write: extended CONNECT with another
 * :protocol, POST and PUT, both ways at once. See README.md.
 *
 *     stream_driver [--cacert FILE] [--prefix TEXT] URL [CASE...]
 *
 * One line per case, `ok NAME` or `FAIL NAME: why`; exits 0 if all are ok.
 */
#include <h2ws/h2ws.h>

#include <ctype.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)
#define LANES_MAX 100
#define STEP 65536 /* the buffer, whatever the size of the exchange */
#define TALK_ROUNDS 100
#define LINE_MAX_BYTES 256
#define DEADLINE_S 120
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_MAX_KIB LONG_MAX
#else
#define MEMORY_MAX_KIB (64 * 1024L)
#endif

enum content {
  BYTES,    /* the same bytes come back */
  LETTERS,  /* small letters go, capitals come */
  JSON,     /* an object a line, the answer before the next one */
  CHAT,     /* what one lane says, all hear */
  FAREWELL, /* "bye" comes, whatever goes */
  PAGE,     /* something comes */
};

enum ending {
  WE_END,      /* END_STREAM after our last byte, then theirs */
  WE_RESET,    /* RST_STREAM(CANCEL) when the echo is there */
  THEY_END,    /* their END_STREAM, with RST_STREAM(NO_ERROR) or not, while we
                  still send: nothing of theirs is lost */
  THEY_RESET,  /* RST_STREAM from the peer */
  THEY_REFUSE, /* CONNECT: an HTTP status, and no stream */
  THEY_ANSWER, /* another method: an HTTP status, and what comes with it */
};

struct scenario {
  const char *name;
  const char *method;
  const char *protocol;
  const char *path;
  unsigned lanes; /* streams at the same time */
  uint64_t bytes; /* on each */
  enum content content;
  enum ending ending;
  int status;
};

#define CONNECT "CONNECT", "interop"
static const struct scenario scenarios[] = {
  {"connect", CONNECT, "/raw", 1, 3 * MIB + 1, .content = BYTES},
  {"connect-nothing", CONNECT, "/raw", 1, 0, .content = BYTES},
  {"connect-a-byte", CONNECT, "/raw", 1, 1, .content = BYTES},
  {"post", "POST", NULL, "/raw", 1, 3 * MIB + 1, .content = BYTES},
  {"put", "PUT", NULL, "/raw", 1, 3 * MIB + 1, .content = BYTES},
  {"put-capitals", "PUT", NULL, "/ECHO", 1, MIB, .content = LETTERS},
  {"connect-100m", CONNECT, "/raw", 1, 100 * MIB, .content = BYTES},
  {"post-100m", "POST", NULL, "/raw", 1, 100 * MIB, .content = BYTES},
  {"hundred-at-once", CONNECT, "/raw", 100, 300001, .content = BYTES},
  {"json", "POST", NULL, "/json", 1, .content = JSON},
  {"chat", "POST", NULL, "/chat", 5, .content = CHAT},
  {"we-reset", CONNECT, "/raw", 2, 100000, .ending = WE_RESET},
  {"they-end", "POST", NULL, "/early", 2, .content = FAREWELL,
   .ending = THEY_END},
  {"they-end-connect", CONNECT, "/early", 2, .content = FAREWELL,
   .ending = THEY_END},
  {"they-reset", "POST", NULL, "/reset", 2, .ending = THEY_RESET},
  {"they-reset-connect", CONNECT, "/reset", 2, .ending = THEY_RESET},
  {"refused-404", CONNECT, "/nowhere", 2, .ending = THEY_REFUSE, .status = 404},
  {"refused-405", CONNECT, "/ECHO", 2, .ending = THEY_REFUSE, .status = 405},
  {"answered-404", "POST", NULL, "/nowhere", 2, .content = PAGE,
   .ending = THEY_ANSWER, .status = 404},
};

/* The connection must outlive those that do not end with WE_END. */
static const struct scenario connect_afterwards = {
  "afterwards", CONNECT, "/raw", 1, 70000, .content = BYTES};
static const struct scenario post_afterwards = {
  "afterwards", "POST", NULL, "/raw", 1, 70000, .content = BYTES};

struct lane {
  struct run *run;
  h2ws_stream *stream;
  uint64_t sent;
  uint64_t came;
  unsigned round; /* lines that came */
  char line[LINE_MAX_BYTES];
  size_t line_len;
  bool ended; /* our side */
  bool eof;   /* theirs */
};

struct run {
  const struct scenario *scenario;
  h2ws_loop *loop;
  h2ws_client *client;
  struct lane lanes[LANES_MAX];
  unsigned opened;
  unsigned closed;
  bool failed;
  char why[300];
};

/* Longer than a step by an odd number, so that no two lanes are in step. */
static uint8_t noise[MIB + 4099];
static uint8_t letters[sizeof(noise)];
static const char *current_name = "start"; /* for on_alarm */
static const char *prefix = "";

static void __attribute__((format(printf, 2, 3)))
fail(struct run *run, const char *format, ...) {
  va_list args;
  if (run->failed) {
    return;
  }
  run->failed = true;
  va_start(args, format);
  vsnprintf(run->why, sizeof(run->why), format, args);
  va_end(args);
  h2ws_loop_stop(run->loop);
}

static void check(struct run *run, int rv, const char *what) {
  if (rv != 0) {
    fail(run, "%s: %s", what, h2ws_error_name(rv));
  }
}

static void make_data(void) {
  uint32_t state = 1;
  size_t i;
  for (i = 0; i < sizeof(noise); i++) {
    state = state * 1664525u + 1013904223u;
    noise[i] = (uint8_t)(state >> 24);
    letters[i] = (uint8_t)('a' + (state >> 24) % 26);
  }
}

/* The bytes of a lane from `at` on: how many there are in one piece. */
static size_t piece_at(const struct lane *lane, uint64_t at,
                       const uint8_t **out) {
  size_t start =
    (size_t)((at + 977 * (uint64_t)(lane - lane->run->lanes)) % sizeof(noise));
  *out = (lane->run->scenario->content == LETTERS ? letters : noise) + start;
  return sizeof(noise) - start < STEP ? sizeof(noise) - start : STEP;
}

static void end_lane(struct lane *lane) {
  if (!lane->ended) {
    lane->ended = true;
    check(lane->run, h2ws_stream_shutdown(lane->stream), "shutdown");
  }
}

/* ------------------------------------------------------------------------
 * What goes out
 */

static void send_bytes(struct lane *lane) {
  uint64_t total = lane->run->scenario->bytes;
  const uint8_t *data = NULL;
  int rv = 0;
  while (lane->sent < total && rv == 0) {
    size_t len = piece_at(lane, lane->sent, &data);
    len = len < total - lane->sent ? len : (size_t)(total - lane->sent);
    rv = h2ws_stream_write(lane->stream, data, len);
    lane->sent += rv == 0 ? len : 0;
  }
  if (rv != H2WS_ERR_AGAIN) { /* else on_writable goes on */
    check(lane->run, rv, "write");
    if (lane->run->scenario->ending == WE_END) {
      end_lane(lane);
    }
  }
}

/* Without end: the peer has to end it. */
static void send_on_and_on(struct lane *lane) {
  int rv = 0;
  while (rv == 0 && !lane->ended) {
    rv = h2ws_stream_write(lane->stream, noise, STEP);
  }
  if (rv != 0 && rv != H2WS_ERR_AGAIN && rv != H2WS_ERR_CLOSED) {
    check(lane->run, rv, "write");
  }
}

static void send_line(struct lane *lane, const char *text) {
  check(lane->run, h2ws_stream_write(lane->stream, text, strlen(text)),
        "write");
}

static void send_json(struct lane *lane) {
  char text[LINE_MAX_BYTES];
  (void)snprintf(text, sizeof(text), "{\"n\":%u,\"text\":\"round %u\"}\n",
                 lane->round, lane->round);
  send_line(lane, text);
}

static void send_chat(struct lane *lane) {
  char text[LINE_MAX_BYTES];
  (void)snprintf(text, sizeof(text), "hello from %u\n",
                 (unsigned)(lane - lane->run->lanes));
  send_line(lane, text);
}

static void start_lane(struct lane *lane) {
  switch (lane->run->scenario->content) {
  case BYTES:
  case LETTERS:
    send_bytes(lane);
    break;
  case JSON:
    send_json(lane);
    break;
  case CHAT:
    if (lane == lane->run->lanes) {
      send_chat(lane);
    }
    break;
  case FAREWELL:
    send_on_and_on(lane);
    break;
  case PAGE:
    break;
  }
}

/* ------------------------------------------------------------------------
 * What comes in
 */

static void take_bytes(struct lane *lane, const uint8_t *data, size_t len) {
  bool capitals = lane->run->scenario->content == LETTERS;
  const uint8_t *wanted = NULL;
  size_t done = 0;
  if (len > lane->sent - lane->came) {
    fail(lane->run, "more came than went, from %llu on",
         (unsigned long long)lane->came);
    return;
  }
  while (done < len) {
    size_t some = piece_at(lane, lane->came, &wanted);
    size_t i;
    some = some < len - done ? some : len - done;
    for (i = 0; i < some; i++) {
      if (data[done + i] != (capitals ? toupper(wanted[i]) : wanted[i])) {
        fail(lane->run, "byte %llu is another one",
             (unsigned long long)(lane->came + i));
        return;
      }
    }
    done += some;
    lane->came += some;
  }
  if (lane->run->scenario->ending == WE_RESET &&
      lane->came == lane->run->scenario->bytes) {
    check(lane->run, h2ws_stream_reset(lane->stream, H2WS_H2_CANCEL), "reset");
  }
}

static void got_line(struct lane *lane) {
  struct run *run = lane->run;
  bool json = run->scenario->content == JSON;
  unsigned last = json ? TALK_ROUNDS : run->scenario->lanes;
  char wanted[LINE_MAX_BYTES];
  if (json) {
    (void)snprintf(wanted, sizeof(wanted), "{\"n\":%u,\"text\":\"ROUND %u\"}",
                   lane->round + 1, lane->round);
  } else {
    (void)snprintf(wanted, sizeof(wanted), "hello from %u", lane->round);
  }
  if (strcmp(lane->line, wanted) != 0) {
    fail(run, "'%s' came, not '%s'", lane->line, wanted);
    return;
  }
  lane->round++;
  if (lane->round == last) {
    end_lane(lane);
  } else if (json) {
    send_json(lane);
  } else if (lane == run->lanes + lane->round) {
    send_chat(lane);
  }
}

static void take_lines(struct lane *lane, const uint8_t *data, size_t len) {
  size_t i;
  for (i = 0; i < len && !lane->run->failed; i++) {
    if (data[i] == '\n') {
      lane->line[lane->line_len] = '\0';
      lane->line_len = 0;
      got_line(lane);
    } else if (lane->line_len < LINE_MAX_BYTES - 1) {
      lane->line[lane->line_len++] = (char)data[i];
    }
  }
}

static void take_farewell(struct lane *lane, const uint8_t *data, size_t len) {
  if (len > sizeof("bye") - 1 - lane->line_len) {
    fail(lane->run, "more than 'bye' came");
    return;
  }
  memcpy(lane->line + lane->line_len, data, len);
  lane->line_len += len;
}

static void on_readable(h2ws_stream *stream, void *user) {
  struct lane *lane = user;
  uint8_t *data = NULL;
  h2ws_ssize n;
  while (!lane->run->failed && (n = h2ws_stream_peek(stream, &data)) > 0) {
    switch (lane->run->scenario->content) {
    case BYTES:
    case LETTERS:
      take_bytes(lane, data, (size_t)n);
      break;
    case JSON:
    case CHAT:
      take_lines(lane, data, (size_t)n);
      break;
    case FAREWELL:
      take_farewell(lane, data, (size_t)n);
      break;
    case PAGE:
      lane->came += (uint64_t)n;
      break;
    }
    if (h2ws_stream_get_state(stream) == H2WS_STREAM_CLOSED) {
      return;
    }
    check(lane->run, h2ws_stream_consume(stream, (size_t)n), "consume");
  }
  if (!lane->run->failed && n == H2WS_ERR_EOF) {
    lane->eof = true;
    if (lane->run->scenario->ending != WE_END) {
      end_lane(lane);
    }
  }
}

static void on_writable(h2ws_stream *stream, void *user) {
  struct lane *lane = user;
  (void)stream;
  if (lane->run->scenario->content == FAREWELL) {
    send_on_and_on(lane);
  } else {
    send_bytes(lane);
  }
}

/* ------------------------------------------------------------------------
 * How a stream begins and ends
 */

static void on_open(h2ws_stream *stream, void *user) {
  struct run *run = ((struct lane *)user)->run;
  int status = h2ws_stream_status(stream);
  unsigned i;
  if (run->scenario->ending == THEY_REFUSE) {
    fail(run, "it opened");
    return;
  }
  if (run->scenario->ending == THEY_ANSWER && status != run->scenario->status) {
    fail(run, "status %d", status);
  }
  run->opened++;
  if (run->opened == run->scenario->lanes) {
    for (i = 0; i < run->scenario->lanes && !run->failed; i++) {
      start_lane(&run->lanes[i]);
    }
  }
}

/* All that should have come, has. */
static void check_content(struct lane *lane) {
  const struct scenario *scenario = lane->run->scenario;
  unsigned rounds = scenario->content == JSON ? TALK_ROUNDS : scenario->lanes;
  if ((scenario->content == BYTES || scenario->content == LETTERS) &&
      lane->came != scenario->bytes) {
    fail(lane->run, "%llu bytes of %llu came", (unsigned long long)lane->came,
         (unsigned long long)scenario->bytes);
  }
  if ((scenario->content == JSON || scenario->content == CHAT) &&
      lane->round != rounds) {
    fail(lane->run, "%u lines of %u came", lane->round, rounds);
  }
  if (scenario->content == FAREWELL &&
      (lane->line_len != 3 || memcmp(lane->line, "bye", 3) != 0)) {
    fail(lane->run, "no 'bye' came");
  }
  if (scenario->content == PAGE && lane->came == 0) {
    fail(lane->run, "an empty page");
  }
}

/* RFC 9113 section 8.1: the answer is whole, and the peer wants no more. */
static bool is_enough(const h2ws_close_info *info) {
  return info->cls == H2WS_CLOSE_LOST && info->error == H2WS_ERR_RESET &&
         info->by_peer && info->h2_code == 0;
}

static bool is_as_wanted(const struct lane *lane, const h2ws_close_info *info) {
  bool clean = info->cls == H2WS_CLOSE_CLEAN;
  switch (lane->run->scenario->ending) {
  case WE_END:
    return clean && lane->eof;
  case WE_RESET:
    return info->cls == H2WS_CLOSE_ABORTED;
  case THEY_END:
  case THEY_ANSWER:
    return (clean || is_enough(info)) && lane->eof;
  case THEY_RESET:
    return info->cls == H2WS_CLOSE_LOST && info->error == H2WS_ERR_RESET &&
           info->by_peer && !lane->eof;
  case THEY_REFUSE:
    return info->cls == H2WS_CLOSE_REFUSED &&
           info->status == lane->run->scenario->status;
  }
  return false;
}

static void check_ending(struct lane *lane, const h2ws_close_info *info) {
  if (!is_as_wanted(lane, info)) {
    fail(lane->run, "closed as %s: %s (status %d, code %u, by_peer %d, eof %d)",
         h2ws_close_class_name(info->cls), info->detail, info->status,
         (unsigned)info->h2_code, info->by_peer, lane->eof);
  }
}

static void start(struct run *run, const struct scenario *scenario);

static void on_close(h2ws_stream *stream, const h2ws_close_info *info,
                     void *user) {
  struct lane *lane = user;
  struct run *run = lane->run;
  (void)stream;
  lane->stream = NULL;
  lane->ended = true;
  if (!run->failed) {
    check_ending(lane, info);
    if (run->scenario->ending != THEY_RESET &&
        run->scenario->ending != THEY_REFUSE) {
      check_content(lane);
    }
  }
  run->closed++;
  if (run->failed || run->closed < run->scenario->lanes) {
    return;
  }
  if (run->scenario->ending != WE_END) {
    start(run, run->scenario->protocol != NULL ? &connect_afterwards
                                               : &post_afterwards);
  } else {
    check(run, h2ws_conn_drain(h2ws_client_conn(run->client)), "drain");
  }
}

static const h2ws_stream_callbacks stream_callbacks = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_open = on_open,
  .on_readable = on_readable,
  .on_writable = on_writable,
  .on_close = on_close,
};

/* Opens the lanes of a scenario on the connection there is. */
static void start(struct run *run, const struct scenario *scenario) {
  h2ws_conn *conn = h2ws_client_conn(run->client);
  h2ws_request request = {
    .size = sizeof(request),
    .method = scenario->method,
    .protocol = scenario->protocol,
    .authority = h2ws_client_authority(run->client),
    .path = scenario->path,
  };
  unsigned i;
  run->scenario = scenario;
  run->opened = 0;
  run->closed = 0;
  for (i = 0; i < scenario->lanes && !run->failed; i++) {
    struct lane *lane = &run->lanes[i];
    *lane = (struct lane){.run = run};
    check(
      run,
      h2ws_stream_open(conn, &lane->stream, &request, &stream_callbacks, lane),
      "open");
  }
}

/* ------------------------------------------------------------------------
 * A case: one connection with its streams
 */

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  struct run *run = user;
  (void)conn;
  run->client = client;
  start(run, run->scenario);
}

static void on_client_close(h2ws_client *client, const h2ws_close_info *info,
                            void *user) {
  struct run *run = user;
  (void)client;
  if (run->failed) {
    return;
  }
  if (info->cls != H2WS_CLOSE_CLEAN) {
    fail(run, "connection %s: %s", h2ws_close_class_name(info->cls),
         info->detail);
  } else if (run->closed < run->scenario->lanes) {
    fail(run, "the connection ended before its streams");
  }
  h2ws_loop_stop(run->loop);
}

static const h2ws_client_callbacks client_callbacks = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_connect,
  .on_close = on_client_close,
};

static long memory_kib(void) {
  struct rusage usage = {0};
  (void)getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

static bool run_scenario(const struct scenario *scenario, const char *url,
                         const char *ca_file) {
  static struct run run;
  h2ws_client_options options;
  h2ws_client *client = NULL;
  run = (struct run){.scenario = scenario};
  h2ws_client_options_default(&options, sizeof(options));
  options.ca_file = ca_file;
  check(&run, h2ws_loop_new(&run.loop, NULL), "loop");
  if (!run.failed) {
    check(&run,
          h2ws_client_connect(&client, run.loop, url, &options,
                              &client_callbacks, &run),
          "connect");
  }
  if (!run.failed) {
    check(&run, h2ws_loop_run(run.loop), "loop_run");
  }
  if (!run.failed && (run.closed == 0 || run.closed < run.scenario->lanes)) {
    fail(&run, "the loop ended before the case");
  }
  if (!run.failed && scenario->bytes * scenario->lanes > 64 * MIB &&
      memory_kib() > MEMORY_MAX_KIB) {
    fail(&run, "%ld KiB of memory", memory_kib());
  }
  if (run.failed) {
    printf("FAIL %s%s: %s\n", prefix, scenario->name, run.why);
  } else {
    printf("ok %s%s\n", prefix, scenario->name);
  }
  h2ws_client_free(client);
  h2ws_loop_free(run.loop);
  return run.why[0] == '\0';
}

static void on_alarm(int number) {
  static const char text[] = ": a case took too long\n";
  (void)number;
  (void)!write(STDOUT_FILENO, "FAIL ", 5);
  (void)!write(STDOUT_FILENO, prefix, strlen(prefix));
  (void)!write(STDOUT_FILENO, current_name, strlen(current_name));
  (void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
  _exit(EXIT_FAILURE);
}

/* Without names on the command line, all are. */
static bool is_named(const char *name, char **names) {
  char **each = names;
  for (; *each != NULL; each++) {
    if (strcmp(*each, name) == 0) {
      return true;
    }
  }
  return each == names;
}

int main(int argc, char **argv) {
  const char *ca_file = NULL;
  bool good = true;
  size_t i;
  int option = 1;
  for (; option + 2 < argc; option += 2) {
    if (strcmp(argv[option], "--cacert") == 0) {
      ca_file = argv[option + 1];
    } else if (strcmp(argv[option], "--prefix") == 0) {
      prefix = argv[option + 1];
    } else {
      break;
    }
  }
  if (option >= argc) {
    fputs("usage: stream_driver [--cacert FILE] [--prefix TEXT] URL "
          "[CASE...]\n",
          stderr);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGALRM, on_alarm);
  make_data();
  for (i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
    if (is_named(scenarios[i].name, argv + option + 1)) {
      current_name = scenarios[i].name;
      alarm(DEADLINE_S);
      good = run_scenario(&scenarios[i], argv[option], ca_file) && good;
    }
  }
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
