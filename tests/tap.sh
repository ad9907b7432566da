# SPDX-License-Identifier: MIT
# For tests written in shell: sourced, never run. A test is a sentence; its lines go to standard output as TAP.
#   check SENTENCE COMMAND...   ok if the command succeeds; else its output follows as '#' lines
#   skip SENTENCE REASON        the test could not be made here
#   skip_all REASON             none of this file's tests can be made here; ends the script
#   done_testing                the plan; the last call of every script
tap_count=0

check() {
    tap_sentence=$1
    shift
    tap_count=$((tap_count + 1))
    if tap_output=$("$@" 2>&1); then
        echo "ok $tap_count - $tap_sentence"
    else
        echo "not ok $tap_count - $tap_sentence"
        printf '%s\n' "$tap_output" | tail -n "${TAP_LINES:-40}" | sed 's/^/# /'
    fi
}

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # skip $2"
}

skip_all() {
    echo "1..0 # skip $1"
    exit 0
}

done_testing() {
    echo "1..$tap_count"
}
