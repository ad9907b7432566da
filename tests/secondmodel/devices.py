# SPDX-License-Identifier: MIT
"""The second model's devices: how a client names one, what it says about an assignment, and what assigning,
changing and taking back do. Written from the written rules alone."""
import re

from state import Refused

PE, QE, QVE = "ProtocolError", "QubesException", "QubesValueError"
CLASSES = ("pci", "block", "usb", "mic")
WITHOUT_OPTIONS = ("usb", "mic")
MODES = ("manual", "ask-to-attach", "auto-attach", "required")
KEY_CHARS = set(map(chr, range(0x21, 0x7f))) - set("'\"=`")
VALUE_CHARS = set(map(chr, range(0x20, 0x7f)))
PCI_PART = "[0-9a-f]{2}[_:][0-9a-f]{2}[.][0-9a-f]"
PCI_PORT = re.compile(f"(?:[0-9a-f]{{4}}[_:])?{PCI_PART}(?:-{PCI_PART})*")


def named(state, argument):
    """(backend, port, id) of a call's argument; '*' is any."""
    backend, plus, identity = argument.partition("+")
    if not plus:
        raise Refused(None)
    if backend == "_":
        backend = "*"
    elif backend not in state.vms:
        raise Refused(None)
    port, _colon, device_id = identity.replace("+", ":").partition(":")
    port = "*" if port == "_" else port
    if device_id == "_":
        device_id = "*"
    device_id = device_id.replace("_" * 7, "?******") or "*"
    if not port:
        raise Refused(PE)  # could not be found again in qubes.xml
    return backend, port, device_id


def words(raw):
    """key='value' words to (key, value) pairs, as they come."""
    try:
        text = raw.decode("ascii").strip()
    except UnicodeDecodeError:
        raise Refused(PE) from None
    if not text:
        return []
    pairs = []
    key, _cut, rest = text.partition("='")
    while "='" in rest:
        piece, _cut, behind = rest.partition("='")
        if "' " not in piece:
            raise Refused(PE)
        value, _cut, following = piece.rpartition("' ")
        pairs.append((key.strip(), value))
        key, rest = following, behind
    pairs.append((key.strip(), rest[:-1]))
    pairs = [(key, value.replace("\\'", "'")) for key, value in pairs]
    if any(set(key) - KEY_CHARS or set(value) - VALUE_CHARS for key, value in pairs):
        raise Refused(PE)
    return pairs


def said(state, klass, device, raw):
    """What the payload makes of the device: (device, mode, frontend, options)."""
    backend, port, device_id = device
    given = dict(words(raw))
    options = {key[1:]: value for key, value in given.items() if key.startswith("_")}
    plain = {key: value for key, value in given.items() if not key.startswith("_")}
    for key, wanted in (("backend_domain", backend), ("port_id", port), ("devclass", klass)):
        if plain.pop(key, wanted) != wanted:
            raise Refused(PE)
    its_id = plain.pop("device_id", device_id)
    if device_id == "*":
        device_id = its_id or "*"
    elif its_id != device_id:
        raise Refused(PE)
    mode, frontend = plain.pop("mode", "manual"), plain.pop("frontend_domain", None)
    if set(plain) - {"device", "port", "options"} or mode not in MODES:
        raise Refused(PE)
    if frontend is not None and (backend == "*" or frontend not in state.vms):
        raise Refused(PE)
    if "" in options or "identity" in options:
        raise Refused(PE)  # qubes.xml has no place for them
    return (backend, port, device_id), mode, frontend or "", options


def is_refused_by_bus(klass, options):
    return klass in WITHOUT_OPTIONS and bool(options)


class Devices:
    """A part of rules.Operation."""

    def check_takes_devices(self, vm):
        if vm.klass == "RemoteVM":
            raise Refused(QE)

    @staticmethod
    def event_keys(device, options=None):
        keys = {"device": ":".join(device)}
        if options is not None:
            keys["options"] = repr(options)
        return keys

    def device_assign(self, vm, key, raw):
        klass, _space, argument = key.partition(" ")
        self.check_takes_devices(vm)
        exact = named(self.s, argument)
        if klass == "pci" and "*" not in exact[1:] and not PCI_PORT.fullmatch(exact[1]):
            raise Refused(None)  # its lookup fails
        device, mode, frontend, options = said(self.s, klass, exact, raw)
        if (klass, *device) in vm.devices:
            raise Refused("DeviceAlreadyAssigned")
        if mode == "manual":
            raise Refused(None)
        keys = self.event_keys(device, options)
        self.tell(vm, "device-pre-assign:" + klass, **keys)
        if is_refused_by_bus(klass, options):
            raise Refused(QE)
        self.change()
        vm.devices[(klass, *device)] = (mode, frontend, options)
        self.tell(vm, "device-assign:" + klass, **keys)

    def device_unassign(self, vm, key, _raw):
        klass, _space, argument = key.partition(" ")
        self.check_takes_devices(vm)
        device = named(self.s, argument)
        if (klass, *device) not in vm.devices:
            raise Refused("DeviceNotAssigned")
        self.change()
        del vm.devices[(klass, *device)]
        self.tell(vm, "device-unassign:" + klass, **self.event_keys(device))

    def device_mode(self, vm, key, raw):
        klass, _space, argument = key.partition(" ")
        mode = raw.decode("latin-1")
        if mode not in MODES[1:]:
            raise Refused("QubesUnrecognizedDeviceAssignmentMode")
        self.check_takes_devices(vm)
        device = named(self.s, argument)
        if (klass, *device) not in vm.devices:
            raise Refused(QVE)
        was, frontend, options = vm.devices[(klass, *device)]
        if was == mode:
            return
        self.tell(vm, "device-pre-assign:" + klass, **self.event_keys(device, options))
        self.change()
        vm.devices[(klass, *device)] = (mode, frontend, options)
        self.tell(vm, "device-assignment-changed:" + klass, **self.event_keys(device))

    # ---- interfaces that are not given by hand

    def denied(self, vm, raw, all_is_a_word):
        """The codes of the list and those of the payload, None for all."""
        if not self.s.has(vm, "devices_denied"):
            raise Refused(None)
        listed = re.findall(".{7}", self.s.get(vm, "devices_denied"))
        if all_is_a_word and raw == b"all":
            return listed, None
        try:
            text = raw.decode("ascii")
        except UnicodeDecodeError:
            raise Refused(PE) from None
        if len(text) % 7:
            raise Refused(QVE)
        codes = [text[i:i + 7] for i in range(0, len(text), 7)]
        if len(set(codes)) != len(codes):
            raise Refused(PE)
        return listed, codes

    def denied_add(self, vm, _key, raw):
        listed, codes = self.denied(vm, raw, False)
        self.property_assign(vm, "devices_denied", "".join(listed + codes))

    def denied_remove(self, vm, _key, raw):
        listed, codes = self.denied(vm, raw, True)
        left = [code for code in listed if codes is not None and code not in codes]
        if left != listed:
            self.property_assign(vm, "devices_denied", "".join(left))
