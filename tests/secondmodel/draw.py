# SPDX-License-Identifier: MIT
"""Random steps: valid and invalid operations, and changes of the world, for both models."""
import properties
from state import CLASSES, QUBES

NAMES = ["a", "net", "net2", "work", "tmpl", "tmpl2", "dvm", "sys-gui", "remote", "x" * 31]
BAD_NAMES = ["", "nosuch", "1a", "Domain-0", "none", "default", "x-dm", "x" * 32, "a b", "a+b", "_a", "dom0"]
TAGS = ["t", "guivm-old", "audiovm-old", "created-by-dom0", "created-by-nosuch", "bad tag", "", "a.b", "T_1-x"]
TEXTS = [b"", b"x", b"with space", b"tab\tnewline\n", b"\xc3\xa9", b"\x01", b"back\\slash", b"%s%n", b"x" * 513,
         b"default", b"m1", b"None", b"x" * 3000]
VALUES = {
    "default_user": [b"user", b"a_b-c+d,e.f", b"a b", b"root"],
    "devices_denied": [b"u******b******", b"b******u******b******", b"uABCDEF", b"u12345", b"x******", b"p020000", b"?******"],
    "kernel": [b"k1", b"k2", b"k3", b"broken", b"absent", b"a/b", b"", b"pvgrub2-pvh"],
    "keyboard_layout": [b"us++", b"us+dvorak-alt_intl+grp:alt,x", b"fr", b"fr123++", b"fr+???+", b"+a+", b"de++", b"de++x y"],
    "mac": [b"00:16:3E:5E:6C:01", b"00:16:3e:5e:6c:0", b"001", b"00-16-3e-5e-6c-00", b""],
    "virt_mode": [b"hvm", b"PV", b"pvh", b"hvm ", b"kvm", b""],
    "label": [b"red", b"black", b"8", b"9", b"label-3", b"label-x", b"label-99", b"nosuch", b"", b"mine", b"0", b"label-"],
    "ip": [b"10.1.2.3", b"10.1.2", b" 10.1.2.3", b"010.1.2.3", b"", b"0.0.0.0", b"255.255.255.255", b"10.1.2.3/8"],
    "ip6": [b"FD00::1", b"fd00:0:0:0::1", b"::", b":::", b"1::2::3", b"", b"::ffff:1.2.3.4", b"1:2:3:4:5:6:7::", b"10.0.0.1"],
    "bootmode": [b"default", b"m1", b"m2", b""], "appvm_default_bootmode": [b"default", b"m1", b"m2"],
    "default_kernel": [b"k1", b"k2", b"broken", b"absent", b"", b"a/b"],
    "uuid": [b"611da028-c63e-4137-ad7c-9408e5ca7f90", b"{611da028-c63e-4137-ad7c-9408e5ca7f90}", b"x",
             b"urn:uuid:611da028-c63e-4137-ad7c-9408e5ca7f90", b"611DA028C63E4137AD7C9408E5CA7F90"],
}
INTS = [b"0", b"1", b"-1", b" 12 ", b"1_000", b"+5", b"007", b"abc", b"", b"0x10", b"1__0", b"_1", b"99999999999999999999",
        b"400", b"1500", b"- 1", b"1.5", b"\n7\t", b"-0"]
BOOLS = [b"True", b"False", b"1", b"0", b"yes", b"OFF", b"maybe", b"", b" 1"]
POOLS = [b"varlibqubes", b"nosuch", b"", b"default", b"thin", b"other"]
LABELS = ["mine", "mine2", "9", "10", "red", "8", "bad name", "", "l.a-b_c"]
COLOURS = [b"0x00aacc", b" 0x00AACC\n", b"0x00aac", b"00aacc00", b"0xggaacc", b"", b"0x00aacc\xff", b"#00aacc"]
FEATURES = {
    "f": [b"1", b"", b"text with space"], "servicevm": [b"1", b""], "service.clocksync": [b"1", b""],
    "service.": [b"1"], "service...": [b"1"], "service." + "x" * 49: [b"1"], "service.app-dispvm." + "y" * 49: [b"1"],
    "service.meminfo-writer": [b"1", b""], "supported-service.x": [b"1"], "supported-service.meminfo-writer": [b"1", b""],
    "qrexec": [b"1", b""], "os": [b"Linux", b"Windows"], "ipv6": [b"1", b""], "net.fake-ip": [b"192.168.1.2", b""],
    "net.fake-gateway": [b"192.168.1.1", b""], "net.fake-netmask": [b"255.255.255.0"],
    "boot-mode.active": [b"default", b"m1", b"m2"], "boot-mode.appvm-default": [b"default", b"m1", b""],
    "boot-mode.kernelopts.m1": [b"a=b", b""], "boot-mode.kernelopts.m2": [b"c"],
    "memory-hotplug": [b"1", b""], "supported-feature.memory-hotplug": [b"1"], "suspend-s0ix": [b"1", b""],
    "vm-config.a": [b"x"], "vm-config.1": [b"x"], "vm-config." + "a" * 53: [b"x"],
    "custom-persist.a": [b"/x", b"dir:u:g:0755:/x", b"dir:u:g:9:/x", b"x", b"file:u:g:7777:/a:b", b"file:u:g:10000:/"],
    "custom-persist.": [b"/x"], "tag-created-vm-with": [b"one two", b"", b"created-by-net one", b"two  created-by-dom0", b"created-by-nosuch", b"a.b"], "set-created-guivm": [b"dom0", b"work", b"nosuch", b""],
    "deferred-netvm-original": [b"x"], "preload-dispvm": [b"x"], "bad name": [b"x"], "": [b"x"], "check-updates": [b"1", b""],
}
RULES = ["action=accept", "action=drop", "action=allow", "proto=tcp", "proto=udp", "proto=icmp", "proto=sctp", "dst4=1.2.3.4",
         "dst4=1.2.3.0/24", "dst4=1.2.3.4/033", "dst4=1.2.3.4/08", "dst4=1.2.3.4/33", "dst6=fd00::1", "dst6=fd00::/8",
         "dst6=::1/129", "dsthost=a.b-c_d", "dstname=A.b", "dsthost=1.2.3", "dsthost=", "dsthost=a/1", "dst4=01.2.3.4",
         "dsthost=::ffff:1.2.3.4", "dst4=1.2.3.4/", "dst4=1.2.3.4/1/1", "specialtarget=dns", "specialtarget=x",
         "dstports=80", "dstports=080-90", "dstports=90-80", "dstports=65536", "dstports=80-", "dstports=", "dstports=1-2-3",
         "icmptype=8", "icmptype=008", "icmptype=0008", "icmptype=256", "icmptype=", "expire=1", "expire=1699999999",
         "expire=1700000000", "expire=1700000001", "expire=x", "expire=", "bogus=1", "action", "", "proto=a$"]
GOOD_RULES = ["action=accept", "action=drop dst4=10.0.0.0/8", "dstports=80 proto=tcp action=accept", "proto=icmp icmptype=008 action=drop",
              "dsthost=fd00::1 action=accept proto=udp dstports=0053-054", "specialtarget=dns action=accept", "action=drop expire=1",
              "action=accept expire=1700000001 dstname=a.b", "action=accept proto=tcp", "dst6=::/0 action=drop", "dsthost=127 action=drop"]
COMMENTS = ["", "", "", " comment=plain words: [x]", " comment=a=b", "comment=glued", " comment=x comment=y", " comment=\x01"]
ENDS = ["\n", "\n", "\r\n", "\r", "\n\n", "\x1c", ""]
NOTES = [b"plain", b"tab\tand\nline\r\n", b"\x01\x7f", "\u00e9\u4e16\U0001f600".encode(), "\u00a0\u200b\u202e\ufeff\ue000\u00ad".encode(),
         b"\xff", b"\xc3", b"\xed\xa0\x80", b"x" * 70000, "\u2028\u0301\U000e0001".encode(), b"\0"]
PORTS = ["00_19.0", "00_1b.0", "00_1c.0-00_00.0", "1-1", "sda", "_", "*", "a.b-c_d"]
IDS = ["", "+_", "+dead", "+dead+beef", ":a:b", "+0000+0000++_______", "+*", "+u03__02", "+"]
PAYLOADS = [b"mode='required'", b"mode='auto-attach'", b"mode='ask-to-attach'", b"mode='manual'", b"", b"mode='bogus'", b"garbage",
            b"mode='required", b"mode='required' _read-only='yes' _x='it\\'s'", b"mode='required'  _a='\"' _a='b=\\'c'",
            b"mode='auto-attach' device_id='dead'", b"mode='required' device_id='a b' frontend_domain='work'",
            b"mode='required' frontend_domain='nosuch'", b"mode='required' device_id=''", b"mode='required' read-only='yes'",
            b"mode='required' device='x' port='y' options='z'", b"mode='required' _='x'", b"mode='required' _identity='x'",
            b"_opt='1' mode='required' mode='auto-attach'", b" mode='required'\n", b"mode='requ\xc3\xafred'", b"mode='required'_a='b'",
            b"mode='required' devclass='pci'", b"mode='required' port_id='1-1'", b"mode='required' backend_domain='dom0'",
            b"mode='required' backend_domain='*'", b"mode='required' _a='\x01'", b"a=b", b"mode='required' _a b='c'"]
MODES = [b"required", b"auto-attach", b"ask-to-attach", b"manual", b"Required", b"", b"required\n"]
CODES = [b"u******", b"b******", b"p020000", b"u03**01", b"m******", b"*******", b"x******", b"uABCDEF", b"u12345", b"\xc3\xa9uuuuu"]
MORE_FEATURE_VALUES = [b"\xc3", b"\n", b"\x7f"]


class Draw:
    def __init__(self, random):
        self.random = random

    def step(self, state):
        kinds = {self.property_set: 45, self.property_reset: 10, self.feature_set: 20, self.feature_remove: 5,
                 self.tag: 5, self.label: 3, self.create: 6, self.remove: 3, self.world: 8, self.disposable: 2,
                 self.firewall: 5, self.notes: 2, self.device: 12, self.denied: 3}
        step = self.random.choices(list(kinds), list(kinds.values()))[0](state)
        return (*step, self.some(state.vms)) if self.rarely(6) else step

    def some(self, values):
        return self.random.choice(list(values))

    def rarely(self, n=15):
        return self.random.randrange(n) == 0

    def holder(self, state):
        return "" if self.rarely(5) else self.some(state.vms)

    def property_name(self, state, holder):
        names = list(properties.of(state.vms[holder].klass if holder else None))
        hot = [n for n in names if n in ("netvm", "provides_network", "guivm", "template_for_dispvms", "template", "kernel",
                                         "default_netvm", "default_dispvm", "keyboard_layout", "maxmem", "label", "default_template")]
        if self.rarely(40):
            return self.some(["nosuch", "", "Name", "template", "relayvm", "clockvm", "no_cpus"])
        return self.some(hot if hot and self.rarely(2) else names)

    def vm_value(self, state, name):
        fit = [vm.name for vm in state.vms.values() if self.fits(state, vm, name)]
        if fit and not self.rarely(4):
            return self.some(fit).encode()
        return self.some([*state.vms, *BAD_NAMES, ""]).encode()

    @staticmethod
    def fits(state, vm, name):
        if name in ("netvm", "default_netvm"):
            return vm.is_qubes and state.get(vm, "provides_network")
        if name in ("default_dispvm", "management_dispvm"):
            return properties.offers_disposables(state, vm)
        if name in ("template", "default_template"):
            return vm.klass == "TemplateVM"
        return True

    def property_set(self, state):
        holder = self.holder(state)
        name = self.property_name(state, holder)
        row = properties.of(state.vms[holder].klass if holder else None).get(name)
        type = row.type if row else "str"
        if self.rarely():
            value = self.some(TEXTS)
        elif type == "vm":
            value = self.vm_value(state, name)
        else:
            value = self.some(VALUES.get(name) or {"int": INTS, "bool": BOOLS, "pool": POOLS}.get(type, TEXTS))
        return ("property_set", holder, name, value)

    def property_reset(self, state):
        holder = self.holder(state)
        return ("property_reset", holder, self.property_name(state, holder), b"")

    def feature_set(self, state):
        name = self.some(FEATURES)
        value = self.some(MORE_FEATURE_VALUES if self.rarely(30) else FEATURES[name])
        return ("feature_set", self.some(state.vms), name, value)

    def feature_remove(self, state):
        vm = self.some(state.vms)
        here = state.vms[vm].features
        return ("feature_remove", vm, self.some(FEATURES if self.rarely(3) or not here else here), b"")

    def tag(self, state):
        vm = self.some(state.vms)
        tags = [*TAGS, *state.vms[vm].tags, "created-by-" + self.some(state.vms)]
        return (self.some(["tag_set", "tag_remove"]), vm, self.some(tags), b"")

    def label(self, state):
        return (self.some(["label_create", "label_remove"]), "", self.some(LABELS), self.some(COLOURS[:2] if self.rarely(2) else COLOURS))

    def create(self, state):
        if len(state.vms) > 11:
            return self.remove(state)
        klass = self.some(CLASSES)
        template = ""
        fit = [vm.name for vm in state.vms.values() if (klass == "DispVM" and properties.offers_disposables(state, vm))
               or (klass == "AppVM" and vm.klass == "TemplateVM")]
        if klass in ("AppVM", "DispVM") and not self.rarely(4):
            template = self.some(fit or state.vms)
        if self.rarely():
            template = self.some([*state.vms, "nosuch"])
        name = self.some(BAD_NAMES if self.rarely(10) else NAMES)
        words = [f"name={name}", f"label={self.some(['red', 'blue', 'mine', 'red', 'nosuch' if self.rarely(5) else 'green'])}"]
        if self.rarely(12):
            words.append(self.some(["", "name=b", "label=red", "label=123", "x=y", "template=tmpl", "pool", "label="]))
        if self.rarely(20):
            words = words[1:]
        kind = "vm_create"
        if self.rarely(2):
            kind = self.some(["vm_create", "vm_create_in_pool", "vm_create_in_pool", "vm_create_in_pool"])
            keys = ["pool", "pool:private", "pool:volatile", "pool:root", "pool:kernel", "pool:x" if self.rarely(8) else "pool:volatile"]
            for _ in range(self.random.choice([1, 1, 1, 2])):
                pool = self.some(["varlibqubes", "thin", "other", "nosuch" if self.rarely(5) else "thin"])
                words.insert(self.random.randrange(len(words) + 1), f"{self.some(keys)}={pool}")
        return (kind, "", f"{klass}+{template}", " ".join(words).encode())

    def disposable(self, state):
        if len(state.vms) > 13:
            return self.remove(state)
        fit = [vm.name for vm in state.vms.values() if properties.offers_disposables(state, vm)] + ["dom0"]
        return ("disposable_create", self.some(state.vms if self.rarely(5) else fit), "", b"")

    def firewall(self, state):
        if self.rarely(6):
            return ("firewall_reload", self.some(state.vms), "", b"")
        text = ""
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            if not self.rarely(4):
                text += self.some(GOOD_RULES) + self.some(COMMENTS[:4]) + self.some(ENDS[:4])
                continue
            words = ["action=" + self.some(["accept", "drop"])] if not self.rarely() else []
            words += self.random.sample(RULES, self.random.choice([0, 1, 1, 2, 3]))
            self.random.shuffle(words)
            text += " ".join(words) + self.some(COMMENTS) + self.some(ENDS)
        return ("firewall_set", self.some(state.vms), "", text.encode() + (b"\xc3" if self.rarely(20) else b""))

    def notes(self, state):
        return ("notes_set", self.some(state.vms), "", b"".join(self.random.sample(NOTES, self.random.choice([1, 1, 2]))))

    def device(self, state):
        vm = self.some(state.vms)
        klass = self.some(["pci", "pci", "block", "block", "usb", "mic"])
        backend = self.some(["_", "nosuch", "", "*"]) if self.rarely(8) else self.some([*state.vms, "dom0", "dom0", "dom0"])
        argument = "nothing" if self.rarely(40) else f"{backend}+{'' if self.rarely(20) else self.some(PORTS)}{self.some(IDS)}"
        has = list(state.vms[vm].devices)
        kind = self.some(["device_assign", "device_assign", "device_unassign", "device_mode"])
        if has and self.rarely(8 if kind == "device_assign" else 1):
            klass, *device = self.some(has)
            argument = "+".join("_" if part == "*" else part.replace(":", "+").replace("?******", "_" * 7) for part in device)
        value = {"device_assign": PAYLOADS[:3] if self.rarely(2) else PAYLOADS, "device_mode": MODES}.get(kind, [b""])
        return (kind, vm, f"{klass} {argument}", self.some(value))

    def denied(self, state):
        codes = b"".join(self.some(CODES[:6] if not self.rarely(6) else CODES) for _ in range(self.random.choice([0, 1, 1, 2, 3])))
        kind = self.some(["denied_add", "denied_remove"])
        return (kind, self.some(state.vms), "", b"all" if self.rarely(5) else codes)

    def remove(self, state):
        return ("vm_remove", self.some(state.vms), "", b"")

    def world(self, state):
        qubes = [vm.name for vm in state.vms.values() if vm.klass in QUBES]
        if self.rarely(8) or not qubes:
            return ("host", "", "host_hypervisor", self.some([b"xen", b"xen", b"qemu"]))
        return ("power", self.some(qubes), self.some(["Halted", "Halted", "Running", "Paused", "Transient"]), b"")
