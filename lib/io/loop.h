/*
 * A loop: an event_base, a mailbox for other threads, buffers that all its
 * links share, and the list of links that have something to send.
 */
#ifndef H2WS_IO_LOOP_H
#define H2WS_IO_LOOP_H

#include <event2/event.h>
#include <h2ws/event.h>

#include "lib/io/mailbox.h"
#include "lib/io/origins.h"
#include "lib/io/sessions.h"

/* Bytes read at once, and gathered for one write. */
#define H2WS__IO_READ_CAP ((size_t)128 * 1024)
#define H2WS__IO_WRITE_CAP ((size_t)256 * 1024)
/* The same encrypted: 16 KiB records, each a little longer. */
#define H2WS__IO_CIPHER_CAP ((size_t)288 * 1024)

struct h2ws__link;

/*
 * What was freed, while calls on it may still be on the stack: its memory
 * goes at the end of the turn.
 */
struct h2ws__grave {
  struct h2ws__grave *next;
  void (*bury)(struct h2ws__grave *grave);
};

struct h2ws_loop {
  struct event_base *base;
  bool own_base;
  struct h2ws__mailbox *mailbox;
  struct h2ws__letter stop; /* h2ws_loop_stop() */
  struct event *mail_event;
  struct event *flush_event;
  uint8_t *in;              /* from the socket */
  uint8_t *plain;           /* decrypted */
  uint8_t *out;             /* from the core */
  uint8_t *cipher;          /* encrypted, for the socket */
  struct h2ws__link *dirty; /* to be flushed at the end of this turn */
  struct h2ws__grave *graves;
  struct h2ws__sessions sessions;
  struct h2ws__origins http1;  /* for WebSockets */
  X509_STORE *system_cas;      /* NULL until a client needs them */
  struct h2ws__link **buckets; /* links by serial; a power of two */
  size_t buckets_len;
  size_t links_len;
  uint64_t last_serial;
};

/* Puts a link on the list of those to be flushed in this turn. */
void h2ws__loop_mark_dirty(h2ws_loop *loop, struct h2ws__link *link);
void h2ws__loop_unmark(h2ws_loop *loop, struct h2ws__link *link);

/* Calls `bury` at the end of the turn, or when the loop is freed. */
void h2ws__loop_bury(h2ws_loop *loop, struct h2ws__grave *grave,
                     void (*bury)(struct h2ws__grave *grave));

/* Gives a link its serial, by which ids find it. H2WS_ERR_NOMEM. */
int h2ws__loop_enter(h2ws_loop *loop, struct h2ws__link *link);
void h2ws__loop_leave(h2ws_loop *loop, struct h2ws__link *link);

/* CLOCK_MONOTONIC and OpenSSL's randomness, for the core's options. */
h2ws_time h2ws__io_now(void *user);
int h2ws__io_random(uint8_t *buf, size_t len, void *user);

#endif
