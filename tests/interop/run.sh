#!/usr/bin/env bash
# Has h2ws talk to programs that we did not write.
#
#   tests/interop/run.sh [GROUP...]
#
# Without a name: all of them but `peers`, which lets the peers talk to each
# other and so tests these tests. One line per case. What has no toolchain here
# is left out, or failed with H2WS_REQUIRE_INTEROP=1. H2WS_BIN names the tool,
# H2WS_LIB the folder of the libraries; H2WS_CFLAGS is for what links them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
h2ws=$(realpath -m "${H2WS_BIN:-$root/build/release/bin/h2ws}")
libraries=$(realpath -m "${H2WS_LIB:-$root/build/release/lib}")
out=$root/build/interop
work=

WS_VERSION=8.23.0
H2SPEC=github.com/summerwind/h2spec/cmd/h2spec
H2SPEC_VERSION=v0.0.0-20200804131034-70ac22940108 # its tag v2.6.0
H2SPEC_CASES=146

# What runs without a name: group_NAME below.
groups=(axum h2-ws-client node nghttp h2spec h2conn go hyper curl websockets ws haproxy nginx
  browser autobahn autobahn-deflate)

passed=0
failed=0
skipped=0
children=()

# --- Results -----------------------------------------------------------------

ok() {
  passed=$((passed + 1))
  echo "ok $1"
}

fail() {
  failed=$((failed + 1))
  echo "FAIL $1: $2"
}

# skip NAME WHY
skip() {
  if [ "${H2WS_REQUIRE_INTEROP:-0}" = 1 ]; then
    fail "$1" "$2"
  else
    skipped=$((skipped + 1))
    echo "skip $1: $2"
  fi
}

# one NAME COMMAND...: a case. The command's last line says why it failed.
one() {
  local name=$1 why
  shift
  if why=$("$@" 2>&1); then
    ok "$name"
  else
    fail "$name" "$(tail -n 1 <<<"${why:-no reason given}")"
  fi
}

# many NAME COMMAND...: a program that prints a line per case.
many() {
  local name=$1 log=$work/cases rc good bad
  shift
  timeout -k 5 400 "$@" >"$log" 2>"$log.err" </dev/null
  rc=$?
  good=$(grep -c '^ok ' "$log")
  bad=$(grep -c '^FAIL ' "$log")
  cat "$log"
  passed=$((passed + good))
  failed=$((failed + bad))
  if [ "$rc" != 0 ] && [ "$bad" = 0 ]; then
    fail "$name" "exit code $rc: $(tail -n 1 "$log.err")"
  elif [ "$rc" = 0 ] && [ "$good" = 0 ]; then
    fail "$name" "it ran no case"
  fi
}

# --- Processes ---------------------------------------------------------------

# until_true SECONDS COMMAND...: polls, false when the time is over.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.05
  done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

settled() { grep -q "$1" "$2" || gone "$3"; }

# start NAME COMMAND...: a server. Sets $url and $server, logs to NAME.log.
start() {
  local name=$1
  shift
  log=$work/$name.log
  mkdir -p "$(dirname "$log")"
  url=
  : >"$log"
  "$@" >"$log" 2>"$log.err" </dev/null &
  server=$!
  children+=("$server")
  until_true 30 settled '^listening on ' "$log" "$server"
  url=$(sed -n 's/^listening on //p' "$log")
  [ -n "$url" ] && return
  fail "$name/start" "no 'listening on': $(tail -n 1 "$log.err")"
  stop "$name"
  return 1
}

# stop NAME: SIGTERM, and the exit code 0 within 20 seconds.
stop() {
  local rc
  kill -TERM "$server" 2>/dev/null
  if ! until_true 20 gone "$server"; then
    kill -KILL "$server"
    wait "$server" 2>/dev/null
    fail "$1/stop" "still there 20 s after SIGTERM"
    return
  fi
  wait "$server" 2>/dev/null
  rc=$?
  [ "$rc" = 0 ] || fail "$1/stop" "exit code $rc: $(tail -n 1 "$log.err")"
}

# stop, where the exit code is a case of its own.
stop_ours() {
  local before=$failed
  stop "$1"
  [ "$failed" != "$before" ] || ok "$1/stop"
}

# shellcheck disable=SC2317 # called by the trap
clean_up() {
  local pid
  for pid in "${children[@]}"; do
    kill -KILL "$pid" 2>/dev/null
  done
  if [ "$failed" = 0 ]; then
    rm -rf "$work"
  else
    echo "logs: ${work#"$root"/}"
  fi
}

# --- Toolchains --------------------------------------------------------------

at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# have_rust NAME: the Rust programs are built, once.
have_rust() {
  local version log=$work/cargo.log
  version=$(cargo --version 2>/dev/null | cut -d ' ' -f 2)
  if [ -z "$version" ]; then
    skip "$1" "cargo is missing"
    return 1
  elif ! at_least 1.85 "$version"; then
    skip "$1" "cargo $version is too old: 1.85 or later"
    return 1
  fi
  [ -z "${rust_built:-}" ] || return "$rust_built"
  echo "building the Rust programs"
  CARGO_TARGET_DIR=$out/cargo timeout -k 5 600 cargo build --quiet \
    --manifest-path "$here/Cargo.toml" >"$log" 2>&1
  rust_built=$?
  [ "$rust_built" = 0 ] || fail "cargo-build" "$(grep -m 1 . "$log")"
  return "$rust_built"
}

# have_node NAME
have_node() {
  local version
  version=$(node --version 2>/dev/null)
  if [ -z "$version" ]; then
    skip "$1" "node is missing"
  elif ! at_least 18 "${version#v}"; then
    skip "$1" "node $version is too old: 18 or later"
  else
    return 0
  fi
  return 1
}

# have_h2spec NAME: builds it, if this version is not there yet.
have_h2spec() {
  local log=$work/go.log
  h2spec=$out/h2spec-$H2SPEC_VERSION/h2spec
  [ ! -x "$h2spec" ] || return 0
  if ! command -v go >/dev/null; then
    skip "$1" "go is missing"
    return 1
  fi
  echo "building h2spec"
  GOBIN=$(dirname "$h2spec") GOPATH=$out/go GOFLAGS=-modcacherw \
    timeout -k 5 300 go install "$H2SPEC@$H2SPEC_VERSION" >"$log" 2>&1 &&
    return 0
  fail "$1" "go install: $(tail -n 1 "$log")"
  return 1
}

# have_ours NAME: the tool is there.
have_ours() {
  [ ! -x "$h2ws" ] || return 0
  fail "$1" "there is no $h2ws: run ./dev build"
  return 1
}

# have_go_peer NAME FOLDER: builds it. Sets $go_peer.
have_go_peer() {
  local log=$work/$2-peer.log version
  version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null)
  if [ -z "$version" ]; then
    skip "$1" "go is missing"
    return 1
  elif ! at_least 1.26 "${version#go}"; then
    skip "$1" "$version is too old: 1.26 or later"
    return 1
  fi
  go_peer=$out/$2-peer
  (cd "$here/$2" && GOTOOLCHAIN=local GOPATH=$out/go GOFLAGS=-modcacherw \
    timeout -k 5 300 go build -o "$go_peer" .) >"$log" 2>&1 && return 0
  fail "$1" "go build: $(tail -n 1 "$log")"
  return 1
}

# have_driver NAME PROGRAM [FLAG or FILE...]: on our public headers, linked as
# users do it.
have_driver() {
  local log=$work/${2##*/}.log flags=() source=$here/$2.c
  driver=$work/${2##*/}
  [ ! -x "$driver" ] || return 0
  read -ra flags <<<"${H2WS_CFLAGS:-}"
  cc -std=c11 -D_POSIX_C_SOURCE=200809L -O1 -g -I "$root/include" \
    "${flags[@]}" -o "$driver" "$source" -L "$libraries" -lh2ws \
    -lh2ws-core "${@:3}" -Wl,-rpath,"$libraries" >"$log" 2>&1 && return 0
  fail "$1" "$2 does not build: $(grep -m 1 -i error "$log")"
  return 1
}

# A private CA, and a certificate of it for both sides.
make_certificate() {
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
      -keyout "$work/ca.key" -out "$work/ca.pem" -days 2 -subj '/CN=interop CA' &&
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$work/key.pem" -out "$work/request.pem" -subj /CN=localhost &&
      printf '%s\n' 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
        'basicConstraints=critical,CA:FALSE' 'extendedKeyUsage=serverAuth' \
        >"$work/extensions" &&
      openssl x509 -req -in "$work/request.pem" -CA "$work/ca.pem" \
        -CAkey "$work/ca.key" -CAcreateserial -days 2 \
        -extfile "$work/extensions" -out "$work/cert.pem"
  } >"$work/openssl.log" 2>&1
}

tls=()        # what gives a server its certificate
trust=()      # what makes a client believe it
rust_programs=$out/cargo/debug

# --- Cases of `h2ws connect` -------------------------------------------------

because() {
  echo "$@"
  return 1
}

# connect WANTED_RC ARGUMENT...: reads in, writes out and err.
connect() {
  local wanted=$1 rc
  shift
  timeout -k 5 60 "$h2ws" connect "$@" <in >out 2>err
  rc=$?
  [ "$rc" = "$wanted" ] ||
    because "exit code $rc, not $wanted: $(tail -n 1 err)"
}

same_out() {
  cmp in out >cmp.out 2>&1 ||
    because "$(wc -c <in) bytes sent, others came: $(head -n 1 cmp.out)"
}

said() { grep -q -- "$1" err || because "stderr lacks '$1': $(tail -n 1 err)"; }

got_line() {
  [ "$(cat out)" = "$1" ] || because "wanted '$1', got '$(head -n 1 out)'"
}

tool_text() {
  printf 'one\ntwo\n\nκόσμε 🌍\n last \n' >in
  connect 0 "${trust[@]}" "$url/echo" && same_out || return 1
  head -n 1 err | grep -q 'HTTP/2 stream 1' ||
    because "the first line of stderr: $(head -n 1 err)" || return 1
  case $url in
  https:*) head -n 1 err | grep -q 'TLS 1.3' || because "no TLS 1.3" ;;
  esac
}

tool_5000_lines() {
  seq -f 'line %g' 5000 >in
  connect 0 "${trust[@]}" --http 2 "$url/echo" && same_out
}

# A line of 16 MiB: 3 bytes give 4 characters.
tool_text_16m() {
  { head -c 12582912 /dev/urandom | base64 -w 0; echo; } >in
  connect 0 "${trust[@]}" "$url/echo" && same_out
}

tool_nothing() {
  : >in
  connect 0 "${trust[@]}" "$url/echo" && same_out
}

# tool_binary SIZE: any bytes but newlines, which end each message in the output.
tool_binary() {
  tr -d '\n' </dev/urandom | head -c "$1" >in
  connect 0 "${trust[@]}" --binary "$url/echo" || return 1
  tr -d '\n' <out >joined
  mv joined out
  same_out
}

tool_protocol() {
  : >in
  connect 0 "${trust[@]}" --protocol chat "$url/protocol" &&
    got_line protocol=chat
}

tool_header() {
  : >in
  connect 0 "${trust[@]}" -H 'X-Interop: a b' "$url/header" && got_line 'a b'
}

# tool_refused PATH STATUS
tool_refused() {
  echo unheard >in
  connect 22 "${trust[@]}" "$url$1" && said "$2" && got_line ''
}

tool_untrusted() {
  echo unheard >in
  connect 60 "$url/echo" && got_line ''
}

tool_insecure() {
  echo hello >in
  connect 0 -k "$url/echo" && same_out
}

# The peer closes while our stdin is still open.
tool_peer_closes() {
  mkfifo open && exec 8<>open && ln -f open in
  connect 0 "${trust[@]}" "$url/close" && said 4001 && said bye
}

tool_answers_ping() {
  local rc=0 pid
  mkfifo open && exec 8<>open && ln -f open in
  : >out
  (connect 0 "${trust[@]}" "$url/ping") >why 8>&- &
  pid=$!
  until_true 20 settled 'pong' out "$pid"
  exec 8>&- # the end of stdin
  wait "$pid" || rc=1
  [ "$rc" = 0 ] || because "$(cat why)" || return 1
  got_line 'pong came'
}

# here COMMAND...: runs a case in an empty directory.
in_own_directory() {
  local dir
  dir=$(mktemp -d "$work/case.XXXXXX")
  (cd "$dir" && "$@")
}

# tool_cases NAME: our tool against the server at $url.
tool_cases() {
  local size
  one "$1/text" in_own_directory tool_text
  one "$1/5000-lines" in_own_directory tool_5000_lines
  one "$1/text-16m" in_own_directory tool_text_16m
  one "$1/nothing" in_own_directory tool_nothing
  for size in 1 125 126 65535 65536 1048576 16777216; do
    one "$1/binary-$size" in_own_directory tool_binary "$size"
  done
  one "$1/protocol" in_own_directory tool_protocol
  one "$1/header" in_own_directory tool_header
  one "$1/refused-404" in_own_directory tool_refused /nowhere 404
  one "$1/refused-405" in_own_directory tool_refused /get-only 405
  one "$1/peer-closes" in_own_directory tool_peer_closes
  one "$1/answers-ping" in_own_directory tool_answers_ping
  case $url in
  https:*)
    one "$1/untrusted" in_own_directory tool_untrusted
    one "$1/insecure" in_own_directory tool_insecure
    ;;
  esac
  one "$1/peer-saw-clean-closes" clean_closes "$log"
}

# The peer has seen CLOSE 1000, and 4001 as the answer to its own.
clean_closes() {
  grep -q '^closed /echo 1000' "$1" || because "no CLOSE 1000" || return 1
  grep -q '^closed /close 4001' "$1" || because "no CLOSE 4001" || return 1
  ! grep '^closed .* 1006' "$1"
}

# run_driver NAME PROGRAM [CASE...]: against the server at $url.
run_driver() {
  local name=$1 ca=()
  have_driver "$name" "driver/$2" "$here/driver/drive.c" || return
  shift 2
  case $url in https:*) ca=("${trust[@]}") ;; esac
  many "$name" "$driver" "${ca[@]}" --prefix "$name/" "$url" "$@"
}

driver_cases() {
  run_driver "$1" interop_driver
}

# --- Groups ------------------------------------------------------------------

serve() {
  local name=$1
  shift
  start "$name" "$h2ws" serve --listen 127.0.0.1:0 "$@"
}

group_axum() {
  have_ours axum && have_rust axum || return
  if start axum/cleartext "$rust_programs/axum-peer"; then
    tool_cases axum/cleartext
    driver_cases axum/cleartext/driver
    stop axum/cleartext
  fi
  if start axum/tls "$rust_programs/axum-peer" "${tls[@]}"; then
    tool_cases axum/tls
    driver_cases axum/tls/driver
    stop axum/tls
  fi
}

group_h2_ws_client() {
  have_ours h2-ws-client && have_rust h2-ws-client || return
  serve h2-ws-client --cleartext || return
  many h2-ws-client "$rust_programs/h2-ws-client-peer" "${url#http://}" \
    --peer h2ws --prefix h2-ws-client/
  stop_ours h2-ws-client
}

# node_client NAME PEER ARGUMENT...: the Node client against $url.
node_client() {
  local name=$1 peer=$2
  shift 2
  many "$name" node "$here/node/client.js" --url "$url" --peer "$peer" \
    --prefix "$name/" "$@"
}

# A server without the setting gets no CONNECT, and the user an error.
node_without_setting() {
  local before
  echo unheard >in
  before=$SECONDS
  timeout -k 5 30 "$h2ws" connect "${trust[@]}" --http 2 "$url/echo" <in \
    >out 2>err
  case $? in
  0) because "exit code 0" || return 1 ;;
  124 | 137) because "no answer in 30 s" || return 1 ;;
  esac
  [ $((SECONDS - before)) -lt 10 ] || because "it took 10 s" || return 1
  [ -s err ] || because "nothing on stderr" || return 1
  ! grep '^request CONNECT' "$log"
}

group_node() {
  have_ours node && have_node node || return
  if serve node/client/tls "${tls[@]}"; then
    node_client node/client/tls h2ws "${trust[@]}"
    stop_ours node/client/tls
  fi
  if serve node/client/cleartext --cleartext --threads 2; then
    node_client node/client/cleartext h2ws
    stop_ours node/client/cleartext
  fi
  if serve node/client/own-certificate; then
    node_client node/client/own-certificate h2ws --insecure settings text
    stop_ours node/client/own-certificate
  fi
  if start node/server node "$here/node/server.js" "${tls[@]}"; then
    tool_cases node/server
    driver_cases node/server/driver
    stop node/server
  fi
  if start node/no-setting node "$here/node/server.js" "${tls[@]}" \
    --no-setting; then
    one node/no-setting in_own_directory node_without_setting
    stop node/no-setting
  fi
}

# nghttp ARGUMENT... prints a body; it must be there.
nghttp_page() {
  timeout -k 5 30 nghttp --no-verify-peer "$url/" >out 2>err ||
    because "exit code $?: $(tail -n 1 err)" || return 1
  [ -s out ] || because "an empty page: $(tail -n 1 err)"
}

nghttp_not_found() {
  timeout -k 5 30 nghttp --no-verify-peer -v "$url/nowhere" >out 2>err ||
    because "exit code $?: $(tail -n 1 err)" || return 1
  grep -q ':status: 404' out || because "no :status: 404"
}

nghttp_fifty() {
  timeout -k 5 30 nghttp --no-verify-peer -n -s -m 50 "$url/" >out 2>err ||
    because "exit code $?: $(tail -n 1 err)" || return 1
  [ "$(grep -c ' 200 .* /$' out)" = 50 ] ||
    because "$(grep -c ' 200 .* /$' out) of 50 answered with 200"
}

# nghttp_cases NAME ARGUMENT...: pages, while hold.js holds WebSockets.
nghttp_cases() {
  local name=$1 log=$work/$1.hold pid
  shift
  mkdir -p "$(dirname "$log")"
  rm -f "$log.in"
  mkfifo "$log.in" && exec 8<>"$log.in"
  : >"$log"
  node "$here/node/hold.js" --url "$url" "$@" <"$log.in" >"$log" 2>"$log.err" \
    8>&- &
  pid=$!
  children+=("$pid")
  until_true 30 settled '^holding ' "$log" "$pid"
  if ! grep -q '^holding 15' "$log"; then
    fail "$name/hold" "$(tail -n 1 "$log.err")"
    return
  fi
  one "$name/page" in_own_directory nghttp_page
  one "$name/not-found" in_own_directory nghttp_not_found
  one "$name/fifty-at-once" in_own_directory nghttp_fifty
  exec 8>&- # the end of hold.js's stdin: the farewell
  until_true 60 gone "$pid" || kill -KILL "$pid"
  if wait "$pid" 2>/dev/null; then
    ok "$name/sockets-beside-it"
  else
    fail "$name/sockets-beside-it" "$(tail -n 1 "$log.err")"
  fi
}

group_nghttp() {
  have_ours nghttp || return
  if ! command -v nghttp >/dev/null; then
    skip nghttp "nghttp is missing: Debian's nghttp2-client"
    return
  fi
  have_node nghttp || return
  if serve nghttp/tls "${tls[@]}"; then
    nghttp_cases nghttp/tls "${trust[@]}"
    stop_ours nghttp/tls
  fi
  if serve nghttp/cleartext --cleartext; then
    nghttp_cases nghttp/cleartext
    stop_ours nghttp/cleartext
  fi
}

# h2spec_case NAME ARGUMENT...
h2spec_case() {
  local name=$1 port=${url##*:} report=$work/h2spec.out got
  shift
  timeout -k 5 400 "$h2spec" -h 127.0.0.1 -p "$port" "$@" >"$report" 2>&1
  got=$(grep -E '^[0-9]+ tests, ' "$report")
  if [ "$got" = \
    "$H2SPEC_CASES tests, $H2SPEC_CASES passed, 0 skipped, 0 failed" ]; then
    ok "$name ($H2SPEC_CASES of $H2SPEC_CASES)"
    return
  fi
  sed -n '/^Failures:/,$p' "$report"
  fail "$name" "${got:-no result: $(tail -n 1 "$report")}"
}

group_h2spec() {
  have_ours h2spec && have_h2spec h2spec || return
  # Else a broken preface is answered as HTTP/1.1, which h2spec cannot read.
  if serve h2spec/cleartext --cleartext --http 2; then
    h2spec_case h2spec/cleartext
    stop_ours h2spec/cleartext
  fi
  if serve h2spec/tls "${tls[@]}"; then
    h2spec_case h2spec/tls --tls --insecure
    stop_ours h2spec/tls
  fi
}

# memory_is_small: our server has moved hundreds of megabytes. What sanitizers
# take does not count.
memory_is_small() {
  local kib
  kib=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB$/\1/p' \
    "/proc/$server/status")
  [ -n "${H2WS_CFLAGS:-}" ] || [ "${kib:-0}" -lt 65536 ] ||
    because "$kib KiB at most, not 64 MiB"
}

# What the echo of `h2ws serve` suffices for, and what h2conn's server can do.
h2conn_raw_cases=(post put nothing a-byte post-100m fifty-at-once lines
  constant-size json-echo half-close close-unread cancel refused-404 refused-405
  untrusted)
h2conn_server_cases=(post put put-capitals post-100m json chat they-end
  they-reset answered-404)

# h2conn_client NAME [CASE...]: h2conn's client against the server at $url. Its
# Connect() takes no CA but the system's.
h2conn_client() {
  local name=$1
  shift
  SSL_CERT_FILE=$work/ca.pem SSL_CERT_DIR=$work/no-others many "$name" \
    "$go_peer" client "${trust[@]}" --prefix "$name/" "$url" "$@"
}

group_h2conn() {
  have_ours h2conn && have_go_peer h2conn h2conn &&
    have_driver h2conn driver/stream_server -ljansson || return
  if serve h2conn/client/tool "${tls[@]}"; then
    h2conn_client h2conn/client/tool "${h2conn_raw_cases[@]}"
    one h2conn/client/tool/memory memory_is_small
    stop_ours h2conn/client/tool
  fi
  if start h2conn/client "$driver" "${tls[@]}"; then
    h2conn_client h2conn/client
    one h2conn/client/memory memory_is_small
    stop_ours h2conn/client
  fi
  if start h2conn/server "$go_peer" server "${tls[@]}"; then
    run_driver h2conn/server stream_driver "${h2conn_server_cases[@]}"
    stop h2conn/server
  fi
}

# go_client NAME ARGUMENT...: the Go client against our server. x/net knows
# extended CONNECT only when told so.
go_client() {
  local name=$1
  shift
  GODEBUG=http2xconnect=1 many "$name" "$go_peer" client --prefix "$name/" \
    "$@" "$url"
  one "$name/memory" memory_is_small
  stop_ours "$name"
}

# Extended CONNECT: the others are in the group h2conn.
go_server_cases=(connect connect-nothing connect-a-byte connect-100m
  hundred-at-once we-reset they-end-connect they-reset-connect refused-404
  refused-405)

group_go() {
  have_ours go && have_go_peer go go || return
  if serve go/client/tls "${tls[@]}"; then
    go_client go/client/tls "${trust[@]}"
  fi
  if serve go/client/own-certificate; then
    go_client go/client/own-certificate --insecure
  fi
  if serve go/client/cleartext --cleartext; then
    go_client go/client/cleartext
  fi
  if start go/server/tls env GODEBUG=http2xconnect=1 "$go_peer" server \
    "${tls[@]}"; then
    run_driver go/server/tls stream_driver "${go_server_cases[@]}"
    stop go/server/tls
  fi
  if start go/server/cleartext env GODEBUG=http2xconnect=1 "$go_peer" server
  then
    run_driver go/server/cleartext stream_driver "${go_server_cases[@]}"
    stop go/server/cleartext
  fi
}

# All but JSON and chat, and hyper cannot reset a tunnel that it has accepted.
hyper_cases=(connect connect-nothing connect-a-byte post put put-capitals
  connect-100m post-100m hundred-at-once we-reset they-end they-end-connect
  they-reset refused-404 refused-405 answered-404)

# hyper_client NAME ARGUMENT...
hyper_client() {
  local name=$1
  shift
  many "$name" "$rust_programs/hyper-peer" client --prefix "$name/" "$@" "$url"
  one "$name/memory" memory_is_small
  stop_ours "$name"
}

group_hyper() {
  have_ours hyper && have_rust hyper || return
  if serve hyper/client/tls "${tls[@]}"; then
    hyper_client hyper/client/tls "${trust[@]}"
  fi
  if serve hyper/client/cleartext --cleartext; then
    hyper_client hyper/client/cleartext
  fi
  if start hyper/server/tls "$rust_programs/hyper-peer" server "${tls[@]}"; then
    run_driver hyper/server/tls stream_driver "${hyper_cases[@]}"
    stop hyper/server/tls
  fi
  if start hyper/server/cleartext "$rust_programs/hyper-peer" server; then
    run_driver hyper/server/cleartext stream_driver "${hyper_cases[@]}"
    stop hyper/server/cleartext
  fi
}

# ask WANTED ARGUMENT...: WANTED is the HTTP version and the status.
ask() {
  local wanted=$1 got
  shift
  got=$(timeout -k 5 60 curl -sS -o out -w '%{http_version} %{response_code}' \
    "$@" 2>err) || because "exit code $?: $(tail -n 1 err)" || return 1
  [ "$got" = "$wanted" ] || because "'$got', not '$wanted'"
}

# echoed ARGUMENT...: what goes up comes down.
echoed() {
  head -c 5000001 /dev/urandom >in
  ask '2 200' "$@" && same_out
}

# Without Content-Length, from a pipe.
echoed_pipe() {
  head -c 5000001 /dev/urandom >in
  # shellcheck disable=SC2002 # it has to be a pipe
  cat in | ask '2 200' "$@" -T - "$url/raw" && same_out
}

curl_untrusted() {
  local rc=0
  curl -sS --http2 "$url/" >out 2>err || rc=$?
  [ "$rc" = 60 ] || because "exit code $rc, not 60"
}

page() {
  ask "$@" || return 1
  grep -q h2ws out || because "another page: $(head -n 1 out)"
}

# curl_cases NAME ARGUMENT...: over HTTP/2 with these arguments.
curl_cases() {
  local name=$1
  shift
  one "$name/put" in_own_directory echoed "$@" -T in "$url/raw"
  one "$name/post" in_own_directory echoed "$@" --data-binary @in "$url/raw"
  one "$name/put-from-a-pipe" in_own_directory echoed_pipe "$@"
  one "$name/page" in_own_directory page '2 200' "$@" "$url/"
  one "$name/404" in_own_directory ask '2 404' "$@" "$url/nowhere"
  one "$name/405" in_own_directory ask '2 405' "$@" -X DELETE "$url/raw"
  one "$name/no-websocket" in_own_directory ask '2 400' "$@" "$url/echo"
}

group_curl() {
  have_ours curl || return
  if ! curl --version 2>/dev/null | grep -q '^Features:.* HTTP2'; then
    skip curl "curl is missing, or without HTTP/2"
    return
  fi
  if serve curl/tls "${tls[@]}"; then
    curl_cases curl/tls --http2 "${trust[@]}"
    one curl/tls/insecure in_own_directory page '2 200' --http2 -k "$url/"
    one curl/tls/untrusted in_own_directory curl_untrusted
    one curl/tls/http-1.1 in_own_directory page '1.1 200' --http1.1 \
      "${trust[@]}" "$url/"
    stop_ours curl/tls
  fi
  if serve curl/cleartext --cleartext; then
    curl_cases curl/cleartext --http2-prior-knowledge
    # It asks for an upgrade to h2c (RFC 7540 section 3.2), which is no more.
    one curl/cleartext/no-upgrade in_own_directory page '1.1 200' --http2 \
      "$url/"
    stop_ours curl/cleartext
  fi
}

# have_websockets NAME: the Python package, in a folder of its own.
have_websockets() {
  local log=$work/pip.log venv=$out/websockets
  python=$venv/bin/python
  if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    2>/dev/null; then
    skip "$1" "python3 is missing, or older than 3.11"
    return 1
  fi
  {
    [ -x "$python" ] || python3 -m venv "$venv"
    timeout -k 5 120 "$python" -m pip install --quiet \
      --disable-pip-version-check -r "$here/websockets/requirements.txt"
  } >"$log" 2>&1 && return 0
  skip "$1" "pip: $(tail -n 1 "$log")"
  return 1
}

# A line there and back; the input ends when it is back.
http1_line() {
  local rc=0 pid
  mkfifo open && exec 8<>open
  : >out
  (timeout -k 5 60 "$h2ws" connect "${trust[@]}" "$@" "$url/echo" \
    <open >out 2>err 8>&-) &
  pid=$!
  echo 'κόσμε 🌍' >&8
  until_true 20 settled 'κόσμε' out "$pid"
  exec 8>&-
  wait "$pid" || rc=$?
  [ "$rc" = 0 ] || because "exit code $rc: $(tail -n 1 err)" || return 1
  got_line 'κόσμε 🌍' || return 1
  head -n 1 err | grep -q '^HTTP/1.1' ||
    because "the first line of stderr: $(head -n 1 err)"
}

# Our tool against a server that knows HTTP/1.1 only: it falls back.
http1_cases() {
  one "$1/falls-back" in_own_directory http1_line
  one "$1/http-1.1" in_own_directory http1_line --http 1.1
  one "$1/compressed" in_own_directory http1_line --compress
  one "$1/protocol" in_own_directory tool_protocol
  one "$1/header" in_own_directory tool_header
  one "$1/refused-404" in_own_directory tool_refused /nowhere 404
}

# websockets_client NAME ARGUMENT...
websockets_client() {
  local name=$1
  shift
  many "$name" "$python" "$here/websockets/peer.py" client \
    --prefix "$name/" "$@" "$url"
  stop_ours "$name"
}

group_websockets() {
  have_ours websockets && have_websockets websockets || return
  if serve websockets/client/cleartext --cleartext --threads 2; then
    websockets_client websockets/client/cleartext
  fi
  if serve websockets/client/tls "${tls[@]}" --compress; then
    websockets_client websockets/client/tls "${trust[@]}"
  fi
  if start websockets/server/cleartext "$python" \
    "$here/websockets/peer.py" server; then
    http1_cases websockets/server/cleartext
    stop websockets/server/cleartext
  fi
  if start websockets/server/tls "$python" "$here/websockets/peer.py" server \
    "${tls[@]}"; then
    http1_cases websockets/server/tls
    stop websockets/server/tls
  fi
}

# have_ws NAME: the npm package of that name, which needs no other.
have_ws() {
  local log=$work/npm.log dir=$out/ws-$WS_VERSION
  have_node "$1" || return 1
  export NODE_PATH=$dir/node_modules
  [ ! -d "$NODE_PATH/ws" ] || return 0
  mkdir -p "$dir"
  if timeout -k 5 120 npm install --prefix "$dir" --no-save --no-audit \
    --no-fund --no-package-lock --ignore-scripts "ws@$WS_VERSION" >"$log" 2>&1
  then
    return 0
  fi
  skip "$1" "npm: $(tail -n 1 "$log")"
  return 1
}

# ws_client NAME ARGUMENT...
ws_client() {
  local name=$1
  shift
  many "$name" node "$here/ws/peer.js" client --prefix "$name/" "$@" "$url"
  stop_ours "$name"
}

# ws_server NAME: our tool to the server at $url.
ws_server() {
  local size
  http1_cases "$1"
  for size in 1 65536 16777216; do
    one "$1/binary-$size" in_own_directory tool_binary "$size"
  done
  one "$1/5000-lines" in_own_directory proxied 1.1
  one "$1/refused-405" in_own_directory tool_refused /get-only 405
  one "$1/peer-closes" in_own_directory tool_peer_closes
  one "$1/answers-ping" in_own_directory tool_answers_ping
  one "$1/peer-saw-clean-closes" clean_closes "$log"
}

group_ws() {
  have_ours ws && have_ws ws || return
  if serve ws/client/cleartext --cleartext; then
    ws_client ws/client/cleartext
  fi
  if serve ws/client/tls "${tls[@]}" --compress --threads 2; then
    ws_client ws/client/tls "${trust[@]}" --compress yes
  fi
  if start ws/server/cleartext node "$here/ws/peer.js" server; then
    ws_server ws/server/cleartext
    stop ws/server/cleartext
  fi
  if start ws/server/tls node "$here/ws/peer.js" server "${tls[@]}"; then
    ws_server ws/server/tls
    stop ws/server/tls
  fi
}

# --- Proxies -----------------------------------------------------------------

# free_ports COUNT
free_ports() {
  python3 -c 'import socket, sys
all = [socket.socket() for _ in range(int(sys.argv[1]))]
for each in all:
    each.bind(("127.0.0.1", 0))
print(*[each.getsockname()[1] for each in all])' "$1"
}

# shellcheck disable=SC2317 # called by until_true
port_is_open() { (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# WebSockets that stay open while something happens to the proxy.
declare -A held_fd=() held_pid=()

# hold CASE NAME HTTP URL: a WebSocket over this version, one line echoed.
hold() {
  local case=$1
  shift
  hold_open "$@"
  one "$case" held_says "$1" first
}

hold_open() {
  local dir=$work/held/$1 fd
  rm -rf "$dir"
  mkdir -p "$dir"
  mkfifo "$dir/open"
  exec {fd}<>"$dir/open"
  held_fd[$1]=$fd
  (
    let_go
    timeout -k 5 120 "$h2ws" connect "${trust[@]}" --http "$2" "$3/echo" \
      <"$dir/open" >"$dir/out" 2>"$dir/err"
    echo $? >"$dir/rc"
  ) 2>/dev/null &
  held_pid[$1]=$!
  children+=("$!")
}

# In a child: the inputs of the held ones are not its own.
let_go() {
  local fd
  for fd in "${held_fd[@]}"; do
    exec {fd}>&-
  done
}

# held_says NAME LINE: and hears it.
held_says() {
  echo "$2" >&"${held_fd[$1]}"
  until_true 20 settled "^$2\$" "$work/held/$1/out" "${held_pid[$1]}"
  grep -q "^$2\$" "$work/held/$1/out" ||
    because "no echo of '$2': $(tail -n 1 "$work/held/$1/err")"
}

# held_ends NAME RC [WORDS]: without an end of its input, which comes after.
held_ends() {
  local rc
  until_true 20 test -s "$work/held/$1/rc" || because "still there" || return 1
  rc=$(cat "$work/held/$1/rc")
  [ "$rc" = "$2" ] ||
    because "exit code $rc: $(tail -n 1 "$work/held/$1/err")" || return 1
  grep -q -- "${3:-}" "$work/held/$1/err" ||
    because "stderr lacks '$3': $(tail -n 1 "$work/held/$1/err")"
}

# let_end NAME: the end of its input.
let_end() {
  local fd=${held_fd[$1]}
  unset "held_fd[$1]"
  exec {fd}>&-
}

# proxied HTTP: 5000 lines over this version, the proxy's answer to them.
proxied() {
  local first="HTTP/$1"
  seq -f 'line %g' 5000 >in
  connect 0 "${trust[@]}" --http "$1" "$url/echo" && same_out || return 1
  head -n 1 err | grep -q "^$first" ||
    because "the first line of stderr: $(head -n 1 err)"
}

# proxied_16m HTTP: one message. It is there whole before its echo leaves: with
# both directions full, HAProxy 2.6 reads neither, and so not the WINDOW_UPDATE
# that would help.
proxied_16m() {
  { head -c 12582912 /dev/urandom | base64 -w 0; echo; } >in
  connect 0 "${trust[@]}" --http "$1" "$url/echo" && same_out
}

# proxied_refused HTTP PATH STATUS
proxied_refused() {
  echo unheard >in
  connect 22 "${trust[@]}" --http "$1" "$url$2" && said "$3" && got_line ''
}

# proxied_cases NAME HTTP
proxied_cases() {
  one "$1/lines" in_own_directory proxied "$2"
  one "$1/text-16m" in_own_directory proxied_16m "$2"
  one "$1/refused-404" in_own_directory proxied_refused "$2" /nowhere 404
  one "$1/refused-405" in_own_directory proxied_refused "$2" /raw 405
}

# start_haproxy NAME BACKEND [ARGUMENT...]: sets $proxy.
start_haproxy() {
  local name=$1 backend=$2 file=$work/${1//\//-}.haproxy
  shift 2
  (
    let_go
    export BACKEND=$backend CERTIFICATE=$work/both.pem CA=$work/ca.pem
    export SECURE=$secure_port CLEAR=$clear_port SERVER=127.0.0.1:$server_port
    exec haproxy -db -f "$here/haproxy/haproxy.cfg" "$@"
  ) >"$file.log" 2>&1 </dev/null &
  proxy=$!
  children+=("$proxy")
  until_true 20 port_is_open "$clear_port" && return
  fail "$name/start" "$(tail -n 1 "$file.log")"
  return 1
}

# stop_proxy: at once.
stop_proxy() {
  kill -TERM "$proxy" 2>/dev/null
  until_true 20 gone "$proxy" || kill -KILL "$proxy"
  wait "$proxy" 2>/dev/null
}

# What needs not pass through HAProxy 2.6: one stream that nobody reads holds
# up all that share its connection to the server, large echoes side by side
# lock it up (see proxied_16m), and :scheme is its own.
haproxy_node_cases=(settings answer text binary binary-16m text-16m
  fragments-with-ping-between fragments-1m one-byte-per-data-frame
  many-small-messages ping close-codes close-without-code close-after-data
  close-with-end-stream close-without-end-stream reset-in-a-message
  end-stream-without-close hundred-at-once window-of-one-byte
  window-of-100-bytes not-found wrong-version page-beside-sockets
  unmasked-frame text-not-utf8 message-over-the-limit)

# An upgrade of HTTP/1.1 has come to us as extended CONNECT.
only_extended_connect() {
  grep -q '^\* stream [0-9]*: closed' "$1" || because "no stream" || return 1
  ! grep '^\* exchange' "$1"
}

# haproxy_restarts NAME: with open WebSockets of both kinds.
haproxy_restarts() {
  local old=$proxy
  hold "$1/reload/hold-2" over-2 2 "$secure"
  hold "$1/reload/hold-1.1" over-1.1 1.1 "$secure"
  start_haproxy "$1/reload" cleartext -sf "$old" || return
  one "$1/reload/old-2-lives" held_says over-2 second
  one "$1/reload/old-1.1-lives" held_says over-1.1 second
  one "$1/reload/new-2" in_own_directory proxied 2
  one "$1/reload/new-1.1" in_own_directory proxied 1.1
  let_end over-2
  let_end over-1.1
  one "$1/reload/old-2-ends" held_ends over-2 0
  one "$1/reload/old-1.1-ends" held_ends over-1.1 0
  one "$1/reload/old-proxy-ends" until_true 40 gone "$old"

  hold "$1/kill/hold-2" over-2 2 "$secure"
  hold "$1/kill/hold-1.1" over-1.1 1.1 "$secure"
  kill -KILL "$proxy"
  wait "$proxy" 2>/dev/null
  one "$1/kill/2-is-lost" held_ends over-2 56
  one "$1/kill/1.1-is-lost" held_ends over-1.1 56
  let_end over-2
  let_end over-1.1
  start_haproxy "$1/kill" cleartext || return
  one "$1/kill/new-2" in_own_directory proxied 2
  one "$1/kill/new-1.1" in_own_directory proxied 1.1
}

# haproxy_server_ends NAME: ours, gracefully, with open WebSockets behind it.
haproxy_server_ends() {
  hold "$1/drain/hold-2" over-2 2 "$secure"
  hold "$1/drain/hold-1.1" over-1.1 1.1 "$secure"
  stop_ours "$1/drain"
  one "$1/drain/2-sees-1001" held_ends over-2 0 'code 1001'
  one "$1/drain/1.1-sees-1001" held_ends over-1.1 0 'code 1001'
  let_end over-2
  let_end over-1.1
}

group_haproxy() {
  local name ours secure
  have_ours haproxy || return
  if ! command -v haproxy >/dev/null; then
    skip haproxy "haproxy is missing: Debian's package of that name"
    return
  fi
  have_node haproxy || return
  cat "$work/cert.pem" "$work/key.pem" >"$work/both.pem"
  read -r secure_port clear_port <<<"$(free_ports 2)"
  secure=https://localhost:$secure_port
  for name in haproxy/cleartext haproxy/tls; do
    if [ "$name" = haproxy/cleartext ]; then
      serve "$name/ours" --cleartext -v || return
    else
      serve "$name/ours" "${tls[@]}" -v || return
    fi
    ours=$log.err
    server_port=${url##*:}
    start_haproxy "$name" "${name#*/}" || return
    url=$secure
    proxied_cases "$name/2" 2
    proxied_cases "$name/1.1" 1.1
    if [ "$name" = haproxy/cleartext ]; then
      node_client "$name/node" haproxy "${trust[@]}" "${haproxy_node_cases[@]}"
      haproxy_restarts "$name"
    fi
    haproxy_server_ends "$name"
    one "$name/only-extended-connect" only_extended_connect "$ours"
    stop_proxy
  done
}

# start_nginx NAME SERVER_URL: sets $proxy.
start_nginx() {
  local dir=$work/nginx account=()
  mkdir -p "$dir"
  sed "s,@CLEAR@,$clear_port,; s,@SECURE@,$secure_port,; s,@WORK@,$work,
    s,@SERVER@,$2," "$here/nginx/nginx.conf" >"$dir/nginx.conf"
  [ "$(id -u)" != 0 ] || account=(-g 'user root;')
  (
    let_go
    exec nginx -p "$dir" -e error.log -c nginx.conf "${account[@]}"
  ) >"$dir/log" 2>&1 </dev/null &
  proxy=$!
  children+=("$proxy")
  until_true 20 port_is_open "$clear_port" && return
  fail "$1/start" "$(tail -n 1 "$dir/log")"
  return 1
}

# HTTP/2 without the setting of RFC 8441: another connection, over HTTP/1.1.
nginx_falls_back() {
  printf 'one\ntwo\n' >in
  connect 0 "${trust[@]}" "$url/echo" && same_out || return 1
  head -n 1 err | grep -q '^HTTP/1.1' ||
    because "the first line of stderr: $(head -n 1 err)"
}

nginx_without_setting() {
  echo unheard >in
  connect 22 "${trust[@]}" --http 2 "$url/echo" && got_line ''
}

nginx_has_reloaded() {
  [ "$(wc -w <"/proc/$proxy/task/$proxy/children")" -ge 2 ]
}

# nginx_restarts NAME SERVER_URL: with an open WebSocket.
nginx_restarts() {
  hold "$1/reload/hold" over-1.1 1.1 "$secure"
  kill -HUP "$proxy"
  one "$1/reload/a-new-worker" until_true 20 nginx_has_reloaded
  one "$1/reload/old-lives" held_says over-1.1 second
  one "$1/reload/new" in_own_directory proxied 1.1
  let_end over-1.1
  one "$1/reload/old-ends" held_ends over-1.1 0

  hold "$1/end/hold" over-1.1 1.1 "$secure"
  stop_proxy
  one "$1/end/is-lost" held_ends over-1.1 56
  let_end over-1.1
  start_nginx "$1/end" "$2" || return
  one "$1/end/new" in_own_directory proxied 1.1
}

group_nginx() {
  local name ours secure
  have_ours nginx || return
  if ! command -v nginx >/dev/null; then
    skip nginx "nginx is missing: Debian's nginx-light"
    return
  fi
  read -r secure_port clear_port <<<"$(free_ports 2)"
  secure=https://localhost:$secure_port
  for name in nginx/cleartext nginx/tls; do
    if [ "$name" = nginx/cleartext ]; then
      serve "$name/ours" --cleartext || return
    else
      serve "$name/ours" "${tls[@]}" || return
    fi
    ours=$url
    start_nginx "$name" "$ours" || return
    url=http://localhost:$clear_port
    proxied_cases "$name/http" 1.1
    url=$secure
    proxied_cases "$name/https" 1.1
    one "$name/falls-back" in_own_directory nginx_falls_back
    one "$name/without-setting" in_own_directory nginx_without_setting
    [ "$name" = nginx/tls ] || nginx_restarts "$name" "$ours"
    hold "$name/drain/hold" over-1.1 1.1 "$secure"
    stop_ours "$name/drain"
    one "$name/drain/sees-1001" held_ends over-1.1 0 'code 1001'
    let_end over-1.1
    stop_proxy
  done
}

# --- Browsers ----------------------------------------------------------------

# start_browser chromium|firefox-esr URL: in a home of its own that trusts our
# CA. Sets $browser. Root, as which CI runs, must do without a sandbox.
start_browser() {
  local home=$work/home-$1 command=("$1" --headless) sandbox=()
  mkdir -p "$home/.pki/nssdb"
  certutil -N -d "sql:$home/.pki/nssdb" --empty-password &&
    certutil -A -n interop -t C,, -i "$work/ca.pem" -d "sql:$home/.pki/nssdb"
  case $1 in
  chromium)
    [ "$(id -u)" != 0 ] || sandbox=(--no-sandbox)
    command+=("${sandbox[@]}" --disable-gpu --disable-dev-shm-usage
      --no-first-run --user-data-dir="$home/profile" "$2")
    ;;
  firefox-esr)
    mkdir -p "$home/profile"
    cp "$home/.pki/nssdb/"* "$home/profile"
    command+=(--no-remote --profile "$home/profile" "$2")
    ;;
  esac
  HOME=$home timeout -k 5 120 "${command[@]}" >"$home.log" 2>&1 </dev/null &
  browser=$!
  children+=("$browser")
}

end_browser() {
  kill -TERM "$browser" 2>/dev/null
  until_true 20 gone "$browser" || kill -KILL "$browser"
  wait "$browser" 2>/dev/null
  rm -rf "$work/home-$1"
}

# serve_said TEXT
serve_said() {
  grep -q -- "$1" "$log.err" || because "not said: $1; $(tail -n 1 "$log.err")"
}

# page_cases NAME BROWSER: the page that `h2ws serve` has itself. By what it
# tried, and by the HTTP/2 connection that it came by, it closes a WebSocket.
page_cases() {
  serve "$1" "${tls[@]}" --compress -v || return
  start_browser "$2" "https://localhost:${url##*:}/"
  until_true 60 settled ' /echo: closed' "$log.err" "$browser"
  one "$1/http-2" serve_said \
    'HTTP/2 stream [0-9]* /echo: open, TLS 1.3, permessage-deflate$'
  one "$1/round-trips-and-we-close" serve_said \
    ' /echo: closed, code 4002 "all came back", clean, by the client$'
  one "$1/server-closes" serve_said \
    ' /echo?close=4001: closed, code 4001, clean, by us$'
  end_browser "$2"
  stop_ours "$1"
}

# browser_cases NAME BROWSER HTTP [ARGUMENT...]: page.html, from another origin,
# reports what it sees of `h2ws serve ARGUMENT...`.
browser_cases() {
  local name=$1 browser_name=$2 http=$3 count ours ours_log place
  shift 3
  serve "$name/ours" "${tls[@]}" --compress -v "$@" || return
  ours=$server
  ours_log=$log
  place=localhost:${url##*:}
  start "$name/origin" node "$here/browser/server.js" "${tls[@]}" \
    --log "$ours_log.err" || return
  start_browser "$browser_name" "https://localhost:${url##*:}/#$place/$http"
  until_true 120 settled ' /echo?stop: open' "$ours_log.err" "$browser"
  kill -TERM "$ours"
  until_true 20 settled '^done$' "$log" "$browser"
  sed -n "s,^\(ok\|FAIL\) ,\1 $name/,p" "$log"
  count=$(grep -c '^ok ' "$log")
  passed=$((passed + count))
  failed=$((failed + $(grep -c '^FAIL ' "$log")))
  grep -q '^done$' "$log" || fail "$name" \
    "it stopped after $count: $(tail -n 1 "$work/home-$browser_name.log")"
  end_browser "$browser_name"
  stop "$name/origin"
  server=$ours log=$ours_log
  stop_ours "$name"
}

group_browser() {
  local each only
  have_ours browser && have_node browser || return
  if ! command -v certutil >/dev/null; then
    skip browser "certutil is missing: Debian's libnss3-tools"
    return
  fi
  for each in chromium firefox-esr; do
    if ! command -v "$each" >/dev/null; then
      skip "browser/$each" "$each is missing: Debian's package of that name"
      continue
    fi
    page_cases "browser/$each/page" "$each"
    browser_cases "browser/$each/2" "$each" 2
    # Chromium need not be told: from another origin it has no connection yet.
    only=()
    [ "$each" = chromium ] || only=(--http 1.1)
    browser_cases "browser/$each/1.1" "$each" 1.1 "${only[@]}"
  done
}

# The Autobahn test suite, all of it if nothing else was asked for.
group_autobahn() {
  local log=$work/autobahn.log rc good bad
  have_ours autobahn || return
  "$here/autobahn/run.py" ${autobahn_all:+--all} "$out" "$h2ws" \
    "$(dirname "$h2ws")/autobahn-testee" >"$log" 2>"$log.err"
  rc=$?
  if [ "$rc" = 77 ]; then
    # There is none in Debian 12: nothing that a machine must have.
    skipped=$((skipped + 1))
    echo "skip autobahn: $(tail -n 1 "$log")"
    return
  fi
  good=$(grep -c '^ok ' "$log")
  bad=$(grep -c '^FAIL ' "$log")
  sed 's,^\(ok\|FAIL\) ,&autobahn/,' "$log"
  passed=$((passed + good))
  failed=$((failed + bad))
  if [ "$rc" != 0 ] && [ "$bad" = 0 ]; then
    fail autobahn "exit code $rc: $(tail -n 1 "$log.err")"
  fi
}

# The Autobahn testsuite's cases of compression, as our own table of them, with
# as many messages as the suite sends.
group_autobahn_deflate() {
  local part program log=$work/autobahn-deflate
  local -A pids
  program=$(dirname "$h2ws")/test-ws-autobahn_deflate
  if [ ! -x "$program" ]; then
    skip autobahn-deflate "$program is not built"
    return
  fi
  for part in 12 13; do
    H2WS_AUTOBAHN_COUNT=${H2WS_AUTOBAHN_COUNT:-1000} CK_RUN_CASE=$part \
      CK_DEFAULT_TIMEOUT=900 timeout -k 5 3600 "$program" \
      >"$log-$part" 2>&1 </dev/null &
    pids[$part]=$!
    children+=($!)
  done
  for part in 12 13; do
    if wait "${pids[$part]}" && grep -q 'Checks: [1-9]' "$log-$part"; then
      ok "autobahn-deflate/$part"
    else
      fail "autobahn-deflate/$part" "$(tail -n 1 "$log-$part")"
    fi
  done
}

# The peers among themselves: if this fails, the other groups prove nothing.
group_peers() {
  have_rust peers && have_node peers && have_go_peer peers h2conn || return
  if start peers/h2conn "$go_peer" server "${tls[@]}"; then
    h2conn_client peers/h2conn-h2conn
    stop peers/h2conn
  fi
  if start peers/axum-cleartext "$rust_programs/axum-peer"; then
    node_client peers/node-axum-cleartext axum
    many peers/h2-ws-client-axum "$rust_programs/h2-ws-client-peer" \
      "${url#http://}" --peer axum --prefix peers/h2-ws-client-axum/
    nghttp_cases peers/nghttp-axum-cleartext
    stop peers/axum-cleartext
  fi
  if start peers/axum-tls "$rust_programs/axum-peer" "${tls[@]}"; then
    node_client peers/node-axum-tls axum "${trust[@]}"
    nghttp_cases peers/nghttp-axum-tls "${trust[@]}"
    stop peers/axum-tls
  fi
  if start peers/node-tls node "$here/node/server.js" "${tls[@]}"; then
    node_client peers/node-node-tls node "${trust[@]}"
    stop peers/node-tls
  fi
  if start peers/node-cleartext node "$here/node/server.js"; then
    many peers/h2-ws-client-node "$rust_programs/h2-ws-client-peer" \
      "${url#http://}" --peer node --prefix peers/h2-ws-client-node/
    stop peers/node-cleartext
  fi
}

main() {
  local name line
  mkdir -p "$out"
  work=$(mktemp -d "$out/run.XXXXXX") || exit 1
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  make_certificate || {
    echo "openssl made no certificate: $(tail -n 1 "$work/openssl.log")"
    exit 1
  }
  tls=(--cert "$work/cert.pem" --key "$work/key.pem")
  trust=(--cacert "$work/ca.pem")
  [ "$*" != autobahn ] || autobahn_all=1
  [ $# -gt 0 ] || set -- "${groups[@]}"
  for name; do
    case " ${groups[*]} peers " in
    *" $name "*) "group_${name//-/_}" ;;
    *)
      echo "no such group: $name (${groups[*]} peers)"
      exit 2
      ;;
    esac
  done
  line="$passed passed, $failed failed"
  [ "$skipped" = 0 ] || line="$line, $skipped skipped"
  echo "interop: $line"
  echo "$line"
  [ "$failed" = 0 ]
}

main "$@"
