# SPDX-License-Identifier: MIT
"""What the scenarios share: an instance of bulkhead of their own, its clients, its processes, TAP."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('BULKHEAD_BUILD') or TREE / 'build/release')
SILENCE = 40.0  # nobody waits longer for an answer or an end: by then api itself has answered


class Silence(Exception):
    """A caller had neither an answer nor an end of its connection in time."""


class Answer:
    """One reply of the Admin API: kind is 'ok', 'error' or 'closed'."""

    def __init__(self, raw: bytes, seconds: float):
        self.raw, self.seconds = raw, seconds
        self.kind, self.error, self.text = 'closed', '', ''
        if raw[:2] == b'0\0':
            self.kind, self.text = 'ok', raw[2:].decode('utf-8', 'replace')
        elif raw[:2] == b'2\0':
            parts = raw.split(b'\0')
            self.kind, self.error = 'error', parts[1].decode()
            self.text = parts[3].decode('utf-8', 'replace') if len(parts) > 3 else ''

    @property
    def ok(self) -> bool:
        return self.kind == 'ok'

    def __repr__(self) -> str:
        return f'<{self.kind} {self.error} {self.text[:200]!r} after {self.seconds:.2f} s>'


class House:
    """One private instance under a directory of its own."""

    def __init__(self, libexec: pathlib.Path | None = None, state_mount: str = '', qemu: bool = False,
                 programs: pathlib.Path | None = None, host_xml: pathlib.Path | None = None,
                 new: bool = False, tool_seconds: int = 0, xenstore: pathlib.Path | None = None,
                 more_devices: str = '', old_devices: str = ''):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='bulkhead-scenario-'))
        self.dir.chmod(0o755)
        self.state_mount, self.programs = state_mount, programs
        self.qemu, self.xenstore, self.more_devices = qemu, xenstore, more_devices
        self.old_devices = old_devices
        self.host_xml, self.new, self.tool_seconds = host_xml, new, tool_seconds
        self.uri = ('qemu+unix:///system' if qemu else 'test+unix:///default') + \
            f'?socket={self.dir}/run/libvirt/libvirt-sock'
        self.environment = dict(os.environ, BULKHEAD_BUILD=str(BUILD))
        if libexec is not None:
            self.environment['BULKHEAD_BUILD'] = str(libexec)

    def __enter__(self) -> 'House':
        if self.state_mount:
            (self.dir / 'state').mkdir()
            subprocess.run(['mount', '-t', 'tmpfs', '-o', self.state_mount, 'bulkhead-scenario',
                            self.dir / 'state'], check=True)
        try:
            self.up()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *failed: object) -> None:
        if failed[0] is not None or os.environ.get('SCENARIO_LOG'):
            print(self.log()[-8000:], file=sys.stderr)
        self.end()

    def up(self, empty: bool = True) -> None:
        options = ['--new' if self.new else '--empty'] if empty and not self.state_mount else []
        if self.qemu:
            self.libvirtd_up()
            options += ['--hypervisor', self.uri]
        if self.programs:
            options += ['--programs', str(self.programs)]
        if self.tool_seconds:
            options += ['--tool-seconds', str(self.tool_seconds)]
        if self.xenstore:
            options += ['--xenstore', str(self.xenstore)]
        if self.more_devices:
            options += ['--more-devices', self.more_devices]
        if self.old_devices:
            options += ['--old-devices', self.old_devices]
        if self.host_xml:
            options += ['--host-xml', str(self.host_xml)]
        self.tool('up', str(self.dir), *options)

    def libvirtd_up(self) -> None:
        """The private libvirtd, anew where the one before was killed; its QEMUs ran on."""
        self.tool('up', str(self.dir), *(['qemu'] if self.qemu else []), name='private-libvirtd')

    def libvirtd(self) -> int:
        return int((self.dir / 'run/libvirtd.pid').read_text('ascii').split()[0])

    def tool(self, *arguments: str, name: str = 'instance') -> None:
        done = subprocess.run([TREE / 'tools' / name, *arguments], env=self.environment, timeout=180,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f'tools/{name} {arguments[0]}: {done.stdout.decode()}')

    def down(self) -> None:
        self.tool('down', str(self.dir))

    def end(self) -> None:
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            self.down()
        if self.state_mount:
            subprocess.run(['umount', self.dir / 'state'], check=False)
        keep = os.environ.get('SCENARIO_KEEP')
        if keep:
            print(f'# {self.dir} is kept', file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def log(self) -> str:
        return (self.dir / 'log/bulkhead.log').read_text('utf-8', 'replace')

    # ---- clients ----

    def connect(self, name: str = 'qubesd.sock', timeout: float = SILENCE) -> socket.socket:
        until = time.monotonic() + timeout
        while True:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.settimeout(timeout)
            try:
                s.connect(str(self.dir / 'run' / name))
                return s
            except OSError:
                s.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)  # between a supervisor's end and the next one nobody listens

    def call(self, method: str, dest: str = 'dom0', payload: str | bytes = b'', timeout: float = SILENCE,
             sock: str = 'qubesd.sock') -> Answer:
        data = payload.encode() if isinstance(payload, str) else payload
        began = time.monotonic()
        raw = b''
        with self.connect(sock, timeout) as s:
            try:
                s.sendall(f'{method} dom0 name {dest}\0'.encode() + data)
                s.shutdown(socket.SHUT_WR)
                while True:
                    left = timeout - (time.monotonic() - began)
                    if left <= 0:
                        raise TimeoutError
                    s.settimeout(left)
                    piece = s.recv(65536)
                    if not piece:
                        break
                    raw += piece
            except TimeoutError as late:
                raise Silence(f'{method} {dest}: no answer in {timeout} s') from late
            except OSError:
                pass  # closed in the middle: an end, not silence
        return Answer(raw, time.monotonic() - began)

    def must(self, method: str, dest: str = 'dom0', payload: str | bytes = b'', timeout: float = 60) -> str:
        answer = self.call(method, dest, payload, timeout)
        if not answer.ok:
            raise RuntimeError(f'{method} {dest}: {answer}')
        return answer.text

    def create(self, name: str) -> None:
        self.must('admin.vm.Create.StandaloneVM', 'dom0', f'name={name} label=red')

    def state(self, name: str) -> str:
        words = self.must('admin.vm.List', name).split()
        return next(word[6:] for word in words if word.startswith('state='))

    # ---- processes ----

    def ps(self) -> dict[str, dict]:
        out = subprocess.run([BUILD / 'bulkhead', '--dir', self.dir, 'ps', '--json'], check=True, timeout=60,
                             stdout=subprocess.PIPE).stdout
        return {row['actor']: row for row in json.loads(out)}

    def vm_actor(self, name: str, kind: str = 'vm') -> str:
        return next((actor for actor, row in self.ps().items()
                     if row['vm'] == name and actor.startswith(kind + '/')), '')

    def pid(self, actor: str) -> int:
        return self.ps().get(actor, {}).get('pid', 0)

    def kill(self, actor: str, sig: int = signal.SIGKILL) -> int:
        pid = self.pid(actor)
        if pid > 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        return pid

    def serving(self, actor: str, but: int = 0) -> bool:
        row = self.ps().get(actor)
        return row is not None and row['state'] == 'serving' and row['pid'] not in (0, but)

    def virsh(self) -> dict[str, str]:
        out = subprocess.run(['virsh', '-q', '-c', self.uri, 'list', '--all'], check=True, timeout=60,
                             stdout=subprocess.PIPE).stdout.decode()
        rows = [line.split(None, 2) for line in out.splitlines() if line.strip()]
        return {row[1]: row[2].strip() for row in rows}

    def leftovers(self) -> list[str]:
        """Processes that still speak of this instance's directory."""
        found = []
        for entry in pathlib.Path('/proc').iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                line = (entry / 'cmdline').read_bytes()
                if os.fsencode(self.dir) in line:
                    found.append(entry.name + ' ' + line.replace(b'\0', b' ').decode()[:120])
        return found


def wait(condition, seconds: float = 60.0) -> bool:
    """Whether the condition came true in time. The bound is there for what never comes, not for what is slow."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


class Asker(threading.Thread):
    """One call in the background; its result is an Answer or a Silence."""

    def __init__(self, house: House, method: str, name: str, timeout: float):
        super().__init__(daemon=True)
        self.house, self.what, self.timeout, self.answer = house, (method, name), timeout, None
        self.start()

    def run(self):
        try:
            self.answer = self.house.call(*self.what, timeout=self.timeout)
        except Silence as silence:
            self.answer = silence

    def result(self):
        self.join(self.timeout + 5)
        return self.answer


class Record:
    """One event: subject, name, arguments in order."""

    def __init__(self, fields: list[str]):
        self.subject, self.name = fields[0], fields[1]
        self.arguments = dict(zip(fields[2::2], fields[3::2]))

    def __repr__(self) -> str:
        return f'{self.subject}:{self.name}'


class Records:
    """Cuts a stream of bytes into records: '1', subject, name, pairs, an empty key; all end with NUL."""

    def __init__(self) -> None:
        self.fields: list[str] = []
        self.rest = b''

    def feed(self, data: bytes):
        *whole, self.rest = (self.rest + data).split(b'\0')
        for field in whole:
            self.fields.append(field.decode('ascii'))
            if len(self.fields) >= 4 and len(self.fields) % 2 == 0 and self.fields[-1] == '':
                yield Record(self.fields[1:-1])
                self.fields = []


class Listener(threading.Thread):
    """Hears every event through bulkhead.Events; resumes behind the last one after any close."""

    def __init__(self, house: House):
        super().__init__(daemon=True)
        self.house = house
        self.records: list[Record] = []
        self.token = ''
        self.breaks: list[str] = []  # epoch-changed, gap: where the stream said that something may lack
        self.windows: list[list[float]] = []  # from when until when that may have been
        self.heard_at = time.monotonic()
        self.resumes = 0
        self.ending = False
        self.doubled: list[str] = []
        self.seen: set[str] = set()

    def take(self, record: Record) -> None:
        if record.name in ('epoch-changed', 'gap'):
            self.breaks.append(record.name)
            self.records.append(record)
            self.windows.append([self.heard_at, float('inf')])
            self.token = ''
            return
        self.token = record.arguments.get('number', self.token)
        self.heard_at = time.monotonic()
        if record.name == 'connection-established':
            if self.windows:
                self.windows[-1][1] = min(self.windows[-1][1], self.heard_at)
            return
        if self.token in self.seen:
            self.doubled.append(f'{record} {self.token}')
        self.seen.add(self.token)
        self.records.append(record)

    def hear(self) -> None:
        method = 'bulkhead.Events' + (f'+{self.token}' if self.token else '')
        cut = Records()
        with self.house.connect('bulkhead.sock') as s:
            s.sendall(f'{method} dom0 name dom0\0'.encode())
            s.shutdown(socket.SHUT_WR)
            s.settimeout(0.2)
            while not self.ending:
                try:
                    data = s.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return
                for record in cut.feed(data):
                    self.take(record)

    def may_lack(self, since: float, until: float) -> bool:
        """Whether what happened then may be missing, because the stream said so."""
        return any(since <= last and until >= first - 0.3 for first, last in self.windows)

    def run(self) -> None:
        while not self.ending:
            with contextlib.suppress(OSError):
                self.hear()
            self.resumes += 1
            time.sleep(0.02)

    def begin(self) -> 'Listener':
        self.start()
        if not wait(lambda: self.token):
            raise RuntimeError('no stream of events')
        return self

    def names(self) -> list[str]:
        return [record.name for record in list(self.records)]


class Tap:
    """A test is a sentence."""

    def __init__(self) -> None:
        self.count = self.failed = 0

    def check(self, sentence: str, fine: object, *details: object) -> None:
        self.count += 1
        self.failed += not fine
        print(f"{'' if fine else 'not '}ok {self.count} - {sentence}", flush=True)
        for detail in details if not fine else ():
            for line in str(detail).splitlines()[:60]:
                print(f'# {line}', flush=True)

    def note(self, text: str) -> None:
        print(f'# {text}', flush=True)


def scenario(play) -> None:
    """Runs play(tap) and ends the program; an exception is a failed test, never a missing plan."""
    tap = Tap()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, so that the instance is ended
    try:
        play(tap)
    except Exception:  # pylint: disable=broad-except
        tap.check('the scenario plays to its end', False, traceback.format_exc())
    print(f'1..{tap.count}')
    sys.exit(tap.failed > 0)
