#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tap.py RESULTS KNOWN: what replay.py found, as TAP, with the known failures taken out.

RESULTS is the file that replay.py --json wrote; KNOWN has lines "ID REASON".
"""
import json
import sys


def read_known(path: str) -> dict[str, str]:
    """The reason of each known failure, by the case's id."""
    with open(path, encoding='utf-8') as file:
        rows = [line.split(None, 1) for line in file if line.strip() and not line.startswith('#')]
    return {row[0]: row[1].strip() if len(row) > 1 else '' for row in rows}


def verdict(result: dict, known: dict[str, str]) -> tuple[bool, str, list[str]]:
    """Whether the test is ok, what follows its name, and the lines of explanation."""
    case = result['id']
    if result['passed']:
        if case in known:
            return False, '', [f'known.txt says that it fails ({known[case]}); it passes: take the line out']
        return True, '', []
    details = [f"{result['grade']}: wanted {result['want'][:600]}", f"got {result['got'][:600]}"]
    if known.get(case):
        return True, f' # skip known: {known[case]}', []
    return False, '', details + ([f'known.txt gives no reason for {case}'] if case in known else [])


def main() -> int:
    with open(sys.argv[1], encoding='ascii') as file:
        results = json.load(file)
    known = read_known(sys.argv[2])
    scenes = {result['id'].split('/')[0] for result in results}
    ids = {result['id'] for result in results}
    lost = [case for case in known if case.split('/')[0] in scenes and case not in ids]
    worst = 0
    for number, result in enumerate(results, 1):
        fine, suffix, details = verdict(result, known)
        name = ' '.join(f"{result['id']} {result['call']}".replace('#', '').split())
        print(f"{'' if fine else 'not '}ok {number} - {name}{suffix}")
        for line in details:
            print('# ' + line.replace('\n', ' '))
        worst |= not fine
    fine = not lost
    print(f"{'' if fine else 'not '}ok {len(results) + 1} - every line of known.txt names a case")
    for case in lost:
        print(f'# no such case: {case}')
    print(f'1..{len(results) + 1}')
    return int(worst or not fine)


if __name__ == '__main__':
    sys.exit(main())
