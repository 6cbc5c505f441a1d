#include "lib/base/mem.h"

#include <stdlib.h>
#include <string.h>

static void *default_alloc(size_t size, void *user) {
  (void)user;
  return malloc(size);
}

static void *default_resize(void *ptr, size_t size, void *user) {
  (void)user;
  return realloc(ptr, size);
}

static void default_release(void *ptr, void *user) {
  (void)user;
  free(ptr);
}

static const h2ws_mem default_mem = {default_alloc, default_resize,
                                     default_release, NULL};

const h2ws_mem *h2ws__mem_default(void) {
  return &default_mem;
}

void *h2ws__mem_alloc(const h2ws_mem *mem, size_t size) {
  return mem->alloc(size, mem->user);
}

void *h2ws__mem_zalloc(const h2ws_mem *mem, size_t size) {
  void *ptr = h2ws__mem_alloc(mem, size);
  if (ptr != NULL) {
    memset(ptr, 0, size);
  }
  return ptr;
}

void *h2ws__mem_resize(const h2ws_mem *mem, void *ptr, size_t size) {
  return mem->resize(ptr, size, mem->user);
}

void h2ws__mem_free(const h2ws_mem *mem, void *ptr) {
  if (ptr != NULL) {
    mem->release(ptr, mem->user);
  }
}

char *h2ws__mem_strndup(const h2ws_mem *mem, const char *str, size_t len) {
  char *copy = h2ws__mem_alloc(mem, len + 1);
  if (copy != NULL) {
    memcpy(copy, str, len);
    copy[len] = '\0';
  }
  return copy;
}
