# SPDX-License-Identifier: MIT
"""A store on a disk of 4 MiB, which is then filled."""
import sqlite3

from house import House, scenario, wait

SIZE = 'size=4m,mode=0755'


def fill(house):
    """Takes every byte that is left."""
    with open(house.dir / 'state/filler', 'wb', buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while file.write(b'x' * size) == size:
                    pass
            except OSError:
                pass


def play(tap):
    with House(state_mount=SIZE) as house:
        house.create('here')
        house.must('admin.vm.Start', 'here')
        house.must('admin.vm.feature.Set+kept', 'here', 'before')
        pids = {actor: row['pid'] for actor, row in house.ps().items()}
        fill(house)
        refused = None
        for i in range(400):  # what the log of the store has room for may still pass
            answer = house.call('admin.vm.feature.Set+large', 'here', f'{i} ' + 'x' * 30000)
            if not answer.ok:
                refused = (i, answer)
                break
        tap.check('a change without room is refused with a typed error',
                  refused and refused[1].kind == 'error' and refused[1].error.startswith('Qubes')
                  and refused[1].seconds < 20, refused)
        tap.note(f'after {refused[0] if refused else 0} changes: {refused[1].text if refused else ""}')
        kept = house.call('admin.vm.feature.Get+large', 'here')
        fine = kept.text.startswith(f'{refused[0] - 1} ') if refused and refused[0] else not kept.ok
        tap.check('and has changed nothing', fine, repr(kept)[:80])
        tap.check('reads go on', house.call('admin.vm.feature.Get+kept', 'here').text == 'before'
                  and house.call('admin.vm.List').ok)
        answer = house.call('admin.vm.Kill', 'here', timeout=30)
        tap.check('a VM can be killed', answer.ok and wait(lambda: house.state('here') == 'Halted'), answer)
        answer = house.call('admin.vm.Start', 'here', timeout=30)
        tap.check('and started', answer.ok, answer)
        (house.dir / 'state/filler').unlink()
        tap.check('with room again, changes work again',
                  wait(lambda: house.call('admin.vm.feature.Set+kept', 'here', 'after').ok))
        now = {actor: row['pid'] for actor, row in house.ps().items() if actor in pids and 'guest' not in actor}
        tap.check('no process ended of it', all(pids[a] == pid for a, pid in now.items() if a[:3] != 'vm/'),
                  now, pids)
        house.down()
        db = sqlite3.connect(house.dir / 'state/store.db')
        verdict = db.execute('PRAGMA integrity_check').fetchone()[0]
        db.close()
        tap.check('the store is whole', verdict == 'ok', verdict)
        house.up()
        tap.check('and holds what was acknowledged', house.call('admin.vm.feature.Get+kept', 'here').text == 'after')


scenario(play)
