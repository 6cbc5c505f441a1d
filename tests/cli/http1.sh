#!/bin/sh
# usage: http1.sh TOOL
# Each version of HTTP that connect can be told to speak, over TLS and in
# cleartext, against serve.
# shellcheck source=tests/cli/support/tool.sh
. "$(dirname "$0")/support/tool.sh"

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

for transport in cleartext tls; do
  serve "$transport"
  echo_over auto 'HTTP/2 stream 1, ' "$ws/echo"
  echo_over 2 'HTTP/2 stream 1, ' "$ws/echo"
  echo_over 1.1 'HTTP/1.1, ' "$ws/echo"
  echo_over auto 'HTTP/2 stream 1, ' "$url/echo"
  for http in --http1.1 --http2-prior-knowledge; do
    command -v curl >/dev/null 2>&1 || continue
    [ "$(curl -sSfk "$http" "$url/healthz")" = ok ] || fail "$http /healthz"
  done
  stop
done
printf 'http1: ok\n'
