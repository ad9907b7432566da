# SPDX-License-Identifier: MIT
"""Nine VMs with a rogue in the place of their process, one kind of misdeed each, and two honest ones."""
import pathlib
import shutil
import tempfile
import time

from house import BUILD, House, Silence, scenario, wait

# By qid, as in rogue.c: what it does, and the word of the log that tells its end (None: it is refused and lives).
MISDEEDS = [
    ('a change in the name of registry', None),
    ('facts about another VM', 'spoke of a VM that is not its own'),
    ('a message of 256 KiB', 'lost its line to the router'),
    ('heads of arrays with four billion elements', None),
    ('starts of ten thousand VMs', None),
    ('answers that nobody asked for', None),
    ('bytes that are no envelope', 'sent what is no envelope'),
    ('a guest that sends bytes that are no envelope', 'sent what is no envelope'),
    ('silence', None),
]
HONEST, ASLEEP = 'honest', 'asleep'


def rogue_build() -> pathlib.Path:
    """A build whose vm and guest are rogues."""
    build = pathlib.Path(tempfile.mkdtemp(prefix='bulkhead-rogue-'))
    build.chmod(0o755)
    (build / 'libexec').mkdir()
    for program in (BUILD / 'libexec').iterdir():
        honest = program.name + ('.honest' if program.name in ('vm', 'guest') else '')
        shutil.copy(program, build / 'libexec' / honest)
    for name in ('vm', 'guest'):
        shutil.copy(BUILD / 'tests/scenario/rogue', build / 'libexec' / name)
    shutil.copy(BUILD / 'bulkhead', build / 'bulkhead')
    return build


def others_are_well(house):
    """What an honest VM's owner does in seconds."""
    rows = [('admin.vm.List', 'dom0'), ('admin.vm.Pause', HONEST), ('admin.vm.Unpause', HONEST),
            ('admin.vm.feature.Set+mark', HONEST, str(time.monotonic())), ('admin.vm.CurrentState', HONEST)]
    answers = [house.call(*row) for row in rows]
    return all(answer.ok and answer.seconds < 10 for answer in answers), answers


def play(tap):
    build = rogue_build()
    try:
        with House(libexec=build) as house:
            play_in(house, tap)
    finally:
        shutil.rmtree(build, ignore_errors=True)


def play_in(house, tap):
    for number in range(1, len(MISDEEDS) + 1):
        house.create(f'rogue{number}')
    for name in (HONEST, ASLEEP):
        house.create(name)
    house.must('admin.vm.Start', HONEST)
    shared = {actor: row['pid'] for actor, row in house.ps().items() if not actor.startswith(('vm/', 'guest/'))}
    shared[f'vm/{len(MISDEEDS) + 1}'] = house.pid(f'vm/{len(MISDEEDS) + 1}')
    for number, (what, end) in enumerate(MISDEEDS, 1):
        silent = number == len(MISDEEDS)
        try:
            answer = house.call('admin.vm.Start', f'rogue{number}', timeout=3 if silent else 30)
        except Silence:
            answer = None
        tap.check(f'{what}: who asked for it is {"the only one who waits" if silent else "answered"}',
                  silent or (answer is not None and answer.kind != 'closed'), answer)
        well, answers = others_are_well(house)
        tap.check(f'{what}: the others are well', well, answers, house.log()[-1500:])
        if end:
            tap.check(f'{what}: it is ended and the log says why', wait(lambda word=end: word in house.log()))
    tap.check('nobody was started by a rogue', house.state(ASLEEP) == 'Halted'
              and house.virsh().get(ASLEEP, 'shut off') == 'shut off')
    tap.check('an honest VM is what it was', house.state(HONEST) == 'Running')
    answer = house.call('admin.vm.Start', ASLEEP, timeout=30)
    tap.check('and another one starts', answer.ok, answer)
    now = {actor: row['pid'] for actor, row in house.ps().items() if actor in shared}
    tap.check('no honest process was ended', now == shared, now, shared)


scenario(play)
