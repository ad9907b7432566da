# SPDX-License-Identifier: MIT
"""Real guests for scenarios: QEMU without KVM under a libvirtd of their own, booting guest.S."""
import os
import pathlib
import subprocess

from house import House, Listener, wait

START = ['domain-pre-start', 'domain-verify-files', 'domain-pre-spawn', 'property-reset:xid',
         'property-reset:stubdom_xid', 'property-reset:start_time', 'domain-spawn', 'domain-qdb-create',
         'domain-pre-unpaused', 'domain-unpaused', 'domain-start']
ENDED = ['domain-stopped', 'property-reset:xid', 'property-reset:stubdom_xid', 'property-reset:start_time',
         'domain-shutdown']
PAUSE = ['domain-pre-paused', 'domain-paused']
UNPAUSE = ['domain-pre-unpaused', 'domain-unpaused']


class Guests(House):
    """An instance whose VMs are real guests; each VM's events are cut off one by one."""

    def __init__(self):
        super().__init__(qemu=True)
        self.ear, self.told = None, {}

    def __enter__(self) -> 'Guests':
        super().__enter__()
        kernel = self.dir / 'var/vm-kernels/6.12.1'
        (kernel / 'initramfs').unlink()
        source, made = pathlib.Path(__file__).with_name('guest.S'), self.dir / 'guest'
        for command in (['as', '--32', '-o', f'{made}.o', source],
                        ['ld', '-m', 'elf_i386', '-Ttext', '0x100000', '-e', 'start', '-o', made, f'{made}.o'],
                        ['objcopy', '-O', 'binary', made, kernel / 'vmlinuz']):
            subprocess.run(command, check=True)
        pool = self.dir / 'guests'  # images that QEMU opens: the first pool's need tools
        pool.mkdir()
        self.must('admin.pool.Add+file-reflink', 'dom0', f'name=guests\ndir_path={pool}\nsetup_check=False\n')
        self.must('admin.property.Set+default_pool', 'dom0', 'guests')
        self.ear = Listener(self).begin()
        return self

    def guest(self, name: str, word: str = '') -> None:
        """A VM that may be started; the word is guest.S's."""
        self.create(name)
        for key, value in (('memory', 32), ('maxmem', 32), ('kernelopts', f'guest.{word}')):
            self.must(f'admin.vm.property.Set+{key}', name, str(value))
        wait(lambda: 'property-set:kernelopts' in self.names(name))
        self.told[name] = self.count(name)

    def names(self, name: str) -> list[str]:
        return [r.name for r in list(self.ear.records) if r.subject == name]

    def count(self, name: str) -> int:
        return len(self.names(name))

    def follows(self, name: str, events: list[str], seconds: float = 15) -> list[str]:
        """What was told of the VM since the last look; waits for as many, and a moment for more."""
        want = self.told[name] + len(events)
        wait(lambda: self.count(name) >= want, seconds)
        wait(lambda: self.count(name) > want, 0.3)
        got = self.names(name)[self.told[name]:]
        self.told[name] += len(got)
        return got

    def qemu_pid(self, name: str) -> int:
        """The guest's process; 0: it has none."""
        try:
            pid = int((self.dir / f'run/qemu/run/qemu/{name}.pid').read_text('ascii'))
            line = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
        except (OSError, ValueError):
            return 0
        return pid if f'guest={name},'.encode() in line else 0

    def signal_guest(self, name: str, sig: int) -> int:
        pid = self.qemu_pid(name)
        if pid > 1:
            os.kill(pid, sig)
        return pid

    def do(self, *words: str) -> str:
        """What virsh says to this command."""
        return subprocess.run(['virsh', '-q', '-c', self.uri, *words], check=True, timeout=30,
                              stdout=subprocess.PIPE).stdout.decode()

    def busy_workers(self) -> int:
        """How many of libvirtd's ordinary workers are inside a call now."""
        uri = f'libvirtd+unix:///system?socket={self.dir}/run/libvirt/libvirt-admin-sock'
        out = subprocess.run(['virt-admin', '-c', uri, 'srv-threadpool-info', 'libvirtd'], check=True,
                             timeout=20, stdout=subprocess.PIPE).stdout.decode()
        rows = dict(line.split(':') for line in out.replace(' ', '').splitlines() if ':' in line)
        return int(rows['nWorkers']) - int(rows['freeWorkers'])

    def agree(self, *names: str) -> bool:
        """Both sides say the same of these VMs: one of the states that last."""
        theirs = self.virsh()
        same = {'running': 'Running', 'paused': 'Paused', 'shut off': 'Halted'}
        return all(same.get(theirs.get(name, 'shut off')) == self.state(name) for name in names)


def slowest(house: House, name: str, times: int = 1) -> tuple[bool, float, list]:
    """Whether calls that another VM needs libvirt for succeed, and the longest time that one took."""
    answers = [house.call(method, name, timeout=30) for _ in range(times)
               for method in ('admin.vm.Pause', 'admin.vm.Unpause', 'admin.vm.CurrentState')]
    return all(a.ok for a in answers), max(a.seconds for a in answers), answers
