# SPDX-License-Identifier: MIT
"""A VM's process hangs again and again until it is quarantined; then api and the router are killed, too."""
import signal
import subprocess
import threading

from house import House, Silence, scenario, wait

VM, OTHER = 'held', 'other'


def poke(house):
    """Something waits in the mailbox of the VM's process; nobody waits for the answer."""
    def ask():
        try:
            house.call('admin.vm.Unpause', VM, timeout=20)
        except Silence:
            pass
    threading.Thread(target=ask, daemon=True).start()


def quarantine(house, actor):
    """Stands still in each of its lives; whether it is quarantined for that."""
    last = 0
    for _ in range(8):
        wait(lambda: house.serving(actor, but=last) or house.ps()[actor]['state'] == 'quarantined')
        if house.ps()[actor]['state'] == 'quarantined':
            return True
        last = house.kill(actor, signal.SIGSTOP)
        poke(house)
    return False


def play(tap):
    with House() as house:
        for name in (VM, OTHER):
            house.create(name)
            house.must('admin.vm.Start', name)
        actor = house.vm_actor(VM)
        tap.check('a process that hangs in each of its lives is quarantined', quarantine(house, actor), house.ps())
        tap.check('its VM runs on, and is told so',
                  house.state(VM) == 'Running' and house.virsh().get(VM) == 'running', house.state(VM), house.virsh())
        answer = house.call('admin.vm.Unpause', VM)
        tap.check('what is asked of it is answered with an error', answer.kind == 'error', answer)
        for victim in ('api/0', 'router', 'api/0'):
            pid = house.kill(victim)
            wait(lambda v=victim, p=pid: house.serving(v, but=p))
            tap.check(f'it is told as running after the death of {victim}',
                      wait(lambda: house.state(VM) == 'Running'), house.state(VM))
        house.kill('router')
        tap.check('and it stays so when those who speak have spoken',
                  not wait(lambda: house.state(VM) != 'Running', 7), house.state(VM))
        subprocess.run(['virsh', '-q', '-c', house.uri, 'destroy', VM], check=True, timeout=20)
        wait(lambda: house.virsh().get(VM, 'shut off') == 'shut off')
        answer = house.call('admin.vm.Unpause', VM)
        tap.check('when its domain has ended, who asks for it hears an error, and then that it is halted',
                  answer.kind == 'error' and wait(lambda: house.state(VM) == 'Halted'), answer, house.state(VM))
        tap.check('the other VM runs', house.state(OTHER) == 'Running')


scenario(play)
