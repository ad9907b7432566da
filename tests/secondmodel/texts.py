# SPDX-License-Identifier: MIT
"""The second model's notes and firewall rules. Written from the written rules alone."""
import re
import socket
import unicodedata

from state import NOW, Refused

FIELDS = ("action", "expire", "dsthost", "proto", "specialtarget", "dstports", "icmptype")


def is_address(family, text):
    try:
        socket.inet_pton(family, text)
    except OSError:
        return False
    return True


def refuse(condition):
    if condition:
        raise Refused(None)


def host(text):
    """(key, value) of a destination."""
    address, slash, prefix = text.partition("/")
    for family, key, bits in ((socket.AF_INET6, "dst6", 128), (socket.AF_INET, "dst4", 32)):
        if is_address(family, address):
            refuse(slash and (not re.fullmatch("[0-9]+", prefix) or int(prefix) > bits))
            return key, text if slash else f"{text}/{bits}"
    refuse(slash or not re.fullmatch("[a-z0-9._-]*", text))
    return "dsthost", text


def ports(text):
    found = re.fullmatch("([0-9]+)(?:-([0-9]+))?", text)
    refuse(found is None)
    first, last = int(found[1]), int(found[2] or found[1])
    refuse(not 0 <= first <= last <= 65535)
    return f"{first}-{last}"


def number(text, most, digits):
    refuse(not re.fullmatch("[0-9]+", text) or len(text) > digits or int(text) > most)
    return text


def rule(line):
    """One line of the API: (its text, when it expires or None)."""
    line, has_comment, comment = line.partition("comment=")
    refuse(has_comment and not re.fullmatch(r"[A-Za-z0-9:;,./\-_\[\] ]*", comment))
    given = {}
    for word in line.strip().split(" "):
        key, equals, value = word.partition("=")
        key = "dsthost" if key in ("dst4", "dst6", "dstname") else key
        refuse(not equals or key not in FIELDS or key in given)
        refuse(not re.fullmatch(r"[A-Za-z0-9:;,./\-_\[\]]*", value))
        given[key] = value
    shown = {key: (key, value) for key, value in given.items()}
    refuse(given.get("action") not in ("accept", "drop"))
    refuse(given.get("proto") not in (None, "tcp", "udp", "icmp"))
    refuse(given.get("specialtarget") not in (None, "dns"))
    if "dsthost" in given:
        shown["dsthost"] = host(given["dsthost"])
    if "dstports" in given:
        shown["dstports"] = ("dstports", ports(given["dstports"]))
        refuse(given.get("proto") not in ("tcp", "udp"))
    if "icmptype" in given:
        shown["icmptype"] = ("icmptype", str(int(number(given["icmptype"], 255, 3))))
        refuse(given.get("proto") != "icmp")
    expire = int(number(given["expire"], 10 ** 12, 12)) if "expire" in given else None
    text = " ".join("=".join(shown[field]) for field in FIELDS if field in shown)
    return text + (" comment=" + comment if comment else ""), expire


def may_show(character):
    """What people can see, and the space; tabs and ends of lines may stay as well."""
    return character in "\t\n " or unicodedata.category(character)[0] in "LMNPS"


class Texts:
    """A part of rules.Operation."""

    def check_is_qube(self, vm):
        refuse(not vm.is_qubes)

    def firewall_set(self, vm, _key, raw):
        self.check_is_qube(vm)
        try:
            lines = raw.decode("ascii").splitlines()
        except UnicodeDecodeError:
            raise Refused("ProtocolError") from None
        rules = [rule(line) for line in lines]
        self.change()
        vm.firewall = [text if expire is None or expire >= NOW else None for text, expire in rules]
        self.tell(vm, "firewall-changed")

    def firewall_reload(self, vm, _key, _raw):
        self.check_is_qube(vm)
        self.tell(vm, "firewall-changed")

    def notes_set(self, vm, _key, raw):
        self.check_is_qube(vm)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("ProtocolError") from None
        self.change()
        vm.notes = "".join(c if may_show(c) else "_" for c in text)
