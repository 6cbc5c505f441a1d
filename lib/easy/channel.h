/*
 * A channel: messages or bytes between the program's threads and the loop.
 * Two queues, each with a limit, under the handle's mutex; everything in
 * `loop` belongs to the hidden thread.
 */
#ifndef H2WS_EASY_CHANNEL_H
#define H2WS_EASY_CHANNEL_H

#include "lib/easy/handle.h"
#include "lib/easy/why.h"

/* On its way to or from the loop. */
struct h2ws__message {
  struct h2ws__message *next;
  h2ws_type type;
  size_t len;
  size_t pos; /* h2ws_read() has taken so much of it */
  char data[];
};

struct h2ws__queue {
  struct h2ws__message *first;
  struct h2ws__message **last;
};

enum h2ws__phase {
  H2WS__PHASE_LINKING,    /* DNS, TCP, TLS */
  H2WS__PHASE_REQUESTING, /* HTTP/2, and the answer */
  H2WS__PHASE_OPEN,
  H2WS__PHASE_ENDED,
};

/* What the loop is asked to do. */
#define H2WS__WORK_START 1u
#define H2WS__WORK_RESUME 2u
#define H2WS__WORK_ABORT 4u
#define H2WS__WORK_LIMIT 8u /* abort after close_timeout_ms */

/* What a channel was made with. Strings are owned. */
struct h2ws__setup {
  char *where; /* the URL, or the peer: for sentences */
  uint32_t send_timeout_ms;
  uint32_t close_timeout_ms;
  size_t send_queue;
  size_t recv_queue;
};

struct h2ws__dial;

struct h2ws__channel {
  struct h2ws__handle handle; /* first */
  struct h2ws__setup setup;
  struct h2ws__dial *dial; /* clients: what to ask for; the loop's */

  struct {
    h2ws_socket *socket;       /* this */
    h2ws_stream *stream;       /* or that; NULL before and after */
    h2ws_opening *opening;     /* clients: on the way to one of these */
    h2ws_reconnect *reconnect; /* clients that come back */
    struct h2ws__queue out;
    struct event *limit; /* nobody waits for the end: when to abort */
    bool blocked;        /* AGAIN was said: on_writable will come */
    bool ending;         /* our end was sent */
    bool starved;        /* it ends, or is going to, for lack of memory */
    int refusal;         /* the status that refused a POST or PUT; 0: none */
    void (*on_message)(h2ws *h, const h2ws_msg *msg, void *user);
    void (*on_open)(struct h2ws__channel *channel); /* NULL: none */
    void (*on_end)(struct h2ws__channel *channel);
    void *owner; /* a server's channel: the server */
    void *user;
  } loop;

  /* From here on under the handle's mutex. */
  enum h2ws__phase phase;
  bool started; /* clients: the loop has begun to connect */
  bool was_open;
  unsigned work;
  struct {
    struct h2ws__queue queue;
    size_t bytes;
    bool full;  /* the loop has stopped reading */
    bool taken; /* a thread is receiving */
    bool eof;   /* a byte stream's peer ended its side */
    struct h2ws__message *current;
  } rx;
  struct {
    struct h2ws__queue queue;
    size_t bytes; /* what the loop still holds is counted */
    bool shut;    /* nothing comes behind what is queued */
    bool closing; /* h2ws_close(): what arrives is dropped */
    uint16_t code;
    char reason[124];
  } tx;
  struct h2ws__end end; /* in phase ENDED; never changes then */
  struct h2ws__facts {
    int64_t stream;
    h2ws_http http;
    char *tls;
    char *cipher;
    char *peer;
    char *path;
    char *subprotocol;
    char *extensions;
    h2ws_header *fields; /* one block with their strings */
    size_t fields_len;
  } facts; /* from phase OPEN on; never change then */
};

/* One reference, no name yet. `where` is copied. H2WS_ERR_NOMEM */
int h2ws__channel_new(struct h2ws__channel **out, const char *where);
void h2ws__channel_release(struct h2ws__channel *channel);

static inline struct h2ws__channel *
h2ws__channel_of(struct h2ws__handle *handle) {
  return (struct h2ws__channel *)(void *)handle; /* its first member */
}

/* NULL: no memory. */
struct h2ws__message *h2ws__message_new(h2ws_type type, const void *data,
                                        size_t len);
/* NULL if the queue is empty. */
struct h2ws__message *h2ws__queue_pop(struct h2ws__queue *queue);
void h2ws__queue_push(struct h2ws__queue *queue, struct h2ws__message *message);

/* What it counts for in a queue's limit: small messages take memory too. */
static inline size_t h2ws__message_cost(const struct h2ws__message *message) {
  return sizeof(*message) + message->len;
}

/* ---- transfer.c: the program's threads ---- */

/* All or nothing. `wait`: for room. */
int h2ws__channel_send(struct h2ws__channel *channel, h2ws_type type,
                       const void *data, size_t len, bool wait);
int h2ws__channel_recv(struct h2ws__channel *channel, h2ws_msg *msg,
                       int timeout_ms);
h2ws_ssize h2ws__channel_read(struct h2ws__channel *channel, void *buf,
                              size_t cap, int timeout_ms);

/* Asks the loop for work. With the mutex held. */
void h2ws__channel_ask(struct h2ws__channel *channel, unsigned work);

/* ---- on the hidden thread ---- */

extern const h2ws_socket_callbacks h2ws__channel_socket;
extern const h2ws_stream_callbacks h2ws__channel_stream;

/* The fields and their strings in one block, to be freed; NULL: no memory. */
h2ws_header *h2ws__fields_copy(const h2ws_header *fields, size_t len);

/* Learns the facts, from the stream's request or answer; false: no memory. */
bool h2ws__channel_learn(struct h2ws__channel *channel, h2ws_stream *stream);

/* Opens the queues, unless they were; tells on_open. Or loop.starved is set. */
void h2ws__channel_opened(struct h2ws__channel *channel);

/* Open again: `tell` may send what goes before what is queued. */
void h2ws__channel_reopened(struct h2ws__channel *channel, h2ws_socket *socket,
                            void (*tell)(struct h2ws__channel *channel));

/* It is over. Calls on_end, once. */
void h2ws__channel_ended(struct h2ws__channel *channel,
                         const struct h2ws__end *end);

/* dial.c: connects, and gives up. */
void h2ws__dial_start(struct h2ws__channel *channel);
void h2ws__dial_drop(struct h2ws__channel *channel);

#endif
