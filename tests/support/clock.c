#include "tests/support/clock.h"

#include <stdlib.h>
#include <string.h>

static h2ws_time env_now(void *user) {
  const struct test_env *env = user;
  return env->now;
}

/* xorshift: repeatable, and good enough to look random. */
static int env_random(uint8_t *buf, size_t len, void *user) {
  struct test_env *env = user;
  size_t i;
  if (env->random_fails) {
    return -1;
  }
  for (i = 0; i < len; i++) {
    env->random_state ^= env->random_state << 13;
    env->random_state ^= env->random_state >> 7;
    env->random_state ^= env->random_state << 17;
    buf[i] = (uint8_t)(env->random_state >> 32);
  }
  return 0;
}

static bool env_may_allocate(struct test_env *env, size_t size) {
  env->allocations++;
  env->largest = size > env->largest ? size : env->largest;
  if (env->fail_at == 0) {
    return true;
  }
  return env->fail_after ? env->allocations < env->fail_at
                         : env->allocations != env->fail_at;
}

/* The size of a block stands in front of it. */
#define ENV_FRONT 16

static void *env_alloc(size_t size, void *user) {
  struct test_env *env = user;
  size_t *block = env_may_allocate(env, size) ? malloc(ENV_FRONT + size) : NULL;
  if (block == NULL) {
    return NULL;
  }
  *block = size;
  env->live++;
  env->bytes += size;
  env->peak = env->bytes > env->peak ? env->bytes : env->peak;
  return (uint8_t *)block + ENV_FRONT;
}

static size_t *env_block(void *ptr) {
  return (size_t *)(void *)((uint8_t *)ptr - ENV_FRONT);
}

static void env_release(void *ptr, void *user) {
  struct test_env *env = user;
  if (ptr != NULL) {
    env->live--;
    env->bytes -= *env_block(ptr);
    free(env_block(ptr));
  }
}

static void *env_resize(void *old, size_t size, void *user) {
  struct test_env *env = user;
  size_t old_size = old == NULL ? 0 : *env_block(old);
  void *ptr;
  env->bytes -= old_size;
  ptr = env_alloc(size, user);
  env->bytes += old_size;
  if (old != NULL && ptr != NULL) {
    memcpy(ptr, old, size < old_size ? size : old_size);
    env_release(old, user);
  }
  return ptr;
}

void test_env_init(struct test_env *env) {
  memset(env, 0, sizeof(*env));
  env->now = 1000 * H2WS_MS;
  env->random_state = UINT64_C(0x9e3779b97f4a7c15);
}

void test_env_options(struct test_env *env, h2ws_mem *mem,
                      h2ws_conn_options *options) {
  mem->alloc = env_alloc;
  mem->resize = env_resize;
  mem->release = env_release;
  mem->user = env;
  h2ws_conn_options_default(options, sizeof(*options));
  options->mem = mem;
  options->now = env_now;
  options->random = env_random;
  options->env_user = env;
}
