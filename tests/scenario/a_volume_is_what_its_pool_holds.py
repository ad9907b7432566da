# SPDX-License-Identifier: MIT
"""What the Admin API tells of pools and volumes is what storage has: sizes after a revert and after an import that failed,
paths, lists of volumes, options in one way of writing; and what must not be started beside each other is not."""
from house import House, Listener, scenario, wait

INTERNAL = 'qubesd.internal.sock'


def info(house, vm, volume='private'):
    return dict(line.split('=', 1) for line in house.must(f'admin.vm.volume.Info+{volume}', vm).splitlines())


def imports(ear, since):
    return [(r.name.rsplit('-', 1)[1], r.arguments.get('size', r.arguments.get('success')))
            for r in list(ear.records)[since:] if r.name.startswith('domain-volume-import-')]


def session(house, vm):
    house.must('admin.vm.Start', vm)
    house.must('admin.vm.Kill', vm)
    wait(lambda: house.state(vm) == 'Halted', 60)


def clone(house, source, volume, target, into):
    token = house.must(f'admin.vm.volume.CloneFrom+{volume}', source)
    return house.call(f'admin.vm.volume.CloneTo+{into}', target, token)


def pools(tap, house):
    house.must('admin.pool.Add+file-reflink', 'dom0', f'name=r\ndir_path={house.dir}//r/x/../\nsetup_check=no\n'
               'ephemeral_volatile=on\nrevisions_to_keep= 03')
    told = house.must('admin.pool.Info+r').splitlines()
    tap.check('options are kept in one way of writing them', f'dir_path={house.dir}/r' in told and
              'ephemeral_volatile=True' in told and 'revisions_to_keep=3' in told, told)
    bad = {word: house.call('admin.pool.Add+file-reflink', 'dom0', f'name=bad\ndir_path={house.dir}/bad\n{word}')
           for word in ('setup_check=maybe', 'setup_check=NO\nephemeral_volatile=true', 'setup_check=NO\0')}
    tap.check('a word that says nothing is refused', [one.error for one in bad.values()] ==
              ['QubesValueError', 'QubesValueError', 'ProtocolError'] and
              'bad' not in house.must('admin.pool.List').split(), bad)
    house.must('admin.vm.CreateInPool.StandaloneVM', 'dom0', 'name=a label=red pool=r')
    listed = house.must('admin.pool.volume.List+r').split()
    tap.check('a pool lists its volumes, those without a file, too',
              listed == ['appvms/a/root', 'appvms/a/private', 'appvms/a/volatile'], listed)
    place = info(house, 'a', 'volatile')
    tap.check('an encrypted volume lies where it lies', place['ephemeral'] == 'True' and
              place['path'] == f'{house.dir}/r/appvms/a/volatile-dirty.img', place)
    for change, word in (('ephemeral', 'True'), ('rw', 'False')):
        house.must(f'admin.vm.volume.Set.{change}+volatile', 'a', word)
    place = info(house, 'a', 'volatile')
    tap.check('and one made read-only afterwards is what it was', (place['ephemeral'], place['rw']) == ('True', 'False'), place)
    house.must('admin.vm.volume.Set.rw+volatile', 'a', 'True')
    house.must('admin.pool.Set.ephemeral_volatile+linux-kernel', 'dom0', 'True')
    tap.check('kernels are never encrypted', 'ephemeral' not in house.must('admin.pool.Info+linux-kernel'))


def sizes(tap, house, ear):
    house.must('admin.vm.volume.Resize+private', 'a', '8192')
    session(house, 'a')
    house.must('admin.vm.volume.Resize+private', 'a', '65536')
    blank = house.call('admin.vm.volume.Revert+private', 'a', ' ')
    tap.check('blanks name no revision', blank.error == 'QubesVolumeRevisionNotFoundError' and
              info(house, 'a')['size'] == '65536', blank)
    house.must('admin.vm.volume.Revert+private', 'a', house.must('admin.vm.volume.ListSnapshots+private', 'a').split()[-1])
    tap.check('a revert brings the size back', info(house, 'a')['size'] == '8192', info(house, 'a'))
    since = len(ear.records)
    begun = house.call('internal.vm.volume.ImportBegin+private', 'a', '4096', sock=INTERNAL)
    ended = house.call('internal.vm.volume.ImportEnd+private', 'a', 'fail\nno more', sock=INTERNAL)
    tap.check('an import may fail', begun.ok and ended.error == 'QubesException' and 'no more' in ended.text, begun, ended)
    house.must('admin.vm.volume.Clear+private', 'a')
    begun = house.call('internal.vm.volume.ImportBegin+private', 'a', sock=INTERNAL)
    tap.check('the next one is of the size that the volume has', begun.text.startswith('8192 '), begun)
    odd = house.call('internal.vm.volume.ImportEnd+private', 'a', 'ok\n', sock=INTERNAL)
    tap.check('it ends well with ok and nothing else', odd.error == 'QubesException', odd)
    late = house.call('internal.vm.volume.ImportEnd+private', 'a', 'ok', sock=INTERNAL)
    tap.check('what was never begun does not end', late.error == 'StoragePoolException', late)
    want = [('begin', '4096'), ('end', 'False'), ('begin', '8192'), ('end', 'True'), ('begin', '8192'), ('end', 'False'),
            ('end', 'False')]
    tap.check('each is told, with the size that is', wait(lambda: imports(ear, since) == want, 30), imports(ear, since))
    was = info(house, 'a', 'volatile')
    poured = clone(house, 'a', 'private', 'a', 'volatile')
    tap.check('what is thrown away takes no size over', poured.ok and info(house, 'a', 'volatile') == was, poured, was)


def in_place(tap, house):
    house.must('admin.vm.Create.TemplateVM', 'dom0', 'name=t label=black')
    house.must('admin.vm.Create.AppVM+t', 'dom0', 'name=w label=red')
    house.must('admin.vm.volume.Set.revisions_to_keep+root', 't', '-1')
    house.must('admin.vm.Start', 't')
    refused = house.call('admin.vm.Start', 'w')
    tap.check('nothing starts from what is being written', refused.error == 'QubesVMError' and
              'Volume vm-templates/t/root is running' in refused.text, refused)
    house.must('admin.vm.Kill', 't')
    wait(lambda: house.state('t') == 'Halted', 60)
    tap.check('when that is over it starts', house.call('admin.vm.Start', 'w').ok)
    house.must('admin.vm.Kill', 'w')


def play(tap):
    with House() as house:
        ear = Listener(house).begin()
        pools(tap, house)
        sizes(tap, house, ear)
        in_place(tap, house)


scenario(play)
