# SPDX-License-Identifier: MIT
# For the scripts beside it: sourced, never run. TREE (default: this one) is the tree they look at.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tap.sh"
cd "${TREE:-$here/../..}" || exit 1

# files PATTERN...: the project's own files whose name matches, new ones too, without what is ignored.
files() {
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r file; do
            [ ! -f "$file" ] || echo "$file"
        done
    else
        for pattern; do
            find . \( -path ./build -o -path ./.git \) -prune -o -type f -path "./$pattern" -print
        done | sed 's,^\./,,' | sort -u
    fi
}

# cmake_rows: the calls of cmake/tree.cmake, one a line, without comments.
cmake_rows() {
    sed 's/#.*//' cmake/tree.cmake | tr '\n' ' ' | sed 's/)/)\n/g' | sed 's/^ *//'
}

# none COMMAND...: succeeds when the command prints nothing; else shows it.
none() {
    found=$("$@")
    [ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
}
