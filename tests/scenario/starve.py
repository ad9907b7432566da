# SPDX-License-Identifier: MIT
"""Takes the processor away from one process, and from nobody else: a control group with a thousandth of it. Run as
a program it says why that cannot be done here, if it cannot."""
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


class Unable(Exception):
    """The reason, for who reads that a test was skipped."""


def _words(path: pathlib.Path) -> list[str]:
    with contextlib.suppress(OSError):
        return path.read_text('ascii').split()
    return []


class Version1:
    root, limits, free = V1, [('cpu.cfs_period_us', str(PERIOD)), ('cpu.cfs_quota_us', str(QUOTA))], '-1'

    @staticmethod
    def is_mine(line: str) -> bool:
        """Of /proc/PID/cgroup: NUMBER:CONTROLLERS:PATH."""
        return 'cpu' in line.split(':')[1].split(',')


class Version2:
    root, limits, free = V2, [('cpu.max', f'{QUOTA} {PERIOD}')], 'max'

    @staticmethod
    def is_mine(line: str) -> bool:
        return line.startswith('0::')


def _version():
    if (V1 / 'cgroup.procs').exists():
        return Version1
    if not (V2 / 'cgroup.controllers').exists():
        raise Unable('no control groups are mounted at /sys/fs/cgroup')
    if 'cpu' not in _words(V2 / 'cgroup.controllers'):
        raise Unable('control groups, version 2: the processor is not among their controllers here')
    if 'cpu' not in _words(V2 / 'cgroup.subtree_control'):
        with contextlib.suppress(OSError):
            (V2 / 'cgroup.subtree_control').write_text('+cpu', 'ascii')
    if 'cpu' not in _words(V2 / 'cgroup.subtree_control'):
        raise Unable('control groups, version 2: the processor may not be given to groups here, as in a container')
    return Version2


def _home(version, pid: int) -> pathlib.Path:
    """The group that the process is in now."""
    for line in pathlib.Path(f'/proc/{pid}/cgroup').read_text('ascii').splitlines():
        path = version.root / line.split(':', 2)[2].lstrip('/')
        if version.is_mine(line) and path.is_dir():
            return path
    return version.root


class Starved:
    """with Starved(pid): the process is runnable and does not run. Afterwards it is in the group where it was."""

    def __init__(self, pid: int):
        self.pid, self.eaters, self.version = pid, [], _version()
        self.group = self.version.root / f'bulkhead-starved-{os.getpid()}-{pid}'
        self.back = _home(self.version, pid)

    def __enter__(self) -> 'Starved':
        self.group.mkdir()
        try:
            for name, value in self.version.limits:
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
        with contextlib.suppress(OSError):
            (self.group / self.version.limits[-1][0]).write_text(self.version.free, 'ascii')
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


def _ticks(pid: int) -> int:
    """The processor time that it has had."""
    return sum(int(n) for n in pathlib.Path(f'/proc/{pid}/stat').read_text('ascii').rsplit(')', 1)[1].split()[11:13])


def try_it() -> None:
    """One that never waits is starved for a second, and runs again afterwards."""
    one = subprocess.Popen(['/bin/sh', '-c', 'while :; do :; done'])
    try:
        home = _home(_version(), one.pid)
        with Starved(one.pid) as starved:
            time.sleep(0.2)
            before = _ticks(one.pid)
            time.sleep(1)
            had, group = _ticks(one.pid) - before, starved.group
        if had > os.sysconf('SC_CLK_TCK') // 10:
            raise Unable(f'a control group takes the processor from nobody here: {had} ticks in a second')
        if group.exists() or _home(_version(), one.pid) != home:
            raise Unable('what a control group has held does not come back from it here')
    except OSError as error:
        raise Unable(f'no control group for the processor can be made here: {error}') from error
    finally:
        one.kill()
        one.wait()


if __name__ == '__main__':
    try:
        try_it()
    except Unable as reason:
        print(reason)
        sys.exit(1)
