/*
 * The inside of an HTTP/1.1 session, shared by the files of h1/ only.
 *
 *   h1_session.c  life, bytes in, bytes out, deadlines, the end
 *   h1_stream.c   the carrier of the stream of one exchange
 *   request.c     server: is this request acceptable?
 *   answer.c      client: the requests we send, and what comes back
 *   write.c       the heads we send
 *   intake.c      collecting a head
 *   parser.c      a head to its parts
 *   body.c        where content ends
 *   key.c         the key of the handshake
 */
#ifndef H2WS_H1_SESSION_H
#define H2WS_H1_SESSION_H

#include "h1/body.h"
#include "h1/h1.h"
#include "h1/intake.h"
#include "h1/key.h"
#include "h1/parser.h"

/* What the next byte received belongs to. */
enum h2ws__h1_expect {
  H2WS__H1_EXPECT_HEAD,
  H2WS__H1_EXPECT_BODY,
  H2WS__H1_EXPECT_TUNNEL, /* everything is the stream's */
  H2WS__H1_EXPECT_TURN,   /* server: the exchange before has to end first */
};

/* How the stream's bytes go out. */
enum h2ws__h1_framing {
  H2WS__H1_FRAMING_NONE, /* not yet */
  H2WS__H1_FRAMING_RAW,
  H2WS__H1_FRAMING_CHUNKED,
};

enum h2ws__h1_phase {
  H2WS__H1_RUNNING,
  H2WS__H1_ENDING, /* the exchange under way is the last */
  H2WS__H1_FAILED, /* flush what is left of heads, then over */
  H2WS__H1_OVER,
};

struct h2ws__h1_stream {
  h2ws_stream base;
  struct h2ws__h1 *h1; /* NULL once closed */
};

struct h2ws__h1 {
  struct h2ws__env *env;
  const struct h2ws__session_events *events;
  void *owner;
  h2ws_conn_options options;
  bool server;
  bool told;     /* want_send was called */
  bool in_call;  /* inside recv, send or tick */
  uint8_t phase; /* enum h2ws__h1_phase */
  int64_t exchanges;

  /* The exchange under way. */
  struct h2ws__h1_stream *stream; /* NULL: none */
  struct {
    bool upgrade;    /* to WebSocket, asked for or done */
    bool keep;       /* another request may follow */
    bool no_body;    /* HEAD: the answer has no content */
    bool http10;     /* the client cannot read chunks */
    bool discards;   /* answered without listening */
    bool sent;       /* our side has ended and gone out */
    bool dead;       /* reset: closed at the next settling */
    h2ws_time moved; /* server: content last came, went out or was read */
    uint8_t interims;
    int status;    /* client: of the final answer */
    uint8_t *body; /* first bytes of a refusal */
    size_t body_len;
    uint8_t why_cls; /* h2ws_close_class, with why */
    int why_error;
    const char *why; /* static; NULL: judge by the state */
    char accept[H2WS__H1_ACCEPT_LEN + 1];
  } ex;

  struct {
    uint8_t expect; /* enum h2ws__h1_expect */
    bool eof;       /* the transport's end was received */
    bool full;      /* want_recv is due once there is room */
    struct h2ws__h1_intake head;
    struct h2ws__h1_body body;
    struct h2ws__bufq ahead; /* behind the exchange under way */
  } rx;
  struct {
    uint8_t framing;       /* enum h2ws__h1_framing */
    struct h2ws__bufq out; /* heads */
    h2ws_time at;          /* bytes last went out */
  } tx;

  /* How it ended, or is going to. */
  struct {
    h2ws_close_class cls;
    int error;
    bool by_peer;
    const char *detail; /* static; NULL: not yet known */
  } end;

  struct h2ws__timer idle_timer;   /* no exchange, or an unfinished head */
  struct h2ws__timer stream_timer; /* answer, open, linger or a body */
  struct h2ws__timer stall_timer;
  struct h2ws__timer drain_timer;
  struct h2ws__timer settle_timer; /* at once: settling is due */
};

/* h1_session.c */

/* Ends the connection for a reason: flush, over. The first reason counts. */
void h2ws__h1_fail(struct h2ws__h1 *h1, h2ws_close_class cls, int error,
                   const char *detail);
/* Something may be there to send. */
void h2ws__h1_touch(struct h2ws__h1 *h1);
/* Settling is due, and this may be no place for it. */
void h2ws__h1_settle_soon(struct h2ws__h1 *h1);
/* Arms a timer, or stops it if `ms` is 0. */
void h2ws__h1_arm(struct h2ws__h1 *h1, struct h2ws__timer *timer, uint32_t ms);

/* h1_stream.c */

/* A stream for a new exchange, h1->stream. H2WS_ERR_NOMEM. */
int h2ws__h1_stream_new(struct h2ws__h1 *h1, h2ws_stream_state state);
/* Ends it at the next settling, for this reason. `why` is static. */
void h2ws__h1_stream_end(struct h2ws__h1 *h1, h2ws_close_class cls, int error,
                         const char *why);
/* on_close; the exchange is done. */
void h2ws__h1_stream_close(struct h2ws__h1 *h1);
/* Content arrived. */
void h2ws__h1_stream_input(struct h2ws__h1 *h1, uint8_t *data, size_t len);
/* The peer ended its side. */
void h2ws__h1_stream_input_end(struct h2ws__h1 *h1);

/* request.c */

/* Server: a whole head is in h1->rx.head. */
void h2ws__h1_request(struct h2ws__h1 *h1);
/* Server: answers without a stream and ends the connection. */
void h2ws__h1_refuse(struct h2ws__h1 *h1, int status, int error,
                     const char *detail);

/* answer.c */

/* Client: a whole head is in h1->rx.head. */
void h2ws__h1_answer(struct h2ws__h1 *h1);
/* Client: bytes of the body of a refusal. */
void h2ws__h1_refusal_body(struct h2ws__h1 *h1, const uint8_t *data,
                           size_t len);
/* Client: it is complete, or as much of it as we want. */
void h2ws__h1_refused(struct h2ws__h1 *h1);

/* write.c */

/* Queues the head of an answer, our own fields included: H2WS__ANSWER_*. */
int h2ws__h1_write_answer(struct h2ws__h1 *h1, int status,
                          const h2ws_header *headers, size_t headers_len,
                          unsigned flags);
/* The same for one that no application sees. `extra` may be NULL. */
int h2ws__h1_write_refusal(struct h2ws__h1 *h1, int status,
                           const h2ws_header *extra);
int h2ws__h1_write_continue(struct h2ws__h1 *h1);
/* Queues the head of an ordinary request. */
int h2ws__h1_write_request(struct h2ws__h1 *h1, const h2ws_request *request);
/* Queues the request for an upgrade. */
int h2ws__h1_write_upgrade(struct h2ws__h1 *h1, const h2ws_request *request,
                           const char *key);

#endif
