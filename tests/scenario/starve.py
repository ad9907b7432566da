# SPDX-License-Identifier: MIT
"""Takes the processor away from one process, and from nobody else: a control group with a thousandth of it."""
import contextlib
import os
import pathlib
import subprocess
import sys
import time

V1 = pathlib.Path('/sys/fs/cgroup/cpu')
V2 = pathlib.Path('/sys/fs/cgroup')
PERIOD, QUOTA = 1000000, 1000  # microseconds
EATERS = 2  # they take what little there is


def _limits() -> tuple[pathlib.Path, list[tuple[str, str]]] | None:
    if (V1 / 'cpu.cfs_quota_us').exists() or (V1 / 'cgroup.procs').exists():
        return V1, [('cpu.cfs_period_us', str(PERIOD)), ('cpu.cfs_quota_us', str(QUOTA))]
    with contextlib.suppress(OSError):
        if 'cpu' in (V2 / 'cgroup.subtree_control').read_text('ascii').split():
            return V2, [('cpu.max', f'{QUOTA} {PERIOD}')]
    return None


class Starved:
    """with Starved(pid): the process is runnable and does not run. Afterwards it is in the root group."""

    def __init__(self, pid: int):
        self.pid, self.eaters = pid, []
        root, self.limits = _limits()
        self.group = root / f'bulkhead-starved-{os.getpid()}-{pid}'
        self.back, self.free = root, '-1' if root == V1 else 'max'

    def __enter__(self) -> 'Starved':
        self.group.mkdir()
        try:
            for name, value in self.limits:
                (self.group / name).write_text(value, 'ascii')
            self._join()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _join(self) -> None:
        self.eaters = [subprocess.Popen(['nice', '-n', '-20', '/bin/sh', '-c', 'while :; do :; done'])
                       for _ in range(EATERS)]
        for thread in pathlib.Path(f'/proc/{self.pid}/task').iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), 19)
        for pid in (self.pid, *(eater.pid for eater in self.eaters)):
            (self.group / 'cgroup.procs').write_text(str(pid), 'ascii')

    def __exit__(self, *_: object) -> None:
        for eater in self.eaters:
            eater.kill()
        (self.group / self.limits[-1][0]).write_text(self.free, 'ascii')
        with contextlib.suppress(OSError):
            (self.back / 'cgroup.procs').write_text(str(self.pid), 'ascii')
            for thread in pathlib.Path(f'/proc/{self.pid}/task').iterdir():
                os.setpriority(os.PRIO_PROCESS, int(thread.name), 0)
        for eater in self.eaters:
            eater.wait()
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.group.rmdir()
                return
            time.sleep(0.05)


def can_starve() -> bool:
    found = _limits()
    if found is None:
        return False
    probe = found[0] / f'bulkhead-probe-{os.getpid()}'
    try:
        probe.mkdir()
        fine = all((probe / name).exists() for name, _ in found[1])
        probe.rmdir()
        return fine
    except OSError:
        return False


if __name__ == '__main__':
    sys.exit(0 if can_starve() else 1)
