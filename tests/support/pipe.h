/*
 * One open WebSocket, server's or client's side, over a core connection in
 * memory. The test is the peer: it feeds WebSocket bytes and sees those that
 * come back. Both are written here without masks; the pipe masks what goes
 * to a server and unmasks what a client sends, so that one scenario tells of
 * both sides.
 */
#ifndef H2WS_TESTS_PIPE_H
#define H2WS_TESTS_PIPE_H

#include "tests/support/pair.h"

/* Both sides at every chunk, for tcase_add_loop_test(). */
#define TEST_PIPE_WAYS (2 * TEST_CHUNKS)

struct test_bytes {
  uint8_t *data;
  size_t len;
  size_t cap;
};

void test_bytes_add(struct test_bytes *bytes, const void *data, size_t len);
/* Hexadecimal digits; spaces do not matter. */
void test_bytes_add_hex(struct test_bytes *bytes, const char *hex);
/* A frame with the shortest length and no mask. */
void test_bytes_add_frame(struct test_bytes *bytes, uint8_t first,
                          const void *payload, size_t len);
void test_bytes_dispose(struct test_bytes *bytes);

/* Puts masks on frames, or takes them off, byte by byte. */
struct test_masker {
  uint8_t header[14];
  size_t header_len;
  uint8_t key[4];
  uint64_t left; /* payload still to come */
  size_t phase;
};

struct test_pipe {
  struct test_env env;
  h2ws_mem mem;
  h2ws_conn_options options;
  h2ws_socket_options socket_options;
  bool server;            /* the socket is the server's side */
  bool echoes;            /* each message goes back */
  bool by_chunk;          /* messages come by on_chunk */
  const char *extensions; /* what the peer offers or answers; NULL: none */
  uint32_t send_window;   /* what the socket may send before more is opened */
  size_t chunk;
  h2ws_conn *conn;
  h2ws_socket *socket; /* NULL after its on_close */
  struct test_events events;
  struct test_bytes trace; /* all events of the socket, as text */
  struct test_bytes out;   /* WebSocket bytes it sent, without masks */
  struct test_bytes keys;  /* the masks they had */
  bool ended;              /* END_STREAM came */
  bool was_reset;
  uint32_t reset_code;
  int conn_closed;
  bool preface_seen;
  int64_t stream_window; /* what the peer may send */
  int64_t conn_window;
  struct test_bytes wire;
  struct test_masker mask;
  struct test_masker unmask;
};

/* Fills in options; change them, then open. `way` is a loop test's _i. */
void test_pipe_init(struct test_pipe *pipe, int way);
void test_pipe_open(struct test_pipe *pipe);
/* Both of them, with defaults. */
void test_pipe_begin(struct test_pipe *pipe, int way);
/* Frees all; fails if memory was not returned or a close was missed. */
void test_pipe_dispose(struct test_pipe *pipe);

/*
 * WebSocket bytes to the socket, in DATA frames of `chunk` bytes; at 1, in
 * whole frames that come byte by byte.
 */
void test_pipe_feed(struct test_pipe *pipe, const void *data, size_t len);
/* The same without masking. */
void test_pipe_feed_raw(struct test_pipe *pipe, const void *data, size_t len);
void test_pipe_feed_hex(struct test_pipe *pipe, const char *hex);
void test_pipe_feed_frame(struct test_pipe *pipe, uint8_t first,
                          const void *payload, size_t len);
/* The peer ends its side of the stream. */
void test_pipe_feed_end(struct test_pipe *pipe);
/* The peer lets the socket send so many more bytes. */
void test_pipe_open_window(struct test_pipe *pipe, uint32_t len);

/* Takes what the connection has to send; the others do so too. */
void test_pipe_pump(struct test_pipe *pipe);
/* Lets time pass, deadline by deadline. */
void test_pipe_advance(struct test_pipe *pipe, uint64_t ms);

/* Exactly these bytes came since the last call. */
void test_pipe_expect(struct test_pipe *pipe, const char *hex);
void test_pipe_expect_bytes(struct test_pipe *pipe, const void *data,
                            size_t len, const char *what);
/* Exactly CLOSE(code) came, and our end; on_close said why. */
void test_pipe_expect_failed(struct test_pipe *pipe, uint16_t code);
/* All events so far are this text. */
void test_pipe_expect_trace(const struct test_pipe *pipe, const char *text);

#endif
