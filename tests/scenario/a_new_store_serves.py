# SPDX-License-Identifier: MIT
"""A house that nobody has lived in: its first VMs get their volumes and start, and what registry keeps beside the
volumes lies in the same folder."""
from house import House, scenario, wait


def play(tap):
    with House(new=True) as house:
        folder = house.dir / 'var/appvms/work'
        house.must('admin.property.Set+default_kernel', 'dom0', '6.12.1')
        house.must('admin.vm.Create.TemplateVM', 'dom0', 'name=debian label=black')
        house.must('admin.vm.Create.AppVM+debian', 'dom0', 'name=work label=blue')
        tap.check('its first pool needs no tool', 'driver=file-reflink' in house.must('admin.pool.Info+varlibqubes', 'dom0'))
        tap.check('a VM has its private volume', (folder / 'private.img').stat().st_size == 2 << 30)
        house.must('admin.vm.notes.Set', 'work', 'hello')
        tap.check('its notes come to lie beside the volumes that another process made',
                  wait(lambda: (folder / 'notes.txt').exists() and (folder / 'notes.txt').read_text() == 'hello'))
        house.must('admin.vm.Start', 'work')
        tap.check('it starts, from its template\'s root',
                  (folder / 'root-dirty.img').stat().st_size == 10 << 30 and 'Running' in house.must('admin.vm.List', 'work'))
        house.must('admin.vm.Kill', 'work')
        tap.check('its session ends with its working copies',
                  wait(lambda: not list(folder.glob('*-dirty.img'))))
        away = folder.rename(folder.with_name('away'))
        answer = house.call('admin.vm.Start', 'work')
        tap.check('without its folder it does not start', answer.error == 'QubesVMError'
                  and 'VM directory does not exist' in answer.text, answer)
        away.rename(folder)
        tap.check('with it, it does', house.call('admin.vm.Start', 'work').ok)
        house.must('admin.vm.Kill', 'work')
        house.must('admin.vm.Remove', 'work')
        tap.check('nothing is left of it', wait(lambda: not folder.exists()))


scenario(play)
