# SPDX-License-Identifier: MIT
"""The second model's data: what VMs there are and what is stored on them. Written from the written
rules of the Admin API alone, plainly and slowly, to be compared with model/."""

CLASSES = ("AdminVM", "TemplateVM", "AppVM", "StandaloneVM", "DispVM", "RemoteVM")
QUBES = ("TemplateVM", "AppVM", "StandaloneVM", "DispVM")
TEMPLATED = ("AppVM", "DispVM")
NOW = 1700000000  # the driver's clock stands there
UNSET = type("Unset", (), {"__repr__": lambda self: "UNSET"})()
KERNELS = {"k1": {"nopci": "nopci of k1"}, "k2": {"pci": "pci of k2"}}  # the rest of k? has no such files


class Refused(Exception):
    """klass None: an error that qubesd answers with nothing; any typed one will do."""

    def __init__(self, klass, why=""):
        super().__init__(why)
        self.klass = klass


class VM:
    def __init__(self, qid, name, klass):
        self.qid, self.name, self.klass = qid, name, klass
        self.stored = {}    # property: value (None, bool, int, text; a VM is its name)
        self.features = {}  # in the order of their first setting
        self.tags = {}      # the same; qubesd keeps no order, ours deletes several in this one
        self.devices = {}   # (class, backend, port, id): (mode, frontend, options)
        self.volumes = {}   # volumes.Volume by its name
        self.firewall = None  # the rules' texts, None in the place of an expired one; None: none of its own
        self.notes = ""

    def copy(self):
        other = VM(self.qid, self.name, self.klass)
        other.stored, other.features = dict(self.stored), dict(self.features)
        other.tags, other.devices = dict(self.tags), dict(self.devices)
        other.volumes = {name: volume.copy() for name, volume in self.volumes.items()}
        other.firewall, other.notes = self.firewall, self.notes
        return other

    @property
    def pci(self):
        """How many PCI devices are assigned."""
        return sum(klass == "pci" for klass, *_device in self.devices)

    @property
    def is_qubes(self):
        return self.klass in QUBES


class State:
    def __init__(self):
        self.vms = {}
        self.stored = {"default_pool_kernel": "linux-kernel"}
        self.labels = {"red": (1, "0xcc0000"), "orange": (2, "0xf57900"), "yellow": (3, "0xedd400"),
                       "green": (4, "0x73d216"), "gray": (5, "0x555555"), "blue": (6, "0x3465a4"),
                       "purple": (7, "0x75507b"), "black": (8, "0x000000")}
        self.pools = {"varlibqubes": {"driver": "file", "dir_path": "/var/lib/qubes"},
                      "linux-kernel": {"driver": "linux-kernel", "dir_path": "/var/lib/qubes/vm-kernels"},
                      "thin": {"driver": "lvm_thin", "volume_group": "vg", "thin_pool": "tp"},
                      "other": {"driver": "file", "dir_path": "/other"}}
        self.facts = {}     # (qid, name): text; the host's qid is -1
        dom0 = VM(0, "dom0", "AdminVM")
        dom0.stored["label"] = "black"
        self.vms["dom0"] = dom0

    def copy(self):
        other = State.__new__(State)
        other.vms = {name: vm.copy() for name, vm in self.vms.items()}
        other.stored, other.labels = dict(self.stored), dict(self.labels)
        other.pools, other.facts = dict(self.pools), self.facts
        return other

    def sorted_vms(self):
        return sorted(self.vms.values(), key=lambda vm: (vm.klass != "AdminVM", vm.name.encode()))

    def by_qid(self, qid):
        return next((vm for vm in self.vms.values() if vm.qid == qid), None)

    # The world.
    def power(self, vm):
        return self.facts.get((vm.qid, "power_state"), "Halted") if vm.is_qubes else "Running"

    def running(self, vm):
        return self.power(vm) != "Halted"

    def paused(self, vm):
        return self.power(vm) == "Paused"

    def host(self, name):
        return self.facts.get((-1, name))

    # Features.
    def chain(self, vm, kind, name):
        """None when absent. kind: own, template, netvm, adminvm, template_adminvm."""
        seen = set()
        at = vm
        while at is not None and at.name not in seen:
            seen.add(at.name)
            if name in at.features:
                return at.features[name]
            step = {"template": "template", "template_adminvm": "template", "netvm": "netvm"}.get(kind)
            at = self.reference(at, step) if step else None
        if kind in ("adminvm", "template_adminvm"):
            return self.vms["dom0"].features.get(name)
        return None

    def true(self, vm, kind, name):
        return bool(self.chain(vm, kind, name))

    def reference(self, vm, name):
        """The VM that a property names; None when it is none, unset or not a property of vm."""
        value = self.get(vm, name) if self.has(vm, name) else None
        return self.vms.get(value) if value not in (None, UNSET) else None

    def template(self, vm):
        return self.reference(vm, "template")

    def based_on(self, template):
        return [vm for vm in self.sorted_vms() if self.template(vm) is template]

    def connected(self, provider):
        return [vm for vm in self.sorted_vms() if self.has(vm, "netvm") and self.get(vm, "netvm") == provider.name]

    def clients(self, provider):
        """All that are behind it, through however many others."""
        found, todo = set(), [provider]
        while todo:
            for vm in self.connected(todo.pop()):
                if vm.name not in found:
                    found.add(vm.name)
                    todo.append(vm)
        return found

    # Properties; the rows are in properties.py. A holder is a VM or None, the whole system.
    def has(self, holder, name):
        return name in properties.of(holder.klass if holder else None)

    def storage(self, holder):
        return holder.stored if holder else self.stored

    def default(self, holder, name):
        return properties.of(holder.klass if holder else None)[name].default(self, holder)

    def get(self, holder, name):
        stored = self.storage(holder)
        return stored[name] if name in stored else self.default(holder, name)


import properties  # noqa: E402  the rows need the classes above
