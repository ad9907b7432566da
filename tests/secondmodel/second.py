#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random operations on model/ (with the registry's store under it) and on a second model that was written
from the rules alone. After each step: equal answers, events and state; the store, loaded again, is the model.

usage: second.py [--driver FILE] [--seconds N] [--steps N] [--seed N] [--from-seed N] [--keep-going]
Prints the seed and the shortest sequence that differs."""
import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

import properties
import state as second
from draw import Draw, FEATURES
from rules import Operation
from properties import shown
from state import UNSET, Refused, State

CHAINS = ("own", "template", "netvm", "adminvm", "template_adminvm")
HOST = {"host_hypervisor": "xen", "host_memory_kib": "16777216", "host_cpus": "8", "dom0_maxmem_mib": "4096"}
POOLS = {"thin": "name=thin\ndriver=lvm_thin\nvolume_group=vg\nthin_pool=tp",
         "other": "name=other\ndriver=file\ndir_path=/other"}
BY_TARGET = ("firewall_set", "firewall_reload", "notes_set", "device_assign", "device_unassign", "device_mode",
             "denied_add", "denied_remove", "disposable_create")
START = [("vm_create", "", "TemplateVM+", b"name=tmpl label=black"), ("vm_create", "", "AppVM+tmpl", b"name=work label=red"),
         ("vm_create", "", "AppVM+tmpl", b"name=net label=blue"), ("property_set", "net", "provides_network", b"True"),
         ("property_set", "net", "netvm", b""), ("property_set", "", "default_netvm", b"net"),
         ("vm_create", "", "AppVM+tmpl", b"name=dvm label=red"), ("property_set", "dvm", "template_for_dispvms", b"True"),
         ("vm_create", "", "StandaloneVM+", b"name=dvm2 label=red"), ("property_set", "dvm2", "template_for_dispvms", b"True"),
         ("property_set", "work", "management_dispvm", b"dvm2"), ("vm_create", "", "RemoteVM+", b"name=far label=red"),
         ("vm_create", "", "DispVM+dvm", b"name=disp label=red")]


class Differs(Exception):
    pass


class Driver:
    """The C side."""

    def __init__(self, program, base):
        self.directory = tempfile.mkdtemp(dir=base)
        self.process = subprocess.Popen([program, self.directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, encoding="ascii", bufsize=1 << 16)

    def ask(self, *fields):
        line = "\t".join(encode(f) for f in fields)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = []
        while (got := self.process.stdout.readline()) != ".\n":
            if got == "":
                raise Differs(f"the driver ended ({self.process.wait()}) at {line}")
            answer.append([decode(f) for f in got.rstrip("\n").split("\t")])
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def encode(field):
    raw = field if isinstance(field, bytes) else str(field).encode("latin-1")
    return "".join(chr(b) if 0x20 < b < 0x7f and b != 0x25 else f"%{b:02x}" for b in raw)


def decode(field):
    return urllib.parse.unquote(field, encoding="latin-1") if "%" in field else field


class Pair:
    """Both models side by side."""

    def __init__(self, driver, kept_every):
        self.driver, self.state = driver, State()
        self.steps, self.kept_every = 0, kept_every
        for name, value in HOST.items():
            self.fact(-1, name, value)
        for name, value in POOLS.items():
            self.driver.ask("put", "POOL", -1, name, value)

    def qid(self, name):
        return self.state.vms[name].qid if name else -1

    def step(self, step):
        kind, holder, key, value, actor = (*step, "dom0")[:5]
        if (holder and holder not in self.state.vms) or actor not in self.state.vms:
            return  # what made it was shrunk away
        self.steps += 1
        if kind in ("host", "power"):
            getattr(self, kind)(holder, key, value)
        else:
            self.operate(kind, holder, key, value, actor)
        self.same_state()
        if self.steps % self.kept_every == 0:
            answer = self.driver.ask("reload")
            if answer:
                raise Differs("the store does not hold the model:\n  " + first_difference(answer[0][1], answer[0][2]))
            self.same_state()

    # The world.
    def fact(self, qid, name, value):
        self.driver.ask("fact", qid, name, value)
        self.state.facts.pop((qid, name), None)
        if value:
            self.state.facts[(qid, name)] = value

    def host(self, _holder, key, value):
        self.fact(-1, key, value.decode())

    def power(self, holder, key, _value):
        qid = self.qid(holder)
        facts = {"power_state": key, "xid": str(qid + 40), "start_time": "1700000000", "stubdom_xid": str(qid + 80),
                 "stubdom_uuid": "611da028-c63e-4137-ad7c-9408e5ca7f90"}
        for name, value in facts.items():
            self.fact(qid, name, "" if key == "Halted" else value)

    # Operations.
    def operate(self, kind, holder, key, value, actor):
        answer = self.driver.ask("operate", kind, self.qid(actor), self.qid(holder), key, value)
        drawn = answer[0][2].split(" ")[0] if kind == "disposable_create" and answer[0][0] == "ok" else None
        if drawn is not None and (not re.fullmatch("disp[0-9]{1,4}", drawn) or drawn in self.state.vms):
            raise Differs(f"a disposable is called {drawn!r}")
        operation = Operation(self.state, actor, drawn)
        refused = None
        try:
            self.perform(operation, kind, holder, key, value)
        except Refused as r:
            refused = r
        self.same_answer(answer, refused)
        events = [(line[1], line[2], tuple(zip(line[3::2], line[4::2]))) for line in answer if line[0] == "event"]
        expected = operation.told_when_refused() if refused else operation.events
        if events != expected:
            raise Differs("events differ\n" + beside([show_event(e) for e in events], [show_event(e) for e in expected]))
        for line in answer:
            if line[0] == "moved":
                raise Differs(line[1])
        if not refused:
            self.state = operation.s
            if kind in ("vm_create", "vm_create_in_pool"):
                self.take_drawn(dict(w.split("=", 1) for w in value.decode().split(" "))["name"])
            if drawn is not None:
                self.take_drawn(drawn)
                if self.state.vms[drawn].stored["dispid"] != int(drawn[4:]):
                    raise Differs(f"{drawn} has another number")
            if kind == "vm_remove":
                self.forget_facts(self.state)

    def forget_facts(self, state):
        """What was known about a VM that is gone says nothing of a later one with its qid."""
        qids = {vm.qid for vm in state.vms.values()} | {-1}
        for qid, name in [f for f in state.facts if f[0] not in qids]:
            self.fact(qid, name, "")

    @staticmethod
    def perform(operation, kind, holder, key, value):
        vm = operation.s.vms[holder] if holder else None
        do = getattr(operation, kind)
        if kind in ("vm_create", "vm_create_in_pool"):
            do(*key.split("+"), value)
        elif kind in BY_TARGET:
            do(vm, key, value)
        elif kind in ("label_create", "property_set", "feature_set"):
            do(*([vm] if kind != "label_create" else []), key, value)
        elif kind == "label_remove":
            do(key)
        elif kind == "vm_remove":
            do(vm)
        else:
            do(vm, key)

    @staticmethod
    def same_answer(answer, refused):
        got = answer[0]
        if (got[0] == "ok") != (refused is None):
            raise Differs(f"model: {' '.join(got[:3])}; second: {'refused, ' + str(refused.klass) if refused else 'ok'}")
        if refused and refused.klass not in (None, got[1]):
            raise Differs(f"model: {got[1]} ({got[2]}); second: {refused.klass}")

    def take_drawn(self, name):
        """UUIDs and dispids are drawn: taken over from the other, after a look at them."""
        vm = self.state.vms[name]
        for line in self.driver.ask("dump"):
            if line[0] == "property" and line[1] == str(vm.qid) and vm.stored.get(line[2]) == "drawn":
                value = int(line[5]) if line[2] == "dispid" else line[5]
                if line[2] == "dispid" and not 0 <= value <= 9999:
                    raise Differs(f"dispid {value}")
                if line[2] == "uuid" and (value[14] != "4" or value[19] not in "89ab" or len(value) != 36):
                    raise Differs(f"uuid {value}")
                if any(other.stored.get(line[2]) == value for other in self.state.vms.values()):
                    raise Differs(f"{line[2]} {value} was drawn twice")
                vm.stored[line[2]] = value

    # State.
    def same_state(self):
        got = [tuple(line) for line in self.driver.ask("dump")]
        expected = list(self.dump())
        if got != expected:
            raise Differs("state differs\n" + beside([" ".join(map(str, g)) for g in got], [" ".join(map(str, e)) for e in expected]))

    def dump(self):
        s = self.state
        for vm in s.sorted_vms():
            label = vm.stored.get("label")
            yield ("vm", str(vm.qid), vm.klass, vm.name, f"appvm-{label}" if label else "", s.labels[label][1] if label else "")
            yield from self.dump_properties(vm, str(vm.qid))
            for name, value in vm.features.items():
                yield ("feature", str(vm.qid), name, value)
            for tag in sorted(vm.tags):
                yield ("tag", str(vm.qid), tag)
            for client in s.connected(vm):
                yield ("client", str(vm.qid), client.name)
            for device, (mode, frontend, options) in vm.devices.items():
                yield ("device", str(vm.qid), " ".join(device), mode, frontend, repr(options))
            for volume in vm.volumes.values():
                yield ("volume", str(vm.qid), *volume.shown())
            rules = ["action=accept"] if vm.firewall is None else vm.firewall
            shown_rules = "".join(f"{place} {text}\n" for place, text in enumerate(rules) if text is not None)
            yield ("texts", str(vm.qid), str(int(vm.firewall is not None)), shown_rules,
                   vm.notes.encode().decode("latin-1"))
        yield from self.dump_properties(None, "4294967295")
        for name, (index, colour) in s.labels.items():
            yield ("label", name, str(index), colour)

    def dump_properties(self, holder, qid):
        s = self.state
        for name, row in properties.of(holder.klass if holder else None).items():
            stored = name in s.storage(holder)
            value, default = s.get(holder, name), s.default(holder, name)
            yield ("property", qid, name, row.wire, f"{int(not stored)}{int(value is not UNSET)}{int(value is None)}",
                   shown(value), f"1{int(default is not UNSET)}{int(default is None)}", shown(default))

    def same_chains(self, rng):
        vm = rng.choice(list(self.state.vms.values()))
        name = rng.choice(list(FEATURES))
        for number, chain in enumerate(CHAINS):
            answer = self.driver.ask("chain", vm.qid, number, name)[0]
            value = self.state.chain(vm, chain, name)
            if answer[1:] != ["0" if value is None else "1", value or ""]:
                raise Differs(f"{chain} of {name} on {vm.name}: model {answer[1:]}, second {value!r}")


def show_event(event):
    return f"{event[0]}: {event[1]} {' '.join(f'{k}={v}' for k, v in event[2])}"


def beside(got, expected):
    """The places where two lists part."""
    import difflib
    lines = difflib.unified_diff(expected, got, "second", "model", lineterm="", n=1)
    return "\n".join("  " + line for line in list(lines)[:40])


def first_difference(a, b):
    for x, y in zip(a.split("\n"), b.split("\n")):
        if x != y:
            return f"live {x!r}\n  kept {y!r}"
    return f"{len(a)} and {len(b)} bytes"


def run(options, steps, kept_every=1, rng=None, seconds=None):
    """Plays the steps; with rng draws them, and appends to `steps`, until the time is over."""
    driver = Driver(options.driver, options.base)
    pair = Pair(driver, kept_every)
    try:
        for step in steps[:] if rng is None else START:
            if rng is not None:
                steps.append(step)
            pair.step(step)
        end = time.monotonic() + (seconds or 0)
        draw = Draw(rng)
        while rng is not None and len(steps) < options.steps and time.monotonic() < end:
            steps.append(draw.step(pair.state))
            pair.step(steps[-1])
            pair.same_chains(rng)
    finally:
        driver.close()
    return pair.steps


def fails(options, steps):
    try:
        run(options, steps)
    except Differs as d:
        return d
    return None


def shrink(options, steps):
    """Leaves out what the difference does not need."""
    end = time.monotonic() + 30
    size = len(steps) // 2
    while size >= 1 and time.monotonic() < end:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size:]
            if fewer and fails(options, fewer):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def try_seed(options, seed, seconds):
    """How many steps went well; None after a difference, which is printed."""
    steps = []
    try:
        return run(options, steps, options.kept_every, random.Random(seed), seconds)
    except Differs as difference:
        print(f"# seed {seed}, step {len(steps)}: {steps[-1]}")
        short = shrink(options, steps)
        for step in short:
            print(f"#   {step}")
        for line in str(fails(options, short) or difference).split("\n"):
            print(f"# {line}")
        sys.stdout.flush()
        return None


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    build = os.environ.get("BULKHEAD_BUILD", os.path.join(here, "../../build/release"))
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", default=os.path.join(build, "tests/secondmodel/driver"))
    parser.add_argument("--base", default="/dev/shm" if os.path.isdir("/dev/shm") else None)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--steps", type=int, default=300, help="of one seed")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--from-seed", type=int, default=1)
    parser.add_argument("--kept-every", type=int, default=5, help="how often the store is loaded again")
    parser.add_argument("--keep-going", action="store_true")
    options = parser.parse_args()
    end, seed, total, bad = time.monotonic() + options.seconds, options.seed or options.from_seed, 0, 0
    while time.monotonic() < end and (bad == 0 or options.keep_going):
        done = try_seed(options, seed, 3600 if options.seed else end - time.monotonic())
        bad += done is None
        total += done or 0
        if options.seed:
            break
        seed += 1
    print(f"{'not ok' if bad else 'ok'} 1 - model and second model agree on what random operations answer, tell and leave behind")
    print(f"# {total} steps, last seed {seed}")
    print("1..1")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
