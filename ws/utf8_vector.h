/* UTF-8, many bytes at a time, where the processor has instructions for it. */
#ifndef H2WS_WS_UTF8_VECTOR_H
#define H2WS_WS_UTF8_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that this processor can check at once: 32, 16, or 0 for none. */
size_t h2ws__utf8_width(void);

/*
 * True if one of the bytes from `from` on cannot follow those before it, which
 * were checked. `width` is 16 or, if the processor can, 32; `from` >= 3 and
 * `len` >= `width` + 3. A byte that can follow but begins nothing (C0, C1, F5
 * to FF) counts only when another follows.
 */
bool h2ws__utf8_has_fault(const uint8_t *data, size_t from, size_t len,
                          size_t width);

#endif
