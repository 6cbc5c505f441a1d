/*
 * Byte streams to a peer that we did not write: extended CONNECT with another
 * :protocol, POST and PUT, both ways at once. See README.md.
 */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "drive.h"

#define MIB ((uint64_t)1 << 20)
#define LANES_MAX 100
#define STEP 65536 /* the buffer, whatever the size of the exchange */
#define TALK_ROUNDS 100
#define LINE_MAX_BYTES 256
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
  struct drive_run base;
  const struct scenario *scenario;
  struct lane lanes[LANES_MAX];
  unsigned opened;
};

/* Longer than a step by an odd number, so that no two lanes are in step. */
static uint8_t noise[MIB + 4099];
static uint8_t letters[sizeof(noise)];

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
    drive_check(&lane->run->base, h2ws_stream_shutdown(lane->stream),
                "shutdown");
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
    drive_check(&lane->run->base, rv, "write");
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
    drive_check(&lane->run->base, rv, "write");
  }
}

static void send_line(struct lane *lane, const char *text) {
  drive_check(&lane->run->base,
              h2ws_stream_write(lane->stream, text, strlen(text)), "write");
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
    drive_fail(&lane->run->base, "more came than went, from %llu on",
               (unsigned long long)lane->came);
    return;
  }
  while (done < len) {
    size_t some = piece_at(lane, lane->came, &wanted);
    size_t i;
    some = some < len - done ? some : len - done;
    for (i = 0; i < some; i++) {
      if (data[done + i] != (capitals ? toupper(wanted[i]) : wanted[i])) {
        drive_fail(&lane->run->base, "byte %llu is another one",
                   (unsigned long long)(lane->came + i));
        return;
      }
    }
    done += some;
    lane->came += some;
  }
  if (lane->run->scenario->ending == WE_RESET &&
      lane->came == lane->run->scenario->bytes) {
    drive_check(&lane->run->base,
                h2ws_stream_reset(lane->stream, H2WS_H2_CANCEL), "reset");
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
    drive_fail(&run->base, "'%s' came, not '%s'", lane->line, wanted);
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
  for (i = 0; i < len && !lane->run->base.failed; i++) {
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
    drive_fail(&lane->run->base, "more than 'bye' came");
    return;
  }
  memcpy(lane->line + lane->line_len, data, len);
  lane->line_len += len;
}

static void on_readable(h2ws_stream *stream, void *user) {
  struct lane *lane = user;
  uint8_t *data = NULL;
  h2ws_ssize n;
  while (!lane->run->base.failed && (n = h2ws_stream_peek(stream, &data)) > 0) {
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
    drive_check(&lane->run->base, h2ws_stream_consume(stream, (size_t)n),
                "consume");
  }
  if (!lane->run->base.failed && n == H2WS_ERR_EOF) {
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
    drive_fail(&run->base, "it opened");
    return;
  }
  if (run->scenario->ending == THEY_ANSWER && status != run->scenario->status) {
    drive_fail(&run->base, "status %d", status);
  }
  run->opened++;
  if (run->opened == run->scenario->lanes) {
    for (i = 0; i < run->scenario->lanes && !run->base.failed; i++) {
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
    drive_fail(&lane->run->base, "%llu bytes of %llu came",
               (unsigned long long)lane->came,
               (unsigned long long)scenario->bytes);
  }
  if ((scenario->content == JSON || scenario->content == CHAT) &&
      lane->round != rounds) {
    drive_fail(&lane->run->base, "%u lines of %u came", lane->round, rounds);
  }
  if (scenario->content == FAREWELL &&
      (lane->line_len != 3 || memcmp(lane->line, "bye", 3) != 0)) {
    drive_fail(&lane->run->base, "no 'bye' came");
  }
  if (scenario->content == PAGE && lane->came == 0) {
    drive_fail(&lane->run->base, "an empty page");
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
    drive_fail(&lane->run->base,
               "closed as %s: %s (status %d, code %u, by_peer %d, eof %d)",
               h2ws_close_class_name(info->cls), info->detail, info->status,
               (unsigned)info->h2_code, info->by_peer, lane->eof);
  }
}

static void check_memory(struct run *run) {
  struct rusage usage = {0};
  (void)getrusage(RUSAGE_SELF, &usage);
  if (run->scenario->bytes * run->scenario->lanes > 64 * MIB &&
      usage.ru_maxrss > MEMORY_MAX_KIB) {
    drive_fail(&run->base, "%ld KiB of memory", usage.ru_maxrss);
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
  if (!run->base.failed) {
    check_ending(lane, info);
    if (run->scenario->ending != THEY_RESET &&
        run->scenario->ending != THEY_REFUSE) {
      check_content(lane);
    }
  }
  run->base.closed++;
  if (run->base.failed || run->base.closed < run->base.wanted) {
    return;
  }
  check_memory(run);
  if (run->scenario->ending != WE_END) {
    start(run, run->scenario->protocol != NULL ? &connect_afterwards
                                               : &post_afterwards);
  } else {
    drive_check(&run->base, h2ws_conn_drain(h2ws_client_conn(run->base.client)),
                "drain");
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
  h2ws_conn *conn = h2ws_client_conn(run->base.client);
  h2ws_request request = {
    .size = sizeof(request),
    .method = scenario->method,
    .protocol = scenario->protocol,
    .authority = h2ws_client_authority(run->base.client),
    .path = scenario->path,
  };
  unsigned i;
  run->scenario = scenario;
  run->opened = 0;
  run->base.closed = 0;
  run->base.wanted = scenario->lanes;
  for (i = 0; i < scenario->lanes && !run->base.failed; i++) {
    struct lane *lane = &run->lanes[i];
    *lane = (struct lane){.run = run};
    drive_check(
      &run->base,
      h2ws_stream_open(conn, &lane->stream, &request, &stream_callbacks, lane),
      "open");
  }
}

static void on_connect(struct drive_run *base, h2ws_conn *conn) {
  struct run *run = (struct run *)base; /* its first member */
  (void)conn;
  start(run, run->scenario);
}

static const char *case_name(size_t i) {
  return scenarios[i].name;
}

static struct drive_run *case_begin(size_t i) {
  static struct run run;
  run = (struct run){.scenario = &scenarios[i]};
  run.base.name = scenarios[i].name;
  return &run.base;
}

static const struct drive drive = {
  .cases_len = sizeof(scenarios) / sizeof(scenarios[0]),
  .case_name = case_name,
  .case_begin = case_begin,
  .connected = on_connect,
};

int main(int argc, char **argv) {
  make_data();
  return drive_main(&drive, argc, argv);
}
