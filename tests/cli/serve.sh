#!/bin/sh
# usage: serve.sh TOOL
# What `h2ws serve -v` tells of WebSockets, and /echo?close=CODE.
# shellcheck source=tests/cli/support/tool.sh
. "$(dirname "$0")/support/tool.sh"

# told PATTERN: one line is all of this, behind the peer's address.
told() {
  count=$(grep -cx "127\.0\.0\.1:[0-9]* $1" "$work/serve.err" || true)
  [ "$count" -eq 1 ] || fail "$count lines are: $1"
}

: >"$work/in"
serve tls --compress -v
connect 0 -k --compress --http 2 "$ws/echo?1"
connect 0 -k --protocol 'a, b' --http 1.1 "$ws/echo?2"
connect 0 -k --http 2 "$ws/echo?close=4001"
grep -q 4001 "$work/connect.err" || fail 'no word of 4001'
connect 56 -k --http 1.1 "$ws/echo?close=1006"
stop
told 'HTTP/2 stream 1 /echo?1: open, TLS 1.3, permessage-deflate'
told 'HTTP/2 stream 1 /echo?1: closed, code 1000, clean, by the client'
told 'HTTP/1.1 /echo?2: open, TLS 1.3, subprotocol a'
told 'HTTP/1.1 /echo?2: closed, code 1000, clean, by the client'
told 'HTTP/2 stream 1 /echo?close=4001: closed, code 4001, clean, by us'
told 'HTTP/1.1 /echo?close=1006: closed, code 1006, aborted: .*'

serve cleartext
connect 0 "$ws/echo"
stop
[ ! -s "$work/serve.err" ] || fail 'serve tells without -v'
echo 'serve: ok'
