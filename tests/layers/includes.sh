#!/bin/sh
# SPDX-License-Identifier: MIT
# Every include line of ours, held against rooms.txt and the doors that cmake/tree.cmake grants.
. "$(dirname "$0")/tree.sh"

headers=$(mktemp -d)
trap 'rm -rf "$headers"' EXIT
dpkg -L libc6-dev linux-libc-dev 2>/dev/null |
    sed -nE 's|^/usr/include/(x86_64-linux-gnu/)?(.*\.h)$|\2|p' >"$headers/c.headers"
printf '%s\n' stdarg.h stdbool.h stddef.h stdint.h stdalign.h stdatomic.h stdnoreturn.h float.h limits.h \
    cpuid.h immintrin.h >>"$headers/c.headers"

cmake_rows >"$headers/tree.cmake"

rule() {
    # shellcheck disable=SC2046 # names of ours hold no spaces
    awk -v check="$1" -f "$here/includes.awk" "$here/rooms.txt" "$headers/tree.cmake" "$headers/c.headers" \
        $(files '*.c' '*.h' '*.def')
}
exists() {
    files '*.c' '*.h' '*.def' | xargs grep -hoE '^[ 	]*#[ 	]*include[ 	]*"[^"]+"' | sed 's/.*"\(.*\)"/\1/' | sort -u |
        while read -r header; do
            [ -f "$header" ] || ls build/*/generated/"$header" >/dev/null 2>&1 || echo "$header is not there"
        done
}

check "every room includes only the rooms that its row names" none rule rooms
check "an actor opens only the doors that its CMake line grants, and a door opens no other" none rule doors
check "a header from outside is included only behind its one door" none rule outside
check "every include line of ours is an address from the root of the tree" none rule address
check "every header of ours that is included exists" none exists
done_testing
