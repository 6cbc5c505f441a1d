#!/bin/sh
# usage: layers.sh ROOT CORE.a [CORE.so [EDGE.so]]
# The layers of docs/architecture.md: who may include whom, what the core may
# call, and what the shared libraries show.
set -u
export LC_ALL=C

root=$1
core=$2
shift 2
cd "$root" || exit 1
failed=0
checked=0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Every include of ours as a line "file:line header".
find lib h2 h1 ws cli examples include -name '*.[ch]' 2>/dev/null | sort |
  while read -r file; do
    awk -v file="$file" '
      /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
        sub(/^[ \t]*#[ \t]*include[ \t]*[<"]/, ""); sub(/[>"].*/, "")
        print file ":" NR, $0
      }' "$file"
  done >"$work/includes"

# rule WHY FILES HEADERS [EXCEPT]: in files whose path matches FILES, no header
# may match HEADERS, but for those that match EXCEPT.
rule() {
  checked=$((checked + 1))
  found=$(awk -v files="$2" -v headers="$3" -v except="${4:-^\$}" '
    $1 ~ files && $2 ~ headers && $2 !~ except' "$work/includes")
  if [ -n "$found" ]; then
    printf 'layers: %s\n%s\n' "$1" "$found" | sed '2,$s/^/  /'
    failed=1
  fi
}

ours='^(lib|h2|h1|ws|cli|examples|bench|fuzz|tests)/'

# Third parties, each behind one folder.
rule 'nghttp2 belongs to h2/' '^([^h]|h1)' '^nghttp2/'
rule 'wslay and zlib belong to ws/' '^([^w])' '^(wslay/|zlib\.h)'
rule 'the HTTP/1.1 parser belongs to h1/' '^([^h]|h2)' '^(http_parser|llhttp)\.h'
rule 'libevent and OpenSSL belong to lib/io/ and lib/easy/' \
  '^(h1|h2|ws|include|lib/base|lib/[^/]*:)' '^(event2?/|event\.h|openssl/)'
# The tool runs an event_base, as users of h2ws/event.h do.
rule 'the tool leaves TLS to the library' '^cli/' '^openssl/'

# Arrows point down.
rule 'the public headers include only each other' '^include/' "$ours"
rule 'lib/base/ sees nothing above' '^lib/base/' "$ours" '^lib/base/'
for folder in h1 h2 ws; do
  rule "$folder/ sees only itself and lib/base/" "^$folder/" "$ours" \
    "^($folder|lib/base)/"
done
rule 'the core does not see the edge' '^lib/[^/]*:' "$ours" \
  '^(lib/[^/]*$|(lib/base|h1|h2|ws)/)'
for folder in lib/io lib/easy cli; do
  rule "$folder/ is a user of the public headers" "^$folder/" "$ours" \
    "^$folder/"
done
rule 'an example is one file and the public headers' '^examples/' "$ours"

# Of the system, the core knows memory, strings and numbers.
rule 'the core does no input or output' '^(h1|h2|ws|lib/base)/|^lib/[^/]*:' '.' \
  '/|^(assert|ctype|errno|inttypes|limits|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|zlib|http_parser|llhttp|[eit]mmintrin|immintrin|arm_neon)\.h$'
rule 'the core does no input or output' '^(h1|h2|ws|lib/base)/|^lib/[^/]*:' \
  '^(sys|netinet|arpa|net|linux)/' '^sys/types\.h$'

# A file name leads to one place.
twice=$(find lib h1 h2 ws cli -name '*.[ch]' 2>/dev/null | sed 's|.*/||' |
  sort | uniq -d)
if [ -n "$twice" ]; then
  printf 'layers: file names used twice:\n%s\n' "$twice"
  failed=1
fi

# What the core calls: memory, strings, numbers to text, and its libraries.
# Anything else would be input, output, time or a thread.
{
  cat <<'END'
memcpy memmove memset memcmp memchr memrchr bcmp
strlen strnlen strcmp strncmp strchr strrchr strstr strspn strcspn
malloc calloc realloc free
snprintf vsnprintf strtol strtoul strtoll strtoull qsort bsearch
__isoc23_strtol __isoc23_strtoul __isoc23_strtoll __isoc23_strtoull
__ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc tolower toupper
__memcpy_chk __memmove_chk __memset_chk __snprintf_chk __vsnprintf_chk
__stack_chk_fail __assert_fail abort
_GLOBAL_OFFSET_TABLE_ __tls_get_addr __cpu_model __cpu_indicator_init
zlibVersion
END
} | tr ' ' '\n' >"$work/allowed"
nm --undefined-only "$core" | awk '$1 == "U" { print $2 }' | sort -u \
  >"$work/undefined"
nm --defined-only "$core" | awk 'NF == 3 { print $3 }' | sort -u \
  >"$work/defined"
calls=$(comm -23 "$work/undefined" "$work/defined" |
  grep -vE '^(nghttp2_|wslay_|inflate|deflate|http_parser_|llhttp_)')
others=$(printf '%s\n' "$calls" | grep -vxF -f "$work/allowed")
if [ -n "$others" ]; then
  printf 'layers: the core calls what it may not:\n%s\n' "$others"
  failed=1
fi

# The shared libraries show the public functions and nothing else.
for library in "$@"; do
  others=$(nm -D --defined-only "$library" | awk 'NF == 3 { print $3 }' |
    grep -vE '^h2ws_[a-z0-9]+(_[a-z0-9]+)*$')
  if [ -n "$others" ]; then
    printf 'layers: %s shows what it should hide:\n%s\n' "${library##*/}" \
      "$others"
    failed=1
  fi
done

printf 'layers: %s include rules over %s includes, %s calls of the core, ' \
  "$checked" "$(wc -l <"$work/includes")" "$(wc -l <"$work/undefined")"
printf 'what %s shared libraries show: %s\n' "$#" \
  "$([ "$failed" -eq 0 ] && echo ok || echo FAILED)"
exit "$failed"
