/*
 * WebSocket messages over a byte stream (RFC 6455), either side.
 *
 *   socket.c       life, callbacks, timers, getters
 *   receive.c      bytes to frames to messages
 *   sender.c       messages to frames to bytes
 *   message.c      prepared messages: encoded once, sent to many
 *   close.c        the steps of the closing handshake
 *   close_state.c  its table
 *   compress.c     both of these through permessage-deflate
 *   extension.c    its terms
 *   deflate.c      zlib
 *   frame.c        frame headers, by wslay
 *   mask.c utf8.c
 */
#ifndef H2WS_WS_SOCKET_H
#define H2WS_WS_SOCKET_H

#include "lib/base/stream.h"
#include "ws/close_state.h"
#include "ws/deflate.h"
#include "ws/extension.h"
#include "ws/frame.h"
#include "ws/utf8.h"

#define H2WS__CONTROL_MAX 125 /* RFC 6455 section 5.5 */
#define H2WS__REASON_MAX 123
#define H2WS__CODE_NONE 1005
#define H2WS__CODE_ABNORMAL 1006

/* A message that arrives in more than one piece. */
struct h2ws__assembly {
  size_t len;
  size_t cap;
  uint8_t data[];
};

/* What few sockets need at a time; allocated then. */
struct h2ws__extra {
  uint8_t control[H2WS__CONTROL_MAX]; /* a control frame in pieces */
  uint8_t control_len;
  bool pong_waits;
  uint8_t pong_len;
  uint8_t pong[H2WS__CONTROL_MAX];
  uint8_t reason_len;
  char reason[H2WS__REASON_MAX + 1]; /* the peer's */
};

/*
 * The options of many sockets: those of a connection that want the same
 * share one copy, for they rarely differ.
 */
struct h2ws__shared_options {
  h2ws_socket_options all;
  size_t refs;
};

struct h2ws_socket {
  struct h2ws__env *env;
  h2ws_stream *stream; /* NULL before start and after the end */
  const h2ws_socket_callbacks *callbacks;
  void *user;
  char *protocol;
  struct h2ws__extra *extra;
  struct h2ws__shared_options *options;
  struct h2ws__terms terms; /* of compression */
  uint32_t refs;
  uint8_t close; /* enum h2ws__close_state */
  bool server;
  bool paused;
  bool lingered;   /* for the peer's end, once */
  bool processing; /* h2ws__socket_process() is on the stack */
  bool want_writable;
  bool close_told;
  bool closed_by_peer;
  uint16_t peer_code;  /* of the CLOSE received; 0 none */
  uint16_t local_code; /* of the CLOSE sent; 0 none */
  uint8_t why_cls;
  int why_error;
  const char *why;          /* NULL: judge by the stream's end */
  char *why_text;           /* owned; where the sentence names numbers */
  struct h2ws__timer timer; /* while open: PING; then: closing */
  struct h2ws__timer later; /* inflating goes on when it fires */
  struct {
    uint8_t header[H2WS__FRAME_HEADER_MAX];
    uint8_t header_len;
    bool in_frame;
    bool in_message;
    bool compressed;  /* RSV1 on the message under way */
    bool first_chunk; /* on_chunk has not been called for it */
    bool heard;       /* something arrived since the ping timer ran */
    bool ping_asked;  /* our PING is out */
    uint8_t type;     /* of the message under way */
    struct h2ws__frame frame;
    uint64_t left; /* payload of the frame still to come */
    uint64_t size; /* of the message so far, announced */
    uint32_t fragments;
    uint32_t controls; /* in the second that began at controls_at */
    h2ws_time controls_at;
    struct h2ws__utf8 utf8;
    struct h2ws__assembly *assembly;
    bool unfinished; /* the inflater has more to give without input */
    struct h2ws__inflater *inflater; /* under way, or kept for its history */
  } rx;
  struct {
    bool streaming;  /* between send_begin and send_end */
    bool begun;      /* its first frame was sent */
    bool compressed; /* the streamed message is */
    bool tail_owed;  /* the end of its last flush was kept back */
    bool busy;       /* a compressed message is being queued */
    uint8_t type;
    struct h2ws__utf8 utf8;
    struct h2ws__deflater *deflater; /* as the inflater */
  } tx;
};

/* For lib/. */

/* The connection ends: drops its hold on the options last used. */
void h2ws__socket_options_forget(struct h2ws__env *env);

/* `options` may be NULL. One reference, given up after on_close. */
int h2ws__socket_new(h2ws_socket **out, struct h2ws__env *env, bool server,
                     const h2ws_socket_options *options,
                     const h2ws_socket_callbacks *callbacks, void *user);

/* What was given, defaults for the rest. `in` may be NULL. */
void h2ws__socket_options_read(h2ws_socket_options *out,
                               const h2ws_socket_options *in);

/* Ties the two together, before the handshake; see h2ws__socket_end(). */
void h2ws__socket_attach(h2ws_socket *socket, h2ws_stream *stream);

/* What h2ws_socket_protocol() says, copied. H2WS_ERR_NOMEM. */
int h2ws__socket_set_protocol(h2ws_socket *socket, const char *protocol,
                              size_t len);

/*
 * The opening handshake succeeded: takes over the stream's callbacks.
 * Clients get on_open.
 */
void h2ws__socket_start(h2ws_socket *socket);

/* It ended, before or after start: on_close, once. */
void h2ws__socket_end(h2ws_socket *socket, const h2ws_close_info *info);

/* Inside ws/. */

/* An assembly may be NULL. */
void h2ws__assembly_free(h2ws_socket *socket, struct h2ws__assembly *a);

/* receive.c */
void h2ws__socket_process(h2ws_socket *socket);
/* `n` bytes of a message; `last` ends it. */
void h2ws__socket_take_data(h2ws_socket *socket, const uint8_t *data, size_t n,
                            bool last);
/* Fails with a sentence that holds numbers, as h2ws__socket_fail(). */
void h2ws__socket_fail_limit(h2ws_socket *socket, uint16_t code,
                             const char *format, unsigned long long value,
                             unsigned long long limit);

/* compress.c */
/* Takes unmasked payload; `end`: of the message. Returns how much. */
size_t h2ws__socket_inflate(h2ws_socket *socket, const uint8_t *data, size_t n,
                            bool end);
/* Goes on without input where h2ws__socket_inflate() was paused. */
void h2ws__socket_inflate_more(h2ws_socket *socket);
/* True if we may compress what we send. */
bool h2ws__socket_may_deflate(const h2ws_socket *socket);
int h2ws__socket_send_deflated(h2ws_socket *socket, uint8_t opcode,
                               const uint8_t *data, size_t len);
/*
 * A piece of a streamed message. H2WS_ERR_NOMEM with tx.compressed false: the
 * message has not begun and can go on uncompressed.
 */
int h2ws__socket_piece_deflated(h2ws_socket *socket, const uint8_t *data,
                                size_t len);
int h2ws__socket_end_deflated(h2ws_socket *socket);
/*
 * True if a message of `len` bytes goes out compressed without reference to
 * others, by `shape`: what one such socket sends serves all of that shape.
 */
bool h2ws__socket_may_share(const h2ws_socket *socket, size_t len,
                            struct h2ws__deflate_shape *shape);
/* Gives back what compression holds. */
void h2ws__socket_free_deflate(h2ws_socket *socket);

/* sender.c */
/* The opcode of a type to send; 0 if it is none. */
uint8_t h2ws__type_opcode(h2ws_type type);
/* True unless the type says that it is not to be compressed. */
bool h2ws__type_may_deflate(h2ws_type type);
/* One fragment of the streamed message. */
int h2ws__socket_send_fragment(h2ws_socket *socket, const uint8_t *data,
                               size_t len, bool fin);
int h2ws__socket_write_frame(h2ws_socket *socket, struct h2ws__frame *frame,
                             const uint8_t *payload);
int h2ws__socket_write_control(h2ws_socket *socket, uint8_t opcode,
                               const uint8_t *payload, size_t len);
void h2ws__socket_flush_pong(h2ws_socket *socket);
/* 0 if a whole message may be queued now. */
int h2ws__socket_send_check(h2ws_socket *socket);

/* close.c */
bool h2ws__close_code_is_valid(uint16_t code);
/* The peer broke a rule: CLOSE(code), end, then nothing but discarding. */
void h2ws__socket_fail(h2ws_socket *socket, uint16_t code, int error,
                       const char *why);
/* Reset, for a reason of our own. */
void h2ws__socket_give_up(h2ws_socket *socket, h2ws_close_class cls, int error,
                          const char *why);
/* A CLOSE frame arrived. */
void h2ws__socket_peer_close(h2ws_socket *socket, const uint8_t *payload,
                             size_t len);
void h2ws__socket_peer_end(h2ws_socket *socket);
/* A deadline of the closing handshake has passed. */
void h2ws__socket_close_overdue(h2ws_socket *socket);

/* socket.c */
struct h2ws__extra *h2ws__socket_extra(h2ws_socket *socket);
/* True while frames of the peer are looked at. */
static inline bool h2ws__socket_is_listening(const h2ws_socket *socket) {
  return socket->close == H2WS__CLOSE_OPEN ||
         socket->close == H2WS__CLOSE_EXPECT_PEER;
}
/* True while messages of the peer go to the application (row K-13). */
static inline bool h2ws__socket_takes_messages(const h2ws_socket *socket) {
  return socket->close == H2WS__CLOSE_OPEN ||
         (socket->close == H2WS__CLOSE_EXPECT_PEER &&
          socket->options->all.receive_after_close);
}
/* True if messages wait. Those that are dropped do not. */
static inline bool h2ws__socket_is_resting(const h2ws_socket *socket) {
  return (socket->paused || h2ws__timer_is_set(&socket->later)) &&
         h2ws__socket_takes_messages(socket);
}
/* True while messages may be queued. */
static inline bool h2ws__socket_may_send(const h2ws_socket *socket) {
  return socket->close == H2WS__CLOSE_OPEN;
}
int h2ws__socket_send_error(const h2ws_socket *socket);

#endif
