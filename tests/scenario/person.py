# SPDX-License-Identifier: MIT
"""A stand-in for dom0's agent that asks a person about devices, and for the person: it says what it is told, now or later."""
import contextlib
import json
import select
import time

from stand_ins import Socket

HEADER = 'device-agent.GUI dom0 name dom0'


class Question:
    """One that was put: its words, and whether somebody still waits for the answer."""

    def __init__(self, client, raw):
        self.client = client
        header, _, words = raw.partition(b'\0')
        self.header, self.words = header.decode('ascii'), json.loads(words.decode('ascii'))
        self.left = select.poll()
        self.left.register(client, 0)

    def is_open(self):
        return not any(what & select.POLLHUP for _, what in self.left.poll(0))

    def say(self, answer):
        with contextlib.suppress(OSError):
            self.client.sendall(answer.encode('ascii'))
        self.client.close()

    def port(self):
        return self.words['argument']


class Person(Socket):
    """`how`: what is answered at once ('' for an agent that ends without a word), None to think, 'flood' and
    'drip' for agents that never come to an end."""

    def __init__(self, house):
        self.how, self.asked = None, []
        self.path = house.dir / 'qubes-run/device-agent.GUI'
        self.listen(self.path, 0o600)

    def serve(self, client):
        raw, how = b'', self.how
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                raw += piece
        question = Question(client, raw)
        self.asked.append(question)
        if how == 'flood':
            with contextlib.suppress(OSError):
                while True:
                    client.sendall(b'allow:front' * 4096)
        elif how == 'drip':
            with contextlib.suppress(OSError):
                for byte in b'allow:front':
                    client.sendall(bytes([byte]))
                    time.sleep(0.02)
            client.close()
        elif how is not None:
            question.say(how)
