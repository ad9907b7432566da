# SPDX-License-Identifier: MIT
"""Pools whose drivers need programs of the host: with stand-ins (tests/stand-ins/tool.sh) that keep volumes as files."""
import contextlib
import json
import os
import pathlib
import signal
import threading
import time

from house import House, scenario, wait
from volumes import info, pool_number, xml

LATE = 10  # seconds that a tool may take here


class Tools:
    """The stand-ins of an instance."""

    def __init__(self, house):
        self.dir = house.dir / 'tools'

    def group(self, name, thin):
        (self.dir / 'groups' / name).mkdir(parents=True)
        (self.dir / 'groups' / name / '.thin').write_text(thin)

    def how(self, name, what):
        path = self.dir / f'{name}.how'
        path.unlink(missing_ok=True)
        if what:
            path.write_text(what)

    def nodes(self, below='vg'):
        path = self.dir / 'dev' / below
        return sorted(p.name for p in path.iterdir()) if path.exists() else []

    def node(self, name, below='vg'):
        return self.dir / 'dev' / below / name

    def calls(self):
        path = self.dir / 'calls'
        return path.read_text().splitlines() if path.exists() else []

    def hung(self):
        """Those that hang, by their pids as we see them."""
        found = []
        for entry in pathlib.Path('/proc').iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    environment = (entry / 'cmdline').read_bytes()
                    inside = os.readlink(entry / 'ns/pid') != os.readlink('/proc/self/ns/pid')
                    if environment == b'sleep\x003600\x00' and inside and self.is_ours(entry):
                        found.append(int(entry.name))
        return found

    def is_ours(self, entry):
        numbers = [line.split()[1:] for line in (entry / 'status').read_text().splitlines()
                   if line.startswith('NSpid:')]
        pids = (self.dir / 'pids').read_text().split() if (self.dir / 'pids').exists() else []
        return numbers and numbers[0][-1] in pids


def create(house, name, pool, kind='StandaloneVM', more=''):
    return house.call(f'admin.vm.CreateInPool.{kind}', 'dom0', f'name={name} label=red pool={pool}{more}')


def lives_on_lvm(tap, house, tools):
    refused = house.call('admin.pool.Add+lvm_thin', 'dom0', 'name=no\nvolume_group=nosuch\nthin_pool=thin')
    tap.check('a group that is not there is refused with the words of lvm',
              refused.kind == 'error' and 'Volume group _nosuch_ not found' in refused.text.replace('"', '_'), refused)
    tools.group('vg', 'thin')
    refused = house.call('admin.pool.Add+lvm_thin', 'dom0', 'name=no\nvolume_group=vg\nthin_pool=other')
    tap.check('so is a thin pool', 'Thin pool vg/other does not exist' in refused.text, refused)
    house.must('admin.pool.Add+lvm_thin', 'dom0', 'name=lv\nvolume_group=vg\nthin_pool=thin')
    tap.check('its usage is known', 'size=10737418240' in house.must('admin.pool.Info+lv'))
    made = create(house, 'a', 'lv')
    tap.check('a VM is made in it', made.ok, made)
    tap.check('with its logical volumes', tools.nodes() == ['vm-a-private', 'vm-a-root'], tools.nodes())
    house.must('admin.vm.Start', 'a')
    tap.check('its start makes working copies', {'vm-a-private-snap', 'vm-a-root-snap', 'vm-a-volatile'} <= set(tools.nodes()),
              tools.nodes())
    tap.check('which are its disks', '/dev/mapper/vg-vm--a--private--snap' in xml(house, 'a'), xml(house, 'a'))
    tools.node('vm-a-private-snap').open('r+b').write(b'a guest was here')
    house.must('admin.vm.Kill', 'a')
    tap.check('its end commits what it wrote', wait(lambda: 'vm-a-private-snap' not in tools.nodes()) and
              tools.node('vm-a-private').open('rb').read(16) == b'a guest was here', tools.nodes())
    wait(lambda: 'vm-a-volatile' not in tools.nodes())
    revisions = house.must('admin.vm.volume.ListSnapshots+private', 'a').split()
    house.must('admin.vm.volume.Revert+private', 'a', revisions[0])
    tap.check('it can go back', tools.node('vm-a-private').open('rb').read(16) == bytes(16))
    house.must('admin.vm.volume.Resize+private', 'a', '4294967296')
    tap.check('it is resized', info(house, 'a', 'private')['size'] == '4294967296', info(house, 'a', 'private'))
    tools.node('vm-a-private').open('r+b').write(b'to be cloned')
    tap.check('a second one is made', create(house, 'b', 'lv').ok)
    house.must('admin.vm.volume.CloneTo+private', 'b', house.must('admin.vm.volume.CloneFrom+private', 'a'))
    tap.check('and gets a clone', tools.node('vm-b-private').open('rb').read(12) == b'to be cloned')
    house.must('admin.pool.Add+file-reflink', 'dom0', f'name=plain\ndir_path={house.dir}/plain\nsetup_check=False')
    create(house, 'p', 'plain')
    house.must('admin.vm.volume.CloneTo+private', 'p', house.must('admin.vm.volume.CloneFrom+private', 'a'))
    image = house.dir / 'plain/appvms/p/private.img'
    tap.check('so does one of a pool of files', image.open('rb').read(12) == b'to be cloned')
    image.open('r+b').write(b'and returned')
    house.must('admin.vm.volume.CloneTo+private', 'b', house.must('admin.vm.volume.CloneFrom+private', 'p'))
    tap.check('and gives it back', tools.node('vm-b-private').open('rb').read(12) == b'and returned')
    house.must('admin.vm.volume.Clear+private', 'b')
    tap.check('it is cleared', tools.node('vm-b-private').open('rb').read(12) == bytes(12))
    house.must('admin.vm.Remove', 'b')
    tap.check('nothing of a removed one is left', not [n for n in tools.nodes() if n.startswith('vm-b')], tools.nodes())


def lives_on_zfs(tap, house, tools):
    refused = house.call('admin.pool.Add+zfs', 'dom0', 'name=no\ncontainer=nosuch/qubes')
    tap.check('a pool of ZFS that is not there is refused with the words of zpool', 'no such pool' in refused.text, refused)
    (tools.dir / 'datasets/tank').mkdir(parents=True)
    (tools.dir / 'datasets/tank/.dataset').write_text('txg=1\n')
    house.must('admin.pool.Add+zfs', 'dom0', 'name=z\ncontainer=tank/qubes')
    tap.check('its usage is known', 'usage=2147483648' in house.must('admin.pool.Info+z'))
    tap.check('a VM is made in it', create(house, 'z', 'z').ok and create(house, 'y', 'z').ok)
    own = tools.dir / 'dev/zvol/tank/qubes/z/private'
    house.must('admin.vm.Start', 'z')
    tap.check('its datasets are its disks', '/dev/zvol/tank/qubes/z/private' in xml(house, 'z'), xml(house, 'z'))
    own.open('r+b').write(b'a guest was here')
    house.must('admin.vm.volume.CloneTo+private', 'y', house.must('admin.vm.volume.CloneFrom+private', 'z'))
    other = tools.dir / 'dev/zvol/tank/qubes/y/private'
    tap.check('a clone of one that runs is what was committed', other.open('rb').read(16) == bytes(16))
    house.must('admin.vm.Kill', 'z')
    tap.check('its end commits what it wrote', wait(lambda: 'dirty=off' in (tools.dir / 'datasets/tank/qubes/z/private/.dataset').read_text()))
    wait(lambda: not (own.parent / 'volatile').exists())
    house.must('admin.vm.volume.CloneTo+private', 'y', house.must('admin.vm.volume.CloneFrom+private', 'z'))
    tap.check('another VM gets a clone', other.open('rb').read(16) == b'a guest was here')
    revisions = house.must('admin.vm.volume.ListSnapshots+private', 'z').split()
    house.must('admin.vm.volume.Revert+private', 'z', revisions[-1])
    tap.check('it can go back', own.open('rb').read(16) == bytes(16), revisions)
    house.must('admin.vm.volume.Resize+private', 'z', '4294967296')
    tap.check('it is resized', info(house, 'z', 'private')['size'] == '4294967296', info(house, 'z', 'private'))
    house.must('admin.vm.volume.CloneTo+private', 'a', house.must('admin.vm.volume.CloneFrom+private', 'y'))
    tap.check('a pool of another driver gets one', tools.node('vm-a-private').open('rb').read(16) == b'a guest was here')
    tools.node('vm-a-private').open('r+b').write(b'and gave it back')
    house.must('admin.vm.volume.CloneTo+private', 'z', house.must('admin.vm.volume.CloneFrom+private', 'a'))
    tap.check('and gives it back', own.open('rb').read(16) == b'and gave it back')
    house.must('admin.vm.Remove', 'z')
    house.must('admin.vm.Remove', 'y')
    left = [p.name for p in (tools.dir / 'datasets/tank/qubes').iterdir() if not p.name.startswith('.')]
    tap.check('nothing of removed ones is left', left == [], left)


def is_encrypted(tap, house, tools):
    house.must('admin.pool.Set.ephemeral_volatile+lv', 'dom0', 'True')
    house.must('admin.vm.Start', 'a')
    name = 'vg-vm--a--volatile@crypt'
    tap.check('a volatile volume gets a mapping under a forgotten key', tools.nodes('mapper') == [name], tools.nodes('mapper'))
    tap.check('which is its disk', f'/dev/mapper/{name}' in xml(house, 'a'), xml(house, 'a'))
    house.must('admin.vm.Kill', 'a')
    tap.check('it is closed at the end', wait(lambda: tools.nodes('mapper') == []), tools.nodes('mapper'))
    tools.how('cryptsetup', '1')
    refused = house.call('admin.vm.Start', 'a')
    tap.check('without its key it does not start', 'cryptsetup failed with status 1' in refused.text, refused)
    tools.how('cryptsetup', '')
    house.must('admin.pool.Set.ephemeral_volatile+lv', 'dom0', 'False')


def lives_on_files(tap, house, tools):
    house.must('admin.vm.Create.TemplateVM', 'dom0', 'name=t label=red')
    house.must('admin.vm.Create.AppVM+t', 'dom0', 'name=app label=red')
    script = tools.dir / 'create-snapshot'
    script.rename(tools.dir / 'put-aside')
    refused = house.call('admin.vm.Start', 'app')
    tap.check('without its script it does not begin to start, and hears what is missing',
              '/usr/lib/qubes/create-snapshot, which is not there' in refused.text, refused)
    (tools.dir / 'put-aside').rename(script)
    house.must('admin.vm.Start', 'app')
    made = [line for line in tools.calls() if line.startswith('create-snapshot')]
    root = [line for line in made if 'vm-templates/t/root.img' in line]
    tap.check("an AppVM's root is a snapshot of its template's image", len(root) == 1 and
              root[0].split()[2:] == [f'{house.dir}/var/{f}' for f in
                                      ('vm-templates/t/root.img', 'vm-templates/t/root-cow.img', 'appvms/app/root-cow.img')],
              made)
    name = root[0].split()[1] if root else '?'
    tap.check('which is its disk', f'/dev/mapper/{name}' in xml(house, 'app') and name in tools.nodes('mapper'),
              xml(house, 'app'), tools.nodes('mapper'))
    house.must('admin.vm.Kill', 'app')
    tap.check('no device is left of it', wait(lambda: tools.nodes('mapper') == []), tools.nodes('mapper'))


def fails(tap, house, tools):
    tools.how('lvm.lvcreate', '5')
    refused = house.call('admin.vm.Start', 'a')
    tap.check('what a tool complains of is the error', refused.kind == 'error' and
              'lvm failed with status 5: lvm was told to fail (100_)' in refused.text, refused)
    tools.how('lvm.lvcreate', 'crash')
    refused = house.call('admin.vm.Start', 'a')
    tap.check('one that crashes is an error', 'failed with status 139' in refused.text, refused)
    tools.how('lvm.lvcreate', '')
    tools.how('lvm.lvs', 'lie')
    refused = house.call('admin.vm.Start', 'a')
    tap.check('one that lies is an error', refused.kind == 'error', refused)
    tools.how('lvm.lvs', '')


def calls_the_administrator(tap, house, tools):
    events = tools.dir / 'events'
    command = tools.dir / 'command'
    command.write_text(f'#!/bin/sh\necho "$3 $7" >>{events}\n[ ! -e {tools.dir}/refuse ] || {{ echo no key >&2; exit 3; }}\n')
    command.chmod(0o755)
    (tools.dir / 'bash').symlink_to('/bin/bash')
    (tools.dir / 'etc').mkdir()
    below = {'bdriver': 'file-reflink', 'bdriver_args': {'dir_path': f'{house.dir}/called', 'setup_check': False}}
    (tools.dir / 'etc/qubes_callback.json').write_text(json.dumps({'one': {**below, 'cmd': str(command)}}))
    refused = house.call('admin.pool.Add+callback', 'dom0', 'name=cb\nconf_id=two')
    tap.check('a callback pool without a configuration is refused', 'has no object two' in refused.text, refused)
    house.must('admin.pool.Add+callback', 'dom0', 'name=cb\nconf_id=one')
    made = create(house, 'c', 'cb')
    tap.check('a VM is made in one with a configuration', made.ok, made)
    tap.check('with the volumes of the driver below', (house.dir / 'called/appvms/c/private.img').exists())
    house.must('admin.vm.Start', 'c')
    house.must('admin.vm.Kill', 'c')
    wait(lambda: house.state('c') == 'Halted')
    wait(lambda: events.read_text().count('post_volume_stop') >= 3)
    said = events.read_text().splitlines()
    tap.check('the administrator hears of the pool', {'pre_setup ', 'pre_sinit '} <= set(said), said)
    wanted = ['pre_volume_create appvms/c/private', 'post_volume_create appvms/c/private',
              'pre_volume_start appvms/c/private', 'post_volume_start appvms/c/private', 'post_volume_stop appvms/c/private']
    tap.check('and of each verb in order', [e for e in said if e in wanted] == wanted, said)
    (tools.dir / 'refuse').touch()
    refused = house.call('admin.vm.Start', 'c')
    tap.check('and can refuse it', 'failed with status 3: no key' in refused.text, refused)
    (tools.dir / 'refuse').unlink()


def in_the_background(house, answers):
    worker = threading.Thread(target=lambda: answers.append(house.call('admin.vm.Start', 'a', timeout=60)))
    worker.start()
    return worker


def hangs(tap, house, tools):
    tools.how('lvm.lvcreate', 'hang')
    answers, worst = [], 0.0
    worker = in_the_background(house, answers)
    tap.check('a tool hangs', wait(tools.hung))
    for i in range(3):
        begin = time.monotonic()
        made = house.call('admin.vm.Create.StandaloneVM', 'dom0', f'name=f{i} label=red')
        house.must('admin.vm.Start', f'f{i}')
        house.must('admin.vm.Kill', f'f{i}')
        worst = max(worst, time.monotonic() - begin)
        tap.check('a VM of another pool is made, starts and ends', made.ok, made)
    tap.check('nobody else waits', worst < LATE - 2, worst)
    worker.join()
    tap.check('in the end its asker gets an error that names it', answers[0].kind == 'error' and
              'lvm lvcreate took too long' in answers[0].text, answers)
    tap.check('and it is gone', wait(lambda: not tools.hung()), tools.hung())
    for whom, sentence in (('tool', 'failed with status 137'), ('runner', 'try again'), ('process', '')):
        answers = []
        worker = in_the_background(house, answers)
        wait(tools.hung)
        tools.how('lvm.lvcreate', '')  # whoever asks again fares better
        before = house.pid(f'storage/{pool_number("lv")}')
        for victim in {'tool': tools.hung, 'runner': lambda: children(before), 'process': lambda: [before]}[whom]():
            os.kill(victim, signal.SIGKILL)
        worker.join()
        if whom == 'tool':
            tap.check('a tool that is killed is an error', sentence in answers[0].text, answers)
        else:
            tap.check(f'a {whom} that is killed leaves its asker an answer', answers[0].kind in ('ok', 'error'), answers)
            tap.check('and no tool', wait(lambda: not tools.hung()), tools.hung())
        if answers[0].ok:
            house.must('admin.vm.Kill', 'a')
            wait(lambda: house.state('a') == 'Halted')
        wait(lambda: not [n for n in tools.nodes() if n.endswith('-snap')])
        started = house.call('admin.vm.Start', 'a')
        tap.check('the next start is well', started.ok, started)
        house.must('admin.vm.Kill', 'a')
        wait(lambda: house.state('a') == 'Halted' and not [n for n in tools.nodes() if n.endswith('-snap')])
        tools.how('lvm.lvcreate', 'hang')
    tools.how('lvm.lvcreate', '')


def children(pid):
    return [int(p) for p in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def play(tap):
    with House(tool_seconds=LATE) as house:
        tools = Tools(house)
        lives_on_lvm(tap, house, tools)
        lives_on_zfs(tap, house, tools)
        is_encrypted(tap, house, tools)
        lives_on_files(tap, house, tools)
        calls_the_administrator(tap, house, tools)
        fails(tap, house, tools)
        hangs(tap, house, tools)
        house.must('admin.vm.Remove', 'a')
        house.must('admin.vm.Remove', 'c')
        tap.check('in the end no volume is left', wait(lambda: tools.nodes() == []), tools.nodes())
        refused = [line for line in house.log().splitlines() if 'no row of programs.def' in line]
        tap.check('no tool was asked for that no row allows', refused == [], refused)


scenario(play)
