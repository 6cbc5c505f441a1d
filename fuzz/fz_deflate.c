/*
 * Compressed messages, inflated in different steps, which must give the same;
 * and the same bytes as a message of ours, there and back. Byte 0: the shape
 * and the window; byte 1: how input and output are cut.
 */
#include "ws/deflate.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/clock.h"

/* The inflated size at which a run stops. */
#define INFLATED_MAX 65536
/* More than two states and what is in them. */
#define MEMORY_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const size_t steps[] = {1, 2, 7, 64, 1000, 65536};

static void check(bool ok) {
  if (!ok) {
    abort();
  }
}

struct run {
  uint8_t out[INFLATED_MAX];
  size_t len;
  int error;
  int messages;
};

/* Inflates until the message ends, fails, or is too long. */
static void inflate_message(struct h2ws__inflater *inflater, struct run *run,
                            const uint8_t *in, size_t len, size_t step) {
  struct h2ws__inflated result = {0};
  size_t fed = 0;
  size_t stuck = 0;
  do {
    size_t n = len - fed < step ? len - fed : step;
    const uint8_t *pos = in + fed;
    size_t left = n;
    size_t room = INFLATED_MAX - run->len;
    size_t cap = room < step ? room : step;
    run->error = h2ws__inflate(inflater, &pos, &left, fed + n == len,
                               run->out + run->len, cap, &result);
    fed += n - left;
    run->len += result.len;
    check(result.len <= cap && (result.full == (result.len == cap)));
    check(result.last || left == 0 || result.full || run->error != 0);
    stuck = n - left + result.len == 0 ? stuck + 1 : 0;
    check(stuck < 3);
  } while (run->error == 0 && !result.last && run->len < INFLATED_MAX);
  run->messages += result.last && run->error == 0;
}

/* The byte 0x5a stands between messages. */
static void inflate_all(struct h2ws__env *env, struct run *run,
                        const uint8_t *data, size_t len, uint8_t bits,
                        size_t step) {
  struct h2ws__inflater *inflater = h2ws__inflater_take(env, bits);
  check(inflater != NULL);
  memset(run, 0, sizeof(*run));
  while (len > 0 && run->error == 0 && run->len < INFLATED_MAX) {
    const uint8_t *end = memchr(data, 0x5a, len);
    size_t n = end == NULL ? len : (size_t)(end - data);
    inflate_message(inflater, run, data, n, step);
    n += end != NULL;
    data += n;
    len -= n;
  }
  h2ws__inflater_give(env, inflater);
}

static size_t deflate_message(struct h2ws__deflater *deflater,
                              const uint8_t *data, size_t len, uint8_t *out,
                              size_t cap, size_t step) {
  size_t done = 0;
  size_t n;
  step = step < 16 ? 16 : step;
  do {
    check(done + step <= cap);
    n = h2ws__deflate(deflater, &data, &len, out + done, step);
    done += n;
  } while (n == step);
  check(len == 0 && done >= H2WS__FLUSH_TAIL_LEN);
  done -= H2WS__FLUSH_TAIL_LEN;
  check(memcmp(out + done, h2ws__flush_tail, H2WS__FLUSH_TAIL_LEN) == 0);
  return done;
}

/* Twice, so that the second refers to the first. */
static void there_and_back(struct h2ws__env *env,
                           const struct h2ws__deflate_shape *shape,
                           const uint8_t *data, size_t len, size_t step) {
  static uint8_t packed[131072 + 65536];
  static struct run run;
  struct h2ws__deflater *deflater = h2ws__deflater_take(env, shape);
  struct h2ws__inflater *inflater = h2ws__inflater_take(env, shape->bits);
  int i;
  check(deflater != NULL && inflater != NULL);
  for (i = 0; i < 2; i++) {
    size_t n =
      deflate_message(deflater, data, len, packed, sizeof(packed), step);
    memset(&run, 0, sizeof(run));
    inflate_message(inflater, &run, packed, n, step);
    check(run.error == 0 && run.messages == 1 && run.len == len);
    check(memcmp(run.out, data, len) == 0);
  }
  h2ws__deflater_give(env, deflater);
  h2ws__inflater_give(env, inflater);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static struct run whole;
  static struct run cut;
  struct test_env memory;
  h2ws_conn_options options;
  h2ws_mem mem;
  struct h2ws__env *env;
  struct h2ws__deflate_shape shape;
  size_t step;
  if (len < 3 || len > 30000) {
    return 0;
  }
  test_env_init(&memory);
  test_env_options(&memory, &mem, &options);
  env = h2ws__env_new(&mem);
  check(env != NULL);
  env->max_compress_memory = MEMORY_MAX;
  step = steps[data[1] % (sizeof(steps) / sizeof(steps[0]))];
  shape.bits = (uint8_t)(9 + data[0] % 7);
  shape.mem_level = (uint8_t)(1 + data[0] % 9);
  shape.level = (uint8_t)(1 + data[0] / 29);
  /* With less than 15, it depends on the cut whether zlib sees a distance
   * that is too far (row X-09). */
  inflate_all(env, &whole, data + 2, len - 2, 15, 65536);
  inflate_all(env, &cut, data + 2, len - 2, 15, step);
  check((whole.error == 0) == (cut.error == 0));
  if (whole.error == 0) {
    check(whole.len == cut.len && whole.messages == cut.messages);
    check(memcmp(whole.out, cut.out, whole.len) == 0);
  }
  there_and_back(env, &shape, data + 2, len - 2, step);
  h2ws__deflate_trim(env);
  h2ws__env_release(env);
  check(memory.live == 0 && memory.peak < MEMORY_MAX);
  return 0;
}
