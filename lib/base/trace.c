#include <stdarg.h>
#include <stdio.h>

#include "lib/base/env.h"

void h2ws__trace_line(struct h2ws__env *env, h2ws_trace_level level,
                      const char *format, ...) {
  char text[512];
  char *p;
  va_list args;
  va_start(args, format);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was begun */
  (void)vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  for (p = text; *p != '\0'; p++) { /* the peer's words may be among it */
    if ((unsigned char)(*p - ' ') > '~' - ' ') {
      *p = ' ';
    }
  }
  env->trace(env, level, text);
}
