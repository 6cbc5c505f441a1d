#!/bin/sh
# The layers of docs/architecture.md: who may include whom, and what the core
# may call. Arguments: the source tree, and the core's static library.
set -u
root=$1
core=$2
cd "$root" || exit 1
failed=0
checked=0

# forbid PATTERN WHY FOLDER...: no #include line in FOLDER... may match.
forbid() {
  pattern=$1
  why=$2
  shift 2
  for folder in "$@"; do
    [ -d "$folder" ] || continue
    checked=$((checked + 1))
    found=$(grep -nE "^#include [<\"]$pattern" -r "$folder" --include='*.[ch]')
    if [ -n "$found" ]; then
      printf 'layers: %s\n%s\n' "$why" "$found"
      failed=1
    fi
  done
}

forbid 'nghttp2/' 'nghttp2 belongs to h2/' lib ws h1 cli examples include
forbid '(wslay/|zlib\.h)' 'wslay and zlib belong to ws/' lib h2 h1 cli examples include
forbid '(event2/|openssl/|sys/socket|unistd)' 'input and output belong to lib/io/' \
  lib/base h2 ws h1
forbid '(h1|ws)/' 'h2/ sees only lib/base/' h2
forbid '(h2|ws)/' 'h1/ sees only lib/base/' h1
forbid '(h1|h2)/' 'ws/ sees only lib/base/' ws
forbid '(h1/|h2/|ws/|lib/[a-z_]+\.h|lib/io/|lib/easy/)' 'lib/base/ sees nothing above' lib/base
forbid '(lib/[a-z_]+\.h|lib/io|lib/easy)' 'protocols do not see the layers above' h1 h2 ws
forbid '(h1/|h2/|ws/|lib/base/|lib/[a-z_]+\.h)' 'the edge is a user of the public headers' \
  lib/io lib/easy
forbid '(h1|h2|ws|lib)/' 'programs are users of the public headers' cli examples

# The core's own files at the top of lib/ do no input or output either.
for file in lib/*.c lib/*.h; do
  [ -e "$file" ] || continue
  if grep -nE '^#include [<"](event2/|openssl/|sys/socket|unistd)' "$file"; then
    printf 'layers: %s does input or output\n' "$file"
    failed=1
  fi
done

# File names lead to one place only.
twice=$(find lib h1 h2 ws cli -name '*.[ch]' 2>/dev/null | sed 's|.*/||' |
  sort | uniq -d)
if [ -n "$twice" ]; then
  printf 'layers: file names used twice:\n%s\n' "$twice"
  failed=1
fi

# What the core calls: memory, strings, numbers to text, and its three
# libraries. Anything else would be input, output, time or a thread.
allowed='^(mem(cpy|move|set|cmp|chr)|__mem(cpy|move|set)_chk|str(len|cmp|chr|ncmp|nlen)'
allowed="$allowed|malloc|calloc|realloc|free|(__)?v?snprintf(_chk)?"
allowed="$allowed|nghttp2_[a-z0-9_]+|wslay_[a-z0-9_]+|inflate[A-Za-z0-9_]*|deflate[A-Za-z0-9_]*"
allowed="$allowed|zlibVersion|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|h2ws_.*)\$"
others=$(nm -u "$core" | awk 'NF == 2 { print $2 }' | sort -u | grep -vE "$allowed")
if [ -n "$others" ]; then
  printf 'layers: the core calls what it may not:\n%s\n' "$others"
  failed=1
fi

printf 'layers: %s include rules and %s symbols checked\n' "$checked" \
  "$(nm -u "$core" | awk 'NF == 2 { print $2 }' | sort -u | wc -l)"
exit "$failed"
