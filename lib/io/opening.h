/*
 * An opening: all that is needed to ask for a WebSocket or a stream, as often
 * as it takes.
 */
#ifndef H2WS_IO_OPENING_H
#define H2WS_IO_OPENING_H

#include "lib/io/address.h"

#define H2WS__OPENING_STRINGS 16

struct h2ws__member;

struct h2ws__openings {
  h2ws_opening *first;
  h2ws_opening **last;
};

struct h2ws_opening {
  h2ws_opening *next;
  h2ws_opening **pprev;
  struct h2ws__openings *list; /* it is in; NULL: none */
  h2ws_pool *pool;
  struct h2ws__member *member; /* it waits for, or was asked on */
  struct h2ws__url url;
  char *url_text;
  char *key; /* of the connections that fit, with client.conn */
  h2ws_client_options client;
  h2ws_request request;
  h2ws_header *headers;
  h2ws_socket_options socket_options;
  const h2ws_socket_callbacks *socket_callbacks; /* NULL: a stream */
  const h2ws_stream_callbacks *stream_callbacks;
  void *user;
  void (*on_asked)(void *arg); /* NULL: none */
  void *asked_arg;
  h2ws_socket *socket; /* once asked for: this */
  h2ws_stream *stream; /* or that */
  unsigned tries;
  bool given;       /* client.fd was: it is ours until a client has it */
  bool fresh;       /* wants a connection that nobody has used */
  bool misdirected; /* 421 was the answer to a request */
  char *strings[H2WS__OPENING_STRINGS];
  size_t strings_len;
};

/* Copies all of it. H2WS_ERR_URL, H2WS_ERR_NOMEM */
int h2ws__opening_new(h2ws_opening **out, const char *url,
                      const h2ws_client_options *client,
                      const h2ws_request *request,
                      const h2ws_socket_options *options);
void h2ws__opening_free(h2ws_opening *opening);

void h2ws__openings_init(struct h2ws__openings *list);
/* Moves it from the list it is in, if any, to the end of this one. */
void h2ws__openings_append(struct h2ws__openings *list, h2ws_opening *opening);
void h2ws__opening_unlist(h2ws_opening *opening);

#endif
