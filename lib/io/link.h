/*
 * A link: one transport connection, with or without TLS, under one core
 * connection. Servers accept links, clients establish them.
 */
#ifndef H2WS_IO_LINK_H
#define H2WS_IO_LINK_H

#include <openssl/ssl.h>

#include "lib/io/address.h"
#include "lib/io/loop.h"

enum h2ws__link_state {
  H2WS__LINK_EXPECT_TLS, /* the TLS handshake is under way */
  H2WS__LINK_OPEN,
  H2WS__LINK_FLUSHING,  /* the core is done: last bytes, then our FIN */
  H2WS__LINK_LINGERING, /* our FIN is out: wait for theirs, bounded */
  H2WS__LINK_CLOSED,
};

/* What a link tells its owner. `user` is link->owner. */
struct h2ws__link_events {
  /* Established: the core connection exists. */
  void (*open)(struct h2ws__link *link);
  /* The peer's SETTINGS arrived. */
  void (*ready)(struct h2ws__link *link, bool extended_connect);
  /* A request for a server. */
  void (*request)(struct h2ws__link *link, h2ws_stream *stream);
  /* It failed before it was open. `text` is a sentence. */
  void (*failed)(struct h2ws__link *link, int error, const char *text);
  /*
   * The core connection ended. Where its end comes from inside one of its own
   * calls, this comes after `gone`, in the same turn.
   */
  void (*ended)(struct h2ws__link *link, h2ws_conn *conn,
                const h2ws_close_info *info);
  /* The descriptor is closed; the link is freed when this returns. */
  void (*gone)(struct h2ws__link *link);
  void (*trace)(struct h2ws__link *link, h2ws_conn *conn,
                h2ws_trace_level level, const char *text);
  /* The server pushes; NULL or false: nobody wants that. */
  bool (*push)(struct h2ws__link *link, h2ws_stream *stream,
               h2ws_stream *parent);
};

struct h2ws__link {
  struct h2ws__grave grave; /* first */
  h2ws_loop *loop;
  const struct h2ws__link_events *events;
  void *owner;
  const h2ws_conn_options *options; /* borrowed from the owner, until open */
  uint32_t stall_ms;
  int fd;
  int send_error; /* errno; the peer takes nothing any more */
  uint8_t state;  /* enum h2ws__link_state */
  bool server;
  bool peer_closed;     /* close_notify or FIN was received */
  bool opened;          /* there was a core connection */
  bool yielded;         /* sent its share of this turn */
  bool paused;          /* not reading: the core has too much unread */
  uint8_t http;         /* h2ws_http: wanted, then what it is */
  bool told;            /* failed or ended was called */
  uint16_t key_updates; /* TLS KeyUpdate without data in between */
  SSL *ssl;
  h2ws_conn *conn;
  const char *why;           /* while it is dropped: a sentence for the owner */
  struct event *io_event;    /* readable */
  struct event *write_event; /* added while bytes are left over, or yielded */
  struct event *timer;
  h2ws_time timer_at; /* when `timer` fires; H2WS_NEVER: not added */
  h2ws_time deadline; /* of the link itself: handshake, stall, linger */
  uint8_t *left;      /* what the kernel did not take */
  size_t left_pos;
  size_t left_len;
  uint64_t serial; /* 0: not entered at the loop */
  struct h2ws__link *bucket_next;
  size_t lingered; /* bytes thrown away since our FIN */
  /* During a TLS call: ciphertext on its way. */
  const uint8_t *cipher_in;
  size_t cipher_in_len;
  size_t cipher_out_len;
  struct h2ws__link *dirty_next;
  struct h2ws__link **dirty_pprev;
  char peer[H2WS__ADDRESS_TEXT];
};

/*
 * A link over a descriptor, which it owns from now on. `ssl` may be NULL and
 * is owned too. `timeout_ms` bounds the time until it is open.
 */
int h2ws__link_new(struct h2ws__link **out, h2ws_loop *loop, int fd, SSL *ssl,
                   const h2ws_conn_options *options, bool server);

/* Starts: on a client the TLS handshake, if there is one. */
int h2ws__link_start(struct h2ws__link *link, uint32_t timeout_ms);

/* Drops it at once: ended if it was open, then gone. */
void h2ws__link_drop(struct h2ws__link *link, int error, const char *text);

/*
 * Frees without events; `gone` is not called. The memory stays until the end
 * of the turn, for the calls that are on the stack.
 */
void h2ws__link_free(struct h2ws__link *link);

/*
 * Leaves a link whose core connection has ended to itself: it sends what is
 * left, lingers, and frees itself.
 */
void h2ws__link_orphan(struct h2ws__link *link);

/* Sends what the core has; called once a turn. */
void h2ws__link_flush(struct h2ws__link *link);

/* The link under a connection. */
struct h2ws__link *h2ws__link_of(const h2ws_conn *conn);

/* link_tls.c: TLS over cipher_in and the loop's cipher buffer. */

/* 1 done, 0 wants more, negative error; `why` gets a sentence. */
int h2ws__link_tls_handshake(struct h2ws__link *link, char *why,
                             size_t why_len);
/* Decrypted bytes; 0 wants more; H2WS_ERR_EOF; H2WS_ERR_TLS. */
h2ws_ssize h2ws__link_tls_read(struct h2ws__link *link, uint8_t *buf,
                               size_t cap, char *why, size_t why_len);
/* Encrypts all of it into the loop's cipher buffer. */
int h2ws__link_tls_write(struct h2ws__link *link, const uint8_t *data,
                         size_t len);
void h2ws__link_tls_close(struct h2ws__link *link);
/* Puts the link under `ssl`. */
int h2ws__link_tls_attach(struct h2ws__link *link);

#endif
