#!/bin/sh
# SPDX-License-Identifier: MIT
# What packaging/ and the manual say of the sockets and options is what the code has, and the manual is well-formed.
. "$(dirname "$0")/tree.sh"

unlisted_sockets() {
    sed -n 's/^SOCKET(.*"\([^"]*\)".*/\1/p' runtime/control/sockets.def | while read -r file; do
        grep -q "^ListenStream=/run/bulkhead/$file\$" packaging/bulkhead.socket || echo "bulkhead.socket has no $file"
        grep -q "\*$file\*" docs/man/bulkhead-supervisor.8.scd || echo "bulkhead-supervisor(8) has no $file"
    done
}
unlisted_options() {
    sed -n 's/^ *{"\(--[a-z-]*\)".*/\1/p; s/^ *"  \(--[a-z-]*\).*/\1/p' supervisor/supervisor_settings.c | sort -u | while read -r option; do
        grep -q -e "\*$option[=*]" docs/man/bulkhead-supervisor.8.scd || echo "bulkhead-supervisor(8) has no $option"
    done
}
bad_pages() {
    for page in docs/man/*.scd; do scdoc <"$page" 2>&1 >/dev/null | sed "s,^,$page: ,"; done
}

check "every socket is in its unit and in the manual" none unlisted_sockets
check "every option of the supervisor is in the manual" none unlisted_options
if command -v scdoc >/dev/null; then
    check "scdoc takes every manual page" none bad_pages
else
    skip "scdoc takes every manual page" "no scdoc"
fi
done_testing
