#!/bin/sh
# usage: bench/run.sh [NAME...]
# Runs the benches of the release build, all or the named ones, and prints
# their tables, each under the command that made it.
set -eu
cd "$(dirname "$0")/.."
bin=build/release/bin

[ $# -gt 0 ] || set -- memory-echo broadcast load memory
printf 'h2ws %s, %s, %s cores of %s\n' \
  "$(git describe --always --dirty 2>/dev/null || echo unknown)" \
  "$(date -u +%Y-%m-%d)" "$(nproc)" \
  "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
for name in "$@"; do
  # shellcheck disable=SC2016 # a prompt
  printf '\n$ %s\n\n' "$bin/bench-$name"
  "$bin/bench-$name"
done
