# SPDX-License-Identifier: MIT
# Prints every include line that the tables forbid. Reads rooms.txt, the rows of cmake/tree.cmake, the list of the C
# library's and the kernel's headers, then the sources; -v check=rooms, doors, outside or address says which rule.
function starts(text, prefix) { return substr(text, 1, length(prefix)) == prefix }
function among(text, list,    n, i, part) {
    n = split(list, part, " ")
    for (i = 1; i <= n; i++)
        if (part[i] == "*" || starts(text, part[i]))
            return 1
    return 0
}
function room_of(path,    room) {
    for (room in may)
        if (starts(path, room))
            return room
    return ""
}
# Whether the header lies in a folder that the actor of that file shares with others of its family.
function is_shared(path, header,    common) {
    for (common in share)
        if (starts(header, common "/") && starts(path, common "-"))
            return 1
    return 0
}
function folder(path) { sub(/[^\/]*$/, "", path); return path }
function complain(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, header, why }

# The door of a path: the longest one whose name it carries, as doors/pci_bind.h belongs to "pci".
function door_of(path,    door, best) {
    sub(/^doors\//, "", path)
    sub(/\.[ch]$/, "", path)
    for (door in is_door)
        if ((path == door || starts(path, door "_")) && length(door) > length(best))
            best = door
    return best == "" ? path : best
}
# Whether a list of doors, or a door that one of them is built on, has this door.
function has_door(list, door,    n, i, part) {
    n = split(list, part, " ")
    for (i = 1; i <= n; i++)
        if (part[i] == door || has_door(built_on[part[i]], door))
            return 1
    return 0
}
function quoted(    room) {
    if (check == "address") {
        if (header ~ /^\./ || header !~ /\//)
            complain("does not start at the root of the tree")
        return
    }
    room = room_of(FILENAME)
    if (room == "tests/")
        return
    if (starts(header, "doors/")) {
        if (check != "doors")
            return
        if (room == "actors/") {
            split(FILENAME, part, "/")
            if (part[2] in is_actor && !has_door(granted[part[2]], door_of(header)))
                complain("the actor " part[2] " has no door " door_of(header) " in cmake/tree.cmake")
        } else if (room != "doors/")
            complain("only an actor opens a door")
        else if (!has_door(door_of(FILENAME), door_of(header)))
            complain("a door opens no other door, but for those that rooms.txt or its CMake line names")
    } else if (check == "rooms" && room == "")
        complain("its folder has no row in rooms.txt")
    else if (check == "rooms" && room == "actors/" && starts(header, "actors/")) {
        split(FILENAME, part, "/")
        if (!starts(header, "actors/" part[2] "/") && !is_shared(FILENAME, header))
            complain("that is another actor's")
    } else if (check == "rooms" && !starts(header, room) && !among(header, may[room]))
        complain(room " may include its own and: " (may[room] == "" ? "nothing" : may[room]))
}
function foreign(    prefix, best) {
    if (check != "outside" || header in of_system)
        return
    for (prefix in outside)
        if (starts(header, prefix) && length(prefix) > length(best))
            best = prefix
    if (best == "")
        complain("no row in rooms.txt says who may include it")
    else if (!among(FILENAME, outside[best]))
        complain("only for " outside[best])
}

FNR == 1 { kind = FILENAME ~ /rooms\.txt$/ ? "rooms" : FILENAME ~ /tree\.cmake$/ ? "cmake" : FILENAME ~ /\.headers$/ ? "system" : "source" }
kind == "rooms" && /^door / {
    for (i = 3; i <= NF; i++)
        built_on[$2] = built_on[$2] " " $i
}
kind == "rooms" && /^share / { share[$2] = 1 }
kind == "rooms" && /^(room|outside) / {
    list = ""
    for (i = 3; i <= NF; i++)
        list = list (i > 3 ? " " : "") $i
    if ($1 == "room") may[$2] = list; else outside[$2] = list
}
kind == "cmake" {
    text = $0
    gsub(/[()]/, " ", text)
    n = split(text, word, " ")
    if (word[1] == "add_door") {
        is_door[word[2]] = 1
        for (i = 3; i <= n; i++)
            if (sub(/^door_/, "", word[i]))
                built_on[word[2]] = built_on[word[2]] " " word[i]
    }
    if (word[1] == "add_actor") {
        is_actor[word[2]] = 1
        inside = 0
        for (i = 3; i <= n; i++) {
            if (word[i] ~ /^[A-Z]+$/) inside = word[i] == "DOORS"
            else if (inside) granted[word[2]] = granted[word[2]] " " word[i]
        }
    }
}
kind == "system" { of_system[$0] = 1 }
kind == "source" && /^[ \t]*#[ \t]*include[ \t]*["<]/ {
    ours = /include[ \t]*"/
    header = $0
    sub(/^[^"<]*["<]/, "", header)
    sub(/[">].*$/, "", header)
    if (ours) quoted(); else foreign()
}
