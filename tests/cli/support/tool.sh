# Sourced by the tests of the tool, with the tool as $1: a server of its own,
# and `h2ws connect` with what it printed and how it ended.
# shellcheck shell=sh
set -eu

tool=$1
test_name=$(basename "$0" .sh)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

fail() {
  printf '%s: FAILED: %s\n' "$test_name" "$*" >&2
  cat "$work"/*.err >&2 || true
  exit 1
}

# serve cleartext|tls ARGUMENT...: sets $url and $ws, without the path.
serve() {
  transport=$1
  shift
  [ "$transport" = tls ] || set -- --cleartext "$@"
  mkfifo "$work/told"
  "$tool" serve --listen 127.0.0.1:0 "$@" >"$work/told" 2>"$work/serve.err" &
  server=$!
  read -r _ _ url <"$work/told"
  rm "$work/told"
  [ -n "$url" ] || fail "serve $* told no address"
  # shellcheck disable=SC2034 # for those who source this
  ws=ws${url#http}
}

stop() {
  kill "$server"
  wait "$server" || fail "serve did not stop with 0"
  server=
}

# connect EXPECTED_EXIT ARGUMENT...: from $work/in to $work/out.
connect() {
  expected=$1
  shift
  code=0
  "$tool" connect "$@" <"$work/in" >"$work/out" 2>"$work/connect.err" ||
    code=$?
  [ "$code" -eq "$expected" ] || fail "connect $*: $code, not $expected"
}
