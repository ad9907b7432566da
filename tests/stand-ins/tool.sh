#!/bin/sh
# SPDX-License-Identifier: MIT
# A stand-in for each tool of pools (the TOOL rows of runtime/effects/programs.def), by the name under which it is called. It makes no device:
# beside it lie
#   calls             what it was called with, a line each (it appends)
#   NAME.how, NAME.VERB.how   how it behaves, in any case or for lvm's verb: well, hang, crash, lie, a number to exit with; none: well
#   pids              of those that hang
#   dev/GROUP/VOLUME, dev/mapper/NAME   files in the place of devices
#   groups/GROUP/VOLUME  the origin of each logical volume; groups/GROUP/.thin: the name of the group's thin pool
here=$(dirname "$0")
me=$(basename "$0")
verb=
[ "$me" != lvm ] || verb=$1
echo "$me $*" >>"$here/calls"
how=well
for file in "$here/$me.how" "$here/$me.$verb.how"; do
    [ ! -f "$file" ] || how=$(cat "$file")
done

fail() {
    echo "  $*" >&2
    exit 5
}

# Of "--name=x" among the words: x.
option() {
    name=$1
    shift
    for word; do
        case $word in "--$name="*) echo "${word#*=}" ;; esac
    done
}

node() { echo "$here/dev/$1"; }

must_be() {
    [ -f "$(node "$1")" ] || fail "Failed to find logical volume \"$1\""
}

must_not_be() {
    [ ! -f "$(node "$1")" ] || fail "Logical Volume \"${1#*/}\" already exists in volume group \"${1%%/*}\""
}

make() { # GROUP/VOLUME ORIGIN
    mkdir -p "$here/dev/${1%%/*}" "$here/groups/${1%%/*}"
    echo "$2" >"$here/groups/$1"
}

report() {
    group=$1
    [ -f "$here/groups/$group/.thin" ] || fail "Volume group \"$group\" not found"
    thin=$(cat "$here/groups/$group/.thin")
    printf '{"report":[{"lv":[{"vg_name":"%s","pool_lv":"","lv_name":"%s","lv_size":"10737418240B","data_percent":"12.50",' "$group" "$thin"
    printf '"lv_attr":"twi-aotz--","origin":"","lv_metadata_size":"4096B","metadata_percent":"50.00","vg_extent_size":"4194304B"}'
    for file in "$here/groups/$group"/*; do
        [ -f "$file" ] || continue
        lv=$(basename "$file")
        printf ',\n{"vg_name":"%s","pool_lv":"%s","lv_name":"%s","lv_size":"%sB","data_percent":"25.00",' \
            "$group" "$thin" "$lv" "$(stat -c %s "$(node "$group/$lv")")"
        printf '"lv_attr":"Vwi-a-tz--","origin":"%s","lv_metadata_size":"","metadata_percent":"","vg_extent_size":"4194304B"}' "$(cat "$file")"
    done
    printf ']}]}\n'
}

lvcreate() {
    for last; do :; done
    group=${last%%/*}
    name=$(option name "$@")
    size=$(option virtualsize "$@")
    if [ -n "$size" ]; then
        must_not_be "$group/$name"
        make "$group/$name" ''
        truncate -s "${size%B}" "$(node "$group/$name")"
    else
        must_be "$last"
        must_not_be "$name"
        make "$name" "${last#*/}"
        cp --sparse=always "$(node "$last")" "$(node "$name")"
    fi
}

lvrename() { # -- OLD NEW
    must_be "$2"
    must_not_be "$3"
    mv "$(node "$2")" "$(node "$3")"
    mv "$here/groups/$2" "$here/groups/$3"
    for file in "$here/groups/${2%%/*}"/*; do
        [ "$(cat "$file")" != "${2#*/}" ] || echo "${3#*/}" >"$file"
    done
}

lvm() {
    verb=$1
    shift
    for last; do :; done
    case $verb in
    lvs) report "$last" ;;
    lvcreate) lvcreate "$@" ;;
    lvrename) lvrename "$@" ;;
    lvremove)
        must_be "$last"
        rm "$(node "$last")" "$here/groups/$last"
        ;;
    lvresize)
        must_be "$last"
        size=$(option size "$@")
        truncate -s "${size%B}" "$(node "$last")"
        ;;
    lvchange) must_be "$last" ;;
    *) fail "Command $verb is not known" ;;
    esac
}

mapped() {
    mkdir -p "$here/dev/mapper"
    truncate -s 1M "$here/dev/mapper/$1"
}

work() {
    case $me in
    lvm) lvm "$@" ;;
    cryptsetup)
        for last; do :; done
        case " $* " in
        *" close "*) rm "$here/dev/mapper/$last" ;;
        *) mapped "$last" ;;
        esac
        ;;
    create-snapshot) mapped "$1" ;;
    destroy-snapshot) rm "$here/dev/mapper/$1" ;;
    dmsetup) [ "$1" != table ] || echo '0 64 snapshot-origin 7:0' ;;
    *) ;;
    esac
}

case $how in
hang)
    echo $$ >>"$here/pids"
    exec sleep 3600
    ;;
crash) kill -SEGV $$ ;;
lie) echo '{"report":[{"lv":[{"vg_name":' ;;
[0-9]*)
    echo "  $me was told to fail (100%)" >&2
    exit "$how"
    ;;
*)
    exec 9>"$here/lock"
    flock 9
    work "$@"
    ;;
esac
