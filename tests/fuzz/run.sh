#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 1500
# Builds the harnesses and runs each on its seeds and then on its own inventions, for FUZZ_SECONDS (12), one per
# processor: a test per harness. New inputs worth keeping are left in build/fuzz/corpus/NAME, a finding in build/fuzz/found.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tap.sh"
cd "$here/../.." || exit 1
command -v clang >/dev/null || skip_all "no clang"

[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null 2>&1
if ! log=$(cmake --build --preset fuzz --target fuzzers -j "$(nproc)" 2>&1); then
    check "the fuzz harnesses build" sh -c 'printf "%s\n" "$1"; false' - "$log"
    done_testing
    exit 1
fi
ls build/fuzz/tests/fuzz/* >/dev/null 2>&1 || skip_all "there is no harness"
mkdir -p build/fuzz/found build/fuzz/log

# shellcheck disable=SC2016 # for the inner shell
one='name=$(basename "$1")
mkdir -p "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
"$1" -max_total_time="${FUZZ_SECONDS:-12}" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" \
    >"build/fuzz/log/$name" 2>&1
echo $? >"build/fuzz/log/$name.status"'
rm -f build/fuzz/log/*
find build/fuzz/tests/fuzz -type f -perm -u+x | sort | xargs -n 1 -P "$(nproc)" sh -c "$one" fuzz

survived() {
    [ "$(cat "build/fuzz/log/$1.status" 2>/dev/null)" = 0 ] || { grep -v '^#' "build/fuzz/log/$1"; return 1; }
}
for program in $(find build/fuzz/tests/fuzz -type f -perm -u+x | sort); do
    name=$(basename "$program")
    check "$name stands what the fuzzer thinks of" survived "$name"
    sed -n "s/^stat::number_of_executed_units: */# $name: inputs tried /p" "build/fuzz/log/$name"
done
done_testing
