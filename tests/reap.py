#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/reap.py COMMAND...: runs it and fetches every process that it leaves behind when that is dead. Suites kill
supervisors, whose children then belong to the first process; in a container that one may fetch nobody, and each
dead process counts against the limit of its uid (NPROC in runtime/effects/effects.def): after some hundred of them
nothing starts any more, whatever is tested. What it runs knows it by BULKHEAD_REAPER."""
import ctypes
import os
import signal
import sys

PR_SET_CHILD_SUBREAPER = 36


def main():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        print(f"tests/reap.py: {os.strerror(ctypes.get_errno())}: dead processes stay", file=sys.stderr)
    child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ | {"BULKHEAD_REAPER": str(os.getpid())})
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda n, _: os.kill(child, n))
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


sys.exit(main())
