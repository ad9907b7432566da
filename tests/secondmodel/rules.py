# SPDX-License-Identifier: MIT
"""The second model's operations: what each does, which events it tells and in which order.

An event that announces (pre) is told before its handlers run, any other after them. What is refused
on its way leaves nothing behind: of its events only those before the first change are told."""
import re

import properties
import volumes
from devices import Devices
from making import Making
from properties import PVE, QVE, offers_disposables, told
from state import UNSET, Refused
from texts import Texts

PE = "ProtocolError"
IN_USE = "QubesVMInUseError"
INHERITED = ("default_user", "kernel", "kernelopts", "vcpus", "memory", "maxmem", "qrexec_timeout",
             "shutdown_timeout", "management_dispvm")


class Operation(Devices, Making, Texts):
    """One attempt. `result` afterwards: the new state."""

    def __init__(self, state, actor="dom0", drawn=None):
        self.s = state.copy()
        self.drawn = drawn  # the name of a disposable, which is drawn
        self.actor = actor
        self.events = []
        self.first_change = None
        self.silent = False  # nobody hears a VM that is not added yet

    # ---- telling and changing

    def tell(self, subject, event, /, **keys):
        if not self.silent:
            self.events.append((subject.name if subject else "", event, tuple(keys.items())))

    def change(self):
        if self.first_change is None:
            self.first_change = len(self.events)

    def told_when_refused(self):
        return self.events if self.first_change is None else self.events[:self.first_change]

    # ---- properties

    def row(self, holder, name):
        row = properties.of(holder.klass if holder else None).get(name)
        if row is None:
            raise Refused("QubesNoSuchPropertyError")
        return row

    def property_set(self, holder, name, raw):
        row = self.row(holder, name)
        value = properties.sanitise(row, raw)
        if row.once and name in self.s.storage(holder):
            raise Refused(None)
        if row.ro:
            raise Refused(PVE)
        self.assign(holder, row, value)

    def property_assign(self, holder, name, value):
        self.assign(holder, self.row(holder, name), value)

    def assign(self, holder, row, value):
        s = self.s
        if row.type == "vm":
            value = value or None
            if value is None and not row.none:
                raise Refused(PVE)
            if value is not None:
                if value not in s.vms or (row.template_class and s.vms[value].klass != "TemplateVM"):
                    raise Refused(PVE)
        if row.setter is not None:
            value = row.setter(s, holder, value)
        keys = {"name": row.name, "newvalue": told(value)}
        old = s.get(holder, row.name)
        if old is not UNSET:
            keys["oldvalue"] = told(old)
        self.tell(holder, "property-pre-set:" + row.name, **keys)
        self.before_set(holder, row.name, value, old)
        self.change()
        s.storage(holder)[row.name] = value
        self.after_set(holder, row.name, value, old)
        self.tell(holder, "property-set:" + row.name, **keys)

    def property_reset(self, holder, name):
        s, row = self.s, self.row(holder, name)
        if row.once and name in s.storage(holder):
            raise Refused(None)
        keys = {"name": name}
        old = s.get(holder, name)
        if old is not UNSET:
            keys["oldvalue"] = told(old)
        self.tell(holder, "property-pre-reset:" + name, **keys)
        self.before_reset(holder, name, old)
        self.tell(holder, "property-pre-del:" + name, **keys)
        self.change()
        s.storage(holder).pop(name, None)
        self.after_reset(holder, name, old)
        self.tell(holder, "property-reset:" + name, **keys)
        self.tell(holder, "property-del:" + name, **keys)

    # ---- what else a property does

    def before_set(self, holder, name, value, old):
        s = self.s
        if name in ("kernel", "default_kernel") and value and not re.fullmatch("k.", value):
            raise Refused(PVE)
        if holder is None:
            if name == "clockvm" and value is not None and "service.clocksync" not in s.vms[value].features:
                self.feature_assign(s.vms[value], "service.clocksync", "1")
            if name == "default_netvm":
                for vm in self.at_default("netvm"):
                    was = s.get(vm, "netvm")  # None for a TemplateVM, whatever the default
                    self.tell(vm, "property-pre-set:netvm", name="netvm", newvalue=told(value), oldvalue=told(was))
                    self.before_netvm(vm, value, was)
        elif name == "netvm":
            self.before_netvm(holder, value, old)
        elif name == "template":
            if s.running(holder):
                raise Refused("QubesVMNotHaltedError")
            if offers_disposables(s, holder) and value != old:
                if any(s.running(vm) and not s.get(vm, "is_preload") for vm in s.based_on(holder)):
                    raise Refused(IN_USE)
        elif name == "template_for_dispvms" and old and not value:
            self.refuse_while_offered(holder)
        elif name == "maxmem" and holder.is_qubes and value != old and s.running(holder) and not self.hotplug(holder):
            raise Refused("QubesVMNotHaltedError")

    def before_netvm(self, vm, new, old):
        s = self.s
        if new is not None and s.running(vm) and not s.running(s.vms[new]):
            raise Refused("QubesVMNotStartedError")
        if s.paused(vm) and "deferred-netvm-original" not in vm.features:
            self.feature_assign(vm, "deferred-netvm-original", old or "")

    def hotplug(self, vm):
        s = self.s
        if s.host("host_hypervisor") != "xen":
            return False
        wish = s.chain(vm, "template", "memory-hotplug")
        if wish is not None:
            return bool(wish)
        mode, kernel = s.get(vm, "virt_mode"), s.get(vm, "kernel")
        if mode == "hvm":
            return False
        from_vm = kernel in ("", None, UNSET) or (mode == "pvh" and kernel == "pvgrub2-pvh") \
            or (mode == "pv" and kernel == "pvgrub2")
        if not from_vm:
            return False  # none of the kernels here has such a file
        return s.true(vm, "template", "supported-feature.memory-hotplug")

    def refuse_while_offered(self, template):
        s = self.s
        if template.name in (s.get(None, "default_dispvm"), s.get(None, "management_dispvm")):
            raise Refused(IN_USE)
        for vm in s.sorted_vms():
            for name in ("default_dispvm", "management_dispvm", "template"):
                if vm is not template and vm.stored.get(name) == template.name:
                    raise Refused(IN_USE)

    def at_default(self, name):
        return [vm for vm in self.s.sorted_vms() if self.s.has(vm, name) and name not in vm.stored]

    def after_set(self, holder, name, value, old):
        s = self.s
        if holder is None:
            self.after_global_set(name, value, old)
            return
        if holder.is_qubes and name in ("label", "template_for_dispvms"):
            self.tell(holder, "property-reset:icon", name="icon")
        if name == "provides_network":
            if value != old:
                self.tell(holder, "property-reset:gateway", name="gateway")
                self.tell(holder, "property-reset:gateway6", name="gateway6")
            self.follow_service(holder, value)
        if name in ("ip", "ip6") and value != old:
            self.address_changed(holder, name)
        if holder.klass == "TemplateVM" and name in INHERITED and value != old:
            for vm in s.based_on(holder):
                if s.has(vm, name) and name not in vm.stored:
                    self.tell(vm, "property-reset:" + name, name=name)
        if name == "netvm":
            self.after_netvm(holder, value)
        if name == "template":
            volumes.follow_template(s, holder)
        if name == "keyboard_layout" and value != old:
            for vm in self.at_default(name):
                if s.has(vm, "guivm") and s.get(vm, "guivm") == holder.name:
                    self.tell(vm, "property-reset:keyboard_layout", name=name, oldvalue=told(old))
        self.follow_any(holder, name, value)

    def follow_any(self, holder, name, value):
        """What a set and a reset have in common."""
        if name in ("guivm", "audiovm", "relayvm"):
            self.follow_tag(holder, name, value)
        if name == "appvm_default_bootmode":
            self.children_reset_bootmode(holder)

    def after_global_set(self, name, value, old):
        s = self.s
        if name == "clockvm" and old not in (None, UNSET, value) and s.vms[old].features.get("service.clocksync"):
            self.feature_drop(s.vms[old], "service.clocksync")
        if name == "default_netvm":
            for vm in self.at_default("netvm"):
                was = None if vm.klass == "TemplateVM" else old
                self.netvm_was_reset(vm, was)
                self.tell(vm, "property-reset:netvm", name="netvm", oldvalue=told(was))
        if name in ("default_guivm", "default_audiovm"):
            of_vm = name.removeprefix("default_")
            for vm in self.at_default(of_vm):
                self.follow_tag(vm, of_vm, value)
                self.tell(vm, "property-set:" + of_vm, name=of_vm, newvalue=told(value), oldvalue=told(old))
        if name == "default_dispvm":
            self.default_dispvm_changed(old)

    def default_dispvm_changed(self, old):
        for vm in self.at_default("default_dispvm"):
            self.tell(vm, "property-reset:default_dispvm", name="default_dispvm", oldvalue=told(old))

    def before_reset(self, holder, name, old):
        s = self.s
        if holder is None:
            if name == "default_kernel" and any(self.needs_default_kernel(vm) for vm in s.vms.values()):
                raise Refused(None)
            return
        if name == "template":
            raise Refused(QVE)
        if name == "template_for_dispvms" and old:
            self.refuse_while_offered(holder)
        if name == "netvm":
            new = s.default(holder, "netvm")
            properties.set_netvm(s, holder, new)
            if new != old:
                self.tell(holder, "property-pre-set:netvm", name="netvm", newvalue=told(new), oldvalue=told(old))
                self.before_netvm(holder, new, old)

    def needs_default_kernel(self, vm):
        """Its kernel volume is named after it; without any it could not be saved."""
        while vm is not None and vm.is_qubes and "kernel" not in vm.stored:
            vm = self.s.template(vm)
        return vm is None

    def after_reset(self, holder, name, old):
        s = self.s
        if holder is None:
            if name == "default_dispvm":
                self.default_dispvm_changed(old)
            return
        if name == "provides_network":
            self.follow_service(holder, False)
        if name == "ip" and s.get(holder, "ip") != old:
            self.address_changed(holder, name)
        if name == "netvm":
            self.netvm_was_reset(holder, old)
        if s.has(holder, name):
            self.follow_any(holder, name, s.get(holder, name))

    def after_netvm(self, vm, new):
        if new is not None and self.s.running(vm):
            self.tell(vm, "domain-qdb-create")
            self.tell(self.s.vms[new], "net-domain-connect", vm=vm.name)

    def netvm_was_reset(self, vm, old):
        new = self.s.get(vm, "netvm")
        if new != old:
            self.after_netvm(vm, new)
            self.tell(vm, "property-set:netvm", name="netvm", newvalue=told(new), oldvalue=told(old))

    def follow_service(self, vm, provides):
        if provides:
            if not vm.features.get("servicevm"):
                self.feature_assign(vm, "servicevm", "1")
                self.tell(vm, "property-reset:icon", name="icon")
        elif "servicevm" in vm.features:
            self.feature_drop(vm, "servicevm")
            self.tell(vm, "property-reset:icon", name="icon")

    def address_changed(self, vm, name):
        six = name.removeprefix("ip")
        if self.s.get(vm, "provides_network"):
            self.tell(vm, "property-reset:gateway" + six, name="gateway" + six)
        self.tell(vm, "property-reset:visible_ip" + six, name="visible_ip" + six)
        for client in self.s.connected(vm):
            self.tell(client, "property-reset:visible_gateway" + six, name="visible_gateway" + six)

    def follow_tag(self, vm, name, value):
        wanted = f"{name}-{value}" if value is not None else None
        for tag in [t for t in vm.tags if t.startswith(name + "-")]:
            if name != "guivm" or tag != wanted:
                self.tag_drop(vm, tag)
        if wanted is not None:
            self.tag_add(vm, wanted)

    def children_reset_bootmode(self, template):
        for vm in self.s.based_on(template):
            if "bootmode" not in vm.stored:
                self.tell(vm, "property-reset:bootmode", name="bootmode")

    # ---- features

    def feature_set(self, vm, name, raw):
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise Refused(PE)
        if any(not 0x20 <= byte <= 0x7e for byte in raw):
            raise Refused(PE)
        if name in ("deferred-netvm-original", "preload-dispvm", "preload-dispvm-completed", "preload-dispvm-in-progress"):
            raise Refused("PermissionDenied")
        self.feature_assign(vm, name, raw.decode())

    def feature_remove(self, vm, name):
        if name in ("deferred-netvm-original", "preload-dispvm", "preload-dispvm-completed", "preload-dispvm-in-progress"):
            raise Refused("PermissionDenied")
        self.feature_drop(vm, name)

    def feature_assign(self, vm, name, value):
        keys = {"feature": name, "value": value}
        old = vm.features.get(name)
        if old is not None:
            keys["oldvalue"] = old
        self.tell(vm, "domain-feature-pre-set:" + name, **keys)
        if vm.klass != "RemoteVM":
            self.before_feature(name)
        self.change()
        vm.features[name] = value
        if vm.klass != "RemoteVM":
            self.after_feature(vm, name, value, old)
        self.tell(vm, "domain-feature-set:" + name, **keys)

    def before_feature(self, name):
        if name.startswith("service."):
            rest = name.removeprefix("service.")
            if rest in ("", ".", "..") or "/" in rest or (len(rest) > 48 and not rest.startswith("app-dispvm.")):
                raise Refused(QVE)

    def after_feature(self, vm, name, value, old):
        kind, _dot, rest = name.partition(".")
        if kind == "vm-config" and _dot and not re.fullmatch(r"[A-Za-z].{0,51}", rest):
            raise Refused(QVE)
        if kind == "custom-persist" and _dot:
            self.check_persist(rest, value)
        if name == "service.meminfo-writer":
            if value:
                self.property_reset(vm, "maxmem")
            else:
                self.property_set(vm, "maxmem", b"0")
            self.feature_drop(vm, name)
        if name == "boot-mode.active" and vm.is_qubes and value != old and "bootmode" not in vm.stored:
            self.tell(vm, "property-reset:bootmode", name="bootmode")
        if name == "boot-mode.appvm-default" and vm.klass == "TemplateVM":
            if "appvm_default_bootmode" not in vm.stored:
                self.tell(vm, "property-reset:appvm_default_bootmode", name="appvm_default_bootmode")
            self.children_reset_bootmode(vm)

    @staticmethod
    def check_persist(rest, value):
        if not 0 < len(rest) <= 54:
            raise Refused(QVE)
        if value.startswith("/"):
            return
        parts = value.split(":")
        if (len(parts) < 5 or parts[0] not in ("file", "dir") or not re.fullmatch("[0-7]+", parts[3])
                or int(parts[3], 8) > 0o7777 or not parts[4].startswith("/")):
            raise Refused(QVE)

    def feature_drop(self, vm, name):
        self.tell(vm, "domain-feature-pre-delete:" + name, feature=name)
        if name not in vm.features:
            raise Refused("QubesFeatureNotFoundError")
        self.change()
        del vm.features[name]
        self.tell(vm, "domain-feature-delete:" + name, feature=name)

    # ---- tags

    def check_tag(self, vm, tag):
        if not re.fullmatch(r"[A-Za-z0-9_-]+", tag):
            raise Refused("QubesInvalidTagError")
        if tag.startswith("created-by-") and self.actor != "dom0":
            raise Refused("PermissionDenied")

    def tag_set(self, vm, tag):
        self.check_tag(vm, tag)
        self.tag_add(vm, tag)

    def tag_remove(self, vm, tag):
        self.check_tag(vm, tag)
        if tag not in vm.tags:
            raise Refused("QubesTagNotFoundError")
        self.tag_drop(vm, tag)

    def tag_add(self, vm, tag):
        if not re.fullmatch(r"[A-Za-z0-9_-]*", tag):
            raise Refused(None)
        if tag in vm.tags:
            return
        self.change()
        vm.tags[tag] = None
        if tag.startswith("created-by-") and vm.klass != "RemoteVM":
            self.created_by(vm, tag.removeprefix("created-by-"))
        self.tell(vm, "domain-tag-add:" + tag, tag=tag)

    def created_by(self, vm, creator):
        if creator not in self.s.vms:
            raise Refused(None)
        features = self.s.vms[creator].features
        for word in features.get("tag-created-vm-with", "").split():
            self.tag_add(vm, word)
        if features.get("set-created-guivm") and self.s.has(vm, "guivm"):
            self.property_set(vm, "guivm", features["set-created-guivm"].encode())

    def tag_drop(self, vm, tag):
        self.change()
        del vm.tags[tag]
        self.tell(vm, "domain-tag-delete:" + tag, tag=tag)

    # ---- labels

    @staticmethod
    def check_label(name, creating):
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or (creating and name.isdigit()):
            raise Refused("QubesInvalidLabelError")

    def label_create(self, name, raw):
        self.check_label(name, True)
        try:
            colour = raw.decode("ascii").strip()
        except UnicodeDecodeError:
            raise Refused("QubesInvalidLabelValueError") from None
        if not re.fullmatch("0x[0-9a-fA-F]{6}", colour):
            raise Refused("QubesInvalidLabelValueError")
        if name in self.s.labels:
            raise Refused("QubesLabelInUseError")
        self.change()
        self.s.labels[name] = (max(8, *(index for index, _ in self.s.labels.values())) + 1, colour)

    def label_remove(self, name):
        self.check_label(name, False)
        labels = self.s.labels
        if name not in labels:
            name = next((n for n, (index, _) in labels.items() if name.isdigit() and index == int(name)), None)
        if name is None:
            raise Refused("QubesLabelNotFoundError")
        if labels[name][0] <= 8:
            raise Refused(PE)
        if any(vm.stored.get("label") == name for vm in self.s.vms.values()):
            raise Refused("QubesLabelInUseError")
        self.change()
        del labels[name]
