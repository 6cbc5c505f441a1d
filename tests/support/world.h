/*
 * Two endpoints that take whatever happens: allocations that fail, a
 * transport that splits, delays and dies. Every object that is handed out is
 * in a table, and what must hold whatever happens is checked by abort(), so
 * that tests and fuzz targets share it:
 *
 *     one on_close for each object, and no callback after it
 *     only errors that the call documents
 *     messages arrive whole and in order, or the socket says why not
 *     all memory comes back
 */
#ifndef H2WS_TESTS_WORLD_H
#define H2WS_TESTS_WORLD_H

#include "tests/support/clock.h"

#define WORLD_HANDLES 128
#define WORLD_NO_CUT SIZE_MAX

enum world_side { WORLD_CLIENT, WORLD_SERVER };

/* One socket or stream on one side. */
struct world_handle {
  struct world *world;
  h2ws_socket *socket; /* NULL for streams and after on_close */
  h2ws_stream *stream; /* NULL for sockets and after on_close */
  bool opened;
  bool closed;
  h2ws_close_class cls;
  int error;
  bool by_client;       /* asked for by world_open() or world_post() */
  bool is_socket;       /* WebSocket, not stream */
  h2ws_time asked_at;   /* when that was */
  h2ws_time opened_at;  /* H2WS_NEVER: not */
  h2ws_time closing_at; /* world_close(); H2WS_NEVER: not */
  h2ws_time closed_at;
  uint32_t messages;
  uint32_t next_in; /* the number the next message must carry */
  uint32_t next_out;
  size_t bytes;
};

/* Bytes that were sent together arrive together. */
struct world_batch {
  size_t end; /* counted as `carried` */
  h2ws_time due;
};

/* Bytes on their way from one side to the other. */
struct world_pipe {
  uint8_t *data;
  size_t start; /* what lies before has been handed over */
  size_t len;
  size_t cap;
  size_t carried;              /* in all */
  struct world_batch *batches; /* with delays: not arrived, by time */
  size_t batches_len;
};

/* How long bytes are under way, and how long the application waits. */
struct world_delay {
  uint32_t min_ms;
  uint32_t max_ms; /* both 0: none */
};

struct world {
  struct test_env env;
  h2ws_mem mem;
  h2ws_conn_options options[2];
  h2ws_conn *conn[2];
  bool conn_closed[2];
  int conn_error[2];
  h2ws_time conn_closed_at[2];
  struct world_pipe pipe[2]; /* by the side that sends */
  size_t split;              /* bytes handed over at once */
  size_t cut_at[2];          /* the transport dies after so many bytes */
  bool cut;
  struct world_delay delay[2]; /* by the side that sends */
  struct world_delay pause;    /* instead of world_pump() time passes */
  uint64_t delay_state;        /* of what is random in them; not 0 */
  bool chunked;                /* the server takes messages in chunks */
  bool compressed;             /* sockets compress, the client with takeover */
  struct world_handle handles[WORLD_HANDLES];
  size_t handles_len;
};

/* Options with small limits and short deadlines; change them, then start. */
void world_init(struct world *w, size_t split);
/* False if an endpoint could not be made. */
bool world_start(struct world *w);

/* Hands over at most `len` bytes from a side; true if anything moved. */
bool world_step(struct world *w, enum world_side from, size_t len);
/* Hands over until nothing is left to hand over, or for `pause`. */
void world_pump(struct world *w);
/* Lets time pass, deadline by deadline. */
void world_advance(struct world *w, uint64_t ms);

/*
 * What clients do. Each takes NULL or an ended handle and does nothing then;
 * each open gives NULL if it was refused at once.
 */
struct world_handle *world_open(struct world *w, const char *path);
struct world_handle *world_post(struct world *w, const char *path);
/* A numbered message of `len` bytes; the echo must carry the number. */
void world_send(struct world_handle *h, h2ws_type type, size_t len);
/* The same as a streamed message, in three pieces. */
void world_stream(struct world_handle *h, size_t len);
void world_ping(struct world_handle *h);
void world_close(struct world_handle *h, uint16_t code);
void world_abort(struct world_handle *h);
void world_write(struct world_handle *h, size_t len);
void world_shutdown(struct world_handle *h);

/* Frees both endpoints and checks what must hold. */
void world_end(struct world *w);

#endif
