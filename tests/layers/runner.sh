#!/bin/sh
# SPDX-License-Identifier: MIT
# The runner itself: what it counts as a failure, tried on a tree of made-up suites.
. "$(dirname "$0")/tree.sh"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
mkdir -p "$made/tests/scenario"
cp tests/run tests/reap.py tests/tap.awk "$made/tests/"

# counts WANTED TEXT: a suite of that shell text makes the runner's last line WANTED.
counts() {
    rm -f "$made"/tests/scenario/*
    printf '#!/bin/sh\n# timeout: 2\n%s\n' "$2" >"$made/tests/scenario/made_up.sh"
    chmod +x "$made/tests/scenario/made_up.sh"
    shown=$("$made/tests/run")
    status=$?
    printf '%s\n' "$shown"
    [ "$(printf '%s\n' "$shown" | tail -n 1)" = "$1" ] || return 1
    case $1 in *" 0 failed"*) [ $status = 0 ] ;; *) [ $status != 0 ] ;; esac
}
names() {
    counts "$1" "$2" >"$made/shown"
    cat "$made/shown"
    grep -q "$3" "$made/shown"
}

check "passes, failures and skips are counted" \
    counts "1 passed, 1 failed, 1 skipped" 'echo 1..3; echo "ok 1 - a"; echo "not ok 2 - b"; echo "ok 3 - c # skip d"; exit 1'
check "a failure is named with its explanation" \
    names "0 passed, 1 failed, 0 skipped" 'echo 1..1; echo "not ok 1 - b"; echo "# because"; exit 1' '# because'
check "a skip is named with its reason" \
    names "0 passed, 1 failed, 1 skipped" 'echo 1..2; echo "ok 1 - a # SKIP no Xen"; echo "not ok 2 - b"' 'a: no Xen'
check "a skip as cmocka writes it is a skip" \
    counts "1 passed, 0 failed, 1 skipped" 'echo 1..2; echo "ok 1 - a"; echo "not ok 2 # SKIP b"'
check "a suite that is skipped as a whole is counted once" \
    counts "1 passed, 0 failed, 1 skipped" 'echo 1..1; echo "ok 1 - a"; echo "1..0 # skip no Xen"'
check "a suite that says by its exit status that it cannot run here is skipped" \
    names "0 passed, 1 failed, 1 skipped" 'echo needs root; exit 77' 'needs root'
check "a crash is a failure" counts "1 passed, 1 failed, 0 skipped" 'echo 1..1; echo "ok 1 - a"; kill -SEGV $$'
check "no plan is a failure" counts "1 passed, 1 failed, 0 skipped" 'echo "ok 1 - a"'
check "no output is a failure" counts "0 passed, 1 failed, 0 skipped" 'exit 0'
check "a test fewer than planned is a failure" counts "1 passed, 1 failed, 0 skipped" 'echo 1..2; echo "ok 1 - a"'
check "a bad exit status is a failure" counts "1 passed, 1 failed, 0 skipped" 'echo 1..1; echo "ok 1 - a"; exit 3'
check "a suite that does not end is ended, and a failure" \
    counts "1 passed, 1 failed, 0 skipped" 'echo 1..1; echo "ok 1 - a"; sleep 60'
check "what a suite leaves behind is the runner's to fetch" \
    counts "1 passed, 0 failed, 0 skipped" 'echo 1..1
        orphan=$(sleep 1 >/dev/null & echo $!)
        read -r _ _ _ parent _ </proc/$orphan/stat
        grep -qa reap.py /proc/$parent/cmdline || printf "not "
        echo "ok 1 - it is a child of tests/reap.py"'
check "a run without any test is a failure" names "0 passed, 1 failed, 0 skipped" 'echo 1..0' 'no test was run'

# A suite that is not executable is passed over in silence.
not_run() {
    files 'tests/*' 'tools/*' | while read -r file; do
        case $(head -c 2 "$file" | tr -d '\0') in '#!') [ -x "$file" ] || echo "$file begins with #! and is not executable" ;; esac
    done
}
check "every script that begins with #! may be executed" none not_run
done_testing
