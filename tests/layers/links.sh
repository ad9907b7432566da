#!/bin/sh
# SPDX-License-Identifier: MIT
# What the built programs load: the supervisor no parser and no transport, the router the transport alone,
# an actor only the libraries behind the doors that cmake/tree.cmake grants it.
. "$(dirname "$0")/tree.sh"
build=${BULKHEAD_BUILD:-build/release}
watched='libnng libmsgpack libvirt libxml2 libxslt libexslt libxenstore libsqlite3 libpci'

[ -d "$build/libexec" ] || skip_all "no actor is built in $build/libexec"

# loads PROGRAM: the names of all it loads, itself or through others, e.g. libnng.
loads() {
    ldd "$1" | sed -n 's,^[ 	]*\(lib[A-Za-z0-9_-]*\).*,\1,p' | sort -u
}
# beyond PROGRAM ALLOWED...: what it loads of the watched libraries and may not.
beyond() {
    program=$1
    shift
    for library in $(loads "$program"); do
        for pattern in $watched; do
            case $library in $pattern*) ;; *) continue ;; esac
            allowed=no
            for name; do
                case $library in $name*) allowed=yes ;; esac
            done
            [ $allowed = yes ] || echo "$program loads $library"
        done
    done | sort -u
}
# words CALL NAME: what follows the name in that call of cmake/tree.cmake.
words() {
    cmake_rows | sed -n "s/^$1($2 \(.*\))\$/\1/p"
}
# behind LINK...: the libraries that these links bring, through doors built on doors.
# shellcheck disable=SC2046 # lists of words
behind() {
    for link; do
        case $link in
        door_*) behind $(words add_door "${link#door_}") ;;
        PkgConfig::LIBVIRT) echo libvirt libxml2 ;;
        PkgConfig::LIBXML2) echo libxml2 ;;
        PkgConfig::LIBXSLT) echo libxslt libxml2 ;;
        PkgConfig::LIBEXSLT) echo libexslt libxslt libxml2 ;;
        PkgConfig::SQLITE3) echo libsqlite3 ;;
        PkgConfig::LIBPCI) echo libpci ;;
        xenstore | PkgConfig::XENSTORE) echo libxenstore ;;
        esac
    done
}
granted() {
    doors=no
    for word in $(words add_actor "$1"); do
        case $word in
        DOORS) doors=yes ;;
        LINKS | FOLDER) doors=no ;;
        *) if [ $doors = yes ]; then behind "door_$word"; else behind "$word"; fi ;;
        esac
    done
}

for program in "$build"/libexec/*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    name=$(basename "$program")
    case $name in
    supervisor | bulkhead-supervisor) check "the supervisor loads no transport, no parser and no hypervisor library" none beyond "$program" ;;
    router) check "the router loads the transport and nothing that parses or reaches outside" none beyond "$program" libnng ;;
    # shellcheck disable=SC2046 # a list of names
    *) check "$name loads only what its doors grant" none beyond "$program" libnng libmsgpack $(granted "$name") ;;
    esac
done
if [ -x "$build/bulkhead" ]; then
    check "the command line loads no hypervisor library and no store" none beyond "$build/bulkhead" libnng libmsgpack
fi
done_testing
