/*
 * The Autobahn testsuite's cases, by its numbers (the suite of 517): groups
 * 1 to 7 and 10 whole, group 9 with fewer and shorter messages. The socket
 * echoes; the test is the fuzzing peer. Expected is the strict result.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define FRAMES_MAX 10

/* First bytes of frames; without FIN where the name says so. */
enum {
  TEXT = 0x81,
  TEXT_MORE = 0x01,
  BINARY = 0x82,
  NEXT_MORE = 0x00,
  NEXT_LAST = 0x80,
  CLOSE = 0x88,
  PING = 0x89,
  PING_MORE = 0x09,
  PONG = 0x8a,
  PONG_MORE = 0x0a,
};

struct frame {
  bool present;
  uint8_t first;
  const char *text; /* or */
  char fill;        /* this byte, */
  size_t len;       /* so many times */
};

#define F(first, text)                                                         \
  { true, first, text, 0, sizeof(text) - 1 }
#define N(first, fill, len)                                                    \
  { true, first, NULL, fill, len }

struct row {
  const char *id;
  struct frame in[FRAMES_MAX];
  struct frame out[FRAMES_MAX];
  /*
   * 1000: then the peer closes with it, and it is answered. Another code: the
   * socket fails with it. 0: the frames show the whole closing handshake.
   */
  uint16_t close;
  bool echo;       /* `out` is `in`, with pongs for pings */
  size_t fragment; /* messages are sent in fragments of this size */
  size_t chop;     /* and DATA frames of this one; 0: the way's */
};

static struct test_pipe pipe;

/* ------------------------------------------------------------------------
 * Running a row
 */

static void add_payload(struct test_bytes *bytes, const struct frame *frame) {
  size_t i;
  if (frame->text != NULL) {
    test_bytes_add(bytes, frame->text, frame->len);
    return;
  }
  for (i = 0; i < frame->len; i++) {
    test_bytes_add(bytes, &frame->fill, 1);
  }
}

/* A frame, in fragments if `size` is not 0 and it is data. */
static void add_frame(struct test_bytes *bytes, const struct frame *frame,
                      uint8_t first, size_t size) {
  struct test_bytes payload = {0};
  size_t done = 0;
  add_payload(&payload, frame);
  if (size == 0 || (first & 8) != 0) {
    size = frame->len;
  }
  while (frame->len - done > size) {
    test_bytes_add_frame(bytes, done == 0 ? first & 0x7f : NEXT_MORE,
                         payload.data + done, size);
    done += size;
  }
  test_bytes_add_frame(bytes, done == 0 ? first : NEXT_LAST,
                       done == 0 ? payload.data : payload.data + done,
                       frame->len - done);
  test_bytes_dispose(&payload);
}

static uint8_t answer_to(uint8_t first) {
  return first == PING ? PONG : first;
}

static void expect_answers(const struct row *row) {
  const struct frame *frames = row->echo ? row->in : row->out;
  struct test_bytes out = {0};
  size_t i;
  for (i = 0; i < FRAMES_MAX && frames[i].present; i++) {
    add_frame(&out, &frames[i], answer_to(frames[i].first), 0);
  }
  if (row->close > 1000) {
    uint8_t close[4] = {CLOSE, 2};
    close[2] = (uint8_t)(row->close >> 8);
    close[3] = (uint8_t)row->close;
    test_bytes_add(&out, close, sizeof(close));
  }
  test_pipe_expect_bytes(&pipe, out.data, out.len, row->id);
  test_bytes_dispose(&out);
}

static void expect_end(const struct row *row) {
  h2ws_close_class cls =
    row->close > 1000 ? H2WS_CLOSE_PROTOCOL : H2WS_CLOSE_CLEAN;
  if (row->close == 1000) {
    ck_assert_msg(!pipe.ended && pipe.events.closed == 0,
                  "%s: closed too early", row->id);
    test_pipe_feed_hex(&pipe, "88 02 03e8");
    test_pipe_expect_bytes(&pipe, "\x88\x02\x03\xe8", 4, row->id);
  }
  ck_assert_msg(pipe.ended, "%s: our side is not ended", row->id);
  test_pipe_feed_end(&pipe);
  ck_assert_msg(pipe.events.closed == 1, "%s: not closed", row->id);
  ck_assert_msg(pipe.events.cls == cls, "%s: %s", row->id, pipe.events.detail);
}

static void begin(const struct row *row, int way) {
  test_pipe_init(&pipe, way);
  pipe.echoes = true;
  if (row->chop > 0) {
    pipe.chunk = row->chop;
  }
  test_pipe_open(&pipe);
}

static void run(const struct row *row, int way) {
  struct test_bytes in = {0};
  size_t i;
  begin(row, way);
  for (i = 0; i < FRAMES_MAX && row->in[i].present; i++) {
    add_frame(&in, &row->in[i], row->in[i].first, row->fragment);
  }
  test_pipe_feed(&pipe, in.data, in.len);
  test_bytes_dispose(&in);
  expect_answers(row);
  expect_end(row);
  test_pipe_dispose(&pipe);
}

static void run_all(const struct row *rows, size_t len, int way) {
  size_t i;
  for (i = 0; i < len; i++) {
    run(&rows[i], way);
  }
}

/* ------------------------------------------------------------------------
 * 1: framing
 */

/* clang-format off */
static const struct row framing[] = {
  {.id = "1.1.1", .in = {F(TEXT, "")}, .echo = true, .close = 1000},
  {.id = "1.1.2", .in = {N(TEXT, '*', 125)}, .echo = true, .close = 1000},
  {.id = "1.1.3", .in = {N(TEXT, '*', 126)}, .echo = true, .close = 1000},
  {.id = "1.1.4", .in = {N(TEXT, '*', 127)}, .echo = true, .close = 1000},
  {.id = "1.1.5", .in = {N(TEXT, '*', 128)}, .echo = true, .close = 1000},
  {.id = "1.1.6", .in = {N(TEXT, '*', 65535)}, .echo = true, .close = 1000},
  {.id = "1.1.7", .in = {N(TEXT, '*', 65536)}, .echo = true, .close = 1000},
  {.id = "1.1.8", .in = {N(TEXT, '*', 65536)}, .echo = true, .close = 1000,
   .chop = 997},
  {.id = "1.2.1", .in = {F(BINARY, "")}, .echo = true, .close = 1000},
  {.id = "1.2.2", .in = {N(BINARY, '\xfe', 125)}, .echo = true, .close = 1000},
  {.id = "1.2.3", .in = {N(BINARY, '\xfe', 126)}, .echo = true, .close = 1000},
  {.id = "1.2.4", .in = {N(BINARY, '\xfe', 127)}, .echo = true, .close = 1000},
  {.id = "1.2.5", .in = {N(BINARY, '\xfe', 128)}, .echo = true, .close = 1000},
  {.id = "1.2.6", .in = {N(BINARY, '\xfe', 65535)}, .echo = true,
   .close = 1000},
  {.id = "1.2.7", .in = {N(BINARY, '\xfe', 65536)}, .echo = true,
   .close = 1000},
  {.id = "1.2.8", .in = {N(BINARY, '\xfe', 65536)}, .echo = true,
   .close = 1000, .chop = 997},
};
/* clang-format on */

START_TEST(autobahn_1_framing) {
  run_all(framing, LEN(framing), _i);
}
END_TEST

/* ------------------------------------------------------------------------
 * 2: pings and pongs
 */

#define ODD_BYTES "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
#define TEN_PINGS                                                              \
  {                                                                            \
    F(PING, "payload-0"), F(PING, "payload-1"), F(PING, "payload-2"),          \
      F(PING, "payload-3"), F(PING, "payload-4"), F(PING, "payload-5"),        \
      F(PING, "payload-6"), F(PING, "payload-7"), F(PING, "payload-8"),        \
      F(PING, "payload-9"),                                                    \
  }

/* clang-format off */
static const struct row pings[] = {
  {.id = "2.1", .in = {F(PING, "")}, .echo = true, .close = 1000},
  {.id = "2.2", .in = {F(PING, "Hello, world!")}, .echo = true, .close = 1000},
  {.id = "2.3", .in = {F(PING, ODD_BYTES)}, .echo = true, .close = 1000},
  {.id = "2.4", .in = {N(PING, '\xfe', 125)}, .echo = true, .close = 1000},
  {.id = "2.5", .in = {N(PING, '\xfe', 126)}, .close = 1002},
  {.id = "2.6", .in = {N(PING, '\xfe', 125)}, .echo = true, .close = 1000,
   .chop = 1},
  {.id = "2.7", .in = {F(PONG, "")}, .close = 1000},
  {.id = "2.8", .in = {F(PONG, "unsolicited pong payload")}, .close = 1000},
  {.id = "2.9",
   .in = {F(PONG, "unsolicited pong payload"), F(PING, "ping payload")},
   .out = {F(PONG, "ping payload")}, .close = 1000},
  {.id = "2.10", .in = TEN_PINGS, .echo = true, .close = 1000},
  {.id = "2.11", .in = TEN_PINGS, .echo = true, .close = 1000, .chop = 1},
};
/* clang-format on */

START_TEST(autobahn_2_pings_and_pongs) {
  run_all(pings, LEN(pings), _i);
}
END_TEST

/* ------------------------------------------------------------------------
 * 3: reserved bits. 4: reserved opcodes
 */

#define HELLO "Hello, world!"
#define RSV(bits, first) ((first) | (bits) << 4)

/* clang-format off */
static const struct row reserved[] = {
  {.id = "3.1", .in = {F(RSV(1, TEXT), HELLO)}, .close = 1002},
  {.id = "3.2",
   .in = {F(TEXT, HELLO), F(RSV(2, TEXT), HELLO), F(PING, "")},
   .out = {F(TEXT, HELLO)}, .close = 1002},
  {.id = "3.3",
   .in = {F(TEXT, HELLO), F(RSV(3, TEXT), HELLO), F(PING, "")},
   .out = {F(TEXT, HELLO)}, .close = 1002},
  {.id = "3.4",
   .in = {F(TEXT, HELLO), F(RSV(4, TEXT), HELLO), F(PING, "")},
   .out = {F(TEXT, HELLO)}, .close = 1002, .chop = 1},
  {.id = "3.5", .in = {F(RSV(5, BINARY), ODD_BYTES)}, .close = 1002},
  {.id = "3.6", .in = {F(RSV(6, BINARY), HELLO)}, .close = 1002},
  {.id = "3.7", .in = {F(RSV(7, CLOSE), "")}, .close = 1002},
  {.id = "4.1.1", .in = {F(0x83, "")}, .close = 1002},
  {.id = "4.1.2", .in = {F(0x84, "reserved opcode payload")}, .close = 1002},
  {.id = "4.1.3", .in = {F(TEXT, HELLO), F(0x85, ""), F(PING, "")},
   .out = {F(TEXT, HELLO)}, .close = 1002},
  {.id = "4.1.4", .in = {F(TEXT, HELLO), F(0x86, HELLO), F(PING, "")},
   .out = {F(TEXT, HELLO)}, .close = 1002},
  {.id = "4.1.5", .in = {F(TEXT, HELLO), F(0x87, HELLO), F(PING, "")},
   .out = {F(TEXT, HELLO)}, .close = 1002, .chop = 1},
  {.id = "4.2.1", .in = {F(0x8b, "")}, .close = 1002},
  {.id = "4.2.2", .in = {F(0x8c, "reserved opcode payload")}, .close = 1002},
  {.id = "4.2.3", .in = {F(TEXT, HELLO), F(0x8d, ""), F(PING, "")},
   .out = {F(TEXT, HELLO)}, .close = 1002},
  {.id = "4.2.4", .in = {F(TEXT, HELLO), F(0x8e, HELLO), F(PING, "")},
   .out = {F(TEXT, HELLO)}, .close = 1002},
  {.id = "4.2.5", .in = {F(TEXT, HELLO), F(0x8f, HELLO), F(PING, "")},
   .out = {F(TEXT, HELLO)}, .close = 1002, .chop = 1},
};
/* clang-format on */

START_TEST(autobahn_3_and_4_reserved_bits_and_opcodes) {
  run_all(reserved, LEN(reserved), _i);
}
END_TEST

/* ------------------------------------------------------------------------
 * 5: fragments. Cases that differ only in the cut of the bytes run at every
 * cut all the same.
 */

#define TWO_FRAGMENTS F(TEXT_MORE, "fragment1"), F(NEXT_LAST, "fragment2")
#define PING_BETWEEN                                                           \
  {                                                                            \
    F(TEXT_MORE, "fragment1"), F(PING, "ping payload"),                        \
      F(NEXT_LAST, "fragment2"),                                               \
  }
#define PONG_AND_ECHO                                                          \
  { F(PONG, "ping payload"), F(TEXT, "fragment1fragment2") }
#define LONELY "non-continuation payload"
#define FIVE_FRAGMENTS                                                         \
  {                                                                            \
    F(TEXT_MORE, "fragment1"), F(NEXT_MORE, "fragment2"),                      \
      F(PING, "pongme 1!"), F(NEXT_MORE, "fragment3"),                         \
      F(NEXT_MORE, "fragment4"), F(PING, "pongme 2!"),                         \
      F(NEXT_LAST, "fragment5"),                                               \
  }
#define PONGS_AND_ECHO                                                         \
  {                                                                            \
    F(PONG, "pongme 1!"), F(PONG, "pongme 2!"),                                \
      F(TEXT, "fragment1fragment2fragment3fragment4fragment5"),                \
  }

/* clang-format off */
static const struct row fragments[] = {
  {.id = "5.1", .in = {F(PING_MORE, "fragment1"), F(NEXT_LAST, "fragment2")},
   .close = 1002},
  {.id = "5.2", .in = {F(PONG_MORE, "fragment1"), F(NEXT_LAST, "fragment2")},
   .close = 1002},
  {.id = "5.3", .in = {TWO_FRAGMENTS}, .out = {F(TEXT, "fragment1fragment2")},
   .close = 1000},
  {.id = "5.4", .in = {TWO_FRAGMENTS}, .out = {F(TEXT, "fragment1fragment2")},
   .close = 1000, .chop = 11}, /* a frame */
  {.id = "5.5", .in = {TWO_FRAGMENTS}, .out = {F(TEXT, "fragment1fragment2")},
   .close = 1000, .chop = 1},
  {.id = "5.6", .in = PING_BETWEEN, .out = PONG_AND_ECHO, .close = 1000},
  {.id = "5.7", .in = PING_BETWEEN, .out = PONG_AND_ECHO, .close = 1000,
   .chop = 11},
  {.id = "5.8", .in = PING_BETWEEN, .out = PONG_AND_ECHO, .close = 1000,
   .chop = 1},
  {.id = "5.9", .in = {F(NEXT_LAST, LONELY), F(TEXT, HELLO)}, .close = 1002},
  {.id = "5.10", .in = {F(NEXT_LAST, LONELY), F(TEXT, HELLO)}, .close = 1002,
   .chop = 26},
  {.id = "5.11", .in = {F(NEXT_LAST, LONELY), F(TEXT, HELLO)}, .close = 1002,
   .chop = 1},
  {.id = "5.12", .in = {F(NEXT_MORE, LONELY), F(TEXT, HELLO)}, .close = 1002},
  {.id = "5.13", .in = {F(NEXT_MORE, LONELY), F(TEXT, HELLO)}, .close = 1002,
   .chop = 26},
  {.id = "5.14", .in = {F(NEXT_MORE, LONELY), F(TEXT, HELLO)}, .close = 1002,
   .chop = 1},
  {.id = "5.15",
   .in = {TWO_FRAGMENTS, F(NEXT_MORE, "fragment3"), F(TEXT, "fragment4")},
   .out = {F(TEXT, "fragment1fragment2")}, .close = 1002},
  {.id = "5.16",
   .in = {F(NEXT_MORE, "fragment1"), F(TEXT_MORE, "fragment2"),
          F(NEXT_LAST, "fragment3"), F(NEXT_MORE, "fragment1"),
          F(TEXT_MORE, "fragment2"), F(NEXT_LAST, "fragment3")},
   .close = 1002},
  {.id = "5.17",
   .in = {F(NEXT_LAST, "fragment1"), F(TEXT_MORE, "fragment2"),
          F(NEXT_LAST, "fragment3"), F(NEXT_LAST, "fragment1"),
          F(TEXT_MORE, "fragment2"), F(NEXT_LAST, "fragment3")},
   .close = 1002},
  {.id = "5.18", .in = {F(TEXT_MORE, "fragment1"), F(TEXT, "fragment2")},
   .close = 1002},
  {.id = "5.19", .in = FIVE_FRAGMENTS, .out = PONGS_AND_ECHO, .close = 1000},
  {.id = "5.20", .in = FIVE_FRAGMENTS, .out = PONGS_AND_ECHO, .close = 1000,
   .chop = 11},
};
/* clang-format on */

START_TEST(autobahn_5_fragments) {
  run_all(fragments, LEN(fragments), _i);
}
END_TEST

/* ------------------------------------------------------------------------
 * 6: UTF-8
 */

#define UMLAUTS_1 "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4"
#define UMLAUTS_2 "\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!"
#define KOSME "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
#define SURROGATE                                                              \
  KOSME "\xed\xa0\x80"                                                         \
        "edited"

/* clang-format off */
static const struct row texts[] = {
  {.id = "6.1.1", .in = {F(TEXT, "")}, .echo = true, .close = 1000},
  {.id = "6.1.2",
   .in = {F(TEXT_MORE, ""), F(NEXT_MORE, ""), F(NEXT_LAST, "")},
   .out = {F(TEXT, "")}, .close = 1000},
  {.id = "6.1.3",
   .in = {F(TEXT_MORE, ""), F(NEXT_MORE, "middle frame payload"),
          F(NEXT_LAST, "")},
   .out = {F(TEXT, "middle frame payload")}, .close = 1000},
  {.id = "6.2.1", .in = {F(TEXT, UMLAUTS_1 UMLAUTS_2)}, .echo = true,
   .close = 1000},
  {.id = "6.2.2", .in = {F(TEXT_MORE, UMLAUTS_1), F(NEXT_LAST, UMLAUTS_2)},
   .out = {F(TEXT, UMLAUTS_1 UMLAUTS_2)}, .close = 1000},
  {.id = "6.2.3", .in = {F(TEXT, UMLAUTS_1 UMLAUTS_2)}, .echo = true,
   .close = 1000, .fragment = 1},
  {.id = "6.2.4", .in = {F(TEXT, KOSME)}, .echo = true, .close = 1000,
   .fragment = 1},
  {.id = "6.3.1", .in = {F(TEXT, SURROGATE)}, .close = 1007},
  {.id = "6.3.2", .in = {F(TEXT, SURROGATE)}, .close = 1007, .fragment = 1},
};
/* clang-format on */

START_TEST(autobahn_6_1_to_6_3_text) {
  run_all(texts, LEN(texts), _i);
}
END_TEST

/* The text of 6.4, impossible at byte 12. */
#define TOO_HIGH                                                               \
  KOSME "\xf4\x90\x80\x80"                                                     \
        "edited"

/*
 * 6.4: the first part is accepted, the second refused at once, before the
 * message or even the frame is over.
 */
static void run_6_4(const char *id, bool frames, size_t first, size_t second) {
  struct test_bytes in = {0};
  size_t split;
  if (frames) {
    test_bytes_add_frame(&in, TEXT_MORE, TOO_HIGH, first);
    split = in.len;
    test_bytes_add_frame(&in, NEXT_MORE, &TOO_HIGH[first], second);
  } else {
    test_bytes_add_frame(&in, TEXT, TOO_HIGH, sizeof(TOO_HIGH) - 1);
    split = in.len - (sizeof(TOO_HIGH) - 1) + first;
    in.len = split + second;
  }
  test_pipe_feed(&pipe, in.data, split);
  test_pipe_expect_bytes(&pipe, NULL, 0, id);
  test_pipe_feed(&pipe, in.data + split, in.len - split);
  test_pipe_expect_bytes(&pipe, "\x88\x02\x03\xef", 4, id);
  test_bytes_dispose(&in);
}

START_TEST(autobahn_6_4_fail_fast) {
  static const struct {
    const char *id;
    bool frames;
    size_t first;
    size_t second;
  } rows[] = {
    {"6.4.1", true, 11, 4},
    {"6.4.2", true, 12, 1},
    {"6.4.3", false, 11, 4},
    {"6.4.4", false, 12, 1},
  };
  size_t i;
  for (i = 0; i < LEN(rows); i++) {
    test_pipe_begin(&pipe, _i);
    run_6_4(rows[i].id, rows[i].frames, rows[i].first, rows[i].second);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

struct vector {
  const char *id;
  const char *hex;
  bool valid;
};

/* clang-format off */
static const struct vector vectors[] = {
  {"6.5.1", "68656c6c6f24776f726c64", true},
  {"6.5.2", "68656c6c6fc2a2776f726c64", true},
  {"6.5.3", "68656c6c6fe282ac776f726c64", true},
  {"6.5.4", "68656c6c6ff0a4ada2776f726c64", true},
  {"6.5.5", "cebae1bdb9cf83cebcceb5", true},
  {"6.6.1", "ce", false},
  {"6.6.2", "ceba", true},
  {"6.6.3", "cebae1", false},
  {"6.6.4", "cebae1bd", false},
  {"6.6.5", "cebae1bdb9", true},
  {"6.6.6", "cebae1bdb9cf", false},
  {"6.6.7", "cebae1bdb9cf83", true},
  {"6.6.8", "cebae1bdb9cf83ce", false},
  {"6.6.9", "cebae1bdb9cf83cebc", true},
  {"6.6.10", "cebae1bdb9cf83cebcce", false},
  {"6.6.11", "cebae1bdb9cf83cebcceb5", true},
  {"6.7.1", "00", true},
  {"6.7.2", "c280", true},
  {"6.7.3", "e0a080", true},
  {"6.7.4", "f0908080", true},
  {"6.8.1", "f888808080", false},
  {"6.8.2", "fc8480808080", false},
  {"6.9.1", "7f", true},
  {"6.9.2", "dfbf", true},
  {"6.9.3", "efbfbf", true},
  {"6.9.4", "f48fbfbf", true},
  {"6.10.1", "f7bfbfbf", false},
  {"6.10.2", "fbbfbfbfbf", false},
  {"6.10.3", "fdbfbfbfbfbf", false},
  {"6.11.1", "ed9fbf", true},
  {"6.11.2", "ee8080", true},
  {"6.11.3", "efbfbd", true},
  {"6.11.4", "f48fbfbf", true},
  {"6.11.5", "f4908080", false},
  {"6.12.1", "80", false},
  {"6.12.2", "bf", false},
  {"6.12.3", "80bf", false},
  {"6.12.4", "80bf80", false},
  {"6.12.5", "80bf80bf", false},
  {"6.12.6", "80bf80bf80", false},
  {"6.12.7", "80bf80bf80bf", false},
  {"6.12.8", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b"
     "9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7"
     "b8b9babbbcbdbe", false},
  {"6.13.1", "c020c120c220c320c420c520c620c720c820c920ca20cb20cc20cd20"
     "ce20cf20d020d120d220d320d420d520d620d720d820d920da20db20"
     "dc20dd20de20", false},
  {"6.13.2", "e020e120e220e320e420e520e620e720e820e920ea20eb20ec20ed20"
     "ee20", false},
  {"6.13.3", "f020f120f220f320f420f520f620", false},
  {"6.13.4", "f820f920fa20", false},
  {"6.13.5", "fc20", false},
  {"6.14.1", "c0", false},
  {"6.14.2", "e080", false},
  {"6.14.3", "f08080", false},
  {"6.14.4", "f8808080", false},
  {"6.14.5", "fc80808080", false},
  {"6.14.6", "df", false},
  {"6.14.7", "efbf", false},
  {"6.14.8", "f7bfbf", false},
  {"6.14.9", "fbbfbfbf", false},
  {"6.14.10", "fdbfbfbfbf", false},
  {"6.15.1", "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbf"
     "bfbf", false},
  {"6.16.1", "fe", false},
  {"6.16.2", "ff", false},
  {"6.16.3", "fefeffff", false},
  {"6.17.1", "c0af", false},
  {"6.17.2", "e080af", false},
  {"6.17.3", "f08080af", false},
  {"6.17.4", "f8808080af", false},
  {"6.17.5", "fc80808080af", false},
  {"6.18.1", "c1bf", false},
  {"6.18.2", "e09fbf", false},
  {"6.18.3", "f08fbfbf", false},
  {"6.18.4", "f887bfbfbf", false},
  {"6.18.5", "fc83bfbfbfbf", false},
  {"6.19.1", "c080", false},
  {"6.19.2", "e08080", false},
  {"6.19.3", "f0808080", false},
  {"6.19.4", "f880808080", false},
  {"6.19.5", "fc8080808080", false},
  {"6.20.1", "eda080", false},
  {"6.20.2", "edadbf", false},
  {"6.20.3", "edae80", false},
  {"6.20.4", "edafbf", false},
  {"6.20.5", "edb080", false},
  {"6.20.6", "edbe80", false},
  {"6.20.7", "edbfbf", false},
  {"6.21.1", "eda080edb080", false},
  {"6.21.2", "eda080edbfbf", false},
  {"6.21.3", "edadbfedb080", false},
  {"6.21.4", "edadbfedbfbf", false},
  {"6.21.5", "edae80edb080", false},
  {"6.21.6", "edae80edbfbf", false},
  {"6.21.7", "edafbfedb080", false},
  {"6.21.8", "edafbfedbfbf", false},
  {"6.22.1", "efbfbe", true},
  {"6.22.2", "efbfbf", true},
  {"6.22.3", "f09fbfbe", true},
  {"6.22.4", "f09fbfbf", true},
  {"6.22.5", "f0afbfbe", true},
  {"6.22.6", "f0afbfbf", true},
  {"6.22.7", "f0bfbfbe", true},
  {"6.22.8", "f0bfbfbf", true},
  {"6.22.9", "f18fbfbe", true},
  {"6.22.10", "f18fbfbf", true},
  {"6.22.11", "f19fbfbe", true},
  {"6.22.12", "f19fbfbf", true},
  {"6.22.13", "f1afbfbe", true},
  {"6.22.14", "f1afbfbf", true},
  {"6.22.15", "f1bfbfbe", true},
  {"6.22.16", "f1bfbfbf", true},
  {"6.22.17", "f28fbfbe", true},
  {"6.22.18", "f28fbfbf", true},
  {"6.22.19", "f29fbfbe", true},
  {"6.22.20", "f29fbfbf", true},
  {"6.22.21", "f2afbfbe", true},
  {"6.22.22", "f2afbfbf", true},
  {"6.22.23", "f2bfbfbe", true},
  {"6.22.24", "f2bfbfbf", true},
  {"6.22.25", "f38fbfbe", true},
  {"6.22.26", "f38fbfbf", true},
  {"6.22.27", "f39fbfbe", true},
  {"6.22.28", "f39fbfbf", true},
  {"6.22.29", "f3afbfbe", true},
  {"6.22.30", "f3afbfbf", true},
  {"6.22.31", "f3bfbfbe", true},
  {"6.22.32", "f3bfbfbf", true},
  {"6.22.33", "f48fbfbe", true},
  {"6.22.34", "f48fbfbf", true},
  {"6.23.1", "efbfb9", true},
  {"6.23.2", "efbfba", true},
  {"6.23.3", "efbfbb", true},
  {"6.23.4", "efbfbc", true},
  {"6.23.5", "efbfbd", true},
  {"6.23.6", "efbfbe", true},
  {"6.23.7", "efbfbf", true},
};
/* clang-format on */

START_TEST(U_01_WS_05_autobahn_6_5_to_6_23_vectors) {
  size_t i;
  ck_assert_uint_eq(LEN(vectors), 132);
  for (i = 0; i < LEN(vectors); i++) {
    struct test_bytes text = {0};
    struct row row = {.echo = vectors[i].valid};
    test_bytes_add_hex(&text, vectors[i].hex);
    row.id = vectors[i].id;
    row.in[0].present = true;
    row.in[0].first = TEXT;
    row.in[0].text = (const char *)text.data;
    row.in[0].len = text.len;
    row.close = vectors[i].valid ? 1000 : 1007;
    run(&row, _i);
    test_bytes_dispose(&text);
  }
}
END_TEST

/* ------------------------------------------------------------------------
 * 7: closing
 */

#define CODE_1000 "\x03\xe8"
#define STARS_41 "*****************************************"
#define STARS_123 STARS_41 STARS_41 STARS_41

/* clang-format off */
static const struct row closing[] = {
  {.id = "7.1.1", .in = {F(TEXT, "Hello World!")}, .echo = true,
   .close = 1000},
  {.id = "7.1.2", .in = {F(CLOSE, CODE_1000), F(CLOSE, "")},
   .out = {F(CLOSE, CODE_1000)}},
  {.id = "7.1.3", .in = {F(CLOSE, CODE_1000), F(PING, "")},
   .out = {F(CLOSE, CODE_1000)}},
  {.id = "7.1.4", .in = {F(CLOSE, CODE_1000), F(TEXT, "Hello World!")},
   .out = {F(CLOSE, CODE_1000)}},
  {.id = "7.1.5",
   .in = {F(TEXT_MORE, "fragment1"), F(CLOSE, CODE_1000),
          F(NEXT_LAST, "fragment2")},
   .out = {F(CLOSE, CODE_1000)}},
  {.id = "7.1.6",
   .in = {N(TEXT, 'B', 262144), F(TEXT, "Hello World!"), F(CLOSE, CODE_1000),
          F(PING, "")},
   .out = {N(TEXT, 'B', 262144), F(TEXT, "Hello World!"),
           F(CLOSE, CODE_1000)}, .chop = 4096},
  {.id = "7.3.1", .in = {F(CLOSE, "")}, .out = {F(CLOSE, "")}},
  {.id = "7.3.2", .in = {F(CLOSE, "a")}, .close = 1002},
  {.id = "7.3.3", .in = {F(CLOSE, CODE_1000)}, .out = {F(CLOSE, CODE_1000)}},
  {.id = "7.3.4", .in = {F(CLOSE, CODE_1000 "Hello World!")},
   .out = {F(CLOSE, CODE_1000)}},
  {.id = "7.3.5", .in = {F(CLOSE, CODE_1000 STARS_123)},
   .out = {F(CLOSE, CODE_1000)}},
  {.id = "7.3.6", .in = {F(CLOSE, CODE_1000 STARS_123 "*")}, .close = 1002},
  {.id = "7.5.1", .in = {F(CLOSE, CODE_1000 SURROGATE)}, .close = 1007},
};
/* clang-format on */

START_TEST(autobahn_7_1_to_7_5_closing) {
  run_all(closing, LEN(closing), _i);
}
END_TEST

/* 7.7: valid codes. 7.9: invalid ones. 7.13, informational: unassigned. */
static const struct {
  const char *id;
  uint16_t code;
  bool valid;
} codes[] = {
  {"7.7.1", 1000, true},  {"7.7.2", 1001, true},   {"7.7.3", 1002, true},
  {"7.7.4", 1003, true},  {"7.7.5", 1007, true},   {"7.7.6", 1008, true},
  {"7.7.7", 1009, true},  {"7.7.8", 1010, true},   {"7.7.9", 1011, true},
  {"7.7.10", 3000, true}, {"7.7.11", 3999, true},  {"7.7.12", 4000, true},
  {"7.7.13", 4999, true}, {"7.9.1", 0, false},     {"7.9.2", 999, false},
  {"7.9.3", 1004, false}, {"7.9.4", 1005, false},  {"7.9.5", 1006, false},
  {"7.9.6", 1016, false}, {"7.9.7", 1100, false},  {"7.9.8", 2000, false},
  {"7.9.9", 2999, false}, {"7.13.1", 5000, false}, {"7.13.2", 65535, false},
};

START_TEST(autobahn_7_7_to_7_13_codes) {
  size_t i;
  for (i = 0; i < LEN(codes); i++) {
    struct row row = {.id = codes[i].id, .echo = codes[i].valid};
    char body[2];
    body[0] = (char)(codes[i].code >> 8);
    body[1] = (char)codes[i].code;
    row.in[0].present = true;
    row.in[0].first = CLOSE;
    row.in[0].text = body;
    row.in[0].len = 2;
    row.close = codes[i].valid ? 0 : 1002;
    run(&row, _i);
  }
}
END_TEST

/* ------------------------------------------------------------------------
 * 9: sizes. Lengths as the suite has them in 9.1 and 9.2; a quarter in 9.3
 * to 9.6, a tenth of the messages in 9.7 and 9.8. Once as each side.
 */

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static void run_size(const char *group, size_t number, bool text, size_t len,
                     size_t fragment, size_t chop) {
  char id[32];
  struct row row = {.close = 1000, .echo = true};
  (void)snprintf(id, sizeof(id), "%s.%zu", group, number);
  row.id = id;
  row.in[0].present = true;
  row.in[0].first = text ? TEXT : BINARY;
  row.in[0].fill = text ? '*' : '\xfe';
  row.in[0].len = len;
  row.fragment = fragment;
  row.chop = chop;
  /* A server, then a client. */
  run(&row, TEST_CHUNKS - 1);
  run(&row, 2 * TEST_CHUNKS - 1);
}

START_TEST(autobahn_9_1_and_9_2_sizes) {
  static const size_t sizes[] = {64 * KIB, 256 * KIB, MIB,
                                 4 * MIB,  8 * MIB,   16 * MIB};
  size_t n = (size_t)_i;
  run_size("9.1", n + 1, true, sizes[n], 0, 0);
  run_size("9.2", n + 1, false, sizes[n], 0, 0);
}
END_TEST

START_TEST(autobahn_9_3_and_9_4_fragments) {
  static const size_t sizes[] = {
    64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB / 2, MIB};
  size_t n = (size_t)_i;
  run_size("9.3", n + 1, true, MIB, sizes[n], 0);
  run_size("9.4", n + 1, false, MIB, sizes[n], 0);
}
END_TEST

START_TEST(autobahn_9_5_and_9_6_chops) {
  static const size_t chops[] = {64, 128, 256, 512, KIB, 2 * KIB};
  size_t n = (size_t)_i;
  run_size("9.5", n + 1, true, MIB / 4, 0, chops[n]);
  run_size("9.6", n + 1, false, MIB / 4, 0, chops[n]);
}
END_TEST

static void run_round_trips(const char *id, int way, uint8_t first,
                            size_t len) {
  static uint8_t payload[4096];
  struct test_bytes frame = {0};
  int i;
  memset(payload, first == TEXT ? '*' : 0xfe, sizeof(payload));
  test_bytes_add_frame(&frame, first, payload, len);
  test_pipe_init(&pipe, way);
  pipe.echoes = true;
  test_pipe_open(&pipe);
  for (i = 0; i < (pipe.chunk < 7 ? 10 : 100); i++) {
    test_pipe_feed(&pipe, frame.data, frame.len);
    test_pipe_expect_bytes(&pipe, frame.data, frame.len, id);
  }
  test_bytes_dispose(&frame);
  test_pipe_feed_hex(&pipe, "88 02 03e8");
  test_pipe_expect(&pipe, "88 02 03e8");
  test_pipe_dispose(&pipe);
}

START_TEST(autobahn_9_7_and_9_8_round_trips) {
  static const size_t sizes[] = {0, 16, 64, 256, KIB, 4 * KIB};
  size_t i;
  for (i = 0; i < LEN(sizes); i++) {
    char id[16];
    (void)snprintf(id, sizeof(id), "9.7.%zu", i + 1);
    run_round_trips(id, _i, TEXT, sizes[i]);
    (void)snprintf(id, sizeof(id), "9.8.%zu", i + 1);
    run_round_trips(id, _i, BINARY, sizes[i]);
  }
}
END_TEST

/* ------------------------------------------------------------------------
 * 10: fragments made by the peer's library
 */

/* clang-format off */
static const struct row automatic[] = {
  {.id = "10.1.1", .in = {N(TEXT, '*', 65536)}, .echo = true, .close = 1000,
   .fragment = 1300},
};
/* clang-format on */

START_TEST(autobahn_10_automatic_fragments) {
  run_all(automatic, LEN(automatic), _i);
}
END_TEST

/* ------------------------------------------------------------------------ */

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/autobahn");
  TCase *cases = tcase_create("cases");
  TCase *sizes = tcase_create("sizes");
  tcase_add_loop_test(cases, autobahn_1_framing, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(cases, autobahn_2_pings_and_pongs, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(cases, autobahn_3_and_4_reserved_bits_and_opcodes, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(cases, autobahn_5_fragments, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(cases, autobahn_6_1_to_6_3_text, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(cases, autobahn_6_4_fail_fast, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(cases, U_01_WS_05_autobahn_6_5_to_6_23_vectors, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(cases, autobahn_7_1_to_7_5_closing, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(cases, autobahn_7_7_to_7_13_codes, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(cases, autobahn_10_automatic_fragments, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(sizes, autobahn_9_1_and_9_2_sizes, 0, 6);
  tcase_add_loop_test(sizes, autobahn_9_3_and_9_4_fragments, 0, 9);
  tcase_add_loop_test(sizes, autobahn_9_5_and_9_6_chops, 0, 6);
  tcase_add_loop_test(sizes, autobahn_9_7_and_9_8_round_trips, 0,
                      TEST_PIPE_WAYS);
  suite_add_tcase(suite, cases);
  suite_add_tcase(suite, sizes);
  return suite;
}
