#include "ws/frame.h"

#include <assert.h>
#include <string.h>
#include <wslay/wslay.h>

#define KEY_POOL 256
#define FIN_BIT 0x80
#define OPCODE_BITS 0x0f
#define MASK_BIT H2WS__FRAME_MASK_BIT
#define LEN_BITS H2WS__FRAME_LEN_BITS
#define SHORT_LEN 125 /* fits the second byte */
#define KEY_LEN H2WS__FRAME_KEY_LEN

/*
 * First bytes that wslay has judged, or written, with a length of seven bits.
 * The second byte holds nothing but that length, so what wslay said stays
 * true, and is not asked again for each small message.
 */
struct known {
  bool first[256];
};

struct h2ws__codec {
  struct known rx_known;
  struct known tx_known;
  wslay_frame_context_ptr rx;
  wslay_frame_context_ptr tx;
  const uint8_t *header; /* for rx: what is left of the header */
  size_t header_len;
  uint64_t phantom; /* for rx: payload to report */
  uint8_t *out;     /* for tx: where the header goes */
  size_t out_len;
  bool out_done;
  uint8_t keys[KEY_POOL]; /* random bytes not used yet, from the end */
  size_t keys_left;
};

/* ------------------------------------------------------------------------
 * wslay's callbacks
 */

/* Hands over the header, then payload that stays where it is. */
static ssize_t codec_recv(uint8_t *buf, size_t len, int flags, void *user) {
  struct h2ws__codec *codec = user;
  size_t n;
  (void)flags;
  if (codec->header_len > 0) {
    n = codec->header_len < len ? codec->header_len : len;
    memcpy(buf, codec->header, n);
    codec->header += n;
    codec->header_len -= n;
    return (ssize_t)n;
  }
  if (codec->phantom == 0) {
    return -1;
  }
  n = codec->phantom < len ? (size_t)codec->phantom : len;
  codec->phantom -= n;
  return (ssize_t)n;
}

/* Takes the header, which comes first, and lets the payload pass. */
static ssize_t codec_send(const uint8_t *data, size_t len, int flags,
                          void *user) {
  struct h2ws__codec *codec = user;
  (void)flags;
  if (!codec->out_done) {
    assert(codec->out_len + len <= H2WS__FRAME_HEADER_MAX);
    memcpy(codec->out + codec->out_len, data, len);
    codec->out_len += len;
    codec->out_done = true;
  }
  return (ssize_t)len;
}

static int codec_genmask(uint8_t *buf, size_t len, void *user) {
  (void)buf;
  (void)len;
  (void)user;
  return -1; /* frames are masked outside */
}

static const struct wslay_frame_callbacks callbacks = {
  codec_send,
  codec_recv,
  codec_genmask,
};

/* ------------------------------------------------------------------------
 * Life
 */

static struct h2ws__codec *codec_get(struct h2ws__env *env) {
  struct h2ws__codec *codec = env->codec;
  if (codec == NULL) {
    codec = h2ws__mem_zalloc(&env->mem, sizeof(*codec));
    env->codec = codec;
  }
  return codec;
}

static int codec_need(wslay_frame_context_ptr *ctx, struct h2ws__codec *codec) {
  if (*ctx != NULL) {
    return 0;
  }
  if (wslay_frame_context_init(ctx, &callbacks, codec) != 0) {
    *ctx = NULL;
    return H2WS_ERR_NOMEM;
  }
  return 0;
}

static void codec_drop(wslay_frame_context_ptr *ctx) {
  if (*ctx != NULL) {
    wslay_frame_context_free(*ctx);
    *ctx = NULL;
  }
}

void h2ws__codec_free(struct h2ws__env *env) {
  if (env->codec != NULL) {
    codec_drop(&env->codec->rx);
    codec_drop(&env->codec->tx);
    h2ws__mem_free(&env->mem, env->codec);
    env->codec = NULL;
  }
}

/* ------------------------------------------------------------------------
 * Receiving
 */

static uint64_t announced_len(const uint8_t *header) {
  size_t n = h2ws__frame_extended_len(header[1]);
  uint64_t len = 0;
  size_t i;
  if (n == 0) {
    return header[1] & LEN_BITS;
  }
  for (i = 0; i < n; i++) {
    len = len << 8 | header[2 + i];
  }
  return len;
}

static int parse_by_wslay(struct h2ws__codec *codec, struct h2ws__frame *out,
                          const uint8_t *header, size_t len) {
  struct wslay_frame_iocb iocb;
  uint8_t plain[H2WS__FRAME_HEADER_MAX];
  ssize_t n;
  if (codec_need(&codec->rx, codec) != 0) {
    return H2WS_ERR_NOMEM;
  }
  memcpy(plain, header, len);
  plain[1] &= LEN_BITS; /* wslay unmasks byte by byte: we do it */
  codec->header = plain;
  codec->header_len = len;
  codec->phantom = announced_len(header);
  memset(&iocb, 0, sizeof(iocb));
  n = wslay_frame_recv(codec->rx, &iocb);
  codec->header_len = 0;
  if (n < 0 || (uint64_t)n != iocb.payload_length) {
    /* An error, or a frame that wslay would have to be led through. */
    codec_drop(&codec->rx);
  }
  if (n < 0) {
    return H2WS_ERR_PROTO;
  }
  out->fin = iocb.fin != 0;
  out->rsv = iocb.rsv;
  out->opcode = iocb.opcode;
  out->len = iocb.payload_length;
  return 0;
}

/* What wslay made of the same first byte before. */
static void parse_known(struct h2ws__frame *out, const uint8_t *header) {
  out->fin = (header[0] & FIN_BIT) != 0;
  out->rsv = header[0] >> 4 & 7;
  out->opcode = header[0] & OPCODE_BITS;
  out->len = header[1] & LEN_BITS;
}

int h2ws__frame_parse(struct h2ws__env *env, struct h2ws__frame *out,
                      const uint8_t *header) {
  struct h2ws__codec *codec = codec_get(env);
  size_t len = 2 + h2ws__frame_extended_len(header[1]);
  if (codec == NULL) {
    return H2WS_ERR_NOMEM;
  }
  if (len == 2 && codec->rx_known.first[header[0]]) {
    parse_known(out, header);
  } else {
    int rv = parse_by_wslay(codec, out, header, len);
    if (rv != 0) {
      return rv;
    }
    if (len == 2) {
      codec->rx_known.first[header[0]] = true;
    }
  }
  out->masked = (header[1] & MASK_BIT) != 0;
  if (out->masked) {
    memcpy(out->key, header + len, KEY_LEN);
  }
  return 0;
}

/* ------------------------------------------------------------------------
 * Sending
 */

/* Each key is used once; a failure of randomness never leaves an old one. */
static int codec_key(struct h2ws__env *env, struct h2ws__codec *codec,
                     uint8_t key[KEY_LEN]) {
  if (codec->keys_left < KEY_LEN) {
    if (env->random == NULL ||
        env->random(codec->keys, sizeof(codec->keys), env->user) != 0) {
      return H2WS_ERR_INTERNAL;
    }
    codec->keys_left = sizeof(codec->keys);
  }
  codec->keys_left -= KEY_LEN;
  memcpy(key, codec->keys + codec->keys_left, KEY_LEN);
  memset(codec->keys + codec->keys_left, 0, KEY_LEN);
  return 0;
}

static int build_by_wslay(struct h2ws__codec *codec, uint8_t *out,
                          const struct h2ws__frame *frame) {
  struct wslay_frame_iocb iocb;
  if (codec_need(&codec->tx, codec) != 0) {
    return H2WS_ERR_NOMEM;
  }
  memset(&iocb, 0, sizeof(iocb));
  iocb.fin = frame->fin ? 1 : 0;
  iocb.rsv = frame->rsv;
  iocb.opcode = frame->opcode;
  iocb.payload_length = frame->len;
  iocb.data = out; /* never looked at */
  iocb.data_length = (size_t)frame->len;
  codec->out = out;
  codec->out_len = 0;
  codec->out_done = false;
  if (wslay_frame_send(codec->tx, &iocb) < 0) {
    codec_drop(&codec->tx);
    return H2WS_ERR_INTERNAL;
  }
  return 0;
}

h2ws_ssize h2ws__frame_build(struct h2ws__env *env,
                             uint8_t out[H2WS__FRAME_HEADER_MAX],
                             struct h2ws__frame *frame) {
  struct h2ws__codec *codec = codec_get(env);
  uint8_t first =
    (uint8_t)((frame->fin ? FIN_BIT : 0) | frame->rsv << 4 | frame->opcode);
  size_t len = 2;
  int rv;
  if (codec == NULL) {
    return H2WS_ERR_NOMEM;
  }
  if (frame->len <= SHORT_LEN && codec->tx_known.first[first]) {
    out[0] = first;
    out[1] = (uint8_t)frame->len;
  } else {
    rv = build_by_wslay(codec, out, frame);
    if (rv != 0) {
      return rv;
    }
    len = codec->out_len;
    if (len == 2) {
      codec->tx_known.first[first] = true;
    }
  }
  if (frame->masked) {
    rv = codec_key(env, codec, frame->key);
    if (rv != 0) {
      return rv;
    }
    out[1] |= MASK_BIT;
    memcpy(out + len, frame->key, KEY_LEN);
    len += KEY_LEN;
  }
  return (h2ws_ssize)len;
}
