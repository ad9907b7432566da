#!/bin/sh
# SPDX-License-Identifier: MIT
# A stand-in for each tool of pools (the TOOL rows of runtime/effects/programs.def), by the name under which it is called. It makes no device:
# beside it lie
#   calls             what it was called with, a line each (it appends)
#   NAME.how, NAME.VERB.how   how it behaves, in any case or for a verb of lvm or zfs: well, hang, crash, lie, a number to exit with; none: well
#   pids              of those that hang
#   dev/GROUP/VOLUME, dev/mapper/NAME   files in the place of devices
#   datasets/DATASET/.dataset, datasets/DATASET/@SNAPSHOT  properties of what there is of ZFS; data of a snapshot: .data@SNAPSHOT
#   groups/GROUP/VOLUME  the origin of each logical volume; groups/GROUP/.thin: the name of the group's thin pool
here=$(dirname "$0")
me=$(basename "$0")
verb=
case $me in lvm | zfs) verb=$1 ;; esac
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
    case $1 in --config=*) shift ;; esac
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

# A dataset is a folder below zfs/ with its properties in .dataset, lines KEY=VALUE; a snapshot is the file @NAME in it.
row() { case $1 in *@*) echo "$here/datasets/${1%@*}/@${1#*@}" ;; *) echo "$here/datasets/$1/.dataset" ;; esac }
bytes_of() { case $1 in *@*) echo "$here/datasets/${1%@*}/.data@${1#*@}" ;; *) node "zvol/$1" ;; esac }
there() { [ -f "$(row "$1")" ] || fail "cannot open '$1': dataset does not exist"; }
free() { [ ! -f "$(row "$1")" ] || fail "cannot create '$1': dataset already exists"; }
value() { sed -n "s/^$2=//p" "$(row "$1")"; }

put_value() { # DATASET KEY VALUE
    sed -i "/^$2=/d" "$(row "$1")"
    echo "$2=$3" >>"$(row "$1")"
}

add() { # NAME: with the folders above it
    above=${1%@*}
    [ "$above" != "$1" ] || above=$(dirname "$1")
    [ "$above" = . ] || [ -f "$(row "$above")" ] || add "$above"
    mkdir -p "$(dirname "$(row "$1")")" "$(dirname "$(bytes_of "$1")")"
    txg=$(($(cat "$here/zfs.txg" 2>/dev/null || echo 1) + 1))
    echo $txg >"$here/zfs.txg"
    echo "txg=$txg" >"$(row "$1")"
}

zfs_row() { # NAME
    size=-
    [ ! -f "$(bytes_of "$1")" ] || size=$(stat -c %s "$(bytes_of "$1")")
    printf '%s\t%s\t8192\t1000\t%s' "$1" "$size" "$(value "$1" txg)"
    for key in origin deferred readonly dirty; do
        said=$(value "$1" $key)
        printf '\t%s' "${said:--}"
    done
    echo
}

names() { # DATASET: it, all below it, and their snapshots
    echo "$1"
    find "$here/datasets/$1" -mindepth 1 \( -name .dataset -o -name '@*' \) | sed "s|^$here/datasets/||; s|/.dataset\$||; s|/@|@|" | grep -vxF "$1" | sort
}

origins() { find "$here/datasets" \( -name .dataset -o -name '@*' \) -exec grep -l "^origin=$1" {} + 2>/dev/null; }

take_away() { rm -f "$(row "$1")" "$(bytes_of "$1")"; }

# Snapshots that were to go with their last clone.
sweep() {
    for name in $(find "$here/datasets" -name '@*' -exec grep -l '^deferred=on' {} + | sed "s|^$here/datasets/||; s|/@|@|"); do
        [ -n "$(origins "$name\$")" ] || take_away "$name"
    done
}

zfs_destroy() { # [-r | -d] NAME
    for last; do :; done
    there "$last"
    case $last in
    *@*) put_value "$last" deferred on ;;
    *)
        for file in $(origins "${last}[@/]"); do
            case $file in "$here/datasets/$last/"*) ;; *) fail "cannot destroy '$last': volume has dependent clones" ;; esac
        done
        [ "$1" = -r ] || [ "$(names "$last")" = "$last" ] || fail "cannot destroy '$last': filesystem has children"
        for name in $(names "$last"); do take_away "$name"; done
        rm -r "$here/datasets/$last"
        ;;
    esac
    sweep
}

zfs_rename() { # -p OLD NEW
    there "$2"
    free "$3"
    add "$3"
    rm -r "$here/datasets/$3"
    mv "$here/datasets/$2" "$here/datasets/$3"
    mv "$(node "zvol/$2")" "$(node "zvol/$3")"
    for file in $(origins "$2@"); do sed -i "s|^origin=$2@|origin=$3@|" "$file"; done
}

zfs_promote() { # CLONE: gets its origin and every snapshot before it
    there "$1"
    from=$(value "$1" origin)
    parent=${from%@*}
    above=$(value "$parent" origin)
    txg=$(value "$from" txg)
    for name in $(names "$parent" | grep "^$parent@"); do
        [ "$(value "$name" txg)" -le "$txg" ] || continue
        mv "$(bytes_of "$name")" "$(bytes_of "$1@${name#*@}")"
        mv "$(row "$name")" "$(row "$1@${name#*@}")"
        for file in $(origins "$name\$"); do sed -i "s|^origin=.*|origin=$1@${name#*@}|" "$file"; done
    done
    put_value "$parent" origin "$1@${from#*@}"
    put_value "$1" origin "$above"
}

zfs_set() { # KEY=VALUE DATASET
    there "$2"
    case $1 in
    volsize=*) truncate -s "${1#*=}" "$(bytes_of "$2")" ;;
    org.qubes:dirty=*) put_value "$2" dirty "${1#*=}" ;;
    *) put_value "$2" "${1%%=*}" "${1#*=}" ;;
    esac
}

zfs_rollback() { # -r SNAPSHOT
    there "$2"
    for name in $(names "${2%@*}" | grep "^${2%@*}@"); do
        [ "$(value "$name" txg)" -le "$(value "$2" txg)" ] || take_away "$name"
    done
    cp --sparse=always "$(bytes_of "$2")" "$(bytes_of "${2%@*}")"
}

zfs() {
    verb=$1
    shift
    before=
    last=
    for word; do
        before=$last
        last=$word
    done
    case $verb in
    list)
        there "$last"
        [ "$2" != -o ] || { value "$last" org.qubes-os:part-of-qvm-pool; return; }
        for name in $(names "$last"); do zfs_row "$name"; done
        ;;
    create)
        free "$last"
        add "$last"
        case " $* " in
        *" -V "*) truncate -s $((($4 + 8191) / 8192 * 8192)) "$(bytes_of "$last")" ;;
        *) put_value "$last" org.qubes-os:part-of-qvm-pool true ;;
        esac
        ;;
    clone)
        there "$before"
        free "$last"
        add "$last"
        put_value "$last" origin "$before"
        cp --sparse=always "$(bytes_of "$before")" "$(bytes_of "$last")"
        ;;
    snapshot)
        there "${last%@*}"
        free "$last"
        add "$last"
        cp --sparse=always "$(bytes_of "${last%@*}")" "$(bytes_of "$last")"
        ;;
    destroy) zfs_destroy "$@" ;;
    rename) zfs_rename "$@" ;;
    promote) zfs_promote "$last" ;;
    set) zfs_set "$@" ;;
    rollback) zfs_rollback "$@" ;;
    *) fail "unrecognized command '$verb'" ;;
    esac
}

zpool() { # list -Hp -o size|free NAME
    [ -f "$here/datasets/$5/.dataset" ] || fail "cannot open '$5': no such pool"
    case $4 in size) echo 10737418240 ;; free) echo 8589934592 ;; esac
}

work() {
    case $me in
    lvm) lvm "$@" ;;
    zfs) zfs "$@" ;;
    zpool) zpool "$@" ;;
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
