#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# private-jemalloc.sh DIR: makes DIR/libjemalloc_private.a, jemalloc with je_ before every symbol.
#
# A sanitizer replaces malloc, free and operator new with its own, and must see every call. Debian's jemalloc exports
# the same names. If it is linked beside a sanitizer, some calls go to jemalloc and some to the sanitizer, and the first
# block that one allocates and the other is to free ends the process. Upstream's answer is
# `configure --with-jemalloc-prefix=je_`, which takes a source tree and a build. Debian's package already has the same
# code compiled for use in any binary (libjemalloc_pic.a), so it is enough to rename the symbols that it defines. This
# needs no download beyond the package that every build of this repository needs.
#
# Does nothing if the library exists and is newer than Debian's library and this script.
set -euo pipefail
folder=${1:?usage: private-jemalloc.sh DIR}
name=libjemalloc_private.a

if ! command -v objcopy >/dev/null || ! pkg-config --exists jemalloc 2>/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update >/dev/null
  apt-get install -y libjemalloc-dev binutils pkg-config >/dev/null
fi
source=$(pkg-config --variable=libdir jemalloc)/libjemalloc_pic.a
[ -f "$source" ] || { echo "private-jemalloc.sh: no $source: is libjemalloc-dev complete?" >&2; exit 1; }

mkdir -p "$folder"
if [ "$folder/$name" -nt "$source" ] && [ "$folder/$name" -nt "${BASH_SOURCE[0]}" ]; then exit 0; fi

# The work is done in a separate folder, and the library is moved into place when it is complete: a run that is stopped
# leaves no incomplete library.
work=$(mktemp -d "$folder/making.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$source" "$work/$name"
# The C++ part contains only operator new and delete, whose names are not C names that could get a prefix.
ar t "$work/$name" | grep cpp | xargs -r ar d "$work/$name"
# Renames the symbols whose names do not start with je_. This also renames the library's own uses of them.
nm --extern-only --defined-only "$work/$name" 2>/dev/null |
  awk 'NF == 3 && $3 !~ /^je_/ { print $3, "je_" $3 }' | sort -u >"$work/names"
grep -q '^mallocx je_mallocx$' "$work/names" || { echo "private-jemalloc.sh: $source defines no mallocx" >&2; exit 1; }
objcopy --redefine-syms="$work/names" "$work/$name"
left=$(nm --extern-only --defined-only "$work/$name" 2>/dev/null | awk 'NF == 3 && $3 !~ /^je_/ { print $3 }')
[ -z "$left" ] || { echo "private-jemalloc.sh: still without a prefix: $left" >&2; exit 1; }
touch "$work/$name"
mv "$work/$name" "$folder/$name"
