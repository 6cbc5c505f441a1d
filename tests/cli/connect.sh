#!/bin/sh
# usage: connect.sh TOOL
# The contract of `h2ws connect`: lines in, lines out, the rest on stderr.
# shellcheck source=tests/cli/support/tool.sh
. "$(dirname "$0")/support/tool.sh"

# All that was sent before the input ended comes back after it.
comes_back() {
  connect 0 -k "$@"
  cmp "$work/in" "$work/out" || fail "connect $*: something else came back"
}

for transport in cleartext tls; do
  serve "$transport" --compress
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
    connect 0 -k --http "$version" --binary "$ws/echo"
    printf '\001\002\377\n' | cmp - "$work/out" || fail 'binary differs'
    echo text >"$work/in"
    connect 22 -k --http "$version" "$ws/nowhere"
    grep -q 404 "$work/connect.err" || fail 'no word of 404'
    connect 22 -k --http "$version" "$ws/"
    connect 0 -k --http "$version" -H 'X-A: b' --protocol chat "$ws/echo"
    grep -q '^HTTP/' "$work/connect.err" || fail 'the first line is missing'
  done
  [ "$transport" = cleartext ] || connect 60 "$ws/echo"
  # What is not sent, not taken or not printed shows in the exit code.
  printf 'one\n\377\ntwo\n' >"$work/in"
  connect 55 -k "$ws/echo"
  printf 'one\ntwo\n' | cmp - "$work/out" || fail 'a bad line held up others'
  : >"$work/in"
  connect 56 -k "$ws/echo?close=1011"
  head -c 16777217 /dev/zero | tr '\0' x >"$work/in"
  connect 56 -k "$ws/echo" # 1009, and we had begun to close
  : >"$work/in"
  connect 0 -k "$ws/echo?close=1001"
  connect 0 -k "$ws/echo?close=4000"
  echo one >"$work/in"
  code=0
  "$tool" connect -k "$ws/echo" <"$work/in" >/dev/full \
    2>"$work/connect.err" || code=$?
  [ "$code" -eq 23 ] || fail "a full device: $code, not 23"
  grep -q 'standard output: No space' "$work/connect.err" || fail 'no word of it'
  code=0
  "$tool" connect -k "$ws/echo" <"$work/in" >&- 2>"$work/connect.err" || code=$?
  [ "$code" -eq 23 ] || fail "no standard output: $code, not 23"
  code=0
  "$tool" connect -k "$ws/echo" <&- >"$work/out" 2>"$work/connect.err" ||
    code=$?
  [ "$code" -eq 0 ] || fail "no standard input: $code, not 0"
  stop
done
: >"$work/in"
connect 7 ws://127.0.0.1:1/
connect 6 ws://no..host/ # not even asked for
connect 2 not-a-url
grep -q 'the scheme is not ws' "$work/connect.err" || fail 'no word of the URL'
connect 2 ws://ann:secret@127.0.0.1:1/
! grep -q secret "$work/connect.err" || fail 'a password is shown'
connect 35 --cacert /nowhere/ca.pem wss://127.0.0.1:1/
grep -q '/nowhere/ca.pem: No such file' "$work/connect.err" ||
  fail 'no word of the file'
connect 2 --no-such-option ws://127.0.0.1/
connect 2 --http 3 wss://127.0.0.1/
connect 2
# A server whose reason would clear the screen: an Upgrade, and a CLOSE.
mkfifo "$work/port" "$work/quiet"
timeout 20 python3 - >"$work/port" <<'END' &
import base64, hashlib, re, socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
peer = listener.accept()[0]
head = b""
while b"\r\n\r\n" not in head:
    head += peer.recv(4096)
key = re.search(rb"Sec-WebSocket-Key: (\S+)", head).group(1)
accept = base64.b64encode(
    hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
close = (4000).to_bytes(2, "big") + "go\x1b[2J\x9b away ä".encode()
peer.sendall(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
             + bytes([0x88, len(close)]) + close)
while peer.recv(4096):
    pass
END
server=$!
read -r port <"$work/port"
code=0
exec 3<>"$work/quiet"
timeout 20 "$tool" connect --http 1.1 "ws://127.0.0.1:$port/" <&3 \
  >"$work/out" 2>"$work/connect.err" || code=$?
exec 3>&-
wait "$server" || fail 'the server of the rude reason failed'
server=
grep -q '^closed with code 4000: go \[2J  away ä$' "$work/connect.err" ||
  fail "the reason is not as it should be ($code)"
for verb in --help 'serve --help' 'connect -h'; do
  # shellcheck disable=SC2086 # a verb and an option
  "$tool" $verb | grep -q '^usage: h2ws serve' || fail "$verb does not help"
done
echo 'connect: ok'
