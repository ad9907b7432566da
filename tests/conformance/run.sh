#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 600
# Replays the scenes of scenes.txt (or those given as arguments) against an instance of its own: a test per case.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tap.sh"
cd "$here/../.." || exit 1
instance=$PWD/tools/instance
[ -x "$instance" ] || skip_all "there is no tools/instance"

dir=$(mktemp -d /tmp/bulkhead-conformance.XXXXXX)
trap '"$instance" down "$dir" >/dev/null 2>&1; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

scenes=
for scene in ${*:-$(grep -v '^#' "$here/scenes.txt")}; do
    scenes="$scenes --scene $scene"
done
if ! "$instance" up "$dir" --empty --host-xml "$here/host.xml" </dev/null >"$dir.log" 2>&1; then
    check "an instance comes up" sh -c 'cat "$1"; false' - "$dir.log"
    rm -f "$dir.log"
    done_testing
    exit 1
fi
rm -f "$dir.log"
# shellcheck disable=SC2086 # a list of options
"$here/replay.py" --socket-dir "$dir/run" --base "$dir" --reset "'$instance' reset '$dir'" --level answer \
    --json "$dir/results.json" $scenes >"$dir/table" 2>"$dir/errors"
if [ ! -s "$dir/results.json" ]; then
    check "the scenes can be replayed" sh -c 'cat "$1" "$2"; false' - "$dir/table" "$dir/errors"
    done_testing
    exit 1
fi
"$here/tap.py" "$dir/results.json" "$here/known.txt"
status=$?
sed 's/^/# /' "$dir/table"
echo "# total $(tail -n 1 "$dir/table")"
exit $status
