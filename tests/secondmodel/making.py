# SPDX-License-Identifier: MIT
"""How the second model makes and removes VMs: payloads of creations, disposables, what forbids a removal."""
import properties
import volumes
from properties import PVE, QVE, name_check, offers_disposables
from state import TEMPLATED, UNSET, VM, Refused

PE, QE = "ProtocolError", "QubesException"
IN_USE = "QubesVMInUseError"


class Making:
    """A part of rules.Operation."""

    def parse_payload(self, klass, template, raw, in_pool):
        if template and klass not in TEMPLATED:
            raise Refused(PE)
        try:
            text = raw.decode("ascii")
        except UnicodeDecodeError:
            raise Refused(PE) from None
        given = {}
        for item in text.split(" "):
            key, equals, value = item.partition("=")
            if not equals:
                raise Refused(None)
            if key in given or key not in self.words_of_creation(in_pool):
                raise Refused(PE)
            if key.startswith("pool"):
                given[key] = value
                continue
            if key == "name":
                name_check(value)
            else:
                self.check_label(value, True)
            if key == "name" or value in self.s.labels:
                given[key] = value  # an unknown label counts as none
        if "name" not in given or "label" not in given:
            raise Refused(PE)
        if "pool" in given and any(key.startswith("pool:") for key in given):
            raise Refused(PE)
        return given

    @staticmethod
    def words_of_creation(in_pool):
        pools = ["pool", *("pool:" + name for name in volumes.NAMES)]
        return ["name", "label", *(pools if in_pool else [])]

    def vm_create_in_pool(self, klass, template, raw):
        self.vm_create(klass, template, raw, True)

    def vm_create(self, klass, template, raw, in_pool=False):
        s = self.s
        given = self.parse_payload(klass, template, raw, in_pool)
        pools = {key.removeprefix("pool").removeprefix(":"): value for key, value in given.items()
                 if key.startswith("pool")}
        if given["name"] in s.vms:
            raise Refused("QubesVMAlreadyExistsError")
        if template and template not in s.vms:
            raise Refused("QubesVMNotFoundError")
        if any(pool not in s.pools for pool in pools.values()):
            raise Refused(QE)
        if klass == "AdminVM":
            raise Refused(PVE)
        if klass in TEMPLATED:
            if not template:
                template = s.get(None, "default_dispvm" if klass == "DispVM" else "default_template")
            if template in (None, UNSET):
                raise Refused(QVE)
            if klass == "AppVM" and s.vms[template].klass != "TemplateVM":
                raise Refused(PVE)
            if klass == "DispVM" and not offers_disposables(s, s.vms[template]):
                raise Refused(QVE)
        self.change()
        vm = self.construct(klass, given, template)
        self.tell(None, "domain-add", vm=vm.name)
        self.tag_add(vm, "created-by-" + self.actor)
        if vm.is_qubes:
            volumes.make(s, vm, pools)
            self.tell(vm, "domain-create-on-disk")

    def disposable_create(self, target, _key, _raw):
        """Of the VM that is named; of dom0, of the asker's own choice. None here waits preloaded."""
        s, asker = self.s, self.s.vms[self.actor]
        template = target
        if target.klass == "AdminVM":
            template = s.reference(asker, "default_dispvm")
        if template is None or not offers_disposables(s, template):
            raise Refused(QE)
        self.change()
        vm = self.construct("DispVM", {"name": self.drawn, "auto_cleanup": True}, template.name)
        self.tell(None, "domain-add", vm=vm.name)
        volumes.make(s, vm, {})
        self.tell(vm, "domain-create-on-disk")
        self.tag_add(vm, "created-by-" + self.actor)
        self.tag_add(vm, "disp-created-by-" + self.actor)

    def construct(self, klass, given, template):
        s = self.s
        used = {vm.qid for vm in s.vms.values()}
        vm = VM(min(set(range(1, len(used) + 2)) - used), given["name"], klass)
        vm.stored = {"name": vm.name, "qid": vm.qid, "uuid": "drawn"}
        vm.stored.update({name: given[name] for name in ("label", "auto_cleanup") if name in given})
        if template:
            vm.stored["template"] = template
        s.vms[vm.name] = vm
        self.silent = True
        if vm.is_qubes and not s.get(None, "check_updates_vm"):
            self.feature_assign(vm, "check-updates", "")
        if klass == "DispVM":
            vm.stored["dispid"] = "drawn"
            self.take_over(vm, s.vms[template])
        for name in ("guivm", "audiovm"):
            if s.has(vm, name):
                self.follow_tag(vm, name, s.get(vm, name))
        self.silent = False
        return vm

    def take_over(self, vm, template):
        for name, row in properties.of(template.klass).items():
            if row.clone and name != "template" and self.s.has(vm, name) and name not in vm.stored \
                    and name in template.stored:
                vm.stored[name] = template.stored[name]
        vm.firewall = template.firewall
        for name, value in template.features.items():
            if not name.startswith("preload-dispvm"):
                self.feature_assign(vm, name, value)
        for tag in template.tags:
            if tag.startswith("created-by-") and tag.removeprefix("created-by-") not in self.s.vms:
                vm.tags[tag] = None  # qubesd fails here: no disposable of a VM whose maker is gone
            else:
                self.tag_add(vm, tag)

    def vm_remove(self, vm):
        s = self.s
        if vm.klass == "AdminVM":
            raise Refused(IN_USE)
        if vm.is_qubes:
            if s.get(vm, "installed_by_rpm"):
                raise Refused(IN_USE)
            if s.running(vm):
                raise Refused("QubesVMNotHaltedError")
        self.tell(None, "domain-pre-delete", vm=vm.name)
        for name, row in properties.of(None).items():
            if row.type == "vm" and s.get(None, name) == vm.name:
                raise Refused(IN_USE)
        for other in s.vms.values():
            for name, row in properties.of(other.klass).items():
                if other is not vm and row.type == "vm" and other.stored.get(name) == vm.name:
                    raise Refused(IN_USE)
            if other is not vm and any(backend == vm.name for _class, backend, *_device in other.devices):
                raise Refused(IN_USE)
        self.change()
        del s.vms[vm.name]
        self.tell(None, "domain-delete", vm=vm.name)
        if vm.is_qubes:
            self.tell(vm, "domain-remove-from-disk")
