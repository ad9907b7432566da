#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 900
# clang-tidy over every source that the asan preset compiles, a file per processor at a time, for at most
# TIDY_SECONDS (480). What was clean and has not changed since, headers included, is not looked at again.
. "$(dirname "$0")/tree.sh"
command -v clang-tidy >/dev/null || skip_all "no clang-tidy"
[ -f build/asan/compile_commands.json ] || skip_all "no build/asan; tools/build asan makes it"

cache=$PWD/build/tidy
mkdir -p "$cache"
found=$(mktemp)
trap 'rm -f "$found"' EXIT
# What every answer depends on besides the file itself.
common=$({ cat .clang-tidy; files '*.h' '*.def' | xargs -r cat; } | sha256sum | cut -c1-16)
export cache common found
end=$(($(date +%s) + ${TIDY_SECONDS:-480}))
export end

# shellcheck disable=SC2016 # for the inner shell
one='file=$1
key=$cache/$(sha256sum <"$file" | cut -c1-24)-$common
[ -e "$key" ] && exit 0
[ "$(date +%s)" -lt "$end" ] || { echo "late $file" >>"$found"; exit 0; }
if output=$(timeout 240 clang-tidy -p build/asan --quiet "$file" 2>/dev/null); then
    : >"$key"
else
    printf "%s\n" "${output:-$file: clang-tidy failed}" | sed "s,^$PWD/,," >>"$found"
fi'
compiled=$(sed -n 's/^ *"file": "\(.*\)",*$/\1/p' build/asan/compile_commands.json | sed "s,^$PWD/,," | sort -u)
for file in $compiled; do
    [ ! -f "$file" ] || echo "$file"
done | xargs -r -n 1 -P "$(nproc)" sh -c "$one" tidy

findings() {
    grep -v '^late ' "$found"
}
check "clang-tidy finds nothing" none findings
late=$(grep -c '^late ' "$found")
if [ "$late" = 0 ]; then
    check "clang-tidy has seen every source" true
else
    skip "clang-tidy has seen every source" "$late not reached in ${TIDY_SECONDS:-480} s"
fi
done_testing
