#!/bin/sh
# SPDX-License-Identifier: MIT
# One licence line in each source file, near its top.
. "$(dirname "$0")/tree.sh"
tag=SPDX-License-Identifier

sources() {
    files '*.c' '*.h' '*.def' '*.sh' '*.awk' '*.py' '*.cmake' 'CMakeLists.txt' '*/CMakeLists.txt'
    files 'tools/*' 'tests/*' '.ci/*' 'packaging/*' | while read -r file; do
        case $(head -c 2 "$file" | tr -d '\0') in '#!') echo "$file" ;; esac
    done
}
unmarked() {
    sources | sort -u | while read -r file; do
        head -n 5 "$file" | grep -q "$tag: MIT" || echo "$file"
    done
}
marked_twice() {
    sources | sort -u | while read -r file; do
        [ "$(head -n 20 "$file" | grep -cE "^([#/* ;<!-]|\.\.)*$tag:")" -le 1 ] || echo "$file"
    done
}

check "every source file names its licence in its first lines" none unmarked
check "no source file names a licence twice" none marked_twice
done_testing
