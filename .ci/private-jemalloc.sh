#!/usr/bin/env bash
# private-jemalloc.sh DIR: makes DIR/libjemalloc_private.a, jemalloc with je_ before every symbol.
#
# A sanitizer replaces malloc, free and operator new by its own, and must see every call. Debian's jemalloc exports
# those names too: linked beside a sanitizer, some calls come to the one and some to the other, and the first block that
# is allocated here and freed there ends the process. Upstream's answer is `configure --with-jemalloc-prefix=je_`, which
# takes a source tree and a build. Debian's package already has the same code compiled for use in any binary
# (libjemalloc_pic.a), so it is enough to rename what it defines: no download beyond the package that every build
# of this repository needs.
#
# Does nothing where the library is there and newer than Debian's and this script.
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

# In a folder of its own, moved into place when it is whole: a run that was stopped leaves no half library.
work=$(mktemp -d "$folder/making.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$source" "$work/$name"
# The C++ part is operator new and delete, nothing else, and those have no C names to put a prefix before.
ar t "$work/$name" | grep cpp | xargs -r ar d "$work/$name"
# What is defined under another name than je_…: the renaming reaches the library's own uses of it, too.
nm --extern-only --defined-only "$work/$name" 2>/dev/null |
  awk 'NF == 3 && $3 !~ /^je_/ { print $3, "je_" $3 }' | sort -u >"$work/names"
grep -q '^mallocx je_mallocx$' "$work/names" || { echo "private-jemalloc.sh: $source defines no mallocx" >&2; exit 1; }
objcopy --redefine-syms="$work/names" "$work/$name"
left=$(nm --extern-only --defined-only "$work/$name" 2>/dev/null | awk 'NF == 3 && $3 !~ /^je_/ { print $3 }')
[ -z "$left" ] || { echo "private-jemalloc.sh: still without a prefix: $left" >&2; exit 1; }
touch "$work/$name"
mv "$work/$name" "$folder/$name"
