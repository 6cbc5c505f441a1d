#include "h2/meter.h"

#include <string.h>

/* RFC 9113 section 3.4 */
#define PREFACE_LEN 24
/* DATA frames without payload and END_STREAM in a row (hostile rows FL-03) */
#define EMPTY_MAX 100
/* WINDOW_UPDATE frames: a few, and some for each DATA frame that we sent */
#define UPDATES_BASE 5
#define UPDATES_PER_STREAM 2
#define UPDATES_PER_DATA 20
#define FAULT_SECONDS 30

enum {
  FRAME_DATA = 0,
  FRAME_HEADERS = 1,
  FRAME_RST_STREAM = 3,
  FRAME_PUSH_PROMISE = 5,
  FRAME_WINDOW_UPDATE = 8,
  FRAME_CONTINUATION = 9,
};

#define FLAG_END_STREAM 1
#define FLAG_END_HEADERS 4

void h2ws__bucket_init(struct h2ws__bucket *bucket, uint32_t burst,
                       uint32_t rate) {
  bucket->burst = burst;
  bucket->rate = rate;
  bucket->level = burst;
  bucket->at = 0;
}

static void bucket_refill(struct h2ws__bucket *bucket, h2ws_time now) {
  h2ws_time second = 1000 * H2WS_MS;
  h2ws_time passed = now - bucket->at;
  uint64_t more;
  if (bucket->at == 0 || now < bucket->at || bucket->rate == 0) {
    bucket->at = now;
    return;
  }
  if (passed / second > bucket->burst) {
    passed = second * ((h2ws_time)bucket->burst + 1);
  }
  more = passed / (second / bucket->rate);
  if (more == 0) {
    return;
  }
  bucket->at = now;
  more += bucket->level;
  bucket->level = more > bucket->burst ? bucket->burst : (uint32_t)more;
}

bool h2ws__bucket_take(struct h2ws__bucket *bucket, h2ws_time now) {
  if (bucket->burst == 0) {
    return true; /* off */
  }
  if (bucket->level < bucket->burst || bucket->at == 0) {
    bucket_refill(bucket, now);
  }
  if (bucket->level == 0) {
    return false;
  }
  if (bucket->level == bucket->burst) {
    bucket->at = now;
  }
  bucket->level--;
  return true;
}

void h2ws__meter_init(struct h2ws__meter *meter,
                      const h2ws_conn_options *options, bool server,
                      uint64_t *glitch_count) {
  uint32_t fault_rate = options->max_resets_sent / FAULT_SECONDS;
  memset(meter, 0, sizeof(*meter));
  meter->glitch_count = glitch_count;
  h2ws__bucket_init(&meter->glitches, options->max_glitch_burst,
                    options->max_glitch_rate);
  h2ws__bucket_init(&meter->resets, options->max_resets_burst,
                    options->max_resets_rate);
  h2ws__bucket_init(&meter->faults, options->max_resets_sent,
                    fault_rate == 0 ? 1 : fault_rate);
  meter->preface = server ? PREFACE_LEN : 0;
  meter->updates_allowed = UPDATES_BASE;
}

bool h2ws__meter_glitch(struct h2ws__meter *meter, h2ws_time now) {
  (*meter->glitch_count)++;
  return h2ws__bucket_take(&meter->glitches, now);
}

bool h2ws__meter_fault(struct h2ws__meter *meter, h2ws_time now) {
  return h2ws__bucket_take(&meter->faults, now);
}

void h2ws__meter_stream(struct h2ws__meter *meter) {
  meter->updates_allowed += UPDATES_PER_STREAM;
}

void h2ws__meter_data_sent(struct h2ws__meter *meter) {
  meter->updates_allowed += UPDATES_PER_DATA;
}

static const char *meter_data(struct h2ws__meter *meter, uint32_t length,
                              uint8_t flags, h2ws_time now) {
  if (length > 0 || (flags & FLAG_END_STREAM) != 0) {
    meter->empty_in_row = 0;
    return NULL;
  }
  meter->empty_in_row++;
  if (meter->empty_in_row > EMPTY_MAX) {
    return "more than 100 empty DATA frames in a row";
  }
  return h2ws__meter_glitch(meter, now) ? NULL : "too many empty DATA frames";
}

static const char *meter_frame(struct h2ws__meter *meter, h2ws_time now) {
  uint32_t length = (uint32_t)meter->header[0] << 16 |
                    (uint32_t)meter->header[1] << 8 | meter->header[2];
  uint8_t type = meter->header[3];
  uint8_t flags = meter->header[4];
  bool glitch = false;

  meter->skip = length;
  meter->of_block = type == FRAME_HEADERS || type == FRAME_PUSH_PROMISE ||
                    type == FRAME_CONTINUATION;
  switch (type) {
  case FRAME_DATA:
    return meter_data(meter, length, flags, now);
  case FRAME_RST_STREAM:
    return h2ws__bucket_take(&meter->resets, now)
             ? NULL
             : "too many RST_STREAM frames (max_resets_burst)";
  case FRAME_WINDOW_UPDATE:
    meter->updates++;
    glitch = meter->updates > meter->updates_allowed;
    break;
  case FRAME_HEADERS:
  case FRAME_PUSH_PROMISE:
    meter->in_block = (flags & FLAG_END_HEADERS) == 0;
    meter->continuations = 0;
    meter->blocks++;
    break;
  case FRAME_CONTINUATION:
    meter->in_block = (flags & FLAG_END_HEADERS) == 0;
    meter->continuations++;
    if (meter->continuations > H2WS__CONTINUATIONS_MAX) {
      return "more than 8 CONTINUATION frames in one header block";
    }
    break;
  default: /* SETTINGS, PING, PRIORITY, GOAWAY, unknown ones (section 5.5) */
    glitch = true;
    break;
  }
  if (glitch && !h2ws__meter_glitch(meter, now)) {
    return "too many odd frames (max_glitch_burst)";
  }
  return NULL;
}

/* Passes over payload, or the preface; how many bytes that took. */
static size_t meter_skip(struct h2ws__meter *meter, size_t len) {
  uint32_t *skip = meter->preface > 0 ? &meter->preface : &meter->skip;
  size_t n = len < *skip ? len : *skip;
  *skip -= (uint32_t)n;
  return n;
}

const char *h2ws__meter_feed(struct h2ws__meter *meter, const uint8_t *data,
                             size_t len, h2ws_time now) {
  const char *limit = NULL;
  size_t i = meter_skip(meter, len);
  while (i < len && limit == NULL) {
    meter->header[meter->header_len++] = data[i++];
    if (meter->header_len == sizeof(meter->header)) {
      meter->header_len = 0;
      limit = meter_frame(meter, now);
      i += meter_skip(meter, len - i);
    }
  }
  return limit;
}

bool h2ws__meter_is_between_frames(const struct h2ws__meter *meter) {
  return meter->preface == 0 && meter->header_len == 0 && meter->skip == 0 &&
         !meter->in_block;
}

bool h2ws__meter_is_in_block(const struct h2ws__meter *meter) {
  return meter->in_block || (meter->of_block && meter->skip > 0);
}
