/*
 * h2ws/event.h: clients and servers on a libevent loop.
 *
 * This is the edge of the library: sockets, TLS, names, timers and threads.
 * It carries bytes for the core (h2ws/core.h), whose connections, streams
 * and sockets are used directly: everything in core.h applies here, on the
 * thread of the loop that a connection lives on; but h2ws_conn_free(), _recv,
 * _recv_eof, _send, _tick and _set_user are the edge's own business.
 *
 * Threads: each declaration says "any thread" or "loop thread". A loop and
 * all that lives on it belong to the thread that runs it. Nothing here
 * installs a signal handler, raises SIGPIPE or needs a set-up call.
 */
#ifndef H2WS_EVENT_H
#define H2WS_EVENT_H

#include <h2ws/core.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;

/* ------------------------------------------------------------------------
 * Loops
 */

typedef struct h2ws_loop h2ws_loop;

/*
 * A loop on `base` (borrowed until h2ws_loop_free()), or on an event_base of
 * its own if `base` is NULL. Owned by the caller. Any thread.
 * H2WS_ERR_INVALID, H2WS_ERR_NOMEM, H2WS_ERR_IO (no descriptor to be had)
 */
H2WS_EXTERN int h2ws_loop_new(h2ws_loop **out, struct event_base *base);

/*
 * Frees a loop that is not running; its servers, clients and pools must be
 * gone. What was posted to it still runs, from in here. NULL does nothing. Loop
 * thread.
 */
H2WS_EXTERN void h2ws_loop_free(h2ws_loop *loop);

/*
 * Runs until h2ws_loop_stop(); a stop that came before it began counts. The
 * thread that calls it is the loop thread. H2WS_ERR_INVALID, H2WS_ERR_IO
 */
H2WS_EXTERN int h2ws_loop_run(h2ws_loop *loop);

/*
 * Makes h2ws_loop_run() return soon. Any thread, no signal handler.
 * H2WS_ERR_INVALID; H2WS_ERR_CLOSED while the loop is being freed.
 */
H2WS_EXTERN int h2ws_loop_stop(h2ws_loop *loop);

/* The event_base underneath. Borrowed. Any thread. */
H2WS_EXTERN struct event_base *h2ws_loop_base(h2ws_loop *loop);

/*
 * Has `fn(arg)` called on the loop's thread, and wakes the loop at once.
 * Calls keep their order. Any thread. H2WS_ERR_INVALID, H2WS_ERR_NOMEM;
 * H2WS_ERR_CLOSED while the loop is being freed.
 */
H2WS_EXTERN int h2ws_loop_post(h2ws_loop *loop, void (*fn)(void *arg),
                               void *arg);

/* The loop that a connection made here lives on. Borrowed. Loop thread. */
H2WS_EXTERN h2ws_loop *h2ws_conn_loop(const h2ws_conn *conn);

/*
 * A socket's id: names it from other threads and never names another one.
 * 0 if the socket is closed or not open yet. Loop thread.
 */
typedef uint64_t h2ws_id;
H2WS_EXTERN h2ws_id h2ws_socket_id(const h2ws_socket *socket);

/* The socket of this id, NULL if it is gone. Borrowed. Loop thread. */
H2WS_EXTERN h2ws_socket *h2ws_loop_socket(h2ws_loop *loop, h2ws_id id);

/*
 * Sends a message (copied) to a socket that lives on `loop`. Any thread.
 * A socket that is gone by then, or whose queue is full, is told of by
 * `on_done` (may be NULL), which runs on the loop's thread with the result
 * of h2ws_socket_send(), or H2WS_ERR_CLOSED.
 * H2WS_ERR_INVALID, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int
h2ws_loop_send(h2ws_loop *loop, h2ws_id id, h2ws_type type, const void *data,
               size_t len, void (*on_done)(h2ws_id id, int result, void *user),
               void *user);

/*
 * h2ws_socket_broadcast() to sockets that live on `loop`, by their ids
 * (copied); the message is retained until then. `on_done` (may be NULL) runs on
 * the loop's thread: results[i] is what the send to ids[i] returned,
 * H2WS_ERR_CLOSED for a socket that is gone; both are borrowed. Any thread.
 * H2WS_ERR_INVALID, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_loop_broadcast(h2ws_loop *loop, h2ws_message *message,
                                    const h2ws_id *ids, size_t len,
                                    void (*on_done)(const h2ws_id *ids,
                                                    const int *results,
                                                    size_t len, void *user),
                                    void *user);

/* ------------------------------------------------------------------------
 * What a connection runs over
 */

/*
 * `size` is set by the caller. Strings are borrowed until the connection's
 * on_close has returned.
 */
typedef struct h2ws_link_info {
  size_t size;
  const char *tls_version; /* such as "TLSv1.3"; NULL in cleartext */
  const char *cipher;      /* NULL in cleartext */
  const char *peer;        /* address and port, or the path of a socket */
  bool resumed;            /* the TLS session was resumed */
  h2ws_http http;          /* as h2ws_conn_http() */
} h2ws_link_info;

/*
 * Describes the link of a connection made here; `info->size` says how much of
 * it. Loop thread. H2WS_ERR_INVALID
 */
H2WS_EXTERN int h2ws_conn_link_info(const h2ws_conn *conn,
                                    h2ws_link_info *info);

/* ------------------------------------------------------------------------
 * Servers
 */

typedef struct h2ws_server h2ws_server;

/*
 * Borrowed until on_stopped has been called or h2ws_server_free() has returned.
 * Called on the thread of the connection's loop.
 */
typedef struct h2ws_server_callbacks {
  size_t size;
  /* As h2ws_conn_callbacks.on_request. Required. */
  void (*on_request)(h2ws_conn *conn, h2ws_stream *stream, void *user);
  /*
   * A connection is established (TCP, TLS, the choice of HTTP by ALPN); has
   * ended. May be NULL.
   */
  void (*on_conn)(h2ws_conn *conn, void *user);
  void (*on_conn_close)(h2ws_conn *conn, const h2ws_close_info *info,
                        void *user);
  /*
   * A connection failed before on_conn: in TLS, mostly. `text` is one sentence,
   * borrowed. May be NULL.
   */
  void (*on_conn_error)(int error, const char *text, void *user);
  /* As h2ws_conn_callbacks.on_trace. May be NULL. */
  void (*on_trace)(h2ws_conn *conn, h2ws_trace_level level, const char *text,
                   void *user);
  /*
   * h2ws_server_stop() is done; free the server now, or later. Once, on the
   * thread of the server's loop; not after h2ws_server_free(). May be NULL.
   */
  void (*on_stopped)(h2ws_server *server, void *user);
} h2ws_server_callbacks;

/* Fill with h2ws_server_options_default(). Strings are copied. */
typedef struct h2ws_server_options {
  size_t size;
  const char *listen;    /* "HOST:PORT", "[v6]:PORT" or "unix:PATH"; required
                            unless listen_fd is set; no host: all addresses;
                            port 0: any free one. A dead socket at PATH is
                            replaced; the one left behind is the caller's */
  int listen_fd;         /* a socket that listens, taken over if the start
                            succeeds; -1: none */
  bool cleartext;        /* no TLS: HTTP/2 by prior knowledge, HTTP/1.1 */
  const char *cert_file; /* PEM chain; NULL: a throw-away certificate for
                            localhost, 127.0.0.1 and ::1 is made */
  const char *key_file;  /* PEM */
  const char *client_ca_file; /* PEM: ask clients for certificates of these */
  bool require_client_cert;   /* and take no client without one; needs TLS and
                                 client_ca_file, else H2WS_ERR_INVALID */
  unsigned threads;           /* loops; 0 or 1: all on the loop given */
  unsigned max_conns;         /* per thread; 0: no limit */
  uint32_t handshake_timeout_ms; /* TLS, in all; 10 s */
  /*
   * now, random and secure are set here. http: H2WS_HTTP_ANY, the default,
   * serves HTTP/2 and HTTP/1.1, by ALPN or by the client's first bytes; TLS
   * without ALPN is HTTP/1.1.
   */
  h2ws_conn_options conn;
} h2ws_server_options;

H2WS_EXTERN void h2ws_server_options_default(h2ws_server_options *options,
                                             size_t size);

/*
 * Starts to listen, on `loop` or on threads of its own (options.threads).
 * `*out` is owned by the caller. On failure `why` (may be NULL) gets a sentence
 * of up to `why_len` bytes, its NUL included. A host name is resolved in here,
 * which may take its time. Loop thread.
 *
 * H2WS_ERR_INVALID  an argument, an option, or an address that is none
 * H2WS_ERR_RESOLVE  the name of the host to listen on
 * H2WS_ERR_IO       address in use, no right to it, no descriptor, no thread
 * H2WS_ERR_TLS      certificate, key or client_ca_file
 * H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_server_start(h2ws_server **out, h2ws_loop *loop,
                                  const h2ws_server_options *options,
                                  const h2ws_server_callbacks *callbacks,
                                  void *user, char *why, size_t why_len);

/* "HOST:PORT" with the real port, or "unix:PATH". Borrowed. Any thread. */
H2WS_EXTERN const char *h2ws_server_address(const h2ws_server *server);

/*
 * Stops accepting and drains every connection (h2ws_conn_drain()); those that
 * are not established yet are dropped. on_stopped follows on the loop's thread,
 * within conn.drain_timeout_ms and what it takes to send the last bytes. Again:
 * no matter. Any thread. H2WS_ERR_INVALID
 */
H2WS_EXTERN int h2ws_server_stop(h2ws_server *server);

/*
 * Frees a server, at once: connections still open are dropped. From inside a
 * callback of such a connection, its last events come when that has returned.
 * Waits for its threads, so never from a callback on one of them. NULL does
 * nothing. Thread of the loop that it was started with.
 */
H2WS_EXTERN void h2ws_server_free(h2ws_server *server);

/* ------------------------------------------------------------------------
 * Clients
 */

typedef struct h2ws_client h2ws_client;

/* Borrowed until on_close has returned. */
typedef struct h2ws_client_callbacks {
  size_t size;
  /*
   * Connected, TLS done, the version of HTTP agreed on: open sockets and
   * streams on `conn` now. They wait by themselves for the peer's SETTINGS.
   */
  void (*on_connect)(h2ws_client *client, h2ws_conn *conn, void *user);
  /*
   * It ended, or never was: info->error and info->detail say at which step
   * and why. Comes once; free the client here or later. Required.
   *
   * Before on_connect:
   * H2WS_ERR_RESOLVE, H2WS_ERR_CONNECT, H2WS_ERR_PROXY, H2WS_ERR_TLS,
   * H2WS_ERR_CERTIFICATE, H2WS_ERR_ALPN, each for its step
   * H2WS_ERR_TIMEOUT      connect_timeout_ms is over
   * H2WS_ERR_NOT_HTTP2, H2WS_ERR_UNSUPPORTED  and no fallback (options.conn)
   * H2WS_ERR_LOST         the peer left
   * H2WS_ERR_CANCELLED    h2ws_client_free()
   * H2WS_ERR_IO, H2WS_ERR_INVALID (unix_path), H2WS_ERR_NOMEM
   */
  void (*on_close)(h2ws_client *client, const h2ws_close_info *info,
                   void *user);
  /* Lines about what happens. May be NULL. */
  void (*on_trace)(h2ws_conn *conn, h2ws_trace_level level, const char *text,
                   void *user);
  /* As h2ws_conn_callbacks.on_push, with conn.enable_push. May be NULL. */
  void (*on_push)(h2ws_conn *conn, h2ws_stream *stream, h2ws_stream *parent,
                  void *user);
} h2ws_client_callbacks;

/* Fill with h2ws_client_options_default(). Strings are copied. */
typedef struct h2ws_client_options {
  size_t size;
  bool insecure;         /* do not verify the server's certificate */
  const char *ca_file;   /* PEM: trust these instead of the system's */
  const char *cert_file; /* PEM: certificate and key to present */
  const char *key_file;
  const char *server_name;     /* verify and send this name; NULL: the URL's */
  const char *proxy;           /* HTTP proxy to go through (CONNECT), such as
                                  "http://user:password@host:3128" */
  const char *unix_path;       /* connect to this Unix socket instead */
  int fd;                      /* use this connected socket instead, taken over
                                  if the call succeeds; -1: none */
  bool keylog;                 /* append TLS secrets to $SSLKEYLOGFILE */
  bool own_connection;         /* in a pool: share it with nobody */
  uint32_t connect_timeout_ms; /* DNS, TCP, proxy, TLS and the choice of HTTP
                                  in all; 10 s */
  /*
   * now, random and secure are set here. http: H2WS_HTTP_ANY, the default,
   * means HTTP/2 with a fallback: where ALPN chooses http/1.1, where the peer's
   * SETTINGS do not take WebSockets (ws and wss) or its GOAWAY says
   * HTTP_1_1_REQUIRED, and where a peer in cleartext does not speak HTTP/2, the
   * connection announced is one of HTTP/1.1, which carries one socket, or one
   * request after the other. The loop remembers such origins for five minutes,
   * ws apart from http. What was asked for before such a GOAWAY came, or a
   * reset with that code, ends with H2WS_ERR_HTTP_1_1; a pool asks again by
   * HTTP/1.1, once.
   *
   * The body of a request goes in chunks then, unless it has a content-length.
   * It can be written while the answer is read, but many servers answer only
   * once they have all of it: count on one way after the other. CONNECT needs
   * HTTP/2.
   */
  h2ws_conn_options conn;
  /*
   * A call that fails at once writes a sentence here, up to `why_len` bytes,
   * its NUL included; used by no later one. NULL: none.
   */
  char *why;
  size_t why_len;
} h2ws_client_options;

H2WS_EXTERN void h2ws_client_options_default(h2ws_client_options *options,
                                             size_t size);

/*
 * Connects to where `url` points: wss or https (TLS), ws or http (cleartext,
 * HTTP/2 by prior knowledge, RFC 9113 section 3.3). on_connect or on_close
 * follows, never from inside this call. Where the host has several addresses,
 * they are raced (RFC 8305). `*out` is owned by the caller. `options` may be
 * NULL. Loop thread.
 *
 * TLS sessions of earlier connections of the loop are resumed where origin,
 * files and verification are the same; early data is never sent (RFC 8446
 * section 2.3).
 *
 * H2WS_ERR_URL      the URL, or that of the proxy
 * H2WS_ERR_TLS      one of the files
 * H2WS_ERR_INVALID, H2WS_ERR_NOMEM, H2WS_ERR_IO (no thread to be had)
 */
H2WS_EXTERN int h2ws_client_connect(h2ws_client **out, h2ws_loop *loop,
                                    const char *url,
                                    const h2ws_client_options *options,
                                    const h2ws_client_callbacks *callbacks,
                                    void *user);

/*
 * Opens a WebSocket to the client's URL on its connection, from on_connect
 * on. `headers` are copied. As h2ws_socket_open(); H2WS_ERR_CLOSED before
 * on_connect, and after the end. Loop thread.
 */
H2WS_EXTERN int h2ws_client_open_socket(h2ws_client *client, h2ws_socket **out,
                                        const h2ws_header *headers,
                                        size_t headers_len,
                                        const h2ws_socket_options *options,
                                        const h2ws_socket_callbacks *callbacks,
                                        void *user);

/*
 * The parts of the client's URL: host and port, the default port left out; path
 * and query. Borrowed until h2ws_client_free(). Loop thread.
 */
H2WS_EXTERN const char *h2ws_client_authority(const h2ws_client *client);
H2WS_EXTERN const char *h2ws_client_path(const h2ws_client *client);

/* The connection, NULL before on_connect and after its end. Loop thread. */
H2WS_EXTERN h2ws_conn *h2ws_client_conn(h2ws_client *client);

/*
 * Frees a client, after its on_close: what is open or on its way is dropped.
 * From inside a callback of its connection, on_close comes when that has
 * returned. NULL does nothing. Loop thread.
 */
H2WS_EXTERN void h2ws_client_free(h2ws_client *client);

/* ------------------------------------------------------------------------
 * Pools: WebSockets and requests that share connections
 *
 * What goes to one origin, under the same h2ws_client_options, shares an
 * HTTP/2 connection as long as that takes new streams: after a GOAWAY the next
 * ones go to a new connection. A connection of HTTP/1.1 carries one WebSocket,
 * or one request, and is never shared. A connection on which nothing is open
 * ends after conn.idle_timeout_ms; one that is not shared ends with what it
 * carried.
 *
 * What the peer certainly did not process is tried again, on a few connections
 * at most: after a GOAWAY, a reset with REFUSED_STREAM or HTTP_1_1_REQUIRED,
 * and on a connection of its own after a 421. The pool remembers for five
 * minutes which origins want a connection for each.
 */

typedef struct h2ws_pool h2ws_pool;

/* Fill with h2ws_pool_options_default(). */
typedef struct h2ws_pool_options {
  size_t size;
  /*
   * Shared connections to one origin at once: where the peer takes no more
   * streams (SETTINGS_MAX_CONCURRENT_STREAMS), the next one is opened. At the
   * end of that, openings wait on a connection, up to conn.open_timeout_ms. 1
   */
  unsigned max_conns;
  unsigned max_streams; /* how many make a connection full; 0: the peer's say */
  unsigned max_tries;   /* connections that an opening is tried on; 3 */
} h2ws_pool_options;

H2WS_EXTERN void h2ws_pool_options_default(h2ws_pool_options *options,
                                           size_t size);

/*
 * A pool without connections. `options` may be NULL. Owned by the caller.
 * Loop thread. H2WS_ERR_INVALID, H2WS_ERR_NOMEM
 */
H2WS_EXTERN int h2ws_pool_new(h2ws_pool **out, h2ws_loop *loop,
                              const h2ws_pool_options *options);

/*
 * Frees a pool and drops its connections: what is open on them, or still being
 * opened, gets its on_close. NULL does nothing. Loop thread.
 */
H2WS_EXTERN void h2ws_pool_free(h2ws_pool *pool);

/* Connections, those being established included. Loop thread. */
H2WS_EXTERN size_t h2ws_pool_conns(const h2ws_pool *pool);

/* The loop it was made on. Borrowed. Any thread. */
H2WS_EXTERN h2ws_loop *h2ws_pool_loop(const h2ws_pool *pool);

/* A WebSocket or stream on its way: until its on_open or on_close is called. */
typedef struct h2ws_opening h2ws_opening;

/*
 * Opens a WebSocket to a URL, on a connection that fits or on a new one.
 * `request` adds header fields to it; where it has no authority or path, the
 * URL's are asked for. Either on_open or on_close follows, never from inside
 * this call; where it never came to a stream, the socket that on_close gets is
 * NULL. `*out` may be NULL; it is borrowed. Everything but `callbacks` is
 * copied; `client`, `request` and `options` may be NULL. Loop thread.
 *
 * H2WS_ERR_URL, H2WS_ERR_NOMEM, H2WS_ERR_INVALID (NULL where something must be,
 * a pool that was freed); what else is wrong (header fields, options, files)
 * comes by on_close.
 */
H2WS_EXTERN int h2ws_pool_open_socket(h2ws_pool *pool, h2ws_opening **out,
                                      const char *url,
                                      const h2ws_client_options *client,
                                      const h2ws_request *request,
                                      const h2ws_socket_options *options,
                                      const h2ws_socket_callbacks *callbacks,
                                      void *user);

/*
 * The same for another request, as h2ws_stream_open(). The stream is handed out
 * by on_open, so a body cannot be written before the answer has begun. A
 * CONNECT that comes to a connection of HTTP/1.1 ends with H2WS_ERR_HTTP_1_1.
 * `request` is required.
 */
H2WS_EXTERN int h2ws_pool_open_stream(h2ws_pool *pool, h2ws_opening **out,
                                      const char *url,
                                      const h2ws_client_options *client,
                                      const h2ws_request *request,
                                      const h2ws_stream_callbacks *callbacks,
                                      void *user);

/*
 * Gives up; on_close follows (class aborted), maybe at once. NULL does nothing.
 * Loop thread.
 */
H2WS_EXTERN void h2ws_opening_cancel(h2ws_opening *opening);

/*
 * Has `fn(arg)` called when the request goes to a connection, where it may have
 * to wait; again for each try. Loop thread.
 */
H2WS_EXTERN void h2ws_opening_watch(h2ws_opening *opening,
                                    void (*fn)(void *arg), void *arg);

/* The path that is asked for. Borrowed. Loop thread. */
H2WS_EXTERN const char *h2ws_opening_path(const h2ws_opening *opening);

/* ------------------------------------------------------------------------
 * Coming back: a WebSocket that is opened again when it was lost
 */

typedef struct h2ws_reconnect h2ws_reconnect;

/* Fill with h2ws_reconnect_options_default(). Copied. */
typedef struct h2ws_reconnect_options {
  size_t size;
  h2ws_backoff backoff;
  bool only_lost; /* the first open is tried once; false */
  /* As of h2ws_pool_open_socket(). */
  const h2ws_client_options *client;
  const h2ws_request *request;
  const h2ws_socket_options *socket;
  /* It is going to be opened again in `ms`. May be NULL. */
  void (*on_wait)(h2ws_reconnect *reconnect, uint32_t ms, void *user);
  /* That was the last time, see h2ws_backoff_helps(). May be NULL. */
  void (*on_end)(h2ws_reconnect *reconnect, const h2ws_close_info *info,
                 void *user);
} h2ws_reconnect_options;

H2WS_EXTERN void h2ws_reconnect_options_default(h2ws_reconnect_options *options,
                                                size_t size);

/*
 * Opens a WebSocket, and opens it again when it ended, until that does not help
 * or h2ws_reconnect_stop(). The callbacks are those of each socket in turn:
 * on_open is the place to subscribe (again), on_close tells of each end and of
 * each try that failed. Callbacks are borrowed, `options` may be NULL;
 * h2ws_socket_user() of the sockets is not for use. `*out` is owned by the
 * caller; the pool must outlive it. Loop thread.
 *
 * Errors as h2ws_pool_open_socket(); H2WS_ERR_INVALID with client->fd.
 */
H2WS_EXTERN int h2ws_reconnect_start(h2ws_reconnect **out, h2ws_pool *pool,
                                     const char *url,
                                     const h2ws_reconnect_options *options,
                                     const h2ws_socket_callbacks *callbacks,
                                     void *user);

/*
 * The next end is the last one: before h2ws_socket_close(), say. While it
 * waits, on_end is called from here (class aborted). Loop thread.
 */
H2WS_EXTERN void h2ws_reconnect_stop(h2ws_reconnect *reconnect);

/*
 * What it is opening now; the socket that is open: one of them, or neither.
 * Borrowed. Loop thread.
 */
H2WS_EXTERN h2ws_opening *
h2ws_reconnect_opening(const h2ws_reconnect *reconnect);
H2WS_EXTERN h2ws_socket *h2ws_reconnect_socket(const h2ws_reconnect *reconnect);

/*
 * Frees it; a socket of it is aborted, and nothing more is called back. NULL
 * does nothing. Loop thread.
 */
H2WS_EXTERN void h2ws_reconnect_free(h2ws_reconnect *reconnect);

#ifdef __cplusplus
}
#endif

#endif /* H2WS_EVENT_H */
