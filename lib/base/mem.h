/* Memory: the only place that calls malloc. */
#ifndef H2WS_BASE_MEM_H
#define H2WS_BASE_MEM_H

#include <h2ws/core.h>

/* The allocator that uses malloc, realloc and free. Static. */
const h2ws_mem *h2ws__mem_default(void);

/* NULL if there is no memory. Zeroed where the name says so. */
void *h2ws__mem_alloc(const h2ws_mem *mem, size_t size);
void *h2ws__mem_zalloc(const h2ws_mem *mem, size_t size);
void *h2ws__mem_resize(const h2ws_mem *mem, void *ptr, size_t size);
void h2ws__mem_free(const h2ws_mem *mem, void *ptr);

/* A NUL-terminated copy of `len` bytes. */
char *h2ws__mem_strndup(const h2ws_mem *mem, const char *str, size_t len);

#endif
