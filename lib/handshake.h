/*
 * The WebSocket part of the opening handshake: version and subprotocols
 * (RFC 6455 section 4, RFC 8441 section 5), whatever carries the fields.
 */
#ifndef H2WS_LIB_HANDSHAKE_H
#define H2WS_LIB_HANDSHAKE_H

#include <h2ws/core.h>

/* RFC 6455 section 4.1 */
#define H2WS__WEBSOCKET_VERSION "13"

/* A subprotocol that was agreed on; len 0: none. */
struct h2ws__choice {
  const char *name;
  size_t len;
};

/*
 * True for a comma list of 1 to 64 distinct tokens, as
 * sec-websocket-protocol wants it.
 */
bool h2ws__offer_is_valid(const char *offer);

/* True if fields of the application leave the handshake alone. */
bool h2ws__handshake_fields_allowed(const h2ws_header *headers, size_t len);

/* Server: true if options->origins lets the request on `stream` in. */
bool h2ws__handshake_origin_allowed(const h2ws_stream *stream,
                                    const h2ws_socket_options *options);

/*
 * Server: judges the request on `stream`. NULL if it can be accepted, with
 * the choice (borrowed from `options`), else a sentence that says why not.
 */
const char *h2ws__handshake_judge_request(const h2ws_stream *stream,
                                          const h2ws_socket_options *options,
                                          struct h2ws__choice *choice);

/*
 * Client: judges the answer on `stream` to `offer` (NULL: none). NULL if it
 * is right, with the choice (borrowed), else a sentence. Static.
 */
const char *h2ws__handshake_judge_answer(const h2ws_stream *stream,
                                         const char *offer, bool required,
                                         struct h2ws__choice *choice);

#endif
