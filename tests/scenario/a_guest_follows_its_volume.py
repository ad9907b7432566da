# SPDX-License-Identifier: MIT
"""A volume of a VM that runs is resized: qubes.ResizeDisk is called there as root, with the volume's name; what that says
is the answer, and the new size stays."""
from house import House, scenario, wait
from stand_ins import Programs


def calls(programs):
    return [line for line in programs.calls() if 'qubes.ResizeDisk' in line]


def size(house):
    lines = house.must('admin.vm.volume.Info+private', 'work').splitlines()
    return dict(line.split('=', 1) for line in lines)['size']


def play(tap):
    programs = Programs()
    try:
        with House(programs=programs.dir) as house:
            programs.serve(house)
            house.must('admin.pool.Add+file-reflink', 'dom0', f'name=fast\ndir_path={house.dir}/fast\nsetup_check=False')
            house.must('admin.vm.CreateInPool.StandaloneVM', 'dom0', 'name=work label=red pool=fast')
            house.must('admin.vm.feature.Set+qrexec', 'work', '1')
            house.must('admin.vm.volume.Resize+private', 'work', str(3 << 30))
            tap.check('at rest no guest is asked', size(house) == str(3 << 30) and not calls(programs), calls(programs))
            house.must('admin.vm.Start', 'work')
            answer = house.call('admin.vm.volume.Resize+private', 'work', str(4 << 30))
            tap.check('a volume that is in use is resized', answer.ok and size(house) == str(4 << 30), answer)
            tap.check('and its guest told, as root', len(calls(programs)) == 1 and
                      'root:QUBESRPC qubes.ResizeDisk dom0' in calls(programs)[0], calls(programs))
            programs.how('qrexec-client', 'work', '3')
            answer = house.call('admin.vm.volume.Resize+private', 'work', str(5 << 30))
            tap.check('what the guest says is the error', answer.error == 'StoragePoolException' and answer.text.startswith(
                'Online resize of volume private failed (you need to resize filesystem manually): qrexec-client was told'),
                      answer)
            tap.check('and the new size stays', size(house) == str(5 << 30))
            house.must('admin.vm.Kill', 'work')
            tap.check('also when it has ended', wait(lambda: size(house) == str(5 << 30)))
    finally:
        programs.end()


scenario(play)
