#!/bin/sh
# usage: package.sh BUILD-FOLDER COMPILER VERSION
# Installs the built tree into a folder of its own, moves it, and builds and
# runs outside programs against it: with pkg-config and with find_package,
# shared and static, for each of the two libraries that is there.
set -eu

build=$1
compiler=$2
version=$3
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
done_count=0

fail() {
  printf 'package: FAILED: %s\n' "$*" >&2
  exit 1
}

# Runs a command; shows its output only if it fails.
run() {
  "$@" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail "$*"
  }
}

# expect_version PROGRAM: it runs and tells our version.
expect_version() {
  told=$(LD_LIBRARY_PATH=$libdir "$1") || fail "$1 does not run"
  [ "$told" = "$version" ] || fail "$1 tells '$told', not '$version'"
  done_count=$((done_count + 1))
  printf 'package: %s ok\n' "${1#"$work"/}"
}

# The shared libraries a program asks for: at least $2, and none of the rest.
# A program that uses ours must not be linked to what lies below it.
expect_needed() {
  needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  printf '%s\n' "$needed" | grep -qxF "$2" || fail "$1 does not need $2"
  if printf '%s\n' "$needed" | grep -E 'nghttp2|wslay|event|libssl|libcrypto|libz'; then
    fail "$1 is linked to a library below ours"
  fi
}

expect_not_needed() {
  if readelf -d "$1" | grep -E '(NEEDED).*libh2ws'; then
    fail "$1 is not static: it needs a shared library of ours"
  fi
}

# ---------------------------------------------------------------------------
# The installed tree, at a place nobody configured.

run cmake --install "$build" --prefix "$work/first"
mv "$work/first" "$work/prefix"
prefix=$work/prefix
pc=$(find "$prefix" -name h2ws-core.pc)
[ -n "$pc" ] || fail "h2ws-core.pc is not installed"
pcdir=$(dirname "$pc")
libdir=$(dirname "$pcdir")

for name in h2ws-core h2ws; do
  [ -f "$pcdir/$name.pc" ] || continue
  [ "$(readlink "$libdir/lib$name.so")" = "lib$name.so.0" ] ||
    fail "lib$name.so is not a link to lib$name.so.0"
  readelf -d "$libdir/lib$name.so" | grep -q "SONAME.*lib$name\.so\.0\]" ||
    fail "lib$name.so has a wrong SONAME"
done

# The same tree without shared libraries: here -lh2ws means libh2ws.a.
cp -a "$prefix" "$work/static-prefix"
rm "$work/static-prefix/${libdir#"$prefix"/}"/lib*.so*

# ---------------------------------------------------------------------------
# pkg-config

with_pkg_config() {
  name=$1
  PKG_CONFIG_PATH=$pcdir
  export PKG_CONFIG_PATH
  [ "$(pkg-config --modversion "$name")" = "$version" ] ||
    fail "$name.pc tells another version"

  # shellcheck disable=SC2046 # flags are words
  run "$compiler" -std=c11 -Wall -Wextra -Werror \
    $(pkg-config --cflags "$name") "$here/outside/$name.c" \
    -o "$work/pkg-config-$name-shared" $(pkg-config --libs "$name")
  expect_version "$work/pkg-config-$name-shared"
  expect_needed "$work/pkg-config-$name-shared" "lib$name.so.0"

  # The line of the README, on what it shows.
  if [ "$name" = h2ws ]; then
    # shellcheck disable=SC2046 # flags are words
    run "$compiler" "$here/../../examples/01-echo-client.c" \
      -o "$work/echo-client" $(pkg-config --cflags --libs h2ws)
    expect_needed "$work/echo-client" libh2ws.so.0
  fi

  PKG_CONFIG_PATH=$work/static-prefix/${pcdir#"$prefix"/}
  # shellcheck disable=SC2046 # flags are words
  run "$compiler" -std=c11 -Wall -Wextra -Werror \
    $(pkg-config --static --cflags "$name") "$here/outside/$name.c" \
    -o "$work/pkg-config-$name-static" $(pkg-config --static --libs "$name")
  expect_version "$work/pkg-config-$name-static"
  expect_not_needed "$work/pkg-config-$name-static"
}

# ---------------------------------------------------------------------------
# find_package

with_cmake() {
  name=$1
  for kind in shared static; do
    # In the shared case pkg-config is made to fail: nothing below us may be
    # looked for.
    pkg_config=/bin/false
    [ "$kind" = shared ] || pkg_config=$(command -v pkg-config)
    run cmake -G Ninja -S "$here/outside" -B "$work/cmake-$name-$kind" \
      -DCMAKE_C_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$prefix" \
      -DPACKAGE="$name" -DKIND="$kind" -DVERSION="$version" \
      -DPKG_CONFIG_EXECUTABLE="$pkg_config"
    run cmake --build "$work/cmake-$name-$kind"
    expect_version "$work/cmake-$name-$kind/outside"
  done
  expect_needed "$work/cmake-$name-shared/outside" "lib$name.so.0"
  expect_not_needed "$work/cmake-$name-static/outside"
}

# A plugin that is loaded again and again: no thread loses its code, and no
# descriptors stay behind each time.
with_dlopen() {
  run "$compiler" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror \
    "$here/outside/plugin.c" -o "$work/plugin" -ldl
  LD_LIBRARY_PATH=$libdir run "$work/plugin" "$libdir/libh2ws.so"
}

for name in h2ws-core h2ws; do
  if [ ! -f "$pcdir/$name.pc" ]; then
    printf 'package: %s is not built, left out\n' "$name"
    continue
  fi
  with_pkg_config "$name"
  with_cmake "$name"
done

[ ! -f "$libdir/libh2ws.so" ] || with_dlopen

if [ -x "$prefix/bin/h2ws" ]; then
  ldd "$prefix/bin/h2ws" >"$work/log" || fail "bin/h2ws"
  ! grep -q 'not found' "$work/log" || fail "bin/h2ws lacks a library"
fi

printf 'package: %s outside programs built and run\n' "$done_count"
