/*
 * Two core connections in one process, joined in memory under a fake clock.
 * Input is cut into pieces of `chunk` bytes, so that each scenario can run
 * at 1, 2, 7 and 65536.
 */
#ifndef H2WS_TESTS_PAIR_H
#define H2WS_TESTS_PAIR_H

#include "tests/support/clock.h"

extern const size_t test_chunks[4];
#define TEST_CHUNKS 4

/* What one socket or stream went through. */
struct test_events {
  int opened;
  int closed;
  int messages;
  int chunks;
  int pings;
  int pongs;
  int writable;
  h2ws_type type; /* of the last message */
  uint8_t *data;  /* all payload received, joined */
  size_t len;
  size_t cap;
  size_t last_len; /* of the last message */
  unsigned flags;  /* of the last chunk */
  /* From on_close. */
  h2ws_close_class cls;
  int error;
  uint16_t code;
  bool by_peer;
  bool retryable;
  int status;
  uint32_t h2_code;
  char reason[128];
  size_t reason_len;
  char detail[256];
  char body[64];
};

void test_events_dispose(struct test_events *events);

struct test_pair {
  struct test_env env;
  h2ws_mem mem;
  h2ws_conn_options client_options;
  h2ws_conn_options server_options;
  h2ws_socket_options server_socket_options;
  h2ws_conn *client;
  h2ws_conn *server;
  size_t chunk;
  bool server_echoes; /* each message received goes back */
  bool server_waits;  /* on_request leaves the decision to the test */
  /* Called for on_writable of the server's sockets; may be NULL. */
  void (*server_writable)(h2ws_socket *socket, void *user);
  h2ws_stream *request;           /* the last one, while server_waits */
  h2ws_socket *peer;              /* the last socket that the server accepted */
  struct test_events peer_events; /* of all server sockets together */
  int requests;
  int client_closed;
  int server_closed;
  h2ws_close_class client_cls;
  h2ws_close_class server_cls;
  char client_detail[256];
  bool cut; /* nothing travels any more */
};

/* Callbacks that record into the struct test_events given as user. */
extern const h2ws_socket_callbacks test_socket_callbacks;
extern const h2ws_socket_callbacks test_chunk_callbacks;
extern const h2ws_stream_callbacks test_stream_callbacks;

/* Fills in options; change them, then start. */
void test_pair_init(struct test_pair *pair, size_t chunk);
void test_pair_start(struct test_pair *pair);

/* Moves bytes until neither side has more. */
void test_pair_pump(struct test_pair *pair);

/* Lets time pass, tick by tick, pumping after each. */
void test_pair_advance(struct test_pair *pair, uint64_t ms);

/* Opens a socket to `path` that records into `events`. */
h2ws_socket *test_pair_open(struct test_pair *pair, const char *path,
                            struct test_events *events);

/* Frees both; fails if memory was not returned or a close was missed. */
void test_pair_dispose(struct test_pair *pair);

#endif
