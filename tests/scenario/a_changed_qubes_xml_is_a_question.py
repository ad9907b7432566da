# SPDX-License-Identifier: MIT
"""Somebody else writes qubes.xml: a clear question, and nothing is lost by either answer."""
import json
import pathlib
import shutil
import subprocess
import sys
import time

from house import BUILD, TREE, House, scenario, wait

sys.path.insert(0, str(TREE / 'tests'))
import qubes_xml_meaning as meaning  # noqa: E402 pylint: disable=wrong-import-position


def bulkhead(house, *words):
    done = subprocess.run([BUILD / 'bulkhead', '--dir', house.dir, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=60)
    return done.returncode, done.stdout.decode()


def findings(house):
    status, out = bulkhead(house, 'check', '--json')
    return status, [(f['severity'], f['about']) for f in json.loads(out)]


def exported(house, has, path='qubes.xml'):
    file = house.dir / 'var' / path
    return wait(lambda: file.exists() and has in file.read_text('utf-8'))


def replaced(house, where='.'):
    return sorted((house.dir / 'var' / where).glob('*.replaced-*'))


def question_and_answers(tap, house):
    house.create('work')
    house.must('admin.vm.feature.Set+colour', 'work', 'blue')
    house.must('admin.vm.notes.Set', 'work', 'first note')
    house.must('admin.vm.firewall.Set', 'work', 'action=drop comment=ours')
    tap.check('the store is exported after a quiet second', exported(house, '"colour">blue<'))
    tap.check('notes are exported', exported(house, 'first note', 'appvms/work/notes.txt'))
    tap.check('the firewall is exported', exported(house, '>ours<', 'appvms/work/firewall.xml'))
    tap.check('what is in order is silent', findings(house) == (0, []), findings(house))

    xml = house.dir / 'var/qubes.xml'
    xml.write_text(xml.read_text().replace('"colour">blue<', '"colour">green<'))
    theirs = xml.read_bytes()
    status, found = findings(house)
    tap.check('a changed qubes.xml is a question', status == 1 and found == [('question', 'qubes.xml')], found)
    house.must('admin.vm.feature.Set+size', 'work', 'large')
    time.sleep(1.5)
    tap.check('it is left alone while changes go on', xml.read_bytes() == theirs)
    tap.check('bulkhead ps tells it', wait(lambda: 'qubes.xml changed' in bulkhead(house, 'ps')[1]),
              bulkhead(house, 'ps')[1])
    house.down()
    house.up(empty=False)
    tap.check('a restart leaves it alone', xml.read_bytes() == theirs)
    tap.check('and keeps the question', findings(house)[1] == [('question', 'qubes.xml')])

    status, out = bulkhead(house, 'import')
    tap.check('import takes the file', status == 0, out)
    tap.check('its value holds', house.must('admin.vm.feature.Get+colour', 'work') == 'green')
    tap.check('what it does not have is gone', not house.call('admin.vm.feature.Get+size', 'work').ok)
    tap.check('the question is gone', wait(lambda: findings(house) == (0, [])), findings(house))

    shutil.copy(xml, house.dir / 'their.xml')
    xml.write_text(xml.read_text().replace('"colour">green<', '"colour">red<'))
    theirs = xml.read_bytes()
    house.must('admin.vm.feature.Set+colour', 'work', 'white')
    status, out = bulkhead(house, 'export', '--force')
    tap.check('export --force keeps the store', status == 0 and exported(house, '"colour">white<'), out)
    tap.check('and puts the other file aside', any(f.read_bytes() == theirs for f in replaced(house)), replaced(house))
    tap.check('the question is gone again', findings(house) == (0, []), findings(house))


def files_of_vms(tap, house):
    notes = house.dir / 'var/appvms/work/notes.txt'
    notes.write_text('written by hand')
    house.must('admin.vm.notes.Set', 'work', 'written by us')
    time.sleep(1.5)
    tap.check('a changed notes.txt is left alone', notes.read_text() == 'written by hand')
    tap.check('and is a question', findings(house)[1] == [('question', 'appvms/work/notes.txt')], findings(house))
    status, out = bulkhead(house, 'export', '--force')
    tap.check('which export --force answers', notes.read_text() == 'written by us', status, out)
    tap.check('keeping what was there', [f.read_text() for f in replaced(house, 'appvms/work')] == ['written by hand'])

    firewall = house.dir / 'var/appvms/work/firewall.xml'
    firewall.write_text('<firewall version="2"><rules><rule><properties>\n<property name="action">pass</property>'
                        '</properties></rule></rules></firewall>')
    status, out = bulkhead(house, 'import')
    tap.check('a broken firewall.xml disables its VM alone',
              status == 0 and 'disabled: appvms/work/firewall.xml' in out and 'line 2, column 1' in out, out)
    answer = house.call('admin.vm.Start', 'work')
    tap.check('whose start says why', not answer.ok and 'firewall.xml' in answer.text, answer)
    tap.check('nothing passes its firewall', house.must('admin.vm.firewall.Get', 'work') == 'action=drop\n')
    firewall.write_text('<f policy="deny" version="1"/>')
    status, out = bulkhead(house, 'import')
    tap.check('and a repaired one brings it back', status == 0 and house.must('admin.vm.firewall.Get', 'work') ==
              'action=drop specialtarget=dns\naction=drop proto=icmp\n' and house.call('admin.vm.Start', 'work').ok, out)

    xml = house.dir / 'var/qubes.xml'
    xml.write_text(xml.read_text().replace('"colour">white<', '"colour">black<'))
    status, out = bulkhead(house, 'import')
    tap.check('what lives is not changed by an import', status == 1 and 'QubesVMNotHaltedError' in out and
              house.must('admin.vm.feature.Get+colour', 'work') == 'white', status, out)
    house.must('admin.vm.Kill', 'work')
    status, out = bulkhead(house, 'import')
    tap.check('halted it is', status == 0 and house.must('admin.vm.feature.Get+colour', 'work') == 'black', status, out)


def expiry(tap, house):
    house.must('admin.vm.firewall.Set', 'work', f'action=accept expire={int(time.time()) + 1}\naction=drop')
    tap.check('a rule that expires leaves the list and the file', wait(
        lambda: house.must('admin.vm.firewall.Get', 'work') == 'action=drop\n') and wait(
            lambda: 'expire' not in (house.dir / 'var/appvms/work/firewall.xml').read_text()))


def thousand(tap, house):
    folder = house.dir / 'thousand'
    folder.mkdir()
    xml = subprocess.run([TREE / 'tests/gen-qubes-xml', '1000'], check=True, stdout=subprocess.PIPE).stdout
    (folder / 'qubes.xml').write_bytes(xml)
    (folder / 'appvms/app-00099').mkdir(parents=True)
    (folder / 'appvms/app-00099/notes.txt').write_text('the ninety-ninth')
    status, out = bulkhead(house, 'check', str(folder))
    tap.check('a file of 1,000 VMs is found in order', status == 0, out)
    began = time.monotonic()
    status, out = bulkhead(house, 'import', str(folder))
    seconds = time.monotonic() - began
    tap.check('and imported into the house within seconds', status == 0 and seconds < 20, seconds, out)
    tap.note(f'import of 1,000 VMs into a running house: {seconds:.2f} s')
    tap.check('all of them are there', wait(lambda: house.must('admin.vm.List').count('\n') == 1001))
    tap.check('with their notes', house.must('admin.vm.notes.Get', 'app-00099') == 'the ninety-ninth')
    status, out = bulkhead(house, 'export', f'{house.dir}/out/')
    tap.check('an export of the house means the same', status == 0 and not meaning.differences(
        xml, (house.dir / 'out/qubes.xml').read_bytes()), out)
    tap.check('and has the notes', (house.dir / 'out/appvms/app-00099/notes.txt').read_text() == 'the ninety-ninth')
    tap.check('no folder of the import is left', not list((house.dir / 'var').glob('import.*')))
    return xml


def at_rest(tap, house, xml):
    house.down()
    status, out = bulkhead(house, 'check')
    tap.check('a store at rest can be checked', status == 0, out)
    status, out = bulkhead(house, 'export', str(house.dir / 'rest.xml'))
    tap.check('and exported', status == 0 and
              not meaning.differences(xml, (house.dir / 'rest.xml').read_bytes()), out)
    status, out = bulkhead(house, 'import', str(house.dir / 'their.xml'))
    tap.check('and imported into', status == 0, out)
    house.up(empty=False)
    tap.check('the house then serves it', house.must('admin.vm.feature.Get+colour', 'work') == 'green')
    house.must('admin.vm.feature.Set+after', 'work', '1')
    tap.check('and can write to it', house.must('admin.vm.feature.Get+after', 'work') == '1')
    broken = pathlib.Path(house.dir / 'broken.xml')
    broken.write_text('<qubes>\n  <domains>\n    <domain class="AppVM" id="domain-1"><properties/></domain>\n</qubes>')
    status, out = bulkhead(house, 'check', str(broken))
    tap.check('what is no XML is told with line and column', status == 1 and 'line 4, column' in out, out)
    status, out = bulkhead(house, 'import', str(broken))
    tap.check('and changes nothing', status == 1 and house.must('admin.vm.feature.Get+after', 'work') == '1', out)


def foreign_things(tap, house):
    override = house.dir / 'etc/qubes/templates/libvirt/xen/by-name/work.xml'
    override.parent.mkdir(parents=True)
    override.write_text('{% extends "libvirt/xen.xml" %}')
    points = house.dir / 'usr/lib/python3.11/site-packages/mine-1.0.egg-info/entry_points.txt'
    points.parent.mkdir(parents=True)
    points.write_text('[qubes.ext]\nmine = mine.ext:Mine\ncore = qubes.ext.core_features:CoreFeatures\n')
    status, out = bulkhead(house, 'check')
    tap.check('overrides and extensions that are not read are told', status == 1 and 'by-name/work.xml' in out and
              'mine.ext:Mine' in out and 'core_features' not in out, out)


def play(tap):
    with House() as house:
        question_and_answers(tap, house)
        files_of_vms(tap, house)
        expiry(tap, house)
        xml = thousand(tap, house)
        at_rest(tap, house, xml)
        foreign_things(tap, house)
        tap.check('no process died of all this', 'ended by' not in house.log() and 'crash' not in house.log())


scenario(play)
