# SPDX-License-Identifier: MIT
"""What scenarios about volumes share."""
import subprocess


def pool_number(name):
    """The instance of storage that serves a pool (model/pool.h)."""
    h = 2166136261
    for c in name.encode():
        h = ((h ^ c) * 16777619) & 0xffffffff
    return (h ^ h >> 16) % 3000


def info(house, vm, volume):
    return dict(line.split('=', 1) for line in house.must(f'admin.vm.volume.Info+{volume}', vm).splitlines())


def xml(house, name):
    uri = f'test+unix:///default?socket={house.dir}/run/libvirt/libvirt-sock'
    return subprocess.run(['virsh', '-q', '-c', uri, 'dumpxml', name], check=True, timeout=20,
                          stdout=subprocess.PIPE).stdout.decode()
