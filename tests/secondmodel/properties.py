# SPDX-License-Identifier: MIT
"""The second model's properties: rows, checks of what clients write, and computed values."""
import ipaddress
import re
import string
import uuid

from state import KERNELS, QUBES, UNSET, Refused, VM

PVE, QVE = "QubesPropertyValueError", "QubesValueError"


class Row:
    def __init__(self, name, stage, type, default, setter=None, *, ro=False, once=False, none=False,
                 template_class=False, clone=True):
        self.name, self.stage, self.type = name, stage, type
        self.compute, self.setter = default, setter
        self.ro, self.once, self.none, self.template_class, self.clone = ro, once, none, template_class, clone

    def default(self, state, holder):
        return self.compute(state, holder) if callable(self.compute) else self.compute

    @property
    def wire(self):
        return self.type if self.type in ("vm", "int", "bool", "label") else "str"


# ---- what a client sent, before anything else looks at it

def sanitise(row, raw):
    """Bytes to text, or to the number that they mean."""
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        raise Refused(QVE) from None
    if row.type == "vm":
        if text:
            name_check(text)
        return text
    if row.type == "bool":
        return boolean(text)
    parser = {"int": int, "ipv4": ipaddress.IPv4Address, "ipv6": ipaddress.IPv6Address, "uuid": plain_uuid}
    if row.type in parser:
        try:
            value = parser[row.type](text)
        except ValueError:
            raise Refused(QVE) from None
        return value if row.type == "int" else str(value)
    if any(c not in string.printable for c in text):
        raise Refused(QVE)
    return text


def plain_uuid(text):
    """Braces, "urn:" and missing hyphens, which Python takes, end in an error of another class: ours refuses here."""
    if not re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise ValueError(text)
    return uuid.UUID(text)


def boolean(text):
    if text.lower() in ("0", "no", "false", "off"):
        return False
    if text.lower() in ("1", "yes", "true", "on"):
        return True
    raise Refused(QVE)


def name_check(text):
    if (len(text) > 31 or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", text)
            or text in ("Domain-0", "none", "default") or text.endswith("-dm")):
        raise Refused(QVE)


# ---- setters: (state, holder, value) to what is stored

def refuse_unless(condition, klass=PVE):
    if not condition:
        raise Refused(klass)


def positive(s, vm, value):
    refuse_unless(value > 0)
    return value


def not_negative(s, vm, value):
    refuse_unless(value >= 0)
    return value


def matching(pattern, klass=PVE):
    def setter(s, vm, value):
        refuse_unless(re.fullmatch(pattern, value), klass)
        return value
    return setter


def set_label(s, vm, value):
    index = value[6:] if value.startswith("label-") else value
    if index is value and value in s.labels:
        return value
    if not index.isdigit():
        raise Refused(None if index is not value else "QubesLabelNotFoundError")
    for name, (number, _colour) in s.labels.items():
        if number == int(index):
            return name
    raise Refused("QubesLabelNotFoundError")


def set_devices_denied(s, vm, value):
    refuse_unless(len(value) % 7 == 0, QVE)
    kinds = sorted({value[i:i + 7] for i in range(0, len(value), 7)})
    refuse_unless(all(re.fullmatch(r"[bump*][0-9a-f*]{6}", kind) for kind in kinds))
    return "".join(kinds)


def set_mac(s, vm, value):
    return matching(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", None)(s, vm, value.lower())


def set_kernel(s, vm, value):
    refuse_unless("/" not in value)
    return value


def set_kernelopts(s, vm, value):
    refuse_unless(len(value) <= 512)
    return value


def set_virt_mode(s, vm, value):
    value = value.lower()
    refuse_unless(value in ("hvm", "pv", "pvh"))
    refuse_unless(value != "pvh" or vm.pci == 0)
    return value


def set_provides_network(s, vm, value):
    refuse_unless(value or not s.connected(vm), QVE)
    return value


def set_netvm(s, vm, value):
    if value is None:
        return None
    new = s.vms[value]
    refuse_unless(new.klass != "AdminVM", None)
    refuse_unless(new.is_qubes and s.get(new, "provides_network"), QVE)
    refuse_unless(new is not vm and new.name not in s.clients(vm), QVE)
    return value


def set_default_netvm(s, app, value):
    """Of dom0 and RemoteVMs qubesd takes the name and then fails wherever it is read: ours refuses."""
    if value is not None:
        refuse_unless(s.vms[value].is_qubes)
        for vm in s.sorted_vms():
            if s.has(vm, "netvm") and "netvm" not in vm.stored:
                refuse_unless(value != vm.name and value not in s.clients(vm))
    return value


def set_dispvm(s, holder, value):
    if value is not None:
        refuse_unless(s.vms[value].is_qubes, None)
        refuse_unless(offers_disposables(s, s.vms[value]))
    return value


def set_disp_template(s, vm, value):
    refuse_unless(offers_disposables(s, s.vms[value]))
    return value


def offers_disposables(s, vm):
    return s.has(vm, "template_for_dispvms") and s.get(vm, "template_for_dispvms")


def set_pool(s, app, value):
    refuse_unless(value in s.pools)
    return value


# ---- defaults: (state, holder) to a value; UNSET where reading fails

def of_template(name, otherwise):
    def default(s, vm):
        template = s.template(vm)
        if template is not None and s.has(template, name):
            return s.get(template, name)
        return otherwise(s, vm) if callable(otherwise) else otherwise
    return default


def of_app(name):
    return lambda s, vm: s.get(None, name)


def networked(s, vm):
    return s.get(vm, "provides_network") or s.get(vm, "netvm") is not None


def spread(prefix, n):
    if n < 255:
        return f"{prefix}.{n >> 8}.{n & 255}"
    return f"{prefix}.{(n - 1) // 254}.{(n - 1) % 254 + 1}"


def ip(s, vm):
    if not networked(s, vm):
        return None
    if vm.klass == "DispVM":
        return spread("10.138", s.get(vm, "dispid"))
    return spread("10.137", vm.qid)


def ip6(s, vm):
    if not networked(s, vm) or not s.true(vm, "netvm", "ipv6"):
        return None
    disposable = vm.klass == "DispVM"
    number = s.get(vm, "dispid") if disposable else vm.qid
    return str(ipaddress.IPv6Address(f"fd09:24ef:4179:0000::a{'8a' if disposable else '89'}:{number:x}"))


def fake(feature, otherwise):
    return lambda s, vm: s.chain(vm, "template", feature) or otherwise(s, vm)


def of_netvm(name):
    def value(s, vm):
        netvm = s.reference(vm, "netvm")
        return s.get(netvm, name) if netvm is not None and s.has(netvm, name) else None
    return value


def netvm_netmask(s, vm):
    netvm = s.reference(vm, "netvm")
    return "255.255.255.255" if netvm is not None and networked(s, netvm) else None


def gateway6(s, vm):
    return s.get(vm, "visible_ip6") if s.get(vm, "provides_network") and s.true(vm, "netvm", "ipv6") else None


def visible_gateway6(s, vm):
    return of_netvm("gateway6")(s, vm) if s.true(vm, "netvm", "ipv6") else None


def icon(s, vm):
    label = s.get(vm, "label")
    if vm.klass == "AdminVM":
        return "adminvm-black"
    if label is UNSET:
        return UNSET
    kind = {"DispVM": "dispvm", "StandaloneVM": "standalonevm", "RemoteVM": "remotevm"}.get(vm.klass, "appvm")
    if vm.klass == "TemplateVM" or (vm.klass == "AppVM" and s.get(vm, "template_for_dispvms")):
        kind = "templatevm"
    elif vm.features.get("servicevm"):
        kind = "servicevm"
    return f"{kind}-{label}"


def keyboard_layout(s, vm):
    """VMs that show each other's windows have no end: then the layout of those without a GUI VM."""
    seen = set()
    at = s.reference(vm, "guivm")
    while at is not None and s.has(at, "keyboard_layout") and at.name not in seen:
        if "keyboard_layout" in at.stored:
            return at.stored["keyboard_layout"]
        seen.add(at.name)
        at = s.reference(at, "guivm")
    return "us++"


def balancing(s, vm):
    if s.host("host_hypervisor") != "xen" or vm.pci:
        return False
    if s.get(vm, "virt_mode") != "hvm":
        return True
    if not s.true(vm, "template", "qrexec"):
        return False
    at, advertises = vm, False
    while at is not None:
        advertises = advertises or any(f.startswith("supported-service.") for f in at.features)
        at = s.template(at)
    return not advertises or s.true(vm, "template", "supported-service.meminfo-writer")


def maxmem(s, vm):
    if not balancing(s, vm):
        return 0
    cap = s.get(vm, "memory") * 10 if vm.features.get("os") == "Linux" else 4000
    cap = min(cap, int(s.host("host_memory_kib")) // 1024 // 2)
    return of_template("maxmem", cap)(s, vm)


def virt_mode(s, vm):
    return "hvm" if vm.pci else of_template("virt_mode", "pvh")(s, vm)


def xid(s, vm):
    return int(s.facts.get((vm.qid, "xid"), -1)) if s.running(vm) else -1


def stubdom_xid(s, vm):
    if s.get(vm, "virt_mode") != "hvm" or not s.running(vm):
        return -1
    return int(s.facts.get((vm.qid, "stubdom_xid"), -1))


def stubdom_uuid(s, vm):
    return "" if s.get(vm, "stubdom_xid") == -1 else s.facts.get((vm.qid, "stubdom_uuid"), "")


def start_time(s, vm):
    seconds = s.facts.get((vm.qid, "start_time"))
    return str(float(seconds)) if s.running(vm) and seconds else None


def bootmode(s, vm):
    active = vm.features.get("boot-mode.active")
    if active is not None:
        if active == "default" or s.chain(vm, "template", "boot-mode.kernelopts." + active) is not None:
            return active
    at = vm
    while s.template(at) is not None:
        template = s.template(at)
        if s.has(template, "appvm_default_bootmode"):
            offered = s.get(template, "appvm_default_bootmode")
            if offered == "default":
                return offered
            if s.chain(at, "template", "boot-mode.kernelopts." + offered) is not None:
                return offered
        at = template
    return "default"


def kernelopts(s, vm):
    kernel = s.get(vm, "kernel")
    if kernel is UNSET:
        return UNSET
    if not kernel:
        return ""
    files = KERNELS.get(kernel, {})
    if vm.pci:
        suspend = s.vms["dom0"].features.get("suspend-s0ix")
        return files.get("pci", "") + (" qubes_exp_pm_use_suspend=1" if suspend else "")
    template = s.template(vm)
    if template is not None:
        return s.get(template, "kernelopts")
    return files.get("nopci", "swiotlb=2048")


def is_preload(s, vm):
    template = s.template(vm)
    listed = template is not None and vm.name in template.features.get("preload-dispvm", "").split()
    return listed or s.facts.get((vm.qid, "preload_requested")) == "1"


def default_pool(s, app):
    if "default" in s.pools:
        return "default"
    if s.host("host_root_pool") in s.pools:
        return s.host("host_root_pool")
    for name, pool in s.pools.items():
        if pool["driver"] in ("file", "file-reflink") and pool["dir_path"] == "/var/lib/qubes":
            return name
    return UNSET


def host_maxmem(s, app):
    return int(s.host("host_memory_kib")) // 1024


# ---- the rows

def common(klass):
    """What all classes but RemoteVM and AdminVM have."""
    keyboard = r"[A-Za-z]+\+[A-Za-z0-9_-]*\+[A-Za-z0-9_:,-]*"
    user = r"[A-Za-z0-9_+,.-]*"
    r = Row
    return [
        r("autostart", 2, "bool", False), r("backup_timestamp", 2, "int", None), r("debug", 2, "bool", False),
        r("default_user", 2, "str", of_template("default_user", "user"), matching(user)),
        r("devices_denied", 2, "str", "", set_devices_denied),
        r("dns", 2, "str", lambda s, vm: "10.139.1.1 10.139.1.2" if networked(s, vm) else None, ro=True),
        r("gateway", 2, "str", lambda s, vm: s.get(vm, "visible_ip") if s.get(vm, "provides_network") else None, ro=True),
        r("gateway6", 2, "str", gateway6, ro=True), r("icon", 2, "str", icon, ro=True),
        r("include_in_backups", 2, "bool", True), r("installed_by_rpm", 2, "bool", False),
        r("ip", 2, "ipv4", ip), r("ip6", 2, "ipv6", ip6),
        r("kernel", 2, "str", of_template("kernel", of_app("default_kernel")), set_kernel),
        r("keyboard_layout", 2, "str", keyboard_layout, matching(keyboard)),
        r("klass", 2, "str", klass, ro=True), r("label", 2, "label", UNSET, set_label),
        r("mac", 2, "str", "00:16:3e:5e:6c:00", set_mac), r("maxmem", 2, "int", maxmem, not_negative),
        r("memory", 2, "int", of_template("memory", 400), positive),
        r("name", 2, "str", UNSET, once=True, clone=False), r("provides_network", 2, "bool", False, set_provides_network),
        r("qid", 2, "int", UNSET, once=True, clone=False),
        r("qrexec_timeout", 2, "int", of_template("qrexec_timeout", of_app("default_qrexec_timeout")), positive),
        r("shutdown_timeout", 2, "int", of_template("shutdown_timeout", of_app("default_shutdown_timeout")), positive),
        r("start_time", 2, "str", start_time, ro=True), r("stubdom_mem", 2, "int", None, positive),
        r("stubdom_uuid", 2, "str", stubdom_uuid, ro=True), r("stubdom_xid", 2, "int", stubdom_xid, ro=True),
        r("updateable", 2, "bool", klass not in ("AppVM", "DispVM"), ro=True),
        r("uuid", 2, "uuid", UNSET, once=True, clone=False), r("vcpus", 2, "int", of_template("vcpus", 2), positive),
        r("virt_mode", 2, "str", virt_mode, set_virt_mode),
        r("visible_gateway", 2, "str", fake("net.fake-gateway", of_netvm("gateway")), ro=True),
        r("visible_gateway6", 2, "str", visible_gateway6, ro=True),
        r("visible_ip", 2, "str", fake("net.fake-ip", lambda s, vm: s.get(vm, "ip")), ro=True),
        r("visible_ip6", 2, "str", lambda s, vm: s.get(vm, "ip6"), ro=True),
        r("visible_netmask", 2, "str", fake("net.fake-netmask", netvm_netmask), ro=True),
        r("xid", 2, "int", xid, ro=True),
        r("audiovm", 4, "vm", of_app("default_audiovm"), none=True), r("bootmode", 4, "str", bootmode),
        r("default_dispvm", 4, "vm", of_app("default_dispvm"), set_dispvm, none=True),
        r("guivm", 4, "vm", of_app("default_guivm"), none=True),
        r("kernelopts", 4, "str", kernelopts, set_kernelopts),
        r("management_dispvm", 4, "vm", of_template("management_dispvm", of_app("management_dispvm")), set_dispvm, none=True),
        r("netvm", 4, "vm", of_app("default_netvm"), set_netvm, none=True),
    ]


def rows_of(klass):
    r = Row
    if klass is None:
        return [
            r("check_updates_vm", 3, "bool", True), r("clockvm", 3, "vm", None, none=True),
            r("default_audiovm", 3, "vm", "dom0", none=True), r("default_dispvm", 3, "vm", None, set_dispvm, none=True),
            r("default_guivm", 3, "vm", "dom0", none=True), r("default_kernel", 3, "str", UNSET),
            r("default_netvm", 3, "vm", None, set_default_netvm, none=True),
            r("default_pool", 3, "pool", default_pool, set_pool),
            *[r("default_pool_" + kind, 3, "pool", of_app("default_pool"), set_pool)
              for kind in ("kernel", "private", "root", "volatile")],
            r("default_qrexec_timeout", 3, "int", 60), r("default_shutdown_timeout", 3, "int", 60),
            r("default_template", 3, "vm", UNSET, none=True, template_class=True),
            r("management_dispvm", 3, "vm", None, set_dispvm, none=True),
            r("maxmem", 3, "int", host_maxmem, ro=True), r("no_cpus", 3, "int", lambda s, a: int(s.host("host_cpus")), ro=True),
            r("stats_interval", 3, "int", 3), r("updatevm", 3, "vm", None, none=True),
        ]
    rows = {row.name: row for row in common(klass)}
    if klass == "AdminVM":
        rows = {n: rows[n] for n in ("devices_denied", "icon", "include_in_backups", "keyboard_layout", "klass",
                                     "label", "updateable", "default_dispvm")}
        rows["keyboard_layout"].compute = "us++"
        for name, type, value in (("maxmem", "int", lambda s, vm: int(s.host("dom0_maxmem_mib") or 4096)),
                                  ("name", "str", "dom0"), ("qid", "int", 0), ("uuid", "uuid", str(uuid.UUID(int=0)))):
            rows[name] = r(name, 2, type, value, ro=True)
    elif klass == "RemoteVM":
        rows = {n: rows[n] for n in ("icon", "include_in_backups", "klass", "label", "name", "qid", "uuid")}
        rows["include_in_backups"].compute = False
        rows["relayvm"] = r("relayvm", 4, "vm", None, none=True)
        for name in ("transport_rpc", "remote_name"):
            rows[name] = r(name, 2, "str", None)
    else:
        extra = {
            "TemplateVM": [r("appvm_default_bootmode", 4, "str",
                             lambda s, vm: vm.features.get("boot-mode.appvm-default", "default")),
                           r("netvm", 4, "vm", None, set_netvm, none=True)],
            "AppVM": [r("template", 4, "vm", UNSET, template_class=True), r("template_for_dispvms", 2, "bool", False)],
            "StandaloneVM": [r("template_for_dispvms", 2, "bool", False)],
            "DispVM": [r("template", 4, "vm", UNSET, set_disp_template), r("dispid", 2, "int", UNSET, once=True, clone=False),
                       r("auto_cleanup", 2, "bool", False), r("is_preload", 2, "bool", is_preload, ro=True),
                       r("include_in_backups", 2, "bool", lambda s, vm: not s.get(vm, "auto_cleanup")),
                       r("default_dispvm", 4, "vm", lambda s, vm: s.get(vm, "template"), set_dispvm, none=True)],
        }[klass]
        rows.update({row.name: row for row in extra})
    return sorted(rows.values(), key=lambda row: (row.stage, row.name))


ROWS = {klass: {row.name: row for row in rows_of(klass)} for klass in (None, "AdminVM", "RemoteVM", *QUBES)}


def of(klass):
    return ROWS[klass]


def shown(value):
    """As the API prints it."""
    return "" if value is None or value is UNSET else str(value)


def told(value):
    """As an event carries it."""
    return "None" if value is None else str(value)
