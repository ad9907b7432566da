#!/bin/sh
# SPDX-License-Identifier: MIT
# The scripts beside this one do find what they look for: each is tried on a small tree that breaks its rules.
. "$(dirname "$0")/tree.sh"
bad=$(mktemp -d)
trap 'rm -rf "$bad"' EXIT

put() {
    mkdir -p "$bad/$(dirname "$1")"
    printf '%b' "$2" >"$bad/$1"
}
tag="SPDX-License-Identi""fier: MIT"
put cmake/tree.cmake 'add_door(domain PkgConfig::LIBVIRT)\nadd_door(xml PkgConfig::LIBXML2)\nadd_actor(vm DOORS domain)\nadd_actor(host)\n'
put base/up.c '#include "proto/wire.h"\n'
put proto/wire.h '#include <nng/nng.h>\n'
put base/odd.c '#include <strange.h>\n'
put base/near.c '#include "near.h"\n#include "base/gone.h"\n'
put actors/vm/vm_a.c '#include "doors/xml.h"\n'
put actors/vm/vm_b.c '#include "actors/host/host.h"\n'
put actors/vm/vm_c.c '#include <libvirt/libvirt.h>\n'
put actors/host/host.h ''
put doors/xml.h '#include "doors/domain.h"\n'
put doors/domain.h ''
put supervisor/life.c '#include "runtime/bus.h"\n'
put runtime/bus.h ''
put loft/a.c '#include "base/up.h"\n'
put README.md 'See `base/lost.c` and [this](docs/lost.md), `base/up.c`.\n'
put base/twice.c "/* $tag */\n/* $tag */\nint  x ;\n"
put base/words.c "/* TO""DO: see /ho""me/me/notes */\n"
cp .clang-format "$bad/"

# refused SCRIPT TEXT: that script, run on the bad tree, fails a test and names TEXT.
refused() {
    shown=$(TREE=$bad "$here/$1.sh")
    printf '%s\n' "$shown"
    printf '%s\n' "$shown" | sed -n '/^not ok/,/^ok/p' | grep -qF "$2"
}

check "an include from a room above is refused" refused includes "base/up.c:1: proto/wire.h"
check "a foreign header outside its door is refused" refused includes "proto/wire.h:1: nng/nng.h"
check "an actor that includes libvirt itself is refused" refused includes "actors/vm/vm_c.c:1: libvirt/libvirt.h"
check "a header that no row knows is refused" refused includes "base/odd.c:1: strange.h"
check "an actor's include of another actor is refused" refused includes "actors/vm/vm_b.c:1: actors/host/host.h"
check "a door that the actor's CMake line does not grant is refused" refused includes "the actor vm has no door xml"
check "a door's include of another door is refused" refused includes "doors/xml.h:1: doors/domain.h"
check "the supervisor's include of the bus is refused" refused includes "supervisor/life.c:1: runtime/bus.h"
check "a folder without a row is refused" refused includes "loft/a.c:1: base/up.h"
check "an include that is no address is refused" refused includes "base/near.c:1: near.h"
check "a header of ours that is not there is refused" refused includes "base/gone.h is not there"
check "a path in a page that is not there is refused" refused paths "README.md names base/lost.c"
check "a link to a page that is not there is refused" refused paths "README.md links to docs/lost.md"
check "a source without a licence line is refused" refused spdx "base/up.c"
check "a source with two licence lines is refused" refused spdx "base/twice.c"
check "a word that marks unfinished work is refused" refused words "base/words.c:1"
check "a path of one machine is refused" refused words "me/notes"
if command -v clang-format >/dev/null; then
    check "a file that is not formatted is refused" refused format "base/twice.c"
else
    skip "a file that is not formatted is refused" "no clang-format"
fi

# A defect that clang-tidy knows.
put base/bug.c "int bug(int *p)\n{\n    p = 0;\n    return *p;\n}\n"
put build/asan/compile_commands.json "[{\n  \"directory\": \"$bad\",\n  \"command\": \"clang -c $bad/base/bug.c\",\n  \"file\": \"$bad/base/bug.c\"\n}]\n"
cp .clang-tidy "$bad/"
if command -v clang-tidy >/dev/null; then
    check "a null pointer that is followed is found" refused tidy "base/bug.c:4"
else
    skip "a null pointer that is followed is found" "no clang-tidy"
fi

# Programs that load what they may not.
mkdir -p "$bad/made/libexec"
export BULKHEAD_BUILD="$bad/made"
if printf 'int main(void) { return 0; }\n' | gcc -x c - -o "$bad/made/libexec/supervisor" -Wl,--no-as-needed -lsqlite3 2>/dev/null; then
    cp "$bad/made/libexec/supervisor" "$bad/made/libexec/router"
    cp "$bad/made/libexec/supervisor" "$bad/made/libexec/vm"
    check "a supervisor that loads a library is refused" refused links "libexec/supervisor loads libsqlite3"
    check "a router that loads more than its transport is refused" refused links "libexec/router loads libsqlite3"
    check "an actor that loads what no door of its grants is refused" refused links "libexec/vm loads libsqlite3"
else
    skip "programs that load what they may not are refused" "no gcc or no SQLite to link"
fi
done_testing
