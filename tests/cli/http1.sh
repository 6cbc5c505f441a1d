#!/bin/sh
# usage: http1.sh TOOL
# Each version of HTTP that connect can be told to speak, over TLS and in
# cleartext, against serve.
set -eu

tool=$1
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

fail() {
  printf 'http1: FAILED: %s\n' "$*" >&2
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

# echo_over WANTED EXPECTED URL: a line comes back, over what was expected.
# The input ends when the line is back.
echo_over() {
  mkfifo "$work/in" "$work/out"
  "$tool" connect -k --http "$1" "$3" <"$work/in" >"$work/out" \
    2>"$work/connect.err" &
  client=$!
  exec 3>"$work/in" 4<"$work/out"
  echo hello >&3
  read -r back <&4 || fail "--http $1 $3: nothing came back"
  exec 3>&- 4<&-
  wait "$client" || fail "--http $1 $3: exit code $?"
  rm "$work/in" "$work/out"
  [ "$back" = hello ] || fail "--http $1 $3: '$back' came back"
  grep -q "^$2" "$work/connect.err" || fail "--http $1 $3: is not $2"
}

# exit_code EXPECTED ARGUMENT...
exit_code() {
  expected=$1
  shift
  code=0
  "$tool" connect -k "$@" </dev/null >/dev/null 2>"$work/connect.err" || code=$?
  [ "$code" -eq "$expected" ] || fail "connect $*: $code, not $expected"
}

for how in --cleartext tls; do
  if [ "$how" = tls ]; then
    serve
    ws=wss://${url#https://}
  else
    serve "$how"
    ws=ws://${url#http://}
  fi
  echo_over auto 'HTTP/2 stream 1, ' "$ws/echo"
  echo_over 2 'HTTP/2 stream 1, ' "$ws/echo"
  echo_over 1.1 'HTTP/1.1, ' "$ws/echo"
  echo_over auto 'HTTP/2 stream 1, ' "$url/echo"
  exit_code 22 --http 1.1 "$ws/nowhere"
  for http in --http1.1 --http2-prior-knowledge; do
    command -v curl >/dev/null 2>&1 || continue
    [ "$(curl -sSfk "$http" "$url/healthz")" = ok ] || fail "$http /healthz"
  done
  exit_code 22 --http 1.1 "$ws/"
  stop
done
exit_code 2 --http 3 wss://127.0.0.1/
printf 'http1: ok\n'
