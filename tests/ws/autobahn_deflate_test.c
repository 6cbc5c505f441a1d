/*
 * The Autobahn testsuite's cases of compression, by its numbers: 12 (five
 * payloads) and 13 (seven sets of parameters), each at 18 sizes. The socket
 * echoes; the test is the fuzzing peer and has a zlib of its own.
 *
 * The payloads are made here, with the size and of the kind of the suite's
 * files. The suite sends 1000 messages in each case; here few are enough,
 * unless H2WS_AUTOBAHN_COUNT says how many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* input is not written to */
#include <zlib.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define TAIL_LEN 4
/* From so many messages on we compress fast rather than well. */
#define MANY 20
#define MESSAGE_MAX 131072

static struct test_pipe tested;

/* ------------------------------------------------------------------------
 * Payloads
 */

static uint32_t noise_state;

static uint32_t noise(uint32_t below) {
  noise_state = noise_state * 1664525 + 1013904223;
  return (noise_state >> 8) % below;
}

typedef size_t make_line(char *out, size_t cap, size_t at);

static size_t json_line(char *out, size_t cap, size_t at) {
  (void)at;
  return (size_t)snprintf(
    out, cap,
    "      \"%u.%u.%u\": {\n         \"behavior\": \"%s\",\n"
    "         \"duration\": %u,\n         \"remoteCloseCode\": %u,\n"
    "         \"reportfile\": \"peer_%u_case_%u.json\"\n      },\n",
    noise(14), noise(20), noise(30), noise(9) == 0 ? "FAILED" : "OK",
    noise(5000), noise(5) == 0 ? 1002 : 1000, noise(10), noise(500));
}

static size_t bitmap_line(char *out, size_t cap, size_t at) {
  size_t n = cap < 512 ? cap : 512;
  size_t x;
  for (x = 0; x < n; x++) {
    out[x] = (char)(x * at / 262144 + x / 4 + noise(8));
  }
  return n;
}

static size_t prose_line(char *out, size_t cap, size_t at) {
  static const char *const words[] = {
    "ich",        "und",    "der",    "die",       "das",    "nicht",
    "ein",        "Geist",  "zu",     "sich",      "mit",    "FAUST:",
    "den",        "Herz",   "Welt",   "Nacht",     "sprach", "immer",
    "Gr\xfc\xdf", "Teufel", "allein", "was",       "wie",    "MEPHISTOPHELES:",
    "so",         "wohl",   "nur",    "Augenblick"};
  (void)at;
  return (size_t)snprintf(out, cap, "%s %s%s", words[noise(LEN(words))],
                          words[noise(LEN(words))],
                          noise(3) == 0 ? ",\r\n" : " ");
}

static size_t html_line(char *out, size_t cap, size_t at) {
  return (size_t)snprintf(
    out, cap,
    "   <tr class=\"row_%s\"><td><a href=\"#case_%u_%u\">Case %zu</a></td>"
    "<td class=\"ok\">%u ms</td><td>&nbsp;</td></tr>\n",
    noise(2) == 0 ? "even" : "odd", noise(14), noise(40), at, noise(900));
}

/* A little structure around much that is compressed already. */
static size_t pdf_line(char *out, size_t cap, size_t at) {
  size_t n = (size_t)snprintf(
    out, cap, "%zu 0 obj\n<< /Length 4000 /Filter /FlateDecode >>\nstream\n",
    at);
  size_t end = n + 4000 < cap ? n + 4000 : cap;
  for (; n < end; n++) {
    out[n] = (char)noise(256);
  }
  return n;
}

struct kind {
  const char *name;
  bool binary;
  bool squeezed; /* it hardly compresses */
  size_t size;   /* of the suite's file */
  make_line *line;
};

static const struct kind kinds[] = {
  {"JSON", false, false, 194056, json_line},
  {"bitmap", true, false, 263222, bitmap_line},
  {"prose", true, false, 222218, prose_line},
  {"HTML", false, false, 263527, html_line},
  {"PDF", true, true, 1042328, pdf_line},
};

static uint8_t *make_payload(const struct kind *kind) {
  char line[8192];
  uint8_t *out = malloc(kind->size);
  size_t done = 0;
  ck_assert_ptr_nonnull(out);
  noise_state = 1;
  while (done < kind->size) {
    size_t n = kind->line(line, sizeof(line), done);
    n = n < kind->size - done ? n : kind->size - done;
    memcpy(out + done, line, n);
    done += n;
  }
  return out;
}

/* ------------------------------------------------------------------------
 * Cases
 */

/* Of the payload, and of the fragments of what it is compressed to. */
static const struct {
  size_t len;
  size_t fragment; /* 0: one frame */
} sizes[] = {
  {16, 0},        {64, 0},        {256, 0},        {1024, 0},    {4096, 0},
  {8192, 0},      {16384, 0},     {32768, 0},      {65536, 0},   {131072, 0},
  {8192, 256},    {16384, 256},   {32768, 256},    {65536, 256}, {131072, 256},
  {131072, 1024}, {131072, 4096}, {131072, 32768},
};

/* What the peer asks of the socket that it tests. */
struct terms {
  const char *offers;
  const char *answer;
  bool no_takeover;
  int bits;
};

#define DEFLATE "permessage-deflate"
#define OFFER DEFLATE "; client_no_context_takeover; client_max_window_bits"
#define NO_TAKEOVER "; server_no_context_takeover"

static const struct terms all_terms[] = {
  {OFFER, DEFLATE, false, 15},
  {OFFER NO_TAKEOVER, DEFLATE "; client_no_context_takeover", true, 15},
  {OFFER "; server_max_window_bits=9", DEFLATE "; client_max_window_bits=9",
   false, 9},
  {OFFER "; server_max_window_bits=15", DEFLATE "; client_max_window_bits=15",
   false, 15},
  {OFFER NO_TAKEOVER "; server_max_window_bits=9",
   DEFLATE "; client_no_context_takeover; client_max_window_bits=9", true, 9},
  {OFFER NO_TAKEOVER "; server_max_window_bits=15",
   DEFLATE "; client_no_context_takeover; client_max_window_bits=15", true, 15},
  {OFFER NO_TAKEOVER "; server_max_window_bits=9, " OFFER NO_TAKEOVER
                     ", " OFFER,
   DEFLATE "; client_no_context_takeover; client_max_window_bits=9", true, 9},
};

struct run {
  char id[64];
  const struct kind *kind;
  const struct terms *terms;
  size_t len;
  size_t fragment;
  unsigned count;
  int way;
  bool keeps; /* our options let both sides take history over */
};

/* ------------------------------------------------------------------------
 * The peer
 */

static struct {
  const struct run *run;
  unsigned message;
  z_stream deflate;
  z_stream inflate;
  bool keeps_sent;
  bool keeps_received;
  struct test_bytes wire;
  uint8_t *payload;
  size_t pos; /* in the payload, of the next message */
  uint8_t text[MESSAGE_MAX];
  uint8_t packed[MESSAGE_MAX + 1024];
} peer;

#define CHECK(condition) check(condition, #condition, __LINE__)

/* No assert for each: one that passes costs a system call. */
static void check(bool passed, const char *what, int line) {
  if (!passed) {
    ck_abort_msg("%s (%s, %s, message %u of %u): line %d: %s", peer.run->id,
                 peer.run->kind->name, tested.server ? "server" : "client",
                 peer.message + 1, peer.run->count, line, what);
  }
}

static void peer_begin(const struct run *run, uint8_t *payload) {
  memset(&peer.deflate, 0, sizeof(peer.deflate));
  memset(&peer.inflate, 0, sizeof(peer.inflate));
  peer.run = run;
  peer.payload = payload;
  peer.pos = 0;
  /* Each offer says that the client could do without; our server agrees. */
  peer.keeps_sent = run->keeps && run->way >= TEST_CHUNKS;
  peer.keeps_received = run->keeps && !run->terms->no_takeover;
  CHECK(deflateInit2(&peer.deflate, Z_BEST_SPEED, Z_DEFLATED, -15, 8,
                     Z_DEFAULT_STRATEGY) == Z_OK);
  CHECK(inflateInit2(&peer.inflate, -run->terms->bits) == Z_OK);
}

static void peer_end(void) {
  (void)deflateEnd(&peer.deflate);
  (void)inflateEnd(&peer.inflate);
  test_bytes_dispose(&peer.wire);
}

/* The next piece of the payload, which begins again behind its end. */
static void next_text(void) {
  size_t len = peer.run->len;
  size_t left = peer.run->kind->size - peer.pos;
  size_t n = len < left ? len : left;
  memcpy(peer.text, peer.payload + peer.pos, n);
  memcpy(peer.text + n, peer.payload, len - n);
  peer.pos = (peer.pos + len) % peer.run->kind->size;
}

static size_t peer_deflate(void) {
  z_stream *z = &peer.deflate;
  if (!peer.keeps_sent) {
    (void)deflateReset(z);
  }
  z->next_in = peer.text;
  z->avail_in = (uInt)peer.run->len;
  z->next_out = peer.packed;
  z->avail_out = sizeof(peer.packed);
  CHECK(deflate(z, Z_SYNC_FLUSH) == Z_OK && z->avail_out > 0);
  return sizeof(peer.packed) - z->avail_out - TAIL_LEN;
}

static void peer_send(void) {
  size_t len = peer_deflate();
  size_t most = peer.run->fragment == 0 ? len : peer.run->fragment;
  uint8_t first = peer.run->kind->binary ? 0x42 : 0x41;
  size_t done = 0;
  peer.wire.len = 0;
  while (len - done > most) {
    test_bytes_add_frame(&peer.wire, first, peer.packed + done, most);
    done += most;
    first = 0;
  }
  test_bytes_add_frame(&peer.wire, first | 0x80, peer.packed + done,
                       len - done);
  test_pipe_feed(&tested, peer.wire.data, peer.wire.len);
}

/* `data` is some of the message. Small output, or it would be the history. */
static size_t peer_inflate(const uint8_t *data, size_t len, size_t got) {
  static uint8_t out[65536];
  z_stream *z = &peer.inflate;
  size_t cap = peer.run->terms->bits < 15 ? 256 : sizeof(out);
  int rv = Z_OK;
  z->next_in = data;
  z->avail_in = (uInt)len;
  do {
    size_t n;
    z->next_out = out;
    z->avail_out = (uInt)cap;
    rv = inflate(z, Z_SYNC_FLUSH);
    n = cap - z->avail_out;
    CHECK(rv == Z_OK || rv == Z_BUF_ERROR);
    CHECK(n <= peer.run->len - got && memcmp(out, peer.text + got, n) == 0);
    got += n;
  } while (z->avail_out == 0);
  CHECK(z->avail_in == 0);
  return got;
}

/* One frame of the answer; returns its length with the header. */
static size_t take_frame(const uint8_t *frame, size_t left, size_t *got,
                         bool *compressed) {
  uint8_t opcode = peer.run->kind->binary ? 2 : 1;
  size_t header = 2;
  size_t len;
  CHECK(left >= 10 || (left >= 2 && left == 2u + frame[1]));
  len = frame[1];
  if (len == 126) {
    header = 4;
    len = (size_t)frame[2] << 8 | frame[3];
  } else if (len == 127) {
    header = 10;
    len = (size_t)frame[7] << 16 | (size_t)frame[8] << 8 | frame[9];
  }
  CHECK(len <= left - header);
  if (*got == SIZE_MAX) { /* the first */
    *compressed = (frame[0] & 0x40) != 0;
    *got = 0;
    CHECK((frame[0] & 0x3f) == opcode);
  } else {
    CHECK((frame[0] & 0x7f) == 0);
  }
  CHECK((frame[0] & 0x80) == 0 || header + len == left);
  if (*compressed) {
    *got = peer_inflate(frame + header, len, *got);
  } else {
    CHECK(len <= peer.run->len - *got &&
          memcmp(frame + header, peer.text + *got, len) == 0);
    *got += len;
  }
  return header + len;
}

static void peer_expect(void) {
  static const uint8_t tail[TAIL_LEN] = {0, 0, 0xff, 0xff};
  bool must =
    peer.keeps_received || (peer.run->len >= 1024 && !peer.run->kind->squeezed);
  bool compressed = false;
  size_t got = SIZE_MAX;
  size_t done = 0;
  test_pipe_pump(&tested);
  CHECK(tested.out.len > 0 && tested.events.closed == 0);
  if (!peer.keeps_received) {
    (void)inflateReset(&peer.inflate);
  }
  while (done < tested.out.len) {
    done += take_frame(tested.out.data + done, tested.out.len - done, &got,
                       &compressed);
  }
  if (compressed) {
    got = peer_inflate(tail, sizeof(tail), got);
  }
  CHECK(got == peer.run->len);
  CHECK(compressed || !must);
  tested.out.len = 0;
}

/* ------------------------------------------------------------------------
 * Running
 */

static void begin(const struct run *run) {
  char answer[200];
  test_pipe_init(&tested, run->way);
  tested.echoes = true;
  tested.socket_options.compress = true;
  tested.socket_options.compress_threshold = 0;
  tested.socket_options.compress_send_takeover = run->keeps;
  tested.socket_options.compress_recv_takeover = run->keeps;
  if (run->count >= MANY) {
    tested.socket_options.compress_level = 1;
  }
  /* A server agrees to what we offered. */
  (void)snprintf(answer, sizeof(answer), "%s%s", run->terms->answer,
                 run->keeps ? "" : NO_TAKEOVER);
  tested.extensions = tested.server ? run->terms->offers : answer;
  test_pipe_open(&tested);
  tested.extensions = NULL;
  CHECK(h2ws_socket_has_compression(tested.socket));
}

static void expect_counted(const struct run *run) {
  h2ws_conn_stats stats = {.size = sizeof(stats)};
  uint64_t all = (uint64_t)run->len * run->count;
  CHECK(h2ws_conn_get_stats(tested.conn, &stats) == 0);
  CHECK(stats.messages_sent == run->count);
  CHECK(stats.compress_received_plain == all);
  CHECK(stats.compress_sent_plain <= all);
}

static void run_case(const struct run *run, uint8_t *payload) {
  peer_begin(run, payload);
  begin(run);
  for (peer.message = 0; peer.message < run->count; peer.message++) {
    next_text();
    peer_send();
    peer_expect();
    tested.events.len = 0;
    tested.trace.len = 0;
  }
  expect_counted(run);
  test_pipe_feed_hex(&tested, "88 02 03e8");
  test_pipe_expect_bytes(&tested, "\x88\x02\x03\xe8", 4, run->id);
  CHECK(tested.ended);
  test_pipe_feed_end(&tested);
  CHECK(tested.events.closed == 1 && tested.events.cls == H2WS_CLOSE_CLEAN);
  test_pipe_dispose(&tested);
  peer_end();
}

static unsigned count_of(size_t len) {
  const char *count = getenv("H2WS_AUTOBAHN_COUNT");
  if (count != NULL) {
    return (unsigned)strtoul(count, NULL, 10);
  }
  return len <= 4096 ? 16 : 3;
}

/* The cases of a part of a group, such as 12.3, at sizes up to `most`. */
static void run_part(int group, size_t part, struct run run, size_t most) {
  uint8_t *payload = make_payload(run.kind);
  size_t i;
  for (i = 0; i < LEN(sizes); i++) {
    if (sizes[i].len <= most) {
      (void)snprintf(run.id, sizeof(run.id), "%d.%zu.%zu", group, part + 1,
                     i + 1);
      run.len = sizes[i].len;
      run.fragment = sizes[i].fragment;
      run.count = most < MESSAGE_MAX ? 2 : count_of(run.len);
      run_case(&run, payload);
    }
  }
  free(payload);
}

/* Even: a server; odd: a client. */
static int way_of(int i) {
  return i % 2 == 0 ? TEST_CHUNKS - 1 : 2 * TEST_CHUNKS - 1;
}

START_TEST(autobahn_12_payloads) {
  size_t n = (size_t)_i / 2;
  struct run run = {.kind = &kinds[n],
                    .terms = &all_terms[0],
                    .way = way_of(_i),
                    .keeps = true};
  run_part(12, n, run, MESSAGE_MAX);
}
END_TEST

START_TEST(autobahn_13_parameters) {
  size_t n = (size_t)_i / 2;
  struct run run = {.kind = &kinds[0],
                    .terms = &all_terms[n],
                    .way = way_of(_i),
                    .keeps = true};
  run_part(13, n, run, MESSAGE_MAX);
}
END_TEST

/* The same with our defaults, however the bytes are cut; not the large ones. */
START_TEST(autobahn_12_and_13_in_pieces) {
  struct run run = {.way = _i};
  size_t n;
  for (n = 0; n < LEN(kinds); n++) {
    run.kind = &kinds[n];
    run.terms = &all_terms[0];
    run_part(12, n, run, 8192);
  }
  for (n = 0; n < LEN(all_terms); n++) {
    run.kind = &kinds[0];
    run.terms = &all_terms[n];
    run_part(13, n, run, 8192);
  }
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/autobahn_deflate");
  TCase *payloads = tcase_create("12");
  TCase *parameters = tcase_create("13");
  TCase *pieces = tcase_create("pieces");
  tcase_add_loop_test(payloads, autobahn_12_payloads, 0, 2 * LEN(kinds));
  tcase_add_loop_test(parameters, autobahn_13_parameters, 0,
                      2 * LEN(all_terms));
  tcase_add_loop_test(pieces, autobahn_12_and_13_in_pieces, 0, TEST_PIPE_WAYS);
  suite_add_tcase(suite, payloads);
  suite_add_tcase(suite, parameters);
  suite_add_tcase(suite, pieces);
  return suite;
}
