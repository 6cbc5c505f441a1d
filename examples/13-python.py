#!/usr/bin/env python3
"""13. New: Python, with cffi. Argument: the URL of an echo server.

The library is found by the loader, or named by H2WS_LIBRARY.
"""
import os
import sys

import cffi

ffi = cffi.FFI()
ffi.cdef("""
    typedef struct h2ws h2ws;
    typedef struct { int type; const char *data; size_t len; } h2ws_msg;
    h2ws *h2ws_connect(const char *url, const void *options);
    int h2ws_send_text(h2ws *h, const char *text);
    int h2ws_recv(h2ws *h, h2ws_msg *msg, int timeout_ms);
    int h2ws_close(h2ws *h);
    const char *h2ws_error(const h2ws *h);
""")
lib = ffi.dlopen(os.environ.get("H2WS_LIBRARY", "libh2ws.so.0"))

url = sys.argv[1] if len(sys.argv) > 1 else "wss://localhost:8443/"
c = lib.h2ws_connect(url.encode(), ffi.NULL)
m = ffi.new("h2ws_msg *")
ok = (lib.h2ws_send_text(c, b"hello from Python") == 0
      and lib.h2ws_recv(c, m, 5000) == 0)
print(ffi.string(m.data, m.len).decode() if ok
      else ffi.string(lib.h2ws_error(c)).decode(),
      file=sys.stdout if ok else sys.stderr)
sys.exit(0 if lib.h2ws_close(c) == 0 and ok else 1)
