#!/bin/sh
# usage: connect.sh TOOL
# The contract of `h2ws connect`: lines in, lines out, the rest on stderr.
set -eu

tool=$1
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

fail() {
  printf 'connect: FAILED: %s\n' "$*" >&2
  cat "$work"/*.err >&2 || true
  exit 1
}

# serve ARGUMENT...: sets $url, without the path.
serve() {
  mkfifo "$work/told"
  "$tool" serve --listen 127.0.0.1:0 "$@" >"$work/told" 2>"$work/serve.err" &
  server=$!
  read -r _ _ url <"$work/told"
  rm "$work/told"
  [ -n "$url" ] || fail "serve $* told no address"
}

stop() {
  kill "$server"
  wait "$server" || fail "serve did not stop with 0"
  server=
}

# connect EXPECTED_EXIT ARGUMENT...: reads $work/in.
connect() {
  expected=$1
  shift
  code=0
  "$tool" connect -k "$@" <"$work/in" >"$work/out" 2>"$work/connect.err" ||
    code=$?
  [ "$code" -eq "$expected" ] || fail "connect $*: $code, not $expected"
}

# All that was sent before the input ended comes back after it.
comes_back() {
  connect 0 "$@"
  cmp "$work/in" "$work/out" || fail "connect $*: something else came back"
}

for how in --cleartext tls; do
  if [ "$how" = tls ]; then
    serve --compress
    ws=wss://${url#https://}
  else
    serve "$how" --compress
    ws=ws://${url#http://}
  fi
  for version in 2 1.1; do
    for more in --http --compress; do
      set --
      [ "$more" = --http ] || set -- "$more"
      printf 'one\n\nκόσμε 🌍\n last \n' >"$work/in"
      comes_back --http "$version" "$@" "$ws/echo"
      seq -f 'line %g' 3000 >"$work/in"
      comes_back --http "$version" "$@" "$ws/echo"
      { head -c 3000000 /dev/zero | tr '\0' x; echo; } >"$work/in"
      comes_back --http "$version" "$@" "$ws/echo"
      : >"$work/in"
      comes_back --http "$version" "$@" "$ws/echo"
    done
    # Binary: a newline is put behind each message.
    printf '\001\002\377' >"$work/in"
    connect 0 --http "$version" --binary "$ws/echo"
    printf '\001\002\377\n' | cmp - "$work/out" || fail 'binary differs'
    connect 22 --http "$version" "$ws/nowhere"
    grep -q 404 "$work/connect.err" || fail 'no word of 404'
    connect 0 --http "$version" -H 'X-A: b' --protocol chat "$ws/echo"
    grep -q '^HTTP/' "$work/connect.err" || fail 'the first line is missing'
  done
  stop
done
: >"$work/in"
connect 7 ws://127.0.0.1:1/
connect 2 not-a-url
connect 2 --no-such-option ws://127.0.0.1/
connect 2
echo 'connect: ok'
