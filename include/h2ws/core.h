/*
 * h2ws/core.h: WebSocket over HTTP/2 (RFC 8441) without input or output.
 *
 * The core takes bytes in and gives bytes out. It opens no socket, reads no
 * clock, starts no thread and keeps no global state. A program (or
 * h2ws/event.h, which is such a program) carries the bytes:
 *
 *     received from the transport   -> h2ws_conn_recv()
 *     h2ws_conn_send()              -> to the transport
 *     h2ws_conn_deadline() reached  -> h2ws_conn_tick()
 *
 * Three objects, one per layer of the protocol:
 *
 *     h2ws_conn     one connection
 *     h2ws_stream   the bytes of one stream on it
 *     h2ws_socket   WebSocket messages over one stream
 *
 * Threads: one thread at a time for a connection and all that lives on it.
 *
 * Pointers: each is marked with one of four words. "Borrowed": valid until
 * the call or the callback returns. "Copied": the callee takes its own copy.
 * "Owned by the caller": has a _free or _release. "Static": never freed.
 *
 * Results: int functions return 0 or a negative H2WS_ERR_*; functions that
 * count bytes return h2ws_ssize, a count or a negative H2WS_ERR_*. Unless a
 * function says otherwise, NULL for an object gives H2WS_ERR_INVALID (or 0,
 * NULL, false from getters).
 *
 * Calls from inside callbacks: every function may be called from inside every
 * callback, h2ws_conn_free() included, except h2ws_conn_recv(),
 * h2ws_conn_recv_eof(), h2ws_conn_send() and h2ws_conn_tick() of the connection
 * that is calling; those return H2WS_ERR_STATE.
 */
#ifndef H2WS_CORE_H
#define H2WS_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(H2WS_STATIC)
#define H2WS_EXTERN
#elif defined(_WIN32) && defined(H2WS_BUILDING)
#define H2WS_EXTERN __declspec(dllexport)
#elif defined(_WIN32)
#define H2WS_EXTERN __declspec(dllimport)
#else
#define H2WS_EXTERN __attribute__((visibility("default")))
#endif

/* ------------------------------------------------------------------------
 * Version
 */

#define H2WS_VERSION "0.1.0"
#define H2WS_VERSION_NUM 0x000100

/* The version of the library that runs, such as "0.1.0". Static. */
H2WS_EXTERN const char *h2ws_version(void);

/* ------------------------------------------------------------------------
 * Scalar types
 */

/* A count of bytes, or a negative H2WS_ERR_*. */
typedef int64_t h2ws_ssize;

/* A point on a monotonic clock, in nanoseconds. */
typedef uint64_t h2ws_time;

#define H2WS_MS ((h2ws_time)1000000)
#define H2WS_NEVER ((h2ws_time)UINT64_MAX)

/* ------------------------------------------------------------------------
 * Errors
 *
 * Name, number and text. Numbers never change. Classes by range: the call was
 * wrong or early (-1..), the open failed (-20..), the peer or the network
 * failed (-40..), the edge failed (-60..), we failed (-100..). Numbers at or
 * below H2WS_ERR_FATAL leave the object of the call unusable.
 */

#define H2WS_ERRORS(X)                                                         \
  X(AGAIN, -1, "not now: try again after the writable event")                  \
  X(INVALID, -2, "invalid argument")                                           \
  X(STATE, -3, "not allowed in this state")                                    \
  X(CLOSED, -4, "already closed")                                              \
  X(EOF, -5, "the peer ended its side")                                        \
  X(UTF8, -6, "text is not valid UTF-8")                                       \
  X(TOO_BIG, -7, "larger than the limit")                                      \
  X(HEADER, -8, "a header field is not allowed here")                          \
  X(UNSUPPORTED, -20, "the peer does not offer WebSocket over HTTP/2")         \
  X(REFUSED, -21, "the peer refused the request")                              \
  X(HANDSHAKE, -22, "the answer is not a WebSocket handshake")                 \
  X(RETRY, -23, "not processed by the peer: safe to retry")                    \
  X(HTTP_1_1, -24, "the peer requires HTTP/1.1")                               \
  X(EXHAUSTED, -25, "the connection has no stream ids left")                   \
  X(GOING_AWAY, -26, "the connection takes no new streams")                    \
  X(MISDIRECTED, -27, "the peer is not responsible for this authority")        \
  X(PROTO, -40, "the peer violated the protocol")                              \
  X(RESET, -41, "the peer reset the stream")                                   \
  X(LOST, -42, "the connection was lost")                                      \
  X(TIMEOUT, -43, "a deadline passed")                                         \
  X(LIMIT, -44, "the peer exceeded a limit")                                   \
  X(ABORTED, -45, "aborted on this side")                                      \
  X(NOT_HTTP2, -46, "the peer does not speak HTTP/2")                          \
  X(URL, -60, "the URL cannot be used")                                        \
  X(RESOLVE, -61, "the host name did not resolve")                             \
  X(CONNECT, -62, "the connection was not established")                        \
  X(TLS, -63, "the TLS handshake failed")                                      \
  X(CERTIFICATE, -64, "the certificate is not acceptable")                     \
  X(ALPN, -65, "the peer did not select HTTP/2")                               \
  X(IO, -66, "input or output failed")                                         \
  X(CANCELLED, -67, "cancelled")                                               \
  X(PROXY, -68, "the proxy did not open a tunnel")                             \
  X(NOMEM, -100, "out of memory")                                              \
  X(INTERNAL, -101, "internal error")

enum h2ws_error {
#define H2WS_ERROR_ENUM_(name, number, text) H2WS_ERR_##name = number,
  H2WS_ERRORS(H2WS_ERROR_ENUM_)
#undef H2WS_ERROR_ENUM_
};

#define H2WS_ERR_FATAL (-100)

/* The text of an error ("ok" for 0). Static. */
H2WS_EXTERN const char *h2ws_strerror(int error);

/* The name of an error, such as "H2WS_ERR_AGAIN" ("0" for 0). Static. */
H2WS_EXTERN const char *h2ws_error_name(int error);

/* True if the object that returned this error cannot be used any more. */
H2WS_EXTERN bool h2ws_error_is_fatal(int error);

/*
 * The error codes of HTTP/2 (RFC 9113 section 7), as RST_STREAM and GOAWAY
 * carry them: for h2ws_stream_reset(), h2ws_conn_shutdown() and what
 * h2ws_close_info tells. Numbers that are not here can come from a peer.
 */
#define H2WS_H2_CODES(X)                                                       \
  X(NO_ERROR, 0x0)                                                             \
  X(PROTOCOL_ERROR, 0x1)                                                       \
  X(INTERNAL_ERROR, 0x2)                                                       \
  X(FLOW_CONTROL_ERROR, 0x3)                                                   \
  X(SETTINGS_TIMEOUT, 0x4)                                                     \
  X(STREAM_CLOSED, 0x5)                                                        \
  X(FRAME_SIZE_ERROR, 0x6)                                                     \
  X(REFUSED_STREAM, 0x7)                                                       \
  X(CANCEL, 0x8)                                                               \
  X(COMPRESSION_ERROR, 0x9)                                                    \
  X(CONNECT_ERROR, 0xa)                                                        \
  X(ENHANCE_YOUR_CALM, 0xb)                                                    \
  X(INADEQUATE_SECURITY, 0xc)                                                  \
  X(HTTP_1_1_REQUIRED, 0xd)

enum h2ws_h2_code {
#define H2WS_H2_CODE_ENUM_(name, number) H2WS_H2_##name = number,
  H2WS_H2_CODES(H2WS_H2_CODE_ENUM_)
#undef H2WS_H2_CODE_ENUM_
};

/* The name of a code of HTTP/2, such as "CANCEL", or "unknown code". Static. */
H2WS_EXTERN const char *h2ws_h2_code_name(uint32_t h2_code);

/* ------------------------------------------------------------------------
 * Header fields
 *
 * Names are lower case, both strings are NUL-terminated. Values never hold
 * CR, LF or NUL (RFC 9113 section 8.2.1).
 */

typedef struct h2ws_header {
  const char *name;
  const char *value;
} h2ws_header;

/* ------------------------------------------------------------------------
 * How things end
 */

typedef enum h2ws_close_class {
  H2WS_CLOSE_CLEAN,    /* both sides finished as the protocol wants it */
  H2WS_CLOSE_REFUSED,  /* the open was refused, by status or by reset */
  H2WS_CLOSE_ABORTED,  /* we gave up: abort, reset or free on this side */
  H2WS_CLOSE_LOST,     /* the peer reset the stream, or the connection died */
  H2WS_CLOSE_TIMEOUT,  /* a deadline passed */
  H2WS_CLOSE_PROTOCOL, /* one side broke the protocol or a limit */
} h2ws_close_class;

/* The name of a close class, such as "clean". Static. */
H2WS_EXTERN const char *h2ws_close_class_name(h2ws_close_class cls);

/*
 * Why an object ended. Comes exactly once for every connection, stream and
 * socket that was handed out. All pointers are borrowed until the callback
 * returns.
 */
typedef struct h2ws_close_info {
  size_t size;
  h2ws_close_class cls;
  int error;          /* 0 if clean, else H2WS_ERR_* */
  bool by_peer;       /* the peer ended it, or began the closing handshake */
  bool retryable;     /* the peer certainly did not process the request */
  uint16_t code;      /* WebSocket close code; 1005 none, 1006 no CLOSE,
                         1015 no TLS */
  const char *reason; /* WebSocket close reason: UTF-8, untrusted text */
  size_t reason_len;  /* bytes; the reason is also NUL-terminated */
  uint32_t h2_code;   /* HTTP/2 code on the wire (H2WS_H2_*), for logs */
  int status;         /* HTTP status of a refusal, else 0 */
  const h2ws_header *headers; /* fields of a refusal */
  size_t headers_len;
  const uint8_t *body; /* first bytes of the refusal's body */
  size_t body_len;     /* at most h2ws_conn_options.max_refusal_body */
  const char *detail;  /* one sentence: what was wrong, for people; not NULL */
} h2ws_close_info;

/* ------------------------------------------------------------------------
 * Memory, time, randomness, trace: what the core needs from outside
 */

typedef struct h2ws_mem {
  void *(*alloc)(size_t size, void *user);
  void *(*resize)(void *ptr, size_t size, void *user);
  void (*release)(void *ptr, void *user);
  void *user;
} h2ws_mem;

typedef enum h2ws_trace_level {
  H2WS_TRACE_ERROR,
  H2WS_TRACE_INFO,   /* handshakes, closes, limits */
  H2WS_TRACE_FRAME,  /* every HTTP/2 frame */
  H2WS_TRACE_MESSAGE /* every WebSocket frame */
} h2ws_trace_level;

/* ------------------------------------------------------------------------
 * Connections
 */

/* What a connection speaks. */
typedef enum h2ws_http {
  H2WS_HTTP_ANY = 0, /* server: the client's first bytes decide */
  H2WS_HTTP_1_1 = 1, /* ordinary requests, and Upgrade to one WebSocket */
  H2WS_HTTP_2 = 2,
} h2ws_http;

typedef struct h2ws_conn h2ws_conn;
typedef struct h2ws_stream h2ws_stream;
typedef struct h2ws_socket h2ws_socket;

/*
 * What happens on a connection. Borrowed until its on_close has returned
 * (usually static const). Each member may be NULL.
 */
typedef struct h2ws_conn_callbacks {
  size_t size;

  /*
   * Server: a request arrived on `stream` (borrowed, until the stream's
   * on_close; see h2ws_stream_retain). Read it with h2ws_stream_method() and
   * its siblings, then, now or later, answer it with exactly one of
   * h2ws_socket_accept(), h2ws_stream_accept(), h2ws_stream_answer(),
   * h2ws_stream_respond(), h2ws_stream_reset(). Undecided requests are answered
   * 503 after options.answer_timeout_ms (from the request, or from when its
   * body was last read). Requests that are malformed, or name a :protocol that
   * options.protocols does not list, never get here.
   */
  void (*on_request)(h2ws_conn *conn, h2ws_stream *stream, void *user);

  /*
   * The peer's first SETTINGS arrived. `extended_connect`: the peer takes
   * WebSockets on this connection (RFC 8441 section 3).
   */
  void (*on_ready)(h2ws_conn *conn, bool extended_connect, void *user);

  /* The peer sent GOAWAY: no new streams can be opened. */
  void (*on_goaway)(h2ws_conn *conn, uint32_t h2_code, void *user);

  /* There is something for h2ws_conn_send(); comes once until it is called. */
  void (*on_want_send)(h2ws_conn *conn, void *user);

  /*
   * The deadline moved to an earlier time: ask h2ws_conn_deadline() again.
   */
  void (*on_deadline)(h2ws_conn *conn, void *user);

  /*
   * The connection ended, after every stream's and socket's own on_close.
   * What h2ws_conn_send() still gives out should be sent, then the transport
   * closed. The connection stays valid until h2ws_conn_free().
   */
  void (*on_close)(h2ws_conn *conn, const h2ws_close_info *info, void *user);

  /* One line about what happens. `text` is borrowed, without line end. */
  void (*on_trace)(h2ws_conn *conn, h2ws_trace_level level, const char *text,
                   void *user);

  /* HTTP/1.1: h2ws_conn_wants_recv() was false and is true again. */
  void (*on_want_recv)(h2ws_conn *conn, void *user);

  /*
   * Client with options.enable_push: the server is going to answer on `stream`
   * (borrowed, until its on_close) what nobody has asked for. Read the request
   * it stands for with h2ws_stream_method() and its siblings, in here, and give
   * it callbacks (h2ws_stream_set_callbacks()): on_open comes with the answer.
   * Or reset it, with CANCEL (8), as is done where this is NULL: above all if
   * the server has no say over that h2ws_stream_authority(). `parent`: the
   * request that brought it, NULL if that has ended.
   */
  void (*on_push)(h2ws_conn *conn, h2ws_stream *stream, h2ws_stream *parent,
                  void *user);
} h2ws_conn_callbacks;

/*
 * Options of a connection. Fill with h2ws_conn_options_default(), then change
 * what you need. Times are milliseconds, 0 means off. Copied.
 */
typedef struct h2ws_conn_options {
  size_t size;

  /* Allocator for everything on this connection; NULL: malloc. Copied. */
  const h2ws_mem *mem;

  /* Monotonic time. Required. */
  h2ws_time (*now)(void *user);

  /*
   * Fills `buf` with unpredictable bytes (for masking keys, RFC 6455 section
   * 10.3). Returns 0, or non-zero on failure, which ends the socket that
   * needed it. Required for clients.
   */
  int (*random)(uint8_t *buf, size_t len, void *user);

  /* The `user` of now and random. */
  void *env_user;

  /* The transport is encrypted: :scheme must be https, else http. */
  bool secure;

  /* Behind a TLS terminator or a TLS client of it: take either scheme. */
  bool any_scheme;

  /*
   * Server: offer extended CONNECT (SETTINGS_ENABLE_CONNECT_PROTOCOL=1).
   * Switch it off where nothing can serve a WebSocket.
   */
  bool enable_connect_protocol;

  /*
   * Server: the :protocol values besides "websocket" that on_request gets,
   * as a comma list, or "*" for every token; NULL: none. Others are answered
   * 501. Copied.
   */
  const char *protocols;

  /* Server: give classic CONNECT to on_request instead of answering 501. */
  bool allow_connect;

  /*
   * Client: if the first SETTINGS lack extended CONNECT, wait for a later
   * one until the open deadline instead of failing at once (row W-06).
   */
  bool wait_for_connect_protocol;

  uint32_t max_streams; /* streams the peer may have open; 100 */

  /*
   * Bytes that may be in flight or wait unread: of a stream, and in all. So a
   * client makes a server hold at most max_streams * stream_window of them on a
   * connection (25 MiB), and only if the application leaves that many streams
   * unread. A smaller conn_window holds that down, at a price: once half of it
   * is unread, all streams may have to wait until some of that is read.
   *
   * stream_window: 256 KiB. conn_window: 0, which stands for twice the product
   * above (up to 2 GiB), so that a stream goes on whatever the others do, as
   * long as there are no more than max_streams; HTTP/1.1: 1 MiB.
   */
  uint32_t stream_window;
  uint32_t conn_window;

  uint32_t max_frame_size;    /* HTTP/2 frames we take; 16384 */
  uint32_t max_header_list;   /* bytes, RFC 9113 section 10.5.1; 16 KiB
                                 (16 times that end the connection) */
  uint32_t max_header_fields; /* fields; 100 (1000 end the connection) */
  uint32_t max_refusal_body;  /* bytes kept of a refusal's body; 1024 */
  uint32_t max_resets_sent;   /* RST_STREAM for peer faults per 30 s; 200 */
  uint32_t max_resets_burst;  /* RST_STREAM received at once; 1000 */
  uint32_t max_resets_rate;   /* and per second after that; 33 */
  uint32_t max_glitch_burst;  /* odd but legal frames at once; 10000 */
  uint32_t max_glitch_rate;   /* and per second after that; 330 */

  uint32_t settings_timeout_ms; /* preface and first SETTINGS; 10 s */
  uint32_t ack_timeout_ms;      /* acknowledgement of our SETTINGS; 10 s */
  uint32_t header_timeout_ms;   /* a header block that has begun; 10 s */
  uint32_t open_timeout_ms;     /* client: until a stream is open; 10 s */
  uint32_t answer_timeout_ms;   /* server: for the application; 15 s */
  uint32_t ping_interval_ms;    /* HTTP/2 PING on a silent connection; 20 s */
  uint32_t ping_timeout_ms;     /* for the answer; 20 s */
  uint32_t idle_timeout_ms;     /* a connection without streams; server of
                                   HTTP/1.1: an accepted request, the rest
                                   of which does not come (HTTP/2 has PING);
                                   60 s */
  uint32_t stall_timeout_ms;    /* output waits, nothing moves; 30 s */
  uint32_t stream_stall_timeout_ms; /* same for one stream; 60 s */
  uint32_t linger_timeout_ms;       /* for the peer's end of a stream; 2 s */
  uint32_t goaway_delay_ms;  /* from the first GOAWAY to the second; 1 s */
  uint32_t drain_timeout_ms; /* h2ws_conn_drain() in all; 30 s */

  size_t high_water; /* bytes queued on a stream before AGAIN; 1 MiB */
  size_t low_water;  /* bytes at which on_writable comes; 256 KiB */

  /*
   * Bytes queued on all streams of a connection; 4 MiB, at least high_water.
   * Where there are more, both marks above are a sixteenth of what they say: so
   * streams that the peer does not read leave room for the others, and none
   * waits for another. A message is queued whole, so one can go beyond a mark.
   */
  size_t max_queue;

  /*
   * Bytes of unfinished messages that the sockets of a connection hold together
   * for on_message; 256 MiB, at least max_message. The socket that would exceed
   * it ends with 1009. on_chunk holds none.
   */
  size_t max_assembly;

  /*
   * Bytes that compression may hold on this connection (RFC 7692). Where a
   * compressor would go beyond, messages are sent uncompressed. What comes is
   * inflated in any case, with up to 40 KiB for each socket; 4 MiB.
   */
  size_t max_compress_memory;

  /*
   * H2WS_HTTP_2, the default, is HTTP/2 with prior knowledge. Over TLS, what
   * ALPN chose. A client takes H2WS_HTTP_ANY for H2WS_HTTP_2.
   *
   * With HTTP/1.1 a connection carries one exchange at a time: a client's next
   * request can be opened from the on_close of the one before, unless one of
   * both sides ends the connection with it. h2ws_socket_open() is an Upgrade
   * (RFC 6455 section 4), the last request of its connection; CONNECT is for
   * HTTP/2. A server gets ordinary requests and upgrades
   * through on_request, as it does with HTTP/2, and answers them by the same
   * calls. Ending our side of an upgraded stream ends the connection on a
   * server. ping_interval_ms and ping_timeout_ms become those of sockets that
   * have none of their own.
   */
  h2ws_http http;

  /*
   * Client, HTTP/2: take what the server pushes (RFC 9113 section 8.4), up to
   * max_streams at once; on_push gets it. Off: a push ends the connection.
   */
  bool enable_push;
} h2ws_conn_options;

/* Fills in the defaults named above. `size` is sizeof(*options). */
H2WS_EXTERN void h2ws_conn_options_default(h2ws_conn_options *options,
                                           size_t size);

/*
 * A new connection whose transport has just been established. The client
 * speaks first; the server's SETTINGS go out at once too. `*out` is owned by
 * the caller, to be freed with h2ws_conn_free(). `callbacks` are borrowed
 * until on_close has returned, `options` are copied.
 *
 * H2WS_ERR_INVALID  a required option is missing or a value out of range
 * H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_conn_client_new(h2ws_conn **out,
                                     const h2ws_conn_options *options,
                                     const h2ws_conn_callbacks *callbacks,
                                     void *user);
H2WS_EXTERN int h2ws_conn_server_new(h2ws_conn **out,
                                     const h2ws_conn_options *options,
                                     const h2ws_conn_callbacks *callbacks,
                                     void *user);

/*
 * Frees a connection. Whatever is still open on it gets its on_close first
 * (class aborted), then the connection its own. NULL does nothing. From
 * inside a callback the memory is freed when the outermost call returns.
 */
H2WS_EXTERN void h2ws_conn_free(h2ws_conn *conn);

/*
 * Bytes arrived from the transport. All are taken. `data` is borrowed and
 * changed in place (unmasking). Callbacks run from here; after 1 MiB that was
 * inflated, compressed messages wait for h2ws_conn_tick(), due at once.
 *
 * Returns 0, or the error that ended the connection: then send what
 * h2ws_conn_send() gives and close the transport.
 *
 * H2WS_ERR_PROTO, H2WS_ERR_LIMIT, H2WS_ERR_NOT_HTTP2, H2WS_ERR_NOMEM
 * H2WS_ERR_CLOSED  the connection had ended before; the bytes are dropped
 */
H2WS_EXTERN int h2ws_conn_recv(h2ws_conn *conn, uint8_t *data, size_t len);

/*
 * False while so much is unread that receiving should pause: HTTP/1.1 has no
 * windows, so only the transport can hold the peer back. on_want_recv follows.
 * A transport that goes on for another conn_window is cut off. Always true
 * with HTTP/2.
 */
H2WS_EXTERN bool h2ws_conn_wants_recv(const h2ws_conn *conn);

/*
 * The transport ended: `error` is 0 for an orderly end (FIN, close_notify),
 * else the H2WS_ERR_* that describes it. Every open stream ends as lost, or,
 * with H2WS_ERR_TIMEOUT, with class timeout; on_close comes from in here.
 * H2WS_ERR_CLOSED
 */
H2WS_EXTERN int h2ws_conn_recv_eof(h2ws_conn *conn, int error);

/*
 * Writes what is to be sent to `buf`, up to `cap` bytes. Everything that can
 * be sent now is packed together, so that many small messages share frames.
 * Call it after each h2ws_conn_recv() and h2ws_conn_tick(), after
 * on_want_send, and again while it fills the buffer.
 *
 * Returns the number of bytes, 0 for none.
 * H2WS_ERR_INVALID  cap below H2WS_SEND_MIN
 */
H2WS_EXTERN h2ws_ssize h2ws_conn_send(h2ws_conn *conn, uint8_t *buf,
                                      size_t cap);

/* One DATA frame of the largest size we send, and its frame header. */
#define H2WS_SEND_MIN 17408

/* True if h2ws_conn_send() would give something. */
H2WS_EXTERN bool h2ws_conn_wants_send(const h2ws_conn *conn);

/*
 * True if nothing more will be received or sent: close the transport once
 * all bytes given by h2ws_conn_send() are out.
 */
H2WS_EXTERN bool h2ws_conn_finished(const h2ws_conn *conn);

/* When h2ws_conn_tick() is due; H2WS_NEVER if no deadline is set. */
H2WS_EXTERN h2ws_time h2ws_conn_deadline(const h2ws_conn *conn);

/*
 * Handles the deadlines that have passed. Feed pending input first: an event
 * and its deadline in the same turn count as the event. Callbacks run from
 * here. H2WS_ERR_CLOSED
 */
H2WS_EXTERN int h2ws_conn_tick(h2ws_conn *conn);

/*
 * Ends the connection gracefully (RFC 9113 section 6.8). Server: GOAWAY that
 * still takes new streams, after goaway_delay_ms the final GOAWAY; open
 * sockets get CLOSE 1001 and then have until drain_timeout_ms. Client: opens
 * nothing new, closes its sockets with 1001. on_close follows. Once is enough;
 * later calls change nothing. H2WS_ERR_CLOSED, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_conn_drain(h2ws_conn *conn);

/*
 * Ends the connection now with GOAWAY(h2_code). on_close follows, once
 * h2ws_conn_send() has given the GOAWAY. H2WS_ERR_CLOSED
 */
H2WS_EXTERN int h2ws_conn_shutdown(h2ws_conn *conn, uint32_t h2_code);

/* What it speaks; H2WS_HTTP_ANY until the client's first bytes tell. */
H2WS_EXTERN h2ws_http h2ws_conn_http(const h2ws_conn *conn);

/*
 * True if the peer's SETTINGS have arrived (HTTP/1.1: always), and offer
 * extended CONNECT (HTTP/1.1: never).
 */
H2WS_EXTERN bool h2ws_conn_is_ready(const h2ws_conn *conn);
H2WS_EXTERN bool h2ws_conn_has_extended_connect(const h2ws_conn *conn);

/* True if a new stream may be asked for (no GOAWAY, not closed). */
H2WS_EXTERN bool h2ws_conn_can_open(const h2ws_conn *conn);

/* Streams that are open or waiting on the connection, both sides' counted. */
H2WS_EXTERN size_t h2ws_conn_streams(const h2ws_conn *conn);

/*
 * How many more streams would not have to wait, as far as the peer's limits
 * (RFC 9113 section 5.1.2) are known; 0 before its SETTINGS, and where none can
 * be opened.
 */
H2WS_EXTERN size_t h2ws_conn_room(const h2ws_conn *conn);

/* Changes options.idle_timeout_ms from now on. */
H2WS_EXTERN int h2ws_conn_set_idle_timeout(h2ws_conn *conn, uint32_t ms);

/* The stream with this id, or NULL if it is gone. Borrowed. Constant time. */
H2WS_EXTERN h2ws_stream *h2ws_conn_stream(const h2ws_conn *conn, int64_t id);

H2WS_EXTERN void *h2ws_conn_user(const h2ws_conn *conn);
H2WS_EXTERN void h2ws_conn_set_user(h2ws_conn *conn, void *user);

/* What a connection has counted. Grows only at the end. */
typedef struct h2ws_conn_stats {
  size_t size;
  uint64_t bytes_received;
  uint64_t bytes_sent;
  uint64_t streams_opened;
  uint64_t streams_refused;
  uint64_t messages_received;
  uint64_t messages_sent;
  uint64_t resets_received;
  uint64_t resets_sent;
  uint64_t glitches;
  uint64_t limits_hit; /* times a limit ended a stream or the connection */
  h2ws_time ping_rtt;  /* last round trip of an HTTP/2 PING; 0 unknown */
  /*
   * Payload of compressed messages (RFC 7692), uncompressed and as it
   * travels. A prepared message counts for each socket that it was sent to.
   */
  uint64_t compress_sent_plain;
  uint64_t compress_sent_wire;
  uint64_t compress_received_plain;
  uint64_t compress_received_wire;
} h2ws_conn_stats;

/*
 * Copies the counters; `stats->size` says how much of the struct (0 is
 * H2WS_ERR_INVALID).
 */
H2WS_EXTERN int h2ws_conn_get_stats(const h2ws_conn *conn,
                                    h2ws_conn_stats *stats);

/* ------------------------------------------------------------------------
 * Streams: bytes both ways, whatever carries them
 */

typedef enum h2ws_stream_state {
  H2WS_STREAM_WAITING,     /* client: request not sent yet */
  H2WS_STREAM_OPENING,     /* client: request sent, no final answer yet */
  H2WS_STREAM_REQUESTED,   /* server: request received, no answer yet */
  H2WS_STREAM_OPEN,        /* bytes may travel both ways */
  H2WS_STREAM_HALF_LOCAL,  /* we ended our side */
  H2WS_STREAM_HALF_REMOTE, /* the peer ended its side */
  H2WS_STREAM_CLOSED,      /* both ended, or reset */
} h2ws_stream_state;

/* The name of a state, such as "open". Static. */
H2WS_EXTERN const char *h2ws_stream_state_name(h2ws_stream_state state);

/* Borrowed until the stream's on_close has returned. Members may be NULL. */
typedef struct h2ws_stream_callbacks {
  size_t size;

  /*
   * Client: the peer answered a CONNECT with 2xx, or another method with any
   * final status: h2ws_stream_status() tells which, h2ws_stream_header() reads
   * the rest of the answer.
   */
  void (*on_open)(h2ws_stream *stream, void *user);

  /*
   * There is something for h2ws_stream_peek(), or the peer ended its side.
   * Bytes that are not consumed stay queued and take up the stream's window;
   * the event does not repeat for them.
   */
  void (*on_readable)(h2ws_stream *stream, void *user);

  /* After H2WS_ERR_AGAIN: the queue has fallen to the low-water mark. */
  void (*on_writable)(h2ws_stream *stream, void *user);

  /*
   * The stream ended. What was received and not consumed can be read in here
   * for the last time. Its memory goes when this returns, unless retained.
   */
  void (*on_close)(h2ws_stream *stream, const h2ws_close_info *info,
                   void *user);
} h2ws_stream_callbacks;

/*
 * What a client asks for. Strings are copied. Fill with zeros, set what you
 * need.
 */
typedef struct h2ws_request {
  size_t size;
  const char *method;    /* NULL: "CONNECT" */
  const char *protocol;  /* :protocol, RFC 8441; NULL: none */
  const char *scheme;    /* NULL: "https" if secure, else "http" */
  const char *authority; /* required: host or host:port, no userinfo */
  const char *path;      /* required unless classic CONNECT; begins with / */
  const h2ws_header *headers; /* further fields, any case */
  size_t headers_len;
  bool end; /* END_STREAM on the request: no body. Not with CONNECT. */
} h2ws_request;

/*
 * Opens a stream: sends the request as soon as the peer's SETTINGS have
 * arrived and its stream limit allows. on_open or on_close follows, within
 * options.open_timeout_ms. `*out` is borrowed until on_close.
 *
 * The body of an ordinary request, unless `end` says that there is none, is
 * written at once, before the answer or beside it: h2ws_stream_write(), in the
 * end h2ws_stream_shutdown(). open_timeout_ms begins anew as bytes of it go
 * out. A content-length among the headers holds as with h2ws_stream_answer();
 * without one, HTTP/1.1 sends chunks.
 *
 * H2WS_ERR_INVALID     a field is missing or malformed
 * H2WS_ERR_HEADER      a header field is forbidden (RFC 9113 section 8.2.2)
 * H2WS_ERR_GOING_AWAY  no new streams: GOAWAY or drain
 * H2WS_ERR_EXHAUSTED   stream ids are used up: open another connection
 *                      (HTTP/1.1: while a request is under way)
 * H2WS_ERR_STATE       HTTP/1.1, and a CONNECT; or a server
 * H2WS_ERR_CLOSED, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_stream_open(h2ws_conn *conn, h2ws_stream **out,
                                 const h2ws_request *request,
                                 const h2ws_stream_callbacks *callbacks,
                                 void *user);

/*
 * Server: answers 200 (RFC 8441 section 5.1) and opens the byte stream.
 * `headers` are copied. Bytes that arrived early are readable at once:
 * on_readable comes for them.
 *
 * H2WS_ERR_STATE   answered already
 * H2WS_ERR_CLOSED  the peer is gone
 * H2WS_ERR_HEADER, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_stream_accept(h2ws_stream *stream,
                                   const h2ws_header *headers,
                                   size_t headers_len,
                                   const h2ws_stream_callbacks *callbacks,
                                   void *user);

/*
 * Server: answers an ordinary request with a status (200 to 599) and leaves
 * the body open: h2ws_stream_write(), in the end h2ws_stream_shutdown().
 * `headers` are copied. What there is to read of the request comes by
 * on_readable, as with h2ws_stream_accept().
 *
 * With a content-length among the headers, more than that cannot be written
 * (H2WS_ERR_TOO_BIG) and shutdown waits for all of it (H2WS_ERR_STATE); an
 * answer that cannot be finished is to be reset. Without one, HTTP/1.1 sends
 * chunks. Answers to HEAD, and those with 204 or 304, have no body: our side
 * has ended when this returns.
 *
 * H2WS_ERR_STATE   answered already; or CONNECT, or an Upgrade
 * H2WS_ERR_INVALID, H2WS_ERR_CLOSED, H2WS_ERR_HEADER, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_stream_answer(h2ws_stream *stream, int status,
                                   const h2ws_header *headers,
                                   size_t headers_len,
                                   const h2ws_stream_callbacks *callbacks,
                                   void *user);

/*
 * Server: answers with a status (200 to 599) and a whole body and ends the
 * stream; the way to refuse a WebSocket and to serve a page. All is copied.
 * Errors as h2ws_stream_accept().
 */
H2WS_EXTERN int h2ws_stream_respond(h2ws_stream *stream, int status,
                                    const h2ws_header *headers,
                                    size_t headers_len, const void *body,
                                    size_t body_len);

/*
 * Server, HTTP/2: promises the client of `stream`, an ordinary request that has
 * not been answered to the end, what it will need next (RFC 9113 section 8.4).
 * `request` needs authority and path; the method is GET (NULL) or HEAD, and
 * there is no body. `*out` is borrowed until on_close; answer it like a request
 * (h2ws_stream_answer(), h2ws_stream_respond()), within answer_timeout_ms. The
 * client may reset it at any time.
 *
 * H2WS_ERR_UNSUPPORTED  the client takes no pushes, or HTTP/1.1
 * H2WS_ERR_AGAIN        as many are under way as the client allows
 * H2WS_ERR_STATE        a CONNECT, a push, or our side has ended
 * H2WS_ERR_GOING_AWAY, H2WS_ERR_EXHAUSTED, H2WS_ERR_CLOSED
 * H2WS_ERR_INVALID, H2WS_ERR_HEADER, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_stream_push(h2ws_stream *stream, h2ws_stream **out,
                                 const h2ws_request *request,
                                 const h2ws_stream_callbacks *callbacks,
                                 void *user);

/*
 * Replaces callbacks and user of a stream, e.g. before deciding later. With an
 * on_readable, the body of an ordinary request can be read before it is
 * answered; what has arrived comes at once, from in here. `callbacks` are
 * borrowed as ever, and may be NULL. H2WS_ERR_CLOSED
 */
H2WS_EXTERN int
h2ws_stream_set_callbacks(h2ws_stream *stream,
                          const h2ws_stream_callbacks *callbacks, void *user);

/*
 * The next received bytes, in one piece, without copying. Stays valid until
 * they are consumed or the callback returns. May be changed in place.
 *
 * Returns their number, 0 if there are none now.
 * H2WS_ERR_EOF     the peer ended its side and everything is consumed
 * H2WS_ERR_CLOSED  the stream was reset
 */
H2WS_EXTERN h2ws_ssize h2ws_stream_peek(h2ws_stream *stream, uint8_t **data);

/*
 * Takes `len` bytes off the front; this is what reopens the HTTP/2 windows
 * (RFC 9113 section 5.2.2). H2WS_ERR_INVALID if fewer are there.
 */
H2WS_EXTERN int h2ws_stream_consume(h2ws_stream *stream, size_t len);

/*
 * h2ws_stream_peek(), copied to `buf`, and h2ws_stream_consume() in one.
 * Returns the number of bytes, 0 if there are none now, errors as peek.
 */
H2WS_EXTERN h2ws_ssize h2ws_stream_read(h2ws_stream *stream, void *buf,
                                        size_t cap);

/*
 * Queues `len` bytes (copied), all or none.
 *
 * H2WS_ERR_AGAIN   the queue is above its mark; on_writable will come
 * H2WS_ERR_STATE   not open yet, or our side has ended
 * H2WS_ERR_TOO_BIG more than the content-length that was given
 * H2WS_ERR_CLOSED, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_stream_write(h2ws_stream *stream, const void *data,
                                  size_t len);

/*
 * The same without a copy by the caller: room for `len` bytes (at most
 * H2WS_RESERVE_MAX) at the end of the queue, to be filled and then committed
 * by h2ws_stream_commit() before any other call on the stream. Does not look
 * at the high-water mark; ask h2ws_stream_is_writable() first.
 *
 * H2WS_ERR_INVALID, H2WS_ERR_STATE, H2WS_ERR_CLOSED, H2WS_ERR_NOMEM (reserve),
 * H2WS_ERR_TOO_BIG (commit: more than the content-length that was given)
 */
H2WS_EXTERN int h2ws_stream_reserve(h2ws_stream *stream, uint8_t **out,
                                    size_t len);
H2WS_EXTERN int h2ws_stream_commit(h2ws_stream *stream, size_t len);

#define H2WS_RESERVE_MAX 65536

/*
 * True if the queue is below its high-water mark. If not, on_writable will
 * come.
 */
H2WS_EXTERN bool h2ws_stream_is_writable(h2ws_stream *stream);

/* Bytes queued and not yet given to the transport. */
H2WS_EXTERN size_t h2ws_stream_queued(const h2ws_stream *stream);

/*
 * Ends our side after what is queued (END_STREAM); the peer may go on.
 * H2WS_ERR_STATE (ended before, not open yet, or less was written than
 * content-length says), H2WS_ERR_CLOSED
 */
H2WS_EXTERN int h2ws_stream_shutdown(h2ws_stream *stream);

/*
 * Ends both sides now with RST_STREAM(h2_code); what is queued is dropped.
 * on_close follows (class aborted). RFC 8441 section 5 wants
 * H2WS_H2_CANCEL.
 */
H2WS_EXTERN int h2ws_stream_reset(h2ws_stream *stream, uint32_t h2_code);

/* What the stream is, and what was asked for. Strings are borrowed. */
H2WS_EXTERN h2ws_stream_state h2ws_stream_get_state(const h2ws_stream *stream);
H2WS_EXTERN int64_t
h2ws_stream_id(const h2ws_stream *stream); /* -1: none yet */
H2WS_EXTERN h2ws_conn *h2ws_stream_conn(const h2ws_stream *stream);
H2WS_EXTERN h2ws_socket *h2ws_stream_socket(const h2ws_stream *stream);
H2WS_EXTERN void *h2ws_stream_user(const h2ws_stream *stream);

/*
 * The request as the server received it. The strings live until the request
 * is answered. NULL where there is none.
 */
H2WS_EXTERN const char *h2ws_stream_method(const h2ws_stream *stream);
H2WS_EXTERN const char *h2ws_stream_scheme(const h2ws_stream *stream);
H2WS_EXTERN const char *h2ws_stream_authority(const h2ws_stream *stream);
H2WS_EXTERN const char *h2ws_stream_path(const h2ws_stream *stream);
H2WS_EXTERN const char *h2ws_stream_protocol(const h2ws_stream *stream);

/*
 * True for an extended CONNECT with :protocol websocket (RFC 8441 s. 5), and
 * for an HTTP/1.1 Upgrade to it, whose method is GET.
 */
H2WS_EXTERN bool h2ws_stream_is_websocket(const h2ws_stream *stream);

/*
 * Received fields: of the request on a server until it is answered, of the
 * answer on a client until on_open or on_close has returned. `name` in lower
 * case. Several lines of one name are joined with ", " ("; " for cookie).
 * Borrowed; NULL if absent.
 */
H2WS_EXTERN const char *h2ws_stream_header(const h2ws_stream *stream,
                                           const char *name);
/* All received fields in order. Borrowed, as above. */
H2WS_EXTERN const h2ws_header *h2ws_stream_headers(const h2ws_stream *stream,
                                                   size_t *len);
/*
 * HTTP status of the answer a client received, until on_open or on_close has
 * returned; 0 if there is none.
 */
H2WS_EXTERN int h2ws_stream_status(const h2ws_stream *stream);

/*
 * Keeps the memory of a stream beyond on_close, so that late calls get
 * H2WS_ERR_CLOSED instead of touching freed memory. Each retain needs one
 * release.
 */
H2WS_EXTERN h2ws_stream *h2ws_stream_retain(h2ws_stream *stream);
H2WS_EXTERN void h2ws_stream_release(h2ws_stream *stream);

/* ------------------------------------------------------------------------
 * Sockets: WebSocket messages over a stream (RFC 6455)
 */

typedef enum h2ws_type {
  H2WS_TEXT = 1,   /* UTF-8 */
  H2WS_BINARY = 2, /* anything */
  /* For sending: the same, never compressed. */
  H2WS_TEXT_UNCOMPRESSED = 17,
  H2WS_BINARY_UNCOMPRESSED = 18,
} h2ws_type;

typedef enum h2ws_socket_state {
  H2WS_SOCKET_CONNECTING,
  H2WS_SOCKET_OPEN,
  H2WS_SOCKET_CLOSING, /* CLOSE asked for, sent or received */
  H2WS_SOCKET_CLOSED,
} h2ws_socket_state;

/* Flags of a chunk of a message. */
#define H2WS_CHUNK_NONE 0u
#define H2WS_CHUNK_FIRST 1u
#define H2WS_CHUNK_LAST 2u

/* Borrowed until the socket's on_close has returned. Members may be NULL. */
typedef struct h2ws_socket_callbacks {
  size_t size;

  /* Client: the socket is open. h2ws_socket_protocol() tells the choice. */
  void (*on_open)(h2ws_socket *socket, void *user);

  /*
   * A whole message. `data` is borrowed, not NUL-terminated, and may point
   * straight into what h2ws_conn_recv() was given.
   */
  void (*on_message)(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                     size_t len, void *user);

  /*
   * If set, messages come in chunks as they arrive, at fixed memory, and
   * on_message is not called. `flags`: H2WS_CHUNK_*; an empty message is one
   * empty chunk with both. Text is validated up to each chunk's end, which
   * may lie inside a character.
   */
  void (*on_chunk)(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                   size_t len, unsigned flags, void *user);

  /* A PING was received and is being answered; a PONG was received. */
  void (*on_ping)(h2ws_socket *socket, const uint8_t *data, size_t len,
                  void *user);
  void (*on_pong)(h2ws_socket *socket, const uint8_t *data, size_t len,
                  void *user);

  /* After H2WS_ERR_AGAIN: send again. */
  void (*on_writable)(h2ws_socket *socket, void *user);

  /* The socket ended. Its memory goes when this returns, unless retained. */
  void (*on_close)(h2ws_socket *socket, const h2ws_close_info *info,
                   void *user);
} h2ws_socket_callbacks;

/* Fill with h2ws_socket_options_default(). Times in ms, 0 means off. Copied. */
typedef struct h2ws_socket_options {
  size_t size;

  /*
   * Subprotocols (RFC 6455 section 1.9), a comma list in order of preference,
   * or NULL. Client: those offered. Server: those spoken; the first one that
   * the client offered is chosen. Copied.
   */
  const char *protocols;
  bool require_protocol; /* fail the open if none was agreed; false */

  /* Server: take a request without sec-websocket-version (row W-23); false */
  bool allow_missing_version;

  uint64_t max_message;      /* bytes of a received message; 16 MiB */
  uint32_t max_fragments;    /* frames of a received message; 16384 */
  uint32_t max_controls;     /* control frames per second; 1000 */
  uint32_t fragment_size;    /* streaming send: bytes per frame; 64 KiB */
  uint32_t ping_interval_ms; /* WebSocket PING on a silent socket; off */
  uint32_t ping_timeout_ms;  /* for the PONG; 20 s */
  uint32_t close_timeout_ms; /* our CLOSE, queue included, to theirs; 5 s */

  /*
   * Messages that arrive between our CLOSE and the peer's are delivered, for
   * those that say all they have, close, and want the answers; false.
   */
  bool receive_after_close;

  /*
   * Server: the origins that are welcome (RFC 6455 section 10.2), a comma
   * list such as "https://example.com, https://other.example:8443"; "same"
   * stands for the request's own scheme and authority. Requests of browsers
   * from elsewhere are answered 403; requests without an Origin do not come
   * from browsers and pass. NULL: all.
   */
  const char *origins;

  /*
   * Compression: permessage-deflate (RFC 7692). Client: offer it. Server:
   * take it where the client offers it. Off: false. What holds a secret next
   * to text that an attacker chooses should not be compressed, for its
   * length then tells about the secret (RFC 7692 section 8): send such
   * messages as H2WS_TEXT_UNCOMPRESSED, or leave compression off.
   *
   * Context takeover: a message may refer back to those before it. Better on
   * many small, similar messages, but each socket then keeps its own state:
   * about 260 KiB for sending and 40 KiB for receiving, less with fewer
   * bits. Without it an idle socket keeps none.
   */
  bool compress;
  bool compress_send_takeover; /* what we send; false */
  bool compress_recv_takeover; /* what the peer sends; false */
  uint8_t compress_level;      /* 1 fast to 9 small; 6 */
  uint8_t compress_mem_level;  /* 1 to 9, memory of our compressor; 8 */
  uint8_t compress_send_bits;  /* 9 to 15, our window in bits; 15 */
  uint8_t compress_recv_bits;  /* 9 to 15, the peer's if it agrees; 15 */
  uint32_t compress_threshold; /* smaller messages stay as they are; 1024 */

  /*
   * The most bytes that one received, compressed byte may become (with
   * compress_recv_takeover over all messages, else over each), looked at
   * beyond the first 64 KiB; 0: no limit. zlib reaches 1030; max_message
   * holds in any case, and is looked at while inflating. 0
   */
  uint32_t compress_max_ratio;
} h2ws_socket_options;

H2WS_EXTERN void h2ws_socket_options_default(h2ws_socket_options *options,
                                             size_t size);

/*
 * Client: opens a WebSocket (RFC 8441 section 5). `request` needs authority
 * and path; method and protocol are set here; further headers may be given
 * (Origin, Authorization, Cookie ...). `options` may be NULL for defaults;
 * compress_* out of their ranges are H2WS_ERR_INVALID.
 * on_open or on_close follows. `*out` is borrowed until on_close.
 * Errors as h2ws_stream_open().
 */
H2WS_EXTERN int h2ws_socket_open(h2ws_conn *conn, h2ws_socket **out,
                                 const h2ws_request *request,
                                 const h2ws_socket_options *options,
                                 const h2ws_socket_callbacks *callbacks,
                                 void *user);

/*
 * Server: accepts the WebSocket that `stream` asks for, with status 200 (101
 * over HTTP/1.1). Checks the origin, sec-websocket-version and the subprotocols
 * first; on H2WS_ERR_HANDSHAKE the request has been answered 403 or 400
 * already. Messages may be sent at once. The stream's own callbacks are
 * replaced. `headers` are copied; `options` may be NULL.
 *
 * H2WS_ERR_STATE      not a WebSocket request, or answered already
 * H2WS_ERR_CLOSED     the peer is gone
 * H2WS_ERR_INVALID    compress_* out of their ranges
 * H2WS_ERR_HANDSHAKE, H2WS_ERR_HEADER, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_socket_accept(h2ws_stream *stream, h2ws_socket **out,
                                   const h2ws_header *headers,
                                   size_t headers_len,
                                   const h2ws_socket_options *options,
                                   const h2ws_socket_callbacks *callbacks,
                                   void *user);

/*
 * Queues one message (copied), all or nothing.
 *
 * Where compression was agreed on, `len` counts as ever, the bytes before
 * compression; h2ws_socket_queued() counts what goes out.
 *
 * H2WS_ERR_AGAIN   the queue is above its mark; on_writable will come
 * H2WS_ERR_UTF8    the text is not UTF-8; nothing was queued
 * H2WS_ERR_STATE   not open yet, closing, or inside a streamed message
 * H2WS_ERR_CLOSED, H2WS_ERR_INVALID, H2WS_ERR_NOMEM
 * H2WS_ERR_INTERNAL  no randomness for a client's mask: the socket ends
 */
H2WS_EXTERN int h2ws_socket_send(h2ws_socket *socket, h2ws_type type,
                                 const void *data, size_t len);

/*
 * One message in pieces, as fragments (RFC 6455 section 5.4): begin, any
 * number of pieces, end. Each piece is all or AGAIN; they fill at most half
 * of the queue, and the last of them may go over it. Control frames may go
 * between. Text is checked piece by piece; end fails with H2WS_ERR_UTF8
 * inside a character. Compressed pieces are flushed, each as it comes.
 * Errors as h2ws_socket_send(); H2WS_ERR_STATE out of order.
 */
H2WS_EXTERN int h2ws_socket_send_begin(h2ws_socket *socket, h2ws_type type);
H2WS_EXTERN int h2ws_socket_send_piece(h2ws_socket *socket, const void *data,
                                       size_t len);
H2WS_EXTERN int h2ws_socket_send_end(h2ws_socket *socket);

/* ------------------------------------------------------------------------
 * Prepared messages: one encoding of a message for many sockets
 */

typedef struct h2ws_message h2ws_message;

/*
 * Prepares a message (`data` is copied, once). `*out` is owned by the caller,
 * with one reference. `mem` may be NULL for malloc; else it must serve any
 * thread and outlive the message. Any thread.
 *
 * A server's sockets that compress without context takeover share one
 * compressed copy for each window and level among them, made when the first
 * of them sends (two threads that are first at once may both make it), with
 * that connection's compressor. With context takeover, below
 * compress_threshold, where it does not get smaller and where there is no
 * memory for it, the message goes out as it is.
 *
 * H2WS_ERR_UTF8     the text is not UTF-8
 * H2WS_ERR_TOO_BIG  more than H2WS_MESSAGE_MAX bytes
 * H2WS_ERR_INVALID, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_message_new(h2ws_message **out, const h2ws_mem *mem,
                                 h2ws_type type, const void *data, size_t len);

#define H2WS_MESSAGE_MAX ((size_t)1 << 30)

/* A message is freed with its last reference. NULL does nothing. Any thread. */
H2WS_EXTERN h2ws_message *h2ws_message_retain(h2ws_message *message);
H2WS_EXTERN void h2ws_message_release(h2ws_message *message);

/*
 * As h2ws_socket_send(), but a server's socket shares the encoded bytes, one
 * frame, instead of copying them. (A client masks each frame with a key of its
 * own, RFC 6455 section 5.3, so it copies.)
 */
H2WS_EXTERN int h2ws_socket_send_message(h2ws_socket *socket,
                                         h2ws_message *message);

/*
 * h2ws_socket_send_message() to each of `len` sockets, which may live on
 * different connections of one thread. A socket that cannot take the message
 * now is skipped, so that the slowest delays nobody: `results` (may be NULL,
 * else room for `len`) gets what each send returned. NULL sockets are skipped
 * with H2WS_ERR_INVALID. Returns the number of sockets that took it.
 */
H2WS_EXTERN size_t h2ws_socket_broadcast(h2ws_message *message,
                                         h2ws_socket *const *sockets,
                                         size_t len, int *results);

/* ------------------------------------------------------------------------
 * Control frames, closing, flow
 */

/*
 * Sends a PING with up to 125 bytes (copied). Errors as h2ws_socket_send().
 */
H2WS_EXTERN int h2ws_socket_ping(h2ws_socket *socket, const void *data,
                                 size_t len);

/*
 * Begins the closing handshake: CLOSE goes out after what is queued (RFC 6455
 * section 7.1.2). `code`: 1000 to 1003, 1007 to 1014, 3000 to 4999, or 0 for
 * a CLOSE without body. `reason`: up to 123 bytes of UTF-8, copied.
 * on_close follows, within close_timeout_ms. Messages that arrive after this
 * call are dropped and a pause no longer holds, unless
 * options.receive_after_close is set.
 *
 * H2WS_ERR_INVALID  the code may not be sent, or the reason is too long
 * H2WS_ERR_UTF8, H2WS_ERR_STATE (closing already), H2WS_ERR_CLOSED,
 * H2WS_ERR_NOMEM, H2WS_ERR_INTERNAL (as h2ws_socket_send())
 */
H2WS_EXTERN int h2ws_socket_close(h2ws_socket *socket, uint16_t code,
                                  const char *reason, size_t reason_len);

/*
 * Ends it now: RST_STREAM(CANCEL). on_close follows (class aborted, 1006).
 * H2WS_ERR_CLOSED
 */
H2WS_EXTERN int h2ws_socket_abort(h2ws_socket *socket);

/*
 * Stops and restarts the delivery of messages. While paused, what arrives
 * stays unread, so that the peer runs into the stream's window. Control
 * frames behind unread messages wait too. What waits is delivered from inside
 * of h2ws_socket_resume(). H2WS_ERR_CLOSED
 */
H2WS_EXTERN int h2ws_socket_pause(h2ws_socket *socket);
H2WS_EXTERN int h2ws_socket_resume(h2ws_socket *socket);

/* True if `data` may be sent as text: valid UTF-8 (RFC 3629). Any thread. */
H2WS_EXTERN bool h2ws_is_utf8(const void *data, size_t len);

/* Bytes queued and not yet given to the transport. */
H2WS_EXTERN size_t h2ws_socket_queued(const h2ws_socket *socket);

H2WS_EXTERN h2ws_socket_state h2ws_socket_get_state(const h2ws_socket *socket);
/* The agreed subprotocol, NULL if none. Borrowed, until on_close. */
H2WS_EXTERN const char *h2ws_socket_protocol(const h2ws_socket *socket);
/* True if compression was agreed on (RFC 7692), in one direction or both. */
H2WS_EXTERN bool h2ws_socket_has_compression(const h2ws_socket *socket);
H2WS_EXTERN h2ws_stream *h2ws_socket_stream(const h2ws_socket *socket);
H2WS_EXTERN void *h2ws_socket_user(const h2ws_socket *socket);
H2WS_EXTERN void h2ws_socket_set_user(h2ws_socket *socket, void *user);

/*
 * Replaces callbacks and user of a socket. In the middle of a message, on_chunk
 * gets all of it; without an on_chunk, one that has begun in chunks is dropped.
 * `callbacks` are borrowed as ever, and not NULL.
 */
H2WS_EXTERN int
h2ws_socket_set_callbacks(h2ws_socket *socket,
                          const h2ws_socket_callbacks *callbacks, void *user);

/* As h2ws_stream_retain() and h2ws_stream_release(). */
H2WS_EXTERN h2ws_socket *h2ws_socket_retain(h2ws_socket *socket);
H2WS_EXTERN void h2ws_socket_release(h2ws_socket *socket);

/* ------------------------------------------------------------------------
 * Connecting again
 */

/*
 * How many milliseconds to wait before connecting again (RFC 6455 section
 * 7.2.3), so that clients that were lost together do not come back together.
 * `attempt` counts from 0 since the last connection that was good: 0 to 5 s at
 * first, then from half to the whole of 10 s, 20 s, 40 s and, from then on,
 * 60 s. `random` is any number that others do not have.
 */
H2WS_EXTERN uint32_t h2ws_backoff_ms(unsigned attempt, uint32_t random);

/* The same with other numbers. Fill with h2ws_backoff_default(). */
typedef struct h2ws_backoff {
  size_t size;
  uint32_t first_ms; /* the most to wait at first; 5 s */
  uint32_t max_ms;   /* the most to wait at all; 60 s */
  unsigned tries;    /* that may fail in a row before giving up; 0: all; 0 */
} h2ws_backoff;

H2WS_EXTERN void h2ws_backoff_default(h2ws_backoff *backoff, size_t size);
H2WS_EXTERN uint32_t h2ws_backoff_wait(const h2ws_backoff *backoff,
                                       unsigned attempt, uint32_t random);

/*
 * True if what ended so may go better another time: what was lost, late,
 * restarted or busy; not what was ended on purpose, and not refusals that come
 * again, such as most 4xx and a bad certificate.
 */
H2WS_EXTERN bool h2ws_backoff_helps(const h2ws_close_info *info);

#ifdef __cplusplus
}
#endif

#endif /* H2WS_CORE_H */
