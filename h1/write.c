/* The heads we send. */
#include <stdio.h>
#include <string.h>

#include "h1/h1_session.h"

struct writer {
  struct h2ws__h1 *h1;
  struct h2ws__bufq q; /* goes out whole or not at all */
  int error;
};

static void put(struct writer *w, const char *text) {
  if (w->error == 0) {
    w->error =
      h2ws__bufq_append(&w->q, &w->h1->env->chunks, text, strlen(text));
  }
}

static void put_field(struct writer *w, const char *name, const char *value) {
  put(w, name);
  put(w, ": ");
  put(w, value);
  put(w, "\r\n");
}

static void put_number(struct writer *w, const char *name, size_t number) {
  char value[24];
  (void)snprintf(value, sizeof(value), "%zu", number);
  put_field(w, name, value);
}

static void put_fields(struct writer *w, const h2ws_header *headers,
                       size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    put_field(w, headers[i].name, headers[i].value);
  }
}

/* Ends the head and moves it behind what is queued. */
static int finish(struct writer *w) {
  struct h2ws__h1 *h1 = w->h1;
  uint8_t *data = NULL;
  size_t n;
  put(w, "\r\n");
  while (w->error == 0 && (n = h2ws__bufq_peek(&w->q, &data)) > 0) {
    w->error = h2ws__bufq_append(&h1->tx.out, &h1->env->chunks, data, n);
    h2ws__bufq_drain(&w->q, &h1->env->chunks, n);
  }
  h2ws__bufq_dispose(&w->q, &h1->env->chunks);
  if (w->error == 0) {
    h2ws__h1_touch(h1);
  }
  return w->error;
}

/* RFC 9110 section 15: what people like to read. */
static const char *reason_of(int status) {
  static const struct {
    int status;
    const char *reason;
  } reasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {414, "URI Too Long"},
    {417, "Expectation Failed"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
  };
  size_t i;
  for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
    if (reasons[i].status == status) {
      return reasons[i].reason;
    }
  }
  return "";
}

static void put_status(struct writer *w, int status) {
  char line[16];
  (void)snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
  put(w, line);
  put(w, reason_of(status));
  put(w, "\r\n");
}

/* RFC 9112 section 6: how the client sees the end of the content. */
static void put_framing(struct writer *w, int status, unsigned flags,
                        bool given) {
  struct h2ws__h1 *h1 = w->h1;
  h1->tx.framing = H2WS__H1_FRAMING_RAW;
  if (!h2ws__status_has_content(status) || given) {
    return;
  }
  if ((flags & H2WS__ANSWER_WHOLE) != 0) {
    put_number(w, "Content-Length", h1->stream->base.tx.q.len);
  } else if ((flags & H2WS__ANSWER_EMPTY) != 0) {
    return; /* to HEAD, and nobody knows how long it would be */
  } else if (h1->ex.http10) {
    h1->ex.keep = false; /* whatever the application writes, it ends there */
  } else {
    h1->tx.framing = H2WS__H1_FRAMING_CHUNKED;
    put_field(w, "Transfer-Encoding", "chunked");
  }
}

static void put_switch(struct writer *w) {
  put_field(w, "Upgrade", "websocket");
  put_field(w, "Connection", "Upgrade");
  put_field(w, "Sec-WebSocket-Accept", w->h1->ex.accept);
  w->h1->tx.framing = H2WS__H1_FRAMING_RAW;
}

/* RFC 9110 sections 7.6.1, 15.5.22: 426 names what it wants. */
static void put_connection(struct writer *w, int status) {
  bool upgrade = status == 426;
  if (upgrade) {
    put_field(w, "Upgrade", "websocket");
  }
  if (!w->h1->ex.keep) {
    put_field(w, "Connection", upgrade ? "close, Upgrade" : "close");
  } else if (upgrade) {
    put_field(w, "Connection", "Upgrade");
  }
}

int h2ws__h1_write_answer(struct h2ws__h1 *h1, int status,
                          const h2ws_header *headers, size_t headers_len,
                          unsigned flags) {
  struct writer w = {h1, {0}, 0};
  bool whole = (flags & H2WS__ANSWER_WHOLE) != 0;
  bool given = h2ws__fields_have(headers, headers_len, "content-length");
  bool switches = h1->ex.upgrade && !whole;
  if (h1->ex.upgrade && whole) {
    h1->ex.keep = false; /* what follows is no request (row H1-05) */
  }
  put_status(&w, switches ? 101 : status);
  put_fields(&w, headers, headers_len);
  if (switches) {
    put_switch(&w);
  } else {
    put_framing(&w, status, flags, given);
    put_connection(&w, status);
  }
  return finish(&w);
}

int h2ws__h1_write_refusal(struct h2ws__h1 *h1, int status,
                           const h2ws_header *extra) {
  struct writer w = {h1, {0}, 0};
  put_status(&w, status);
  h1->ex.keep = false;
  put_fields(&w, extra, extra == NULL ? 0 : 1);
  put_number(&w, "Content-Length", 0);
  put_connection(&w, status);
  return finish(&w);
}

int h2ws__h1_write_continue(struct h2ws__h1 *h1) {
  struct writer w = {h1, {0}, 0};
  put(&w, "HTTP/1.1 100 Continue\r\n");
  return finish(&w);
}

/* RFC 9110 section 8.6: those that have a body by nature say that it is empty
 */
static bool method_has_body(const char *method) {
  return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
         strcmp(method, "PATCH") == 0;
}

int h2ws__h1_write_request(struct h2ws__h1 *h1, const h2ws_request *request) {
  struct writer w = {h1, {0}, 0};
  bool given = h1->stream->base.tx_counted;
  put(&w, request->method);
  put(&w, " ");
  put(&w, request->path);
  put(&w, " HTTP/1.1\r\n");
  put_field(&w, "Host", request->authority);
  put_fields(&w, request->headers, request->headers_len);
  h1->tx.framing = H2WS__H1_FRAMING_RAW;
  if (!request->end && !given) {
    h1->tx.framing = H2WS__H1_FRAMING_CHUNKED;
    put_field(&w, "Transfer-Encoding", "chunked");
  } else if (request->end && !given && method_has_body(request->method)) {
    put_number(&w, "Content-Length", 0);
  }
  return finish(&w);
}

int h2ws__h1_write_upgrade(struct h2ws__h1 *h1, const h2ws_request *request,
                           const char *key) {
  struct writer w = {h1, {0}, 0};
  put(&w, "GET ");
  put(&w, request->path);
  put(&w, " HTTP/1.1\r\n");
  put_field(&w, "Host", request->authority);
  put_field(&w, "Upgrade", "websocket");
  put_field(&w, "Connection", "Upgrade");
  put_field(&w, "Sec-WebSocket-Key", key);
  put_fields(&w, request->headers, request->headers_len);
  return finish(&w);
}
