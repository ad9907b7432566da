# SPDX-License-Identifier: MIT
"""Overrides of the domain's XML, through a jailed vm process and a real libvirtd."""
import subprocess

from house import House, Listener, scenario, wait

SHEET = ('<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
         '<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy>'
         '</xsl:template>%s</xsl:stylesheet>')
MARKED = SHEET % '<xsl:template match="on_crash"><on_crash>preserve</on_crash></xsl:template>'
GREEDY = SHEET % '<xsl:template match="title"><xsl:copy-of select="document(\'/etc/passwd\')"/></xsl:template>'


def dumpxml(house, name):
    uri = f'test+unix:///default?socket={house.dir}/run/libvirt/libvirt-sock'
    return subprocess.run(['virsh', '-q', '-c', uri, 'dumpxml', name], check=True, timeout=20,
                          stdout=subprocess.PIPE).stdout.decode()


def play(tap):
    with House() as house:
        ear = Listener(house).begin()
        folder = house.dir / 'var/templates/libvirt/test/by-name'
        folder.mkdir(parents=True, mode=0o755)
        house.create('odd')

        (folder / 'odd.xsl').write_text('<xsl:stylesheet')
        answer = house.call('admin.vm.Start', 'odd', timeout=60)
        tap.check('a broken stylesheet starts nothing and is named',
                  answer.error == 'QubesException' and 'by-name/odd.xsl cannot be used' in answer.text, answer)
        tap.check('the start has failed in every sense',
                  wait(lambda: ear.names()[-1:] == ['domain-start-failed']) and house.state('odd') == 'Halted',
                  ear.names())

        (folder / 'odd.xsl').write_text(SHEET % '<xsl:template match="name/text()">dom0</xsl:template>')
        answer = house.call('admin.vm.Start', 'odd', timeout=60)
        tap.check('one that takes another name starts nothing', 'changes the name' in answer.text, answer)

        (folder / 'odd.xsl').write_text(GREEDY)
        answer = house.call('admin.vm.Start', 'odd', timeout=60)
        tap.check('one that matches nothing changes nothing', answer.ok, answer)
        house.call('admin.vm.Kill', 'odd', timeout=60)

        (folder / 'odd.xsl').write_text(MARKED)
        answer = house.call('admin.vm.Start', 'odd', timeout=60)
        tap.check('a good one is what libvirt gets', answer.ok and '<on_crash>preserve<' in dumpxml(house, 'odd'),
                  answer, dumpxml(house, 'odd') if answer.ok else '')


scenario(play)
