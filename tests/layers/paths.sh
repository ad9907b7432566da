#!/bin/sh
# SPDX-License-Identifier: MIT
# The maps of the tree are true: each path that our pages name in backticks, and each page they link to, is there.
. "$(dirname "$0")/tree.sh"

# named PAGE: the words in backticks that start with a folder of ours, or look like a file at the root.
named() {
    grep -o '`[^`]*`' "$1" | tr -d '`' | tr ' ' '\n' |
        grep -E '^\.?/?(base|proto|model|runtime|doors|supervisor|router|actors|cli|tests|docs|packaging|cmake|tools|\.ci)/[A-Za-z0-9_./*+-]*$|^[A-Za-z]+\.(md|txt|json)$' |
        sed 's,^\./,,; s,[.,:]$,,' | sort -u
}
linked() {
    grep -oE '\]\([^)#:]+(#[^)]*)?\)' "$1" | sed -E 's/^\]\(//; s/(#.*)?\)$//' | sort -u
}
# lost PAGE: what it names and is not there. A '*' in a name stands for one or more files.
lost() {
    named "$1" | while read -r path; do
        # shellcheck disable=SC2086 # a pattern
        ls -d $path >/dev/null 2>&1 || ls -d "$(dirname "$1")/$path" >/dev/null 2>&1 || echo "$1 names $path"
    done
    linked "$1" | while read -r path; do
        [ -e "$(dirname "$1")/$path" ] || [ -e "$path" ] || echo "$1 links to $path"
    done
}

for page in $(files 'README.md' 'ARCHITECTURE.md' 'HACKING.md' 'docs/*.md'); do
    check "every path that $page names exists" none lost "$page"
done
done_testing
