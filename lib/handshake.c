#include "lib/handshake.h"

#include <string.h>

#include "lib/base/headers.h"
#include "lib/base/stream.h"

#define OFFERS_MAX 64

/* True if the first `n` items of `list` hold `item`. */
static bool list_has(const char *list, size_t n, const char *item, size_t len) {
  const char *pos = list;
  const char *other;
  size_t other_len;
  while (n-- > 0 && h2ws__list_next(&pos, &other, &other_len)) {
    if (other_len == len && memcmp(other, item, len) == 0) {
      return true;
    }
  }
  return false;
}

bool h2ws__offer_is_valid(const char *offer) {
  const char *pos = offer;
  const char *item;
  size_t len;
  size_t n = 0;
  while (h2ws__list_next(&pos, &item, &len)) {
    if (n == OFFERS_MAX || !h2ws__is_token(item, len) ||
        list_has(offer, n, item, len)) {
      return false;
    }
    n++;
  }
  return n > 0;
}

/* Fields that the handshake sets, or that have no place in it. */
static bool field_is_ours(const char *name) {
  static const char *const ours[] = {
    "sec-websocket-version",    "sec-websocket-protocol",
    "sec-websocket-extensions", "sec-websocket-key",
    "sec-websocket-accept",     "content-length",
  };
  size_t i;
  for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
    if (h2ws__equal_nocase(name, ours[i])) {
      return true;
    }
  }
  return false;
}

bool h2ws__handshake_fields_allowed(const h2ws_header *headers, size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    if (headers[i].name != NULL && field_is_ours(headers[i].name)) {
      return false;
    }
  }
  return true;
}

/* The first protocol of ours that was offered (RFC 6455 section 4.2.2). */
static void choose(const char *ours, const char *offer,
                   struct h2ws__choice *choice) {
  const char *pos = ours;
  const char *item;
  size_t len;
  while (ours != NULL && offer != NULL && h2ws__list_next(&pos, &item, &len)) {
    if (len > 0 && list_has(offer, OFFERS_MAX, item, len)) {
      choice->name = item;
      choice->len = len;
      return;
    }
  }
}

/* Without the port that the scheme implies, as origins are written. */
static size_t authority_len(const char *scheme, const char *authority) {
  const char *port = strcmp(scheme, "https") == 0 ? ":443" : ":80";
  size_t len = strlen(authority);
  size_t port_len = strlen(port);
  return len > port_len && strcmp(authority + len - port_len, port) == 0
           ? len - port_len
           : len;
}

/* True if `origin` is the scheme and authority of the request itself. */
static bool origin_is_same(const h2ws_stream *stream, const char *origin) {
  const char *scheme = h2ws_stream_scheme(stream);
  const char *authority = h2ws_stream_authority(stream);
  size_t scheme_len;
  size_t len;
  if (scheme == NULL || authority == NULL) {
    return false;
  }
  scheme_len = strlen(scheme);
  len = authority_len(scheme, authority);
  return strlen(origin) == scheme_len + 3 + len &&
         h2ws__equal_nocase_n(origin, scheme, scheme_len) &&
         memcmp(origin + scheme_len, "://", 3) == 0 &&
         h2ws__equal_nocase_n(origin + scheme_len + 3, authority, len);
}

bool h2ws__handshake_origin_allowed(const h2ws_stream *stream,
                                    const h2ws_socket_options *options) {
  const char *origin = h2ws_stream_header(stream, "origin");
  const char *pos = options == NULL ? NULL : options->origins;
  const char *item;
  size_t len;
  if (pos == NULL || origin == NULL) {
    return true;
  }
  while (h2ws__list_next(&pos, &item, &len)) {
    bool same = len == 4 && memcmp(item, "same", 4) == 0;
    if (same
          ? origin_is_same(stream, origin)
          : strlen(origin) == len && h2ws__equal_nocase_n(origin, item, len)) {
      return true;
    }
  }
  return false;
}

const char *h2ws__handshake_judge_request(const h2ws_stream *stream,
                                          const h2ws_socket_options *options,
                                          struct h2ws__choice *choice) {
  const char *version = h2ws_stream_header(stream, "sec-websocket-version");
  const char *offer = h2ws_stream_header(stream, "sec-websocket-protocol");
  bool lenient = options != NULL && options->allow_missing_version;
  *choice = (struct h2ws__choice){NULL, 0};
  if (version == NULL && !lenient) {
    return "the request has no sec-websocket-version";
  }
  if (version != NULL && strcmp(version, H2WS__WEBSOCKET_VERSION) != 0) {
    return "the request is not for WebSocket version 13";
  }
  if (stream->head != NULL &&
      h2ws__headers_count(&stream->head->fields, "origin") > 1) {
    return "the request has more than one origin";
  }
  if (offer != NULL && !h2ws__offer_is_valid(offer)) {
    return "sec-websocket-protocol is not a list of distinct tokens";
  }
  if (options != NULL) {
    choose(options->protocols, offer, choice);
    if (options->require_protocol && choice->len == 0) {
      return "none of the subprotocols offered is spoken here";
    }
  }
  return NULL;
}

const char *h2ws__handshake_judge_answer(const h2ws_stream *stream,
                                         const char *offer, bool required,
                                         struct h2ws__choice *choice) {
  const char *chosen = h2ws_stream_header(stream, "sec-websocket-protocol");
  *choice = (struct h2ws__choice){NULL, 0};
  if (chosen == NULL) {
    return required ? "the server chose no subprotocol" : NULL;
  }
  if (offer == NULL || !list_has(offer, OFFERS_MAX, chosen, strlen(chosen))) {
    return "the server chose a subprotocol that was not offered";
  }
  choice->name = chosen;
  choice->len = strlen(chosen);
  return NULL;
}
