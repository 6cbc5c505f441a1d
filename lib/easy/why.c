#include "lib/easy/why.h"

#include <event2/http.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_LEN 256

static _Thread_local struct h2ws__why last = {NULL, 0, "no call has failed"};

/* ------------------------------------------------------------------------
 * What to try
 */

static const char *try_for_status(int status) {
  switch (status) {
  case 400:
    return "Check the subprotocols and header fields that are sent.";
  case 401:
  case 403:
    return "The server wants credentials or another Origin: set "
           "options.headers.";
  case 404:
    return "Check the path of the URL.";
  case 405:
    return "Is this path meant for WebSocket over HTTP/2? In axum, route it "
           "with any(handler), not get(handler).";
  case 429:
  case 503:
    return "The server is busy: try again later.";
  case 501:
    return "The server does not know this kind of CONNECT.";
  default:
    return NULL;
  }
}

/* For what failed before it was open. */
static const char *try_for_open(int error) {
  switch (error) {
  case H2WS_ERR_UNSUPPORTED:
    return "Leave options.http alone, to fall back to HTTP/1.1, or switch "
           "RFC 8441 on in the server (axum: call enable_connect_protocol()).";
  case H2WS_ERR_HTTP_1_1:
  case H2WS_ERR_ALPN:
    return "The server must offer HTTP/2 on this port (ALPN h2); or leave "
           "options.http and options.protocol alone, to do with HTTP/1.1.";
  case H2WS_ERR_NOT_HTTP2:
    return "This port does not speak HTTP/2: leave options.http alone, to "
           "fall back to HTTP/1.1, or use wss: if it speaks TLS.";
  case H2WS_ERR_RESOLVE:
    return "Check the host name, and the network.";
  case H2WS_ERR_CONNECT:
    return "Check that the server runs, its host and its port.";
  case H2WS_ERR_TLS:
    return "Check that this port speaks TLS (use ws: if it does not), and the "
           "certificate files.";
  case H2WS_ERR_CERTIFICATE:
    return "In options: ca_file, insecure.";
  case H2WS_ERR_TIMEOUT:
    return "Raise options.open_timeout_ms, or look at the server.";
  case H2WS_ERR_RESET:
  case H2WS_ERR_PROTO:
    return "Either this is no HTTP server, or a proxy on the way lacks "
           "extended "
           "CONNECT: connect past it.";
  case H2WS_ERR_LOST:
    return "Does the server speak HTTP/2 on this port, with TLS or without as "
           "the "
           "URL says?";
  case H2WS_ERR_URL:
    return "Write it as wss://HOST[:PORT]/PATH; ws, https and http work too.";
  default:
    return NULL;
  }
}

static const char *try_for_end(int error, uint16_t code) {
  if (code == 1009 || error == H2WS_ERR_TOO_BIG) {
    return "Send less at once, or raise max_message on the side that "
           "receives.";
  }
  switch (error) {
  case H2WS_ERR_LOST:
  case H2WS_ERR_TIMEOUT:
    return "Connect again.";
  default:
    return NULL;
  }
}

/* ------------------------------------------------------------------------
 * Sentences
 */

/* Bytes of the character that begins here; 0: it is none of UTF-8. */
static size_t character(const unsigned char *in, size_t len) {
  size_t n = in[0] < 0x80 ? 1 : in[0] < 0xe0 ? 2 : in[0] < 0xf0 ? 3 : 4;
  return n <= len && h2ws_is_utf8(in, n) ? n : 0;
}

/* C0, DEL and C1. */
static bool is_control(const unsigned char *in) {
  return in[0] < 0x20 || in[0] == 0x7f || (in[0] == 0xc2 && in[1] < 0xa0);
}

/* The peer's words, with nothing in them that a terminal would obey. */
static void tame(char *out, const void *text, size_t len) {
  const unsigned char *in = text;
  size_t i = 0;
  size_t n = 0;
  while (len > 0 && (in[len - 1] == '\n' || in[len - 1] == '\r')) {
    len--;
  }
  while (i < len) {
    size_t size = character(in + i, len - i);
    size_t step = size == 0 ? 1 : size;
    if (n + step >= WORDS_LEN) {
      break;
    }
    if (size == 0 || is_control(in + i)) {
      out[n++] = size == 0 ? '?' : ' ';
    } else {
      memcpy(out + n, in + i, size);
      n += size;
    }
    i += step;
  }
  out[n] = '\0';
}

static void add(struct h2ws__end *end, const char *before, const char *text,
                const char *after) {
  size_t len = strlen(end->text);
  if (text != NULL && text[0] != '\0') {
    (void)snprintf(end->text + len, sizeof(end->text) - len, "%s%s%s", before,
                   text, after);
  }
}

/* Closes the sentence so far, and says what to try. */
static void add_advice(struct h2ws__end *end, const char *advice) {
  size_t len = strlen(end->text);
  if (len > 0 && end->text[len - 1] != '.') {
    add(end, "", ".", "");
  }
  add(end, " ", advice, "");
}

/* "***" for user and password, if it has any. */
static void show_url(char *out, size_t len, const char *text) {
  struct evhttp_uri *uri = evhttp_uri_parse(text);
  const char *mark = strstr(text, "://");
  const char *from = mark == NULL ? text : mark + 3;
  /* Of what is no URL, nobody knows where the password ends. */
  size_t size = uri == NULL ? strlen(from) : strcspn(from, "/?#");
  const char *at = memrchr(from, '@', size);
  if (uri != NULL) {
    evhttp_uri_free(uri);
  }
  (void)snprintf(out, len, "%.*s%s%s", at == NULL ? 0 : (int)(from - text),
                 text, at == NULL ? "" : "***", at == NULL ? text : at);
}

char *h2ws__why_where(const char *url) {
  size_t len = strlen(url) + sizeof("***");
  char *shown = malloc(len);
  if (shown != NULL) {
    show_url(shown, len, url);
  }
  return shown;
}

void h2ws__why_failed(struct h2ws__end *end, const char *where, int error,
                      const char *cause) {
  memset(end, 0, sizeof(*end));
  end->error = error;
  end->code = 1006;
  (void)snprintf(end->text, sizeof(end->text), "%.300s: %.300s", where,
                 cause == NULL ? h2ws_strerror(error) : cause);
  add_advice(end, try_for_open(error));
}

static void why_status(struct h2ws__end *end, int status) {
  char text[32];
  if (status != 0) {
    (void)snprintf(text, sizeof(text), " (status %d)", status);
    add(end, "", text, "");
  }
}

static void why_closed(struct h2ws__end *end, const h2ws_close_info *info) {
  char code[32];
  if (info->code != 0 && info->code != 1005 && info->code != 1006 &&
      info->code != 1015) {
    (void)snprintf(code, sizeof(code), " with %u", (unsigned)info->code);
    add(end, "", code, "");
  }
  add(end, ": \"", end->reason, "\"");
}

void h2ws__why_ended(struct h2ws__end *end, const char *where, bool opened,
                     const h2ws_close_info *info) {
  char words[WORDS_LEN];
  memset(end, 0, sizeof(*end));
  end->error = info->error;
  end->code = info->code;
  tame(words, info->reason, info->reason_len);
  (void)snprintf(end->reason, sizeof(end->reason), "%.123s", words);
  (void)snprintf(end->text, sizeof(end->text), "%.300s: %.320s", where,
                 info->detail);
  why_status(end, info->status);
  tame(words, info->body, info->body_len);
  add(end, "; it says: \"", words, "\"");
  why_closed(end, info);
  if (opened) {
    add_advice(end, try_for_end(info->error, info->code));
  } else {
    add_advice(end, info->status != 0 ? try_for_status(info->status)
                                      : try_for_open(info->error));
  }
}

/* ------------------------------------------------------------------------
 * The thread's
 */

int h2ws__why_set(const h2ws *name, int error, const char *format, ...) {
  va_list args;
  last.name = name;
  last.error = error;
  va_start(args, format);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was begun */
  (void)vsnprintf(last.text, sizeof(last.text), format, args);
  va_end(args);
  return error;
}

const struct h2ws__why *h2ws__why_last(void) {
  return &last;
}
