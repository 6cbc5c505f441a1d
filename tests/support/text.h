/*
 * One core connection whose peer is the test itself, which writes and reads
 * bytes: for HTTP/1.1, whose wire is text.
 */
#ifndef H2WS_TESTS_TEXT_H
#define H2WS_TESTS_TEXT_H

#include "tests/support/pair.h"

struct test_text {
  struct test_env env;
  h2ws_mem mem;
  h2ws_conn_options options;
  h2ws_socket_options socket_options;
  size_t chunk;
  h2ws_conn *conn;
  char *out; /* all it sent, NUL-terminated */
  size_t out_len;
  int requests;
  char path[256]; /* of the last request */
  char origin[64];
  h2ws_stream *stream;       /* "/wait": the last one, undecided */
  h2ws_socket *socket;       /* the last one accepted */
  struct test_events events; /* of sockets and raw streams */
  int accept_result;         /* of h2ws_socket_accept() */
  int closed;                /* on_close of the connection */
  h2ws_close_class cls;
  int error;
  char detail[256];
  int want_recv;
  bool keep_unread; /* "/raw": read nothing */
};

/*
 * A server in HTTP/1.1. Paths: "/echo" WebSocket echo, "/raw" bytes back,
 * "/wait" stays undecided, "/forbidden" 403, "/" a page; others 404.
 */
void test_text_init(struct test_text *wire, size_t chunk);
void test_text_serve(struct test_text *wire);
/* A client in HTTP/1.1. */
void test_text_connect(struct test_text *wire);

/* Text, or bytes, from the peer; what is sent is collected after each piece. */
void test_text_say(struct test_text *wire, const char *text);
int test_text_feed(struct test_text *wire, const void *data, size_t len);

/* Forgets what was sent so far. */
void test_text_forget(struct test_text *wire);
void test_text_collect(struct test_text *wire);
void test_text_advance(struct test_text *wire, uint64_t ms);

/* The status of the answer that begins what was sent; 0: none. */
int test_text_status(const struct test_text *wire);
/* True if the sent head has this line (case matters). */
bool test_text_has(const struct test_text *wire, const char *line);

/* Frees; fails if memory was not returned or a close was missed. */
void test_text_dispose(struct test_text *wire);

/* The request of RFC 6455 section 1.3, to /echo, and the accept value. */
#define TEST_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define TEST_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define TEST_UPGRADE                                                           \
  "GET /echo HTTP/1.1\r\n"                                                     \
  "Host: example.com\r\n"                                                      \
  "Upgrade: websocket\r\n"                                                     \
  "Connection: Upgrade\r\n"                                                    \
  "Sec-WebSocket-Key: " TEST_KEY "\r\n"                                        \
  "Sec-WebSocket-Version: 13\r\n"

#endif
