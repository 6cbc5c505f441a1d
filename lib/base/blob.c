#include "lib/base/blob.h"

struct h2ws__blob *h2ws__blob_new(const h2ws_mem *mem, size_t len) {
  struct h2ws__blob *blob;
  if (len > SIZE_MAX - sizeof(*blob)) {
    return NULL;
  }
  blob = h2ws__mem_alloc(mem, sizeof(*blob) + len);
  if (blob != NULL) {
    blob->mem = *mem;
    blob->len = len;
    atomic_init(&blob->refs, 1);
  }
  return blob;
}

struct h2ws__blob *h2ws__blob_retain(struct h2ws__blob *blob) {
  atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
  return blob;
}

void h2ws__blob_release(struct h2ws__blob *blob) {
  if (atomic_fetch_sub_explicit(&blob->refs, 1, memory_order_acq_rel) == 1) {
    h2ws_mem mem = blob->mem;
    h2ws__mem_free(&mem, blob);
  }
}
