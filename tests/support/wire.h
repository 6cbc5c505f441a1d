/*
 * A raw HTTP/2 peer for one connection of ours: frames built by hand go in,
 * the frames that come out are taken apart. Nothing here is forgiving, so
 * that a test can send what no real peer would.
 */
#ifndef H2WS_TESTS_WIRE_H
#define H2WS_TESTS_WIRE_H

#include <check.h>
#include <nghttp2/nghttp2.h>

#include "tests/support/pair.h"

enum {
  WIRE_DATA = 0,
  WIRE_HEADERS = 1,
  WIRE_PRIORITY = 2,
  WIRE_RST = 3,
  WIRE_SETTINGS = 4,
  WIRE_PUSH = 5,
  WIRE_PING = 6,
  WIRE_GOAWAY = 7,
  WIRE_UPDATE = 8,
  WIRE_CONTINUATION = 9,
};

enum {
  WIRE_NONE = 0x00,
  WIRE_ACK = 0x01,
  WIRE_ES = 0x01, /* END_STREAM */
  WIRE_EH = 0x04, /* END_HEADERS */
  WIRE_PADDED = 0x08,
  WIRE_PRIO = 0x20,
};

/* RFC 9113 section 7 */
enum {
  WIRE_NO_ERROR = 0x0,
  WIRE_PROTOCOL = 0x1,
  WIRE_INTERNAL = 0x2,
  WIRE_FLOW = 0x3,
  WIRE_SETTINGS_TIMEOUT = 0x4,
  WIRE_STREAM_CLOSED = 0x5,
  WIRE_FRAME_SIZE = 0x6,
  WIRE_REFUSED = 0x7,
  WIRE_CANCEL = 0x8,
  WIRE_COMPRESSION = 0x9,
  WIRE_CALM = 0xb,
  WIRE_HTTP_1_1 = 0xd,
};

/* ------------------------------------------------------------------------
 * Bytes to be sent
 */

struct wire_buf {
  uint8_t *data;
  size_t len;
  size_t cap;
};

void wire_bytes(struct wire_buf *b, const void *data, size_t len);
void wire_buf_free(struct wire_buf *b);

/* A frame as given: the length is `len` whatever the type wants. */
void wire_frame(struct wire_buf *b, int type, int flags, uint32_t stream,
                const void *payload, size_t len);
/* The nine octets of a frame that announces `len` and sends nothing. */
void wire_frame_head(struct wire_buf *b, int type, int flags, uint32_t stream,
                     size_t len);

void wire_preface(struct wire_buf *b);

struct wire_setting {
  uint16_t id;
  uint32_t value;
};
void wire_settings(struct wire_buf *b, const struct wire_setting *settings,
                   size_t len);
/* wire_set(b, {8, 1}, {3, 100}) */
#define wire_set(b, ...)                                                       \
  wire_settings(b, (const struct wire_setting[]){__VA_ARGS__},                 \
                sizeof((const struct wire_setting[]){__VA_ARGS__}) /           \
                  sizeof(struct wire_setting))
void wire_ack(struct wire_buf *b);

/* One field: literal without indexing, new name, no Huffman (RFC 7541). */
void wire_field(struct wire_buf *block, const char *name, size_t name_len,
                const char *value, size_t value_len);
/*
 * Fields written as lines "name: value\n". Exactly one space follows the
 * colon; the rest of the line is the value.
 */
void wire_fields(struct wire_buf *block, const char *lines);
/* HEADERS with a block written as lines. */
void wire_head(struct wire_buf *b, uint32_t stream, int flags,
               const char *lines);

void wire_data(struct wire_buf *b, uint32_t stream, int flags, const void *data,
               size_t len);
/* DATA with `pad` octets of padding. */
void wire_data_padded(struct wire_buf *b, uint32_t stream, int flags,
                      const void *data, size_t len, uint8_t pad);
void wire_rst(struct wire_buf *b, uint32_t stream, uint32_t code);
/* PUSH_PROMISE of a stream, with a block written as lines. */
void wire_push(struct wire_buf *b, uint32_t stream, uint32_t promised,
               const char *lines);
void wire_ping(struct wire_buf *b, int flags, const char *eight);
void wire_goaway(struct wire_buf *b, uint32_t last, uint32_t code);
void wire_update(struct wire_buf *b, uint32_t stream, uint32_t add);
void wire_priority(struct wire_buf *b, uint32_t stream, uint32_t parent);

/* A masked WebSocket frame of up to 125 bytes, in one DATA frame. */
void wire_masked(struct wire_buf *b, uint32_t stream, int flags, int op,
                 const void *data, size_t len);
/* The same unmasked. */
void wire_unmasked(struct wire_buf *b, uint32_t stream, int flags, int op,
                   const void *data, size_t len);
#define WIRE_TEXT 0x81
#define WIRE_CLOSE 0x88

/* Heads that are right; tests add to them or write their own. */
#define WIRE_PSEUDO                                                            \
  ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:path: /echo\n"      \
  ":authority: example.com\n"
#define WIRE_VERSION "sec-websocket-version: 13\n"
#define WIRE_CONNECT WIRE_PSEUDO WIRE_VERSION
#define WIRE_GET                                                               \
  ":method: GET\n:scheme: http\n:path: /page\n:authority: example.com\n"

/* ------------------------------------------------------------------------
 * The connection under test, and the peer it talks to
 */

struct wire_line {
  char *name;
  char *value;
};

struct wire_got {
  int type;
  int flags;
  uint32_t stream;
  uint8_t *payload;
  size_t len;
  struct wire_line *fields; /* of HEADERS and PUSH_PROMISE */
  size_t fields_len;
};

/* What the application has of one stream. */
struct wire_app {
  struct test_events events; /* first: the callbacks of pair.h record here */
  struct wire *wire;
  struct wire_app *next;
  int64_t id;
  int64_t parent;      /* of what was pushed */
  h2ws_stream *stream; /* NULL after on_close */
  h2ws_socket *socket;
  char authority[64]; /* as the request had it */
  char cookie[64];
};

struct wire {
  struct test_env env;
  h2ws_mem mem;
  h2ws_conn_options options;
  h2ws_socket_options socket_options;
  h2ws_conn *conn;
  bool server; /* the connection under test is one */
  size_t chunk;
  bool blocked; /* nothing is taken from the connection */

  struct wire_buf in; /* goes in with wire_feed() */
  int recv_rv;        /* the last error of h2ws_conn_recv() */

  struct wire_buf out; /* came out and is not a whole frame yet */
  size_t preface;      /* bytes of a client's preface to come */
  nghttp2_hd_inflater *inflater;
  struct wire_got *got;
  size_t got_len;
  size_t got_cap;

  /* What the application does with requests; a socket by default. */
  bool wait;   /* nothing */
  bool refuse; /* 403 */
  bool raw;    /* a byte stream */
  bool pause;  /* a socket, paused at once */
  bool mute;   /* a socket that sends nothing back */

  /* What the application saw. */
  int requests;
  int ready;
  bool ready_extended;
  int pushes;
  int goaways;
  uint32_t goaway_code;
  int closed;
  h2ws_close_class cls;
  int error;
  uint32_t h2_code;
  bool by_peer;
  char detail[256];
  struct wire_app *apps; /* the newest first */
};

/*
 * Fills in options (no keepalive; a conn_window that is soon used up where
 * credit is missing); change them, then start.
 */
void wire_init(struct wire *w, size_t chunk);
/* Starts the side under test and feeds nothing. */
void wire_start_server(struct wire *w);
void wire_start_client(struct wire *w);
/* Exchanges SETTINGS, with the preface before; a server's offer 8=1. */
void wire_greet(struct wire *w);
/* All three in one. */
void wire_server(struct wire *w, size_t chunk);
void wire_client(struct wire *w, size_t chunk);

/*
 * Feeds w->in in pieces of w->chunk, until the connection ends, and takes what
 * comes out.
 */
void wire_feed(struct wire *w);
/* Takes what comes out, unless blocked. */
void wire_take(struct wire *w);
/* Forgets the frames taken so far. */
void wire_clear(struct wire *w);
/* Lets time pass, deadline by deadline. */
void wire_advance(struct wire *w, uint64_t ms);

/*
 * Frees the connection. Fails if memory was not returned, or if anything that
 * was handed out had not exactly one on_close.
 */
void wire_end(struct wire *w);

/* ------------------------------------------------------------------------
 * Asking
 */

#define WIRE_ANY (-1)
#define WIRE_NOT_FOUND SIZE_MAX

/* How many frames of this type came; on `stream`, or on any. */
size_t wire_count(const struct wire *w, int type, int64_t stream);
/* The index of the first such frame. */
size_t wire_find(const struct wire *w, int type, int64_t stream);
/* The first number in a frame: the code of RST_STREAM and the like. */
uint32_t wire_number(const struct wire_got *got, size_t at);
/* The final status on a stream, 0 if none came. */
int wire_status(const struct wire *w, uint32_t stream);
/* A field of the last HEADERS on a stream, NULL if it is not there. */
const char *wire_field_of(const struct wire *w, uint32_t stream,
                          const char *name);
/* True if END_STREAM came. */
bool wire_ended(const struct wire *w, uint32_t stream);
/* Bytes of DATA on a stream. */
size_t wire_data_len(const struct wire *w, uint32_t stream);
/* The sum of WINDOW_UPDATEs on a stream, or on the connection (0). */
uint64_t wire_credit(const struct wire *w, uint32_t stream);

/* Fails unless exactly these bytes came as DATA. */
void wire_expect_data(const struct wire *w, uint32_t stream, const void *data,
                      size_t len);
/* Fails unless one RST_STREAM came, with this code, and no GOAWAY. */
void wire_expect_rst(const struct wire *w, uint32_t stream, uint32_t code);
/* Fails unless a GOAWAY came with this code, and the connection is over. */
void wire_expect_goaway(const struct wire *w, uint32_t code);
/* Fails if the connection is over or a GOAWAY came. */
void wire_expect_alive(const struct wire *w);
/* Fails unless this status came with END_STREAM, and no application call. */
void wire_expect_refusal(const struct wire *w, uint32_t stream, int status);

/* ------------------------------------------------------------------------
 * Steps that many tests share
 */

/* Server: opens a WebSocket and fails unless 200 came; clears. */
struct wire_app *wire_open(struct wire *w, uint32_t stream);
/* Server: accepts a request that was left waiting. */
void wire_accept(struct wire *w, struct wire_app *app);
/* Client: asks for a WebSocket. */
struct wire_app *wire_ask(struct wire *w);
/* Client: the same, answered with 200; clears. */
struct wire_app *wire_ask_open(struct wire *w);
/* Client: asks for a stream of bytes. */
struct wire_app *wire_ask_raw(struct wire *w, const h2ws_request *request);
/* The application's view of a stream, NULL if it never saw it. */
struct wire_app *wire_app(const struct wire *w, int64_t stream);
/* Server: fails unless an open WebSocket still echoes. */
void wire_unharmed(struct wire *w, uint32_t stream);

/* A suite of tests that run at each of test_chunks. */
Suite *wire_suite(const char *name, const TTest *const *tests, size_t len);

#endif
