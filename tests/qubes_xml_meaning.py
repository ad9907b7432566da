#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether two qubes.xml mean the same: order, blanks and what is left unsaid do not count.
   tests/qubes_xml_meaning.py FILE FILE"""
import sys
import xml.etree.ElementTree as tree


def value(element) -> str:
    return element.get('ref') or element.text or ''


def holder(element) -> dict:
    """All that a domain or the root holds, by what it is."""
    facts = {}
    for p in element.findall('properties/property'):
        facts['property', p.get('name')] = value(p)
    for f in element.findall('features/feature'):
        facts['feature', f.get('name')] = f.text or ''
    for t in element.findall('tags/tag'):
        facts['tag', t.get('name')] = ''
    for v in element.findall('volume-config/volume'):
        facts['volume', v.get('name')] = sorted(v.attrib.items())
    for bus in element.findall('devices'):
        for d in bus.findall('device'):
            key = (bus.get('class'), d.get('backend-domain') or '*', d.get('id') or '*', d.get('identity') or '*')
            options = sorted((o.get('name'), o.text or '') for o in d.findall('option'))
            facts[('device',) + key] = (d.get('mode') or 'required', options)
    return facts


def facts_of(document: bytes) -> dict:
    root = tree.fromstring(document)
    facts = {('global',) + key: what for key, what in holder(root).items()}
    for label in root.findall('labels/label'):
        facts['label', label.get('id')] = (label.text, label.get('color'))
    for pool in root.findall('pools/pool'):
        facts['pool', pool.get('name')] = sorted(pool.attrib.items())
    for domain in root.findall('domains/domain'):
        qid = domain.get('id')
        facts['domain', qid] = domain.get('class')
        facts.update({(qid,) + key: what for key, what in holder(domain).items()})
    return facts


def differences(one: bytes, other: bytes) -> list[str]:
    a, b = facts_of(one), facts_of(other)
    return [f'{key}: {a.get(key)!r} and {b.get(key)!r}' for key in sorted(a.keys() | b.keys(), key=str)
            if a.get(key) != b.get(key)]


if __name__ == '__main__':
    with open(sys.argv[1], 'rb') as first, open(sys.argv[2], 'rb') as second:
        found = differences(first.read(), second.read())
    print('\n'.join(found[:50]))
    sys.exit(bool(found))
