# SPDX-License-Identifier: MIT
"""The second model's volumes: what a new VM has, where it lies, and what its snapshots start from."""
from state import UNSET, Refused

GIB = 1 << 30
NAMES = ("root", "private", "volatile", "kernel")
SAVED, SNAPSHOT, FRESH = "saved", "snapshot", "fresh"
KINDS = {"TemplateVM": (SAVED, SAVED, FRESH, FRESH), "StandaloneVM": (SAVED, SAVED, FRESH, FRESH),
         "AppVM": (SNAPSHOT, SAVED, FRESH, FRESH), "DispVM": (SNAPSHOT, SNAPSHOT, FRESH, FRESH)}
SIZES = {"root": 10 * GIB, "private": 2 * GIB, "volatile": 10 * GIB}


class Volume:
    def __init__(self, name, kind, size):
        self.name, self.kind, self.size = name, kind, size
        self.pool = self.vid = self.source = ""

    def copy(self):
        other = Volume(self.name, self.kind, self.size)
        other.pool, other.vid, other.source = self.pool, self.vid, self.source
        return other

    def shown(self):
        return (self.name, self.pool, self.vid, str(self.name != "kernel"), str(self.kind == SAVED),
                str(self.kind == SNAPSHOT), self.source, str(self.size) if self.size else "")


def vid(s, vm, volume):
    pool = s.pools[volume.pool]
    if pool["driver"] == "lvm_thin":
        return f"{pool['volume_group']}/vm-{vm.name}-{volume.name}"
    if pool["driver"] == "linux-kernel":
        kernel = s.get(vm, "kernel")
        return "" if kernel in (None, UNSET) else kernel
    return f"{'vm-templates' if vm.klass == 'TemplateVM' else 'appvms'}/{vm.name}/{volume.name}"


def start_from(s, vm, volume):
    """The first volume up the templates that is no snapshot itself."""
    at = s.template(vm)
    while at.volumes[volume.name].source:
        at = s.template(at)
    source = at.volumes[volume.name]
    volume.pool, volume.source, volume.size = source.pool, source.vid, source.size


def make(s, vm, choice):
    """choice: {"": pool of all that can choose, volume: its pool}."""
    for name, kind in zip(NAMES, KINDS[vm.klass]):
        volume = Volume(name, kind, SIZES.get(name, 0))
        if vm.klass == "DispVM" and name == "volatile":
            volume.size = 12 * GIB
        volume.pool = s.get(None, "default_pool_" + name)
        if vm.klass == "DispVM":
            volume.pool = s.template(vm).volumes[name].pool
        if "" in choice and kind != SNAPSHOT and name != "kernel":
            volume.pool = choice[""]
        if name in choice:
            volume.pool = choice[name]
            if kind == SNAPSHOT:
                raise Refused("QubesException")
        if kind == SNAPSHOT:
            start_from(s, vm, volume)
        volume.vid = vid(s, vm, volume)
        vm.volumes[name] = volume


def follow_template(s, vm):
    for volume in vm.volumes.values():
        if volume.kind == SNAPSHOT:
            start_from(s, vm, volume)
            volume.vid = vid(s, vm, volume)
    if vm.klass == "AppVM":
        for other in s.based_on(vm):
            follow_template(s, other)
