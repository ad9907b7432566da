#!/bin/sh
# SPDX-License-Identifier: MIT
# Every C file looks as .clang-format says.
. "$(dirname "$0")/tree.sh"
command -v clang-format >/dev/null || skip_all "no clang-format"

unformatted() {
    files '*.c' '*.h' | xargs -r clang-format --dry-run -Werror 2>&1 | sed -n 's/: error: code should be.*//p' | head -n 40
}
check "every C file is formatted (clang-format -i mends it)" none unformatted
done_testing
