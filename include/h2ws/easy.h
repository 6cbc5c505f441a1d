/*
 * h2ws/easy.h: WebSockets and byte streams with calls that wait.
 *
 * A URL in, whole messages or bytes out. There is nothing to set up and
 * nothing to shut down: the first call starts one hidden thread, which owns
 * all sockets and timers and leaves every signal to the threads of the
 * program.
 *
 *     h2ws *c = h2ws_connect("wss://localhost:8443/echo", NULL);
 *     h2ws_send_text(c, "hello");
 *     if (h2ws_recv(c, &msg, 5000) == 0) { ... }
 *     h2ws_close(c);
 *
 * Threads: everything here may be called from any thread, on the same handle
 * too. Messages of several senders never mix. One thread at a time receives
 * from a handle.
 *
 * Signals: h2ws_cancel() and h2ws_stop() may be called from a signal handler,
 * nothing else.
 *
 * Callbacks: h2ws_handler runs on a thread of its own and may call anything.
 * The others (h2ws_on_message, h2ws_serve_options.allow ...) run on the hidden
 * thread: there, calls that would wait return H2WS_ERR_AGAIN or
 * H2WS_ERR_STATE.
 *
 * Misuse: handles are names, not addresses. A call on a handle that was closed
 * returns H2WS_ERR_CLOSED, on something that never was a handle (or NULL)
 * H2WS_ERR_INVALID.
 *
 * Fork: a child process that did not exec() gets H2WS_ERR_STATE from every
 * call, if its parent had used h2ws before the fork.
 *
 * dlopen: the library stays until the program ends; dlclose() does nothing.
 *
 * Pointers and results: as in h2ws/core.h.
 */
#ifndef H2WS_EASY_H
#define H2WS_EASY_H

#include <h2ws/core.h>
#include <h2ws/event.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One WebSocket, one byte stream, or one server. Ends with h2ws_close(). */
typedef struct h2ws h2ws;

/* For a timeout in milliseconds: wait as long as it takes. 0: do not wait. */
#define H2WS_FOREVER (-1)

/*
 * A message. `data` is followed by a NUL that `len` does not count, and stays
 * valid until the next h2ws_recv(), h2ws_read() or h2ws_close() on its handle.
 */
typedef struct h2ws_msg {
  h2ws_type type;
  const char *data;
  size_t len;
} h2ws_msg;

/* ------------------------------------------------------------------------
 * Connecting
 */

/* Fill with h2ws_options_default(). Copied, with all they point to. */
typedef struct h2ws_options {
  size_t size;
  const h2ws_header *headers; /* Origin, Authorization, Cookie ... */
  size_t headers_len;
  const char *subprotocols;  /* offered, a comma list; NULL: none */
  const char *ca_file;       /* PEM: trust these instead of the system's */
  bool insecure;             /* do not verify the server's certificate */
  bool compress;             /* offer permessage-deflate (RFC 7692) */
  bool background;           /* h2ws_connect() does not wait for the answer */
  uint32_t open_timeout_ms;  /* DNS, TCP, TLS, HTTP/2 and the answer; 10 s */
  uint32_t send_timeout_ms;  /* for room in the send queue; 30 s; 0: for ever */
  uint32_t close_timeout_ms; /* h2ws_close() in all; 5 s */
  uint64_t max_message;      /* bytes of a received message; 16 MiB */
  size_t send_queue;         /* bytes waiting to be sent; 1 MiB */
  size_t recv_queue;         /* bytes waiting to be received; 256 KiB */
  h2ws_http http;            /* H2WS_HTTP_ANY: HTTP/2, or HTTP/1.1 where the
                                server has no more */
  const char *method;        /* of an http(s) URL; NULL: "POST"; with GET and
                                HEAD nothing is sent after the request */
  const char *protocol;      /* of an http(s) URL: extended CONNECT with this
                                :protocol, HTTP/2 only; NULL: no CONNECT */
  const h2ws_client_options *client; /* what is not above; NULL: defaults */
  const h2ws_socket_options *socket; /* what is not above; NULL: defaults */
  /*
   * Handles to one origin with the same options share an HTTP/2 connection, up
   * to 64 of them; it ends when none has used it for 5 s, or for
   * client->conn.idle_timeout_ms. True: this one has its own, so that it does
   * not share the server's windows either: what a server's handlers leave
   * unread of some handles can hold up what is sent on the others.
   */
  bool own_connection;
  /*
   * A WebSocket that was lost is opened again where that may help (see
   * h2ws_backoff_helps()), after waits that grow. Meanwhile calls on the handle
   * wait; what was on its way is lost, what was still queued is sent later.
   * NULL, the default: the handle ends. Never before it was open.
   */
  const h2ws_backoff *reconnect;
  /*
   * It is open again: what it sends goes first, to subscribe, say. Hidden
   * thread; may be NULL.
   */
  void (*on_reconnect)(h2ws *h, void *user);
  void *user; /* of on_reconnect */
} h2ws_options;

H2WS_EXTERN void h2ws_options_default(h2ws_options *options, size_t size);

/*
 * Connects and waits until the server has accepted. The URL decides what is
 * carried: wss and ws messages (WebSocket), https and http bytes (a stream
 * both ways). `options` may be NULL. NULL on failure: ask h2ws_error(NULL), and
 * h2ws_error_code(NULL):
 *
 * H2WS_ERR_URL, H2WS_ERR_INVALID, H2WS_ERR_NOMEM
 * H2WS_ERR_STATE      after a fork, in exit(), or on the hidden thread without
 *                     options.background
 * H2WS_ERR_TIMEOUT    open_timeout_ms is over
 * H2WS_ERR_REFUSED, H2WS_ERR_HANDSHAKE, H2WS_ERR_UNSUPPORTED and what else a
 * stream's on_close tells; H2WS_ERR_RESOLVE, H2WS_ERR_CONNECT, H2WS_ERR_TLS and
 * what else h2ws_client_callbacks.on_close does
 *
 * Over HTTP/1.1 the bytes are the bodies of a request, in chunks, and of its
 * answer. h2ws servers answer at once and so both ways flow at a time; they end
 * what is silent both ways for conn.idle_timeout_ms (HTTP/2 has PING). Many
 * servers do not begin to answer before they have the whole body, over HTTP/2
 * too: then this fails after open_timeout_ms; h2ws_stream_open() is for them.
 */
H2WS_EXTERN h2ws *h2ws_connect(const char *url, const h2ws_options *options);

/*
 * Ends a handle, whatever became of it: what is queued is sent, a WebSocket
 * does its closing handshake (1000), within close_timeout_ms or until
 * h2ws_cancel(). Messages not yet received are dropped. A server stops first.
 * On the hidden thread it does not wait: it returns 0, and all of this goes on
 * behind it, within the same time.
 *
 * Returns 0 if everything ended as the protocol wants it, else the
 * H2WS_ERR_* that ended it. The handle is gone in each case but two:
 * H2WS_ERR_INVALID  not a handle
 * H2WS_ERR_STATE    a server, closed from one of its own handlers
 */
H2WS_EXTERN int h2ws_close(h2ws *h);

/*
 * The same with a close code (see h2ws_socket_close()) and a reason, up to 123
 * bytes, which may be NULL. H2WS_ERR_INVALID and H2WS_ERR_UTF8 tell of these,
 * and the handle is still there.
 */
H2WS_EXTERN int h2ws_close_with(h2ws *h, uint16_t code, const char *reason);

/*
 * Wakes every call that waits on this handle with H2WS_ERR_CANCELLED, and
 * makes later ones fail so; the handle still wants h2ws_close(). Stops a
 * server. Any thread, and signal handlers.
 * H2WS_ERR_INVALID (NULL), H2WS_ERR_CLOSED (no handle, or none any more)
 */
H2WS_EXTERN int h2ws_cancel(h2ws *h);

/* ------------------------------------------------------------------------
 * Serving
 *
 * The URL says where to listen ("wss://localhost:8443/echo"; port 0: any free
 * one) and what for: a path that ends with "/" takes all paths below it, a URL
 * without a path takes all. wss and ws accept WebSockets, https and http byte
 * streams (POST, PUT; with HTTP/2 CONNECT too).
 */

/*
 * Serves one connection, on a thread of a pool. `h` is closed when it returns.
 */
typedef void h2ws_handler(h2ws *h, void *user);

/*
 * Evented: gets each message, on the hidden thread, which must not be held up.
 * What it sends waits as long as the peer is slow; meanwhile no message is
 * read from that peer.
 */
typedef void h2ws_on_message(h2ws *h, const h2ws_msg *msg, void *user);

/* Fill with h2ws_serve_options_default(). Copied, with all they point to. */
typedef struct h2ws_serve_options {
  size_t size;
  const char *cert_file;    /* PEM chain; NULL: a throw-away certificate */
  const char *key_file;     /* PEM; NULL: in cert_file */
  const char *subprotocols; /* spoken, a comma list; NULL: none */
  const char *origins;      /* of browsers that are welcome; NULL: all; see
                               h2ws_socket_options */
  bool compress;            /* take permessage-deflate where it is offered */
  unsigned threads;         /* handlers at once; further requests wait, and
                               are answered 503 after 15 s; 64 */
  uint32_t send_timeout_ms; /* as in h2ws_options */
  uint32_t close_timeout_ms;
  uint32_t stop_timeout_ms; /* after h2ws_stop(): until connections are cut,
                               and handlers find their handles ended; 10 s */
  uint64_t max_message;
  size_t send_queue;
  size_t recv_queue;
  /*
   * May the request come in? 0: yes; else the status that refuses it, such as
   * 403. Ask h2ws_stream_header(request, "origin") and the like. Hidden
   * thread. NULL: all may.
   */
  int (*allow)(const h2ws_stream *request, void *user);
  /* It listens. On the thread that called; may be NULL. */
  void (*on_ready)(h2ws *server, void *user);
  /* Evented: a connection is open; has ended. Hidden thread; may be NULL. */
  void (*on_open)(h2ws *h, void *user);
  void (*on_close)(h2ws *h, void *user);
  const h2ws_server_options *server; /* what is not above; NULL: defaults */
  const h2ws_socket_options *socket; /* what is not above; NULL: defaults */
  const char *challenge; /* www-authenticate of a 401 from allow(), such as
                            "Bearer" (RFC 9110 section 11.6.1); NULL: none */
} h2ws_serve_options;

H2WS_EXTERN void h2ws_serve_options_default(h2ws_serve_options *options,
                                            size_t size);

/*
 * Serves until h2ws_stop(). Returns 0 then, or at once why it cannot serve:
 * h2ws_error(NULL) has the sentence. `options` may be NULL.
 *
 * H2WS_ERR_STATE    after a fork, in exit(), or on the hidden thread
 * H2WS_ERR_URL, and as h2ws_server_start()
 */
H2WS_EXTERN int h2ws_serve(const char *url, h2ws_handler *handler, void *user,
                           const h2ws_serve_options *options);
H2WS_EXTERN int h2ws_serve_messages(const char *url,
                                    h2ws_on_message *on_message, void *user,
                                    const h2ws_serve_options *options);

/*
 * The same without waiting: a server that runs until h2ws_close(). NULL on
 * failure. h2ws_info() tells its address.
 */
H2WS_EXTERN h2ws *h2ws_listen(const char *url, h2ws_handler *handler,
                              void *user, const h2ws_serve_options *options);
H2WS_EXTERN h2ws *h2ws_listen_messages(const char *url,
                                       h2ws_on_message *on_message, void *user,
                                       const h2ws_serve_options *options);

/*
 * Stops a server: no new connections, and a CLOSE (1001) for those that are
 * open. NULL: all servers of the process. Any thread, and signal handlers.
 * Errors as h2ws_cancel().
 */
H2WS_EXTERN int h2ws_stop(h2ws *server);

/* ------------------------------------------------------------------------
 * Sending
 *
 * All or nothing. The bytes are copied to the handle's queue, from where the
 * hidden thread sends them at once. Waits for room in the queue if the peer
 * is slow, up to send_timeout_ms. On a byte stream messages are just bytes.
 * Two sides that only send wait for each other: receive in between, or in
 * another thread.
 *
 * H2WS_ERR_UTF8       the text is not valid UTF-8
 * H2WS_ERR_TIMEOUT    the queue was full all the time; nothing was queued
 * H2WS_ERR_AGAIN      the same, for calls that do not wait
 * H2WS_ERR_STATE      after h2ws_shutdown()
 * H2WS_ERR_CANCELLED, H2WS_ERR_CLOSED, H2WS_ERR_INVALID, H2WS_ERR_NOMEM, or
 * the error that ended the handle
 */
H2WS_EXTERN int h2ws_send(h2ws *h, h2ws_type type, const void *data,
                          size_t len);

/* A NUL-terminated text. */
H2WS_EXTERN int h2ws_send_text(h2ws *h, const char *text);

/* As h2ws_send(), but never waits: H2WS_ERR_AGAIN where that would. */
H2WS_EXTERN int h2ws_try_send(h2ws *h, h2ws_type type, const void *data,
                              size_t len);

/*
 * Tries to send one message to many handles and never waits. Returns how many
 * took it; `results` (may be NULL) gets what h2ws_try_send() said for each.
 */
H2WS_EXTERN size_t h2ws_send_many(h2ws *const *handles, size_t handles_len,
                                  h2ws_type type, const void *data, size_t len,
                                  int *results);

/* Sends bytes; on a WebSocket, one binary message. */
H2WS_EXTERN int h2ws_write(h2ws *h, const void *data, size_t len);

/*
 * Ends our side, after what is queued. On a byte stream the peer may go on, and
 * what it sends is still received. On a WebSocket this begins the closing
 * handshake, which the peer has close_timeout_ms to answer: what has arrived is
 * still given out, what comes later is dropped.
 *
 * H2WS_ERR_STATE      done already
 * H2WS_ERR_CLOSED, H2WS_ERR_INVALID, or the error that ended the handle
 */
H2WS_EXTERN int h2ws_shutdown(h2ws *h);

/* ------------------------------------------------------------------------
 * Receiving
 *
 * What the program does not take is held up to recv_queue bytes; then HTTP/2
 * flow control makes the peer wait.
 *
 * H2WS_ERR_TIMEOUT    nothing came within `timeout_ms`
 * H2WS_ERR_EOF        the peer ended, in good order, and all is received; its
 *                     close code may tell of trouble all the same: h2ws_info()
 * H2WS_ERR_CANCELLED  h2ws_cancel() was called
 * H2WS_ERR_STATE      another thread is receiving on this handle
 * H2WS_ERR_CLOSED, H2WS_ERR_INVALID, or the error that ended the handle
 */

/* The next message; on a byte stream, the bytes that came together. */
H2WS_EXTERN int h2ws_recv(h2ws *h, h2ws_msg *msg, int timeout_ms);

/*
 * At least one byte, at most `cap` (not 0); on a WebSocket, the bytes of its
 * messages one after the other. Returns their number, or an error.
 */
H2WS_EXTERN h2ws_ssize h2ws_read(h2ws *h, void *buf, size_t cap,
                                 int timeout_ms);

/* ------------------------------------------------------------------------
 * Asking
 */

/*
 * Why the last call on this thread failed: one sentence that says at which
 * step, why, what the peer said and what to try. With a handle, why the last
 * call on it failed, or, if none did on this thread, why it ended. Calls on
 * NULL leave it alone. Never NULL. Valid until the thread's next call.
 */
H2WS_EXTERN const char *h2ws_error(const h2ws *h);

/* The H2WS_ERR_* that goes with it; 0: none. */
H2WS_EXTERN int h2ws_error_code(const h2ws *h);

/* Strings are valid until h2ws_close(); NULL where there is none. */
typedef struct h2ws_handle_info {
  size_t size;
  const char *http;         /* "HTTP/2" or "HTTP/1.1" */
  int64_t stream;           /* its id; 0: none */
  const char *tls;          /* such as "TLSv1.3"; NULL in cleartext */
  const char *cipher;       /* NULL in cleartext */
  const char *peer;         /* address and port */
  const char *path;         /* what the request asked for */
  const char *subprotocol;  /* agreed */
  const char *extensions;   /* agreed */
  const char *address;      /* of a server: where it listens */
  size_t unsent;            /* bytes in the send queue, and in the receive */
  size_t unread;            /* queue; each message counts some more */
  uint16_t close_code;      /* once it ended; 0 before, 1005 none, 1006 lost */
  const char *close_reason; /* the peer's, UTF-8, untrusted */
} h2ws_handle_info;

/*
 * What is known about a handle. `info->size` says how much of it.
 * H2WS_ERR_INVALID, H2WS_ERR_CLOSED, H2WS_ERR_STATE (after a fork)
 */
H2WS_EXTERN int h2ws_info(h2ws *h, h2ws_handle_info *info);

/*
 * A field of the peer's request or answer, `name` in lower case; NULL: none.
 * Valid until h2ws_close().
 */
H2WS_EXTERN const char *h2ws_field(h2ws *h, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* H2WS_EASY_H */
