# SPDX-License-Identifier: MIT
"""Who gets a device is asked of a person, by way of an agent in dom0 that may hang, lie, flood and crash."""
from house import House, Listener, scenario, wait
from person import HEADER, Person
from qubesdb import Daemon

BUS, METHOD = 'devbus-block', 'admin.vm.device.block.'
BACK, FRONT, OTHER = 'back', 'front', 'other'
AT_ONCE, SURELY = 2.0, 0.7


class Stage:
    """A house, its backend, and whoever sits before dom0's screen."""

    def __init__(self, house, tap, ear, daemon):
        self.house, self.tap, self.ear, self.daemon = house, tap, ear, daemon
        self.person = None

    def assign(self, vm, port, mode, more=''):
        self.house.must(f'{METHOD}Assign+{BACK}+{port}', vm, f"mode='{mode}' {more}".strip())

    def unassign(self, vm, port):
        self.house.must(f'{METHOD}Unassign+{BACK}+{port}', vm)

    def has(self, vm, port):
        return f'{BACK}+{port}:' in self.house.must(f'{METHOD}Attached', vm)

    def gets(self, vm, port):
        return wait(lambda: self.has(vm, port), 10)

    def nobody_gets(self, port):
        """Within a time that is long enough for whoever would get it."""
        wait(lambda: False, SURELY)
        return not any(self.has(vm, port) for vm in (FRONT, OTHER))

    def come(self, *ports):
        """All in one change."""
        for port in ports:
            self.daemon.put(f'/qubes-block-devices/{port}/desc', 'Stick_1 (keys)')
        self.daemon.put('/qubes-block-devices')

    def go(self, *ports):
        for port in ports:
            self.daemon.withdraw(port)
        wait(lambda: not any(p in self.house.must(f'{METHOD}Available', BACK) for p in ports), 5)
        for port in ports:
            wait(lambda p=port: not any(self.has(vm, p) for vm in (FRONT, OTHER)), 10)

    def question(self, port, count=1):
        """The newest question about that port, once so many have been put."""
        wait(lambda: sum(q.port() == port for q in self.person.asked) >= count, 10)
        of = [q for q in self.person.asked if q.port() == port]
        return of[-1] if len(of) == count else None


def nobody_is_there(stage):
    house, tap = stage.house, stage.tap
    stage.assign(FRONT, 'sda', 'ask-to-attach')
    stage.come('sda')
    tap.check('without an agent nobody gets the device', stage.nobody_gets('sda'))
    tap.check('and the log says why', wait(lambda: 'no agent in dom0' in house.log(), 5))
    stage.go('sda')
    person = Person(house)
    person.close()
    stage.come('sda')
    tap.check('with one that has crashed neither', stage.nobody_gets('sda')
              and wait(lambda: 'does not serve its socket' in house.log(), 5))
    stage.go('sda')


def somebody_thinks(stage):
    house, tap, person = stage.house, stage.tap, stage.person
    stage.assign(OTHER, 'sdb', 'auto-attach')
    stage.come('sda')
    question = stage.question('sda')
    words = question.words
    icons = words.pop('icons')
    tap.check('the question is what the agent knows', question.header == HEADER and words == {
        'source': BACK, 'device_name': 'Block_Storage: hosted by back keys', 'argument': 'sda',
        'targets': [FRONT], 'default_target': FRONT}, question.header, words)
    tap.check('with the icon of every VM', set(icons) == {'dom0', BACK, FRONT, OTHER}
              and all('-' in icon for icon in icons.values()), icons)
    stage.come('sdb')
    tap.check('while somebody thinks another device comes and is attached', stage.gets(OTHER, 'sdb'))
    slow = [house.call(*row).seconds for row in (
        ('admin.vm.List',), (f'{METHOD}Available', BACK), (f'{METHOD}Detach+back+sdb', OTHER),
        (f'{METHOD}Attach+back+sdb', FRONT), ('admin.vm.Pause', FRONT), ('admin.vm.Unpause', FRONT),
        ('admin.vm.Kill', OTHER), ('admin.vm.Start', OTHER))]
    tap.check('and nothing waits, not even for the VM that is asked about', max(slow) < AT_ONCE, slow)
    tap.check('nobody has it yet', question.is_open() and not stage.has(FRONT, 'sda'))
    since = len(stage.ear.records)
    question.say('allow:front')
    tap.check('allowed, it is attached', stage.gets(FRONT, 'sda'))
    tap.check('and that is told', wait(lambda: any(
        r.subject == FRONT and r.name == 'device-attach:block' for r in stage.ear.records[since:]), 5))
    stage.unassign(OTHER, 'sdb')
    stage.go('sda', 'sdb')


def answers(stage):
    person = stage.person
    for how in ('deny', '', 'allow:', 'allow:other', 'allow:dom0', 'allow:front\n', 'allow: front', 'ALLOW:front',
                'allow:frontx', 'allow:fron', 'xallow:front', 'allow:front,other', 'yes', 'flood'):
        person.how = how
        count = sum(q.port() == 'sda' for q in person.asked)
        stage.come('sda')
        asked = wait(lambda n=count: sum(q.port() == 'sda' for q in person.asked) > n, 10)
        stage.tap.check(f'{how!r} is a no', asked and stage.nobody_gets('sda'))
        stage.go('sda')
    person.how = 'drip'
    stage.come('sda')
    stage.tap.check('a yes may come in pieces', stage.gets(FRONT, 'sda'))
    person.how = None
    stage.go('sda')


def several(stage):
    tap, person = stage.tap, stage.person
    stage.assign(FRONT, 'sdc', 'ask-to-attach')
    stage.assign(OTHER, 'sdc', 'auto-attach', "_read-only='yes'")
    stage.come('sdc')
    question = stage.question('sdc')
    tap.check('of several a person chooses', question.words['targets'] == [FRONT, OTHER]
              and question.words['default_target'] == '', question.words)
    question.say('allow:other')
    tap.check("and its assignment's options are taken", stage.gets(OTHER, 'sdc') and "_read-only='yes'" in
              stage.house.must(f'{METHOD}Attached', OTHER))
    stage.go('sdc')
    stage.come('sdc')
    stage.question('sdc', 2).say('allow:front')
    tap.check('who was to be asked is not asked again', stage.gets(FRONT, 'sdc') and stage.question('sdc', 2))
    stage.go('sdc')
    stage.come('sdc')
    stage.question('sdc', 3).say('allow:nonsense')
    tap.check('nonsense attaches it to nobody', stage.nobody_gets('sdc'))
    stage.go('sdc')
    person.how = 'deny'
    stage.assign(FRONT, 'sdb', 'auto-attach')
    stage.come('sdc', 'sdb')
    tap.check('no choice ends all of that change: what comes behind is attached to nobody',
              wait(lambda: sum(q.port() == 'sdc' for q in person.asked) == 4, 10) and stage.nobody_gets('sdb'))
    stage.go('sdc', 'sdb')
    stage.unassign(OTHER, 'sdc')
    stage.come('sdc', 'sdb')
    tap.check('but a single no is only that', stage.gets(FRONT, 'sdb') and not stage.has(FRONT, 'sdc')
              and stage.question('sdc', 5).words['targets'] == [FRONT])
    stage.go('sdc', 'sdb')
    person.how = None
    for port in ('sdc', 'sdb'):
        stage.unassign(FRONT, port)


def a_start(stage):
    house, tap = stage.house, stage.tap
    house.must('admin.vm.Kill', FRONT)
    count = len(stage.person.asked)
    stage.come('sda')
    tap.check('for a VM that does not run nobody is asked', stage.nobody_gets('sda') and len(stage.person.asked) == count)
    answer = house.call('admin.vm.Start', FRONT)
    question = wait(lambda: len(stage.person.asked) > count, 10) and stage.person.asked[-1]
    tap.check('its start is answered, and then a person is asked', answer.ok and answer.seconds < 10
              and question and question.words['targets'] == [FRONT], answer)
    question.say('allow:front')
    tap.check('allowed, it is attached', stage.gets(FRONT, 'sda'))
    stage.go('sda')


def one_at_a_time(stage):
    house, tap, person = stage.house, stage.tap, stage.person
    house.must('admin.vm.Kill', OTHER)
    stage.assign(OTHER, 'sda', 'ask-to-attach')
    count = len(person.asked)
    stage.come('sda')
    wait(lambda: len(person.asked) > count, 10)
    house.must('admin.vm.Start', OTHER)
    wait(lambda: False, SURELY)
    tap.check('about one port one question is open', len(person.asked) == count + 1)
    person.asked[-1].say('deny')
    tap.check('the next comes when it is answered', wait(lambda: len(person.asked) == count + 2, 10)
              and person.asked[-1].words['targets'] == [OTHER], [q.words['targets'] for q in person.asked[count:]])
    person.asked[-1].say('allow:other')
    tap.check('and is as good', stage.gets(OTHER, 'sda') and not stage.has(FRONT, 'sda'))
    stage.unassign(OTHER, 'sda')
    stage.go('sda')


def asks_nothing_any_more(stage):
    house, tap, person = stage.house, stage.tap, stage.person

    def ask():
        count = len(person.asked)
        stage.come('sda')
        return person.asked[-1] if wait(lambda: len(person.asked) > count, 10) else None

    question = ask()
    stage.daemon.withdraw('sda')
    tap.check('with the device the question goes', wait(lambda: not question.is_open(), 10))
    question.say('allow:front')
    question = ask()
    house.must(f'{METHOD}Attach+back+sda', OTHER)
    tap.check('with its attachment to another VM', wait(lambda: not question.is_open(), 10))
    stage.go('sda')
    question = ask()
    house.must('admin.vm.Kill', FRONT)
    tap.check('with the VM that was to have it', wait(lambda: not question.is_open(), 10))
    house.must('admin.vm.Start', FRONT)
    tap.check('which is asked about anew when it starts', wait(lambda: person.asked[-1] is not question, 10))
    stage.daemon.withdraw('sda')
    wait(lambda: not person.asked[-1].is_open(), 10)
    question = ask()
    stage.unassign(FRONT, 'sda')
    question.say('allow:front')
    tap.check('what is not assigned any more is not attached by a late yes', stage.nobody_gets('sda'))
    stage.assign(FRONT, 'sda', 'ask-to-attach')
    stage.go('sda')


def processes_die(stage):
    house, tap, person = stage.house, stage.tap, stage.person
    count = len(person.asked)
    stage.come('sda')
    wait(lambda: len(person.asked) > count, 10)
    question = person.asked[-1]
    for name in (house.vm_actor(FRONT), 'registry', 'launcher', 'router'):
        pid = house.kill(name)
        tap.check(f'{name} dies: the question stays open', wait(lambda n=name, p=pid: house.serving(n, p), 15)
                  and question.is_open())
    tap.check('and a yes is good', wait(lambda: house.call('admin.vm.List').ok, 10))
    question.say('allow:front')
    tap.check('still', stage.gets(FRONT, 'sda'))
    stage.go('sda')
    stage.come('sda')
    wait(lambda: len(person.asked) > count + 1, 10)
    question = person.asked[-1]
    pid = house.kill(BUS)
    tap.check('with its bus a question ends', wait(lambda: not question.is_open(), 5))
    question.say('allow:front')
    tap.check('another one serves', wait(lambda: house.serving(BUS, pid), 10))
    tap.check('which asks again', wait(lambda: len(person.asked) > count + 2, 20)
              and person.asked[-1].words['targets'] == [FRONT] and person.asked[-1].port() == 'sda')
    tap.check('and attaches nothing for an answer to the one before', stage.nobody_gets('sda')
              and person.asked[-1].is_open())
    pid = house.kill(BUS)
    tap.check('and so does the next', wait(lambda: house.serving(BUS, pid), 10)
              and wait(lambda: len(person.asked) > count + 3, 20))
    since = len(stage.ear.records)
    person.asked[-1].say('allow:front')
    tap.check('whose yes is good', stage.gets(FRONT, 'sda'))
    pid = house.kill(BUS)
    tap.check('what is settled nobody is asked about again', wait(lambda: house.serving(BUS, pid), 10)
              and stage.gets(FRONT, 'sda') and not wait(lambda: len(person.asked) > count + 4, SURELY))
    tap.check('and it was attached once', [r.name for r in stage.ear.records[since:] if r.subject == FRONT
              and r.name.startswith('device-')] == ['device-attach:block'], stage.ear.records[since:])
    stage.go('sda')
    person.how = 'deny'
    stage.come('sda')
    wait(lambda: len(person.asked) > count + 4, 10)
    stage.nobody_gets('sda')
    person.how = None
    pid = house.kill(BUS)
    tap.check('a no stays one', wait(lambda: house.serving(BUS, pid), 10) and stage.nobody_gets('sda')
              and len(person.asked) == count + 5)


def play(tap):
    with House() as house:
        for name in (BACK, FRONT, OTHER):
            house.create(name)
        ear = Listener(house).begin()
        daemon = Daemon(house, BACK)
        try:
            for name in (BACK, FRONT, OTHER):
                house.must('admin.vm.Start', name)
            house.must(f'{METHOD}Available', BACK)
            stage = Stage(house, tap, ear, daemon)
            nobody_is_there(stage)
            stage.person = Person(house)
            for part in (somebody_thinks, answers, several, a_start, one_at_a_time, asks_nothing_any_more, processes_die):
                part(stage)
        finally:
            daemon.end()


scenario(play)
