# SPDX-License-Identifier: MIT
"""`bulkhead ps` reads the supervisor's page; a stopped api/0 and a stopped router change nothing about that."""
import signal
import time

from house import House, scenario, wait


def play(tap):
    with House() as house:
        for actor in ('api/0', 'router'):
            pid = house.kill(actor, signal.SIGSTOP)
            began = time.monotonic()
            rows = house.ps()
            took = time.monotonic() - began
            tap.check(f'ps answers at once while {actor} stands still', took < 5 and actor in rows, took)
            house.kill(actor, signal.SIGCONT)
            tap.check(f'{actor} serves again afterwards', wait(lambda: house.serving(actor)), pid, house.ps())
        tap.check('calls are answered again', wait(lambda: house.call('admin.vm.List').ok))


scenario(play)
