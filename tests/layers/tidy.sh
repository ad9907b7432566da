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
trap 'rm -f "$found" "$found.awk"' EXIT
# What every answer depends on besides the file itself.
common=$({ cat .clang-tidy; files '*.h' '*.def' | xargs -r cat; } | sha256sum | cut -c1-16)
export cache common found
end=$(($(date +%s) + ${TIDY_SECONDS:-480}))
export end

# Leaks are the leak sanitizer's: the analyzer knows no clean-up at the end of a scope.
# An error's head line, unless it comes from what a macro of uthash or utlist expands to, or is about freed memory on a path
# through one: the analyzer does not follow a list through these. The sanitizers watch freed memory in every test.
cat >"$found.awk" <<'AWK'
function tell() { if (head != "") print head; head = "" }
/: (error|warning): / { tell(); head = /Potential (leak of memory|memory leak)/ ? "" : $0; first = 1; next }
/ut(hash|list)\.h:.*expanded from macro/ && (first || head ~ /unix\.Malloc/) { head = "" }
/: note: / && !/expanded from macro/ { first = 0 }
END { tell() }
AWK
# shellcheck disable=SC2016 # for the inner shell
one='file=$1
key=$cache/$(sha256sum <"$file" | cut -c1-24)-$common
[ -e "$key" ] && exit 0
[ "$(date +%s)" -lt "$end" ] || { echo "late $file" >>"$found"; exit 0; }
output=$(timeout 240 clang-tidy -p build/asan --quiet "$file" 2>/dev/null)
status=$?
findings=$(printf "%s\n" "$output" | awk -f "$found.awk")
[ -n "$output" ] || [ $status = 0 ] || findings="$file: clang-tidy failed with status $status"
if [ -z "$findings" ]; then
    : >"$key"
else
    printf "%s\n" "$findings" | sed "s,^$PWD/,," >>"$found"
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
