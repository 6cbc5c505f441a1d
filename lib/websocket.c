/* Opening and accepting WebSockets: the join of streams and messages. */
#include <string.h>

#include "lib/conn.h"
#include "lib/handshake.h"
#include "ws/socket.h"

#define VERSION_NAME "sec-websocket-version"
#define PROTOCOL_NAME "sec-websocket-protocol"
#define EXTENSIONS_NAME "sec-websocket-extensions"

/* ------------------------------------------------------------------------
 * Fields: the application's, then ours
 */

/* A copy of `headers` with room for three more; NULL: no memory. */
static h2ws_header *fields_copy(const h2ws_mem *mem, const h2ws_header *headers,
                                size_t len) {
  h2ws_header *fields = h2ws__mem_alloc(mem, (len + 3) * sizeof(h2ws_header));
  if (fields != NULL && len > 0) {
    memcpy(fields, headers, len * sizeof(h2ws_header));
  }
  return fields;
}

/* ------------------------------------------------------------------------
 * Client
 */

static const char *judge_extensions(const h2ws_stream *stream,
                                    h2ws_socket *socket) {
  struct h2ws__terms offer;
  h2ws__terms_offer(&offer, &socket->options->all);
  return h2ws__terms_judge(&socket->terms,
                           h2ws_stream_header(stream, EXTENSIONS_NAME), &offer);
}

/* The answer is 2xx: is it a WebSocket? */
static void on_answer(h2ws_stream *stream, void *user) {
  h2ws_socket *socket = user;
  struct h2ws__choice choice;
  /* Until now the socket's protocol is what was offered. */
  const char *wrong = h2ws__handshake_judge_answer(
    stream, socket->protocol, socket->options->all.require_protocol, &choice);
  if (wrong == NULL) {
    wrong = judge_extensions(stream, socket);
  }
  if (wrong != NULL) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_PROTOCOL, H2WS_ERR_HANDSHAKE,
                         wrong);
    return;
  }
  if (choice.len == 0) {
    h2ws__mem_free(&socket->env->mem, socket->protocol);
    socket->protocol = NULL;
  } else if (h2ws__socket_set_protocol(socket, choice.name, choice.len) != 0) {
    h2ws__socket_give_up(socket, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                         "no memory for the subprotocol");
    return;
  }
  h2ws__socket_start(socket);
}

static void on_open_failed(h2ws_stream *stream, const h2ws_close_info *info,
                           void *user) {
  (void)stream;
  h2ws__socket_end(user, info);
}

static const h2ws_stream_callbacks connecting = {
  .size = sizeof(connecting),
  .on_open = on_answer,
  .on_close = on_open_failed,
};

static int open_stream(h2ws_conn *conn, h2ws_socket *socket,
                       const h2ws_request *request) {
  const h2ws_mem *mem = &socket->env->mem;
  h2ws_header *fields =
    fields_copy(mem, request->headers, request->headers_len);
  h2ws_request r = *request;
  h2ws_stream *stream = NULL;
  struct h2ws__terms offer;
  char offer_text[H2WS__TERMS_TEXT_MAX];
  size_t n = request->headers_len;
  int rv;
  if (fields == NULL) {
    return H2WS_ERR_NOMEM;
  }
  fields[n++] = (h2ws_header){VERSION_NAME, H2WS__WEBSOCKET_VERSION};
  if (socket->protocol != NULL) {
    fields[n++] = (h2ws_header){PROTOCOL_NAME, socket->protocol};
  }
  h2ws__terms_offer(&offer, &socket->options->all);
  if (offer.on) {
    fields[n++] =
      (h2ws_header){EXTENSIONS_NAME, h2ws__terms_write(&offer, offer_text)};
  }
  r.method = NULL;
  r.protocol = "websocket"; /* RFC 8441 section 5 */
  r.headers = fields;
  r.headers_len = n;
  r.end = false;
  rv = h2ws_stream_open(conn, &stream, &r, &connecting, socket);
  h2ws__mem_free(mem, fields);
  if (rv == 0) {
    h2ws__socket_attach(socket, stream);
  }
  return rv;
}

int h2ws_socket_open(h2ws_conn *conn, h2ws_socket **out,
                     const h2ws_request *request,
                     const h2ws_socket_options *options,
                     const h2ws_socket_callbacks *callbacks, void *user) {
  const char *offer = options == NULL ? NULL : options->protocols;
  h2ws_socket *socket;
  int rv;
  if (conn == NULL || out == NULL || request == NULL || callbacks == NULL ||
      (request->headers == NULL && request->headers_len > 0) ||
      (offer != NULL && !h2ws__offer_is_valid(offer))) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(h2ws__conn_env(conn));
  *out = NULL;
  if (!h2ws__handshake_fields_allowed(request->headers, request->headers_len)) {
    return H2WS_ERR_HEADER;
  }
  rv = h2ws__socket_new(&socket, h2ws__conn_env(conn), /* server = */ false,
                        options, callbacks, user);
  if (rv != 0) {
    return rv;
  }
  rv = h2ws__terms_allowed(&socket->options->all) ? 0 : H2WS_ERR_INVALID;
  if (rv == 0 && offer != NULL) {
    rv = h2ws__socket_set_protocol(socket, offer, strlen(offer));
  }
  if (rv == 0) {
    rv = open_stream(conn, socket, request);
  }
  if (rv != 0) {
    h2ws_socket_release(socket);
    return rv;
  }
  *out = socket;
  return 0;
}

/* ------------------------------------------------------------------------
 * Server
 */

static int accept_check(const h2ws_stream *stream) {
  if (h2ws_stream_get_state(stream) == H2WS_STREAM_CLOSED ||
      stream->reset_asked) {
    return H2WS_ERR_CLOSED;
  }
  if (h2ws_stream_get_state(stream) != H2WS_STREAM_REQUESTED ||
      stream->answered || !h2ws_stream_is_websocket(stream)) {
    return H2WS_ERR_STATE;
  }
  return 0;
}

/* RFC 6455 section 4.4: a 400 says which version is spoken. */
static int refuse_handshake(h2ws_stream *stream, int status, const char *why) {
  static const h2ws_header version = {VERSION_NAME, H2WS__WEBSOCKET_VERSION};
  h2ws__trace(stream->env, H2WS_TRACE_INFO, "stream %lld: refused: %s",
              (long long)stream->id, why);
  (void)h2ws_stream_respond(stream, status, &version, status == 400, NULL, 0);
  return H2WS_ERR_HANDSHAKE;
}

static int accept_stream(h2ws_stream *stream, const h2ws_socket *socket,
                         const h2ws_header *headers, size_t headers_len) {
  const h2ws_mem *mem = &socket->env->mem;
  h2ws_header *fields = fields_copy(mem, headers, headers_len);
  char terms_text[H2WS__TERMS_TEXT_MAX];
  size_t n = headers_len;
  int rv;
  if (fields == NULL) {
    return H2WS_ERR_NOMEM;
  }
  if (socket->protocol != NULL) {
    fields[n++] = (h2ws_header){PROTOCOL_NAME, socket->protocol};
  }
  if (socket->terms.on) {
    fields[n++] = (h2ws_header){EXTENSIONS_NAME,
                                h2ws__terms_write(&socket->terms, terms_text)};
  }
  rv = h2ws_stream_accept(stream, fields, n, NULL, NULL);
  h2ws__mem_free(mem, fields);
  return rv;
}

/* NULL if the request can be accepted, with what was agreed. */
static const char *judge_request(const h2ws_stream *stream,
                                 const h2ws_socket_options *options,
                                 struct h2ws__choice *choice,
                                 struct h2ws__terms *terms) {
  const char *wrong = h2ws__handshake_judge_request(stream, options, choice);
  return wrong != NULL
           ? wrong
           : h2ws__terms_choose(
               terms, h2ws_stream_header(stream, EXTENSIONS_NAME), options);
}

int h2ws_socket_accept(h2ws_stream *stream, h2ws_socket **out,
                       const h2ws_header *headers, size_t headers_len,
                       const h2ws_socket_options *options,
                       const h2ws_socket_callbacks *callbacks, void *user) {
  h2ws_socket_options o;
  struct h2ws__choice choice;
  struct h2ws__terms terms;
  const char *wrong;
  h2ws_socket *socket;
  int rv;
  if (stream == NULL || out == NULL || callbacks == NULL ||
      (headers == NULL && headers_len > 0)) {
    return H2WS_ERR_INVALID;
  }
  h2ws__env_enter_scope(stream->env);
  *out = NULL;
  rv = accept_check(stream);
  if (rv != 0) {
    return rv;
  }
  if (!h2ws__handshake_fields_allowed(headers, headers_len)) {
    return H2WS_ERR_HEADER;
  }
  h2ws__socket_options_read(&o, options);
  if (!h2ws__terms_allowed(&o)) {
    return H2WS_ERR_INVALID;
  }
  if (!h2ws__handshake_origin_allowed(stream, &o)) {
    return refuse_handshake(stream, 403, "its origin is not welcome");
  }
  wrong = judge_request(stream, &o, &choice, &terms);
  if (wrong != NULL) {
    return refuse_handshake(stream, 400, wrong);
  }
  rv = h2ws__socket_new(&socket, stream->env, /* server = */ true, &o,
                        callbacks, user);
  if (rv != 0) {
    return rv;
  }
  socket->terms = terms;
  if (choice.len > 0) {
    rv = h2ws__socket_set_protocol(socket, choice.name, choice.len);
  }
  if (rv == 0) {
    rv = accept_stream(stream, socket, headers, headers_len);
  }
  if (rv != 0) {
    h2ws_socket_release(socket);
    return rv;
  }
  *out = socket;
  h2ws__socket_attach(socket, stream);
  h2ws__socket_start(socket);
  h2ws__socket_process(socket); /* frames that came early */
  return 0;
}

/* ------------------------------------------------------------------------
 * Text
 */

bool h2ws_is_utf8(const void *data, size_t len) {
  return len == 0 || (data != NULL && h2ws__utf8_is_valid(data, len));
}
