/*
 * The byte stream: two queues, a state, and a carrier that moves the bytes.
 *
 * This is the h2ws_stream of the public header. It knows nothing of HTTP/2:
 * a carrier (h2/ or h1/) embeds it, feeds it and empties it. All state
 * changes are made in stream.c, by one table.
 */
#ifndef H2WS_BASE_STREAM_H
#define H2WS_BASE_STREAM_H

#include "lib/base/env.h"
#include "lib/base/headers.h"
#include "lib/base/list.h"

/* Of an answer: all its content is queued, the rest of the request unwanted. */
#define H2WS__ANSWER_WHOLE 1u
/* Of an answer: no content follows its head. */
#define H2WS__ANSWER_EMPTY 2u

/* What a stream asks of its carrier. */
struct h2ws__carrier_ops {
  /* The stream has bytes or an end to send. */
  void (*wake)(h2ws_stream *stream);

  /* The application took `len` received bytes. */
  void (*credit)(h2ws_stream *stream, size_t len);

  /* Server: send the final answer; more follows by wake(). */
  int (*answer)(h2ws_stream *stream, int status, const h2ws_header *headers,
                size_t headers_len, unsigned flags);

  /* Server: promise an answer nobody has asked for. NULL: cannot. */
  int (*push)(h2ws_stream *parent, h2ws_stream **out,
              const h2ws_request *request);

  /* Reset now. h2ws__stream_closed() follows later, never from inside. */
  int (*reset)(h2ws_stream *stream, uint32_t h2_code);

  /* The last reference is gone: free the memory around the stream. */
  void (*destroy)(h2ws_stream *stream);
};

/* What was received in the head of a request or an answer. */
struct h2ws__head {
  struct h2ws__headers fields; /* without pseudo fields, a line each */
  struct h2ws__headers joined; /* lines of one name, once asked for */
  char *method;
  char *scheme;
  char *authority;
  char *path;
  char *protocol;
  int status;
};

void h2ws__head_dispose(struct h2ws__head *head, const h2ws_mem *mem);

struct h2ws_stream {
  const struct h2ws__carrier_ops *ops;
  struct h2ws__env *env;
  const h2ws_stream_callbacks *callbacks;
  void *user;
  h2ws_socket *socket; /* set by ws/ while messages travel on it */
  struct h2ws__head *head;
  int64_t id; /* -1 until known */
  uint32_t refs;
  uint8_t state;    /* h2ws_stream_state */
  bool rx_end;      /* the peer ended its side */
  bool rx_end_told; /* and on_readable said so */
  bool tx_end;      /* h2ws_stream_shutdown() was called */
  bool tx_blocked;  /* somebody waits for on_writable */
  bool answered;    /* server: the final answer is decided */
  bool reset_asked; /* ops->reset was called */
  bool close_told;  /* on_close has been called */
  bool all_said;    /* of the peer only its end is wanted */
  bool body_first;  /* client: bytes may go before the answer */
  bool tx_end_sent; /* H2WS__STREAM_END_SENT was applied */
  bool tx_counted;  /* content-length was given: */
  uint64_t tx_left; /* so many bytes are still to be written */
  struct {
    struct h2ws__bufq q; /* not consumed yet */
    uint8_t *chunk;      /* behind q: bytes of the carrier's buffer, */
    size_t chunk_len;    /* while on_readable runs */
  } rx;
  struct {
    struct h2ws__bufq q;
  } tx;
};

/* As h2ws_stream_is_writable(), with a mark of its own. */
bool h2ws__stream_is_below(h2ws_stream *stream, size_t mark);

/*
 * Both sides have said all. A carrier whose streams are counted need not wait
 * long for an end that the peer may never send.
 */
void h2ws__stream_all_said(h2ws_stream *stream);

/* For carriers. */

/* Sets up an embedded stream with one reference, held by the carrier. */
void h2ws__stream_init(h2ws_stream *stream, struct h2ws__env *env,
                       const struct h2ws__carrier_ops *ops,
                       h2ws_stream_state state);

/* The events of the state table. */
enum h2ws__stream_event {
  H2WS__STREAM_SENT,     /* the request went to the carrier */
  H2WS__STREAM_OPENED,   /* the final 2xx was received, or sent */
  H2WS__STREAM_END_SENT, /* our END_STREAM is queued behind all bytes */
  H2WS__STREAM_END_RCVD, /* the peer's END_STREAM arrived */
  H2WS__STREAM_GONE,     /* reset, or the carrier died */
};
#define H2WS__STREAM_EVENTS 5

/* The next state; the same one where the event changes nothing. */
h2ws_stream_state h2ws__stream_next_state(h2ws_stream_state state,
                                          enum h2ws__stream_event event);

/* Applies an event to the stream's state; no callback runs. */
void h2ws__stream_apply(h2ws_stream *stream, enum h2ws__stream_event event);

/* Client: the answer arrived (stream->head holds it): on_open. */
void h2ws__stream_opened(h2ws_stream *stream);

/*
 * Bytes arrived: on_readable, then what was not consumed is queued.
 * `data` is only used during the call. H2WS_ERR_NOMEM.
 */
int h2ws__stream_input(h2ws_stream *stream, uint8_t *data, size_t len);

/*
 * Before anything is written: content-length, if it is given, bounds what may
 * be. H2WS_ERR_HEADER.
 */
int h2ws__stream_count(h2ws_stream *stream, const h2ws_header *headers,
                       size_t len);

/* The same for a request; one without a body has no length but 0. */
int h2ws__stream_count_request(h2ws_stream *stream,
                               const h2ws_request *request);

/* RFC 9110 section 6.4.1: these have no content and tell no length. */
bool h2ws__status_has_content(int status);

/* As h2ws_stream_write(), sharing the bytes of `blob` instead of copying. */
int h2ws__stream_write_blob(h2ws_stream *stream, struct h2ws__blob *blob);

/* The peer ended its side: on_readable. */
void h2ws__stream_input_end(h2ws_stream *stream);

/* `len` bytes go to the transport, through `buf`; maybe on_writable. */
void h2ws__stream_send_into(h2ws_stream *stream, uint8_t *buf, size_t len);

/* True if h2ws_stream_shutdown() was called and nothing is left to send. */
bool h2ws__stream_output_ended(const h2ws_stream *stream);

/*
 * It is over: frees the queues, on_close, drops the carrier's reference.
 * Returns how many received bytes were never consumed, for the connection's
 * window. `info->cls` and others are the carrier's.
 */
size_t h2ws__stream_closed(h2ws_stream *stream, const h2ws_close_info *info);

/* An info with `size` and the given values set, everything else empty. */
h2ws_close_info h2ws__close_info(h2ws_close_class cls, int error,
                                 const char *detail);

#endif
