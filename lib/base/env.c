#include "lib/base/env.h"

#include <assert.h>

/* Chunks kept for reuse: enough for many sockets that answer in one turn. */
#define CHUNKS_KEPT 256

struct h2ws__env *h2ws__env_new(const h2ws_mem *mem) {
  struct h2ws__env *env = h2ws__mem_zalloc(mem, sizeof(*env));
  if (env == NULL) {
    return NULL;
  }
  env->mem = *mem;
  env->refs = 1;
  env->inflate_left = H2WS__INFLATE_TURN;
  env->stats.size = sizeof(env->stats);
  h2ws__chunk_pool_init(&env->chunks, &env->mem, CHUNKS_KEPT);
  return env;
}

struct h2ws__env *h2ws__env_retain(struct h2ws__env *env) {
  env->refs++;
  return env;
}

void h2ws__env_release(struct h2ws__env *env) {
  assert(env->refs > 0);
  env->refs--;
  if (env->refs == 0) {
    h2ws_mem mem = env->mem;
    h2ws__chunk_pool_trim(&env->chunks);
    h2ws__mem_free(&mem, env);
  }
}

void h2ws__env_enter(struct h2ws__env *env) {
  env->depth++;
}

void h2ws__env_leave(struct h2ws__env *env) {
  assert(env->depth > 0);
  env->depth--;
  if (env->depth == 0 && env->left != NULL) {
    env->left(env);
  }
}
