/* Bytes that never change and that several owners hold, on any thread. */
#ifndef H2WS_BASE_BLOB_H
#define H2WS_BASE_BLOB_H

#include <stdatomic.h>

#include "lib/base/mem.h"

struct h2ws__blob {
  h2ws_mem mem;
  atomic_size_t refs;
  size_t len;
  uint8_t data[];
};

/* Room for `len` bytes, to be filled by the one owner; NULL: no memory. */
struct h2ws__blob *h2ws__blob_new(const h2ws_mem *mem, size_t len);
struct h2ws__blob *h2ws__blob_retain(struct h2ws__blob *blob);
void h2ws__blob_release(struct h2ws__blob *blob);

#endif
