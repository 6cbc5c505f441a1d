#!/bin/sh
# usage: examples.sh ROOT BIN-FOLDER LIBH2WS.so
# Runs each program of examples/, and counts the lines and names of the first
# three: what they ask of a newcomer is a promise.
set -eu
export LC_ALL=C

root=$1
bin=$2
library=$3
work=$(mktemp -d)
pids=
done_count=0

cleanup() {
  for pid in $pids; do
    kill "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT

fail() {
  printf 'examples: FAILED: %s\n' "$*" >&2
  cat "$work/out" "$work/err" >&2 2>/dev/null || true
  exit 1
}

pass() {
  done_count=$((done_count + 1))
  printf 'examples: %s ok\n' "$1"
}

# ---------------------------------------------------------------------------
# Counting

# count FILE LINES NAMES: code lines (no comments, no blank ones) and names of
# the API, at most.
count() {
  # Comments go, where they have lines of their own.
  sed -e '/^ *\/\*.*\*\/ *$/d' -e '/^ *\/\*/,/\*\/ *$/d' -e '/^ *$/d' \
    "$root/examples/$1" >"$work/code"
  lines=$(wc -l <"$work/code")
  names=$(grep -v '^#include' "$work/code" |
    grep -oiE '\bh2ws(_[a-z_]+)?\b' | sort -u | wc -l)
  [ "$lines" -le "$2" ] || fail "$1 has $lines lines, more than $2"
  [ "$names" -le "$3" ] || fail "$1 uses $names names, more than $3"
  pass "$1: $lines lines, $names names"
}

count 01-echo-client.c 13 7
count 02-echo-server.c 11 6
count 03-evented-server.c 9 4

# ---------------------------------------------------------------------------
# Running

# until_true WHAT COMMAND...: tries for twenty seconds.
until_true() {
  what=$1
  shift
  tries=0
  until "$@" >"$work/out" 2>"$work/err"; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || fail "$what"
    sleep 0.1
  done
}

# expect TEXT COMMAND...: it succeeds and prints just that.
expect() {
  wanted=$1
  shift
  timeout 20 "$@" >"$work/out" 2>"$work/err" || fail "$* fails"
  [ "$(cat "$work/out")" = "$wanted" ] || fail "$* does not print '$wanted'"
}

# expect_error PATTERN COMMAND...: it fails and says why.
expect_error() {
  wanted=$1
  shift
  ! timeout 20 "$@" >"$work/out" 2>"$work/err" || fail "$* succeeds"
  grep -q "$wanted" "$work/err" || fail "$* does not say '$wanted'"
}

# A port nobody listens on.
free_port() {
  python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# start NAME ARGUMENT...: in the background, as $pid.
start() {
  name=$1
  shift
  "$bin/example-$name" "$@" >"$work/$name.log" 2>&1 &
  pid=$!
  pids="$pids $pid"
}

stop() {
  kill "$1"
  wait "$1" 2>/dev/null || true
}

# The tool as the peer, with a certificate that programs trust by
# $SSL_CERT_FILE.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost \
  -keyout "$work/key.pem" -out "$work/cert.pem" 2>"$work/err" ||
  fail "no certificate"
"$bin/h2ws" serve --listen localhost:0 --cert "$work/cert.pem" \
  --key "$work/key.pem" >"$work/tls" &
pids="$pids $!"
"$bin/h2ws" serve --listen localhost:0 --cleartext >"$work/clear" &
pids="$pids $!"
until_true 'the servers start' grep -q listening "$work/tls"
until_true 'the servers start' grep -q listening "$work/clear"
tls=localhost:$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$work/tls")
clear=localhost:$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$work/clear")
export SSL_CERT_FILE="$work/cert.pem"

expect hello "$bin/example-01-echo-client" "wss://$tls/echo"
expect hello "$bin/example-01-echo-client" "ws://$clear/echo"
expect_error 'Check the path' "$bin/example-01-echo-client" "wss://$tls/none"
SSL_CERT_FILE=/dev/null expect_error 'self-signed' \
  "$bin/example-01-echo-client" "wss://$tls/echo"
pass 01-echo-client

for name in 02-echo-server 03-evented-server; do
  url=ws://localhost:$(free_port)/
  start "$name" "$url"
  until_true "$name answers" "$bin/example-01-echo-client" "$url"
  expect hello "$bin/example-01-echo-client" "$url"
  expect '300 messages came back' "$bin/example-04-threads" "$url"
  stop "$pid"
  pass "$name"
done

# With the certificate it makes for itself.
port=$(free_port)
start 02-echo-server "wss://localhost:$port/echo"
until_true 'TLS answers' sh -c "echo hi | '$bin/h2ws' connect -k \
  wss://localhost:$port/echo"
stop "$pid"

expect '300 messages came back' "$bin/example-04-threads" "wss://$tls/echo"
pass 04-threads

expect "the loop is the program's
hello" "$bin/example-05-event-loop" "wss://$tls/echo" "$work/cert.pem"
pass 05-event-loop

expect hello "$bin/example-06-core-poll" localhost "${clear#*:}"
pass 06-core-poll

seq 20000 >"$work/input"
timeout 20 "$bin/example-07-raw-bytes" "https://$tls/raw" <"$work/input" \
  >"$work/out" 2>"$work/err" || fail '07-raw-bytes fails'
cmp "$work/input" "$work/out" || fail '07-raw-bytes: other bytes came back'
# The same where the server has no HTTP/2.
for how in --cleartext --cert; do
  case $how in
    --cert) scheme=https && set -- --cert "$work/cert.pem" --key "$work/key.pem" ;;
    *) scheme=http && set -- --cleartext ;;
  esac
  "$bin/h2ws" serve --listen localhost:0 --http 1.1 "$@" >"$work/old" &
  pid=$!
  pids="$pids $pid"
  until_true 'a server of HTTP/1.1 starts' grep -q listening "$work/old"
  old=localhost:$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$work/old")
  timeout 20 "$bin/example-07-raw-bytes" "$scheme://$old/raw" <"$work/input" \
    >"$work/out" 2>"$work/err" || fail "07-raw-bytes fails over HTTP/1.1 $how"
  cmp "$work/input" "$work/out" || fail '07-raw-bytes: other bytes, HTTP/1.1'
  stop "$pid"
done
pass 07-raw-bytes

url=ws://localhost:$(free_port)/
start 08-broadcast "$url"
until_true '08-broadcast answers' "$bin/example-01-echo-client" "$url"
"$bin/example-10-reconnect" "$url" 3 >"$work/listener" &
listener=$!
pids="$pids $listener"
until_true 'the listener is in the room' grep -q subscribe "$work/listener"
"$bin/example-01-echo-client" "$url" >/dev/null
"$bin/example-01-echo-client" "$url" >/dev/null
wait "$listener"
[ "$(tr '\n' ' ' <"$work/listener")" = 'subscribe hello hello ' ] ||
  fail '08-broadcast: the listener did not get all'
stop "$pid"
pass 08-broadcast

url=ws://localhost:$(free_port)/
ours=https://example.com
start 09-headers serve "$url"
until_true '09-headers answers' "$bin/example-09-headers" connect "$url" \
  "$ours" sesame
expect "welcome, $ours" "$bin/example-09-headers" connect "$url" "$ours" sesame
expect_error 'credentials or another Origin' "$bin/example-09-headers" \
  connect "$url" "$ours" wrong
expect_error 'credentials or another Origin' "$bin/example-09-headers" \
  connect "$url" https://evil.example sesame
stop "$pid"
pass 09-headers

# The server goes, stays away for a while, and comes back.
url=ws://localhost:$(free_port)/
expect_error 'Check that the server runs' "$bin/example-10-reconnect" "$url" 2
start 02-echo-server "$url"
until_true '02-echo-server answers' "$bin/example-01-echo-client" "$url"
"$bin/example-10-reconnect" "$url" 2 >"$work/reconnect" 2>"$work/tries" &
client=$!
pids="$pids $client"
until_true 'a message comes' grep -q subscribe "$work/reconnect"
stop "$pid"
! timeout 20 "$bin/example-01-echo-client" "$url" >"$work/out" 2>"$work/err" ||
  fail '10-reconnect: the server is still there'
kill -0 "$client" || fail '10-reconnect: it has given up'
start 02-echo-server "$url"
wait "$client" || fail "10-reconnect: $(cat "$work/tries")"
[ "$(tr '\n' ' ' <"$work/reconnect")" = 'subscribe subscribe ' ] ||
  fail '10-reconnect: it has not subscribed again'
stop "$pid"
pass 10-reconnect

url=ws://localhost:$(free_port)/
start 11-json "$url"
until_true '11-json answers' "$bin/example-01-echo-client" "$url"
grep -q '"error"' "$work/out" || fail '11-json takes "hello" for JSON'
mkfifo "$work/lines"
"$bin/h2ws" connect "$url" <"$work/lines" >"$work/sum" 2>"$work/err" &
client=$!
pids="$pids $client"
exec 3>"$work/lines"
echo '{"id": 7, "add": [2, 3, 37]}' >&3
until_true 'a sum comes' grep -q '{"id": 7, "sum": 42}' "$work/sum"
exec 3>&-
wait "$client" || fail '11-json: the tool fails'
stop "$pid"
pass 11-json

expect 'hello from C++' "$bin/example-12-cpp" "wss://$tls/echo"
expect_error 'Check the path' "$bin/example-12-cpp" "wss://$tls/none"
pass 12-cpp

H2WS_LIBRARY=$library expect 'hello from Python' python3 \
  "$root/examples/13-python.py" "wss://$tls/echo"
pass 13-python

# Each file of the ladder was run.
total=$(find "$root/examples" -name '[0-9]*' | wc -l)
[ "$total" -eq 13 ] || fail "examples/ holds $total programs, this test knows 13"
printf 'examples: %s checks\n' "$done_count"
