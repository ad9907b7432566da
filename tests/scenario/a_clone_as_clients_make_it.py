# SPDX-License-Identifier: MIT
"""Cloning is no method: a client creates, then sets one by one what the source has set (methods 2, 3, 7, 8)."""
import re

from house import Answer, House, Listener, scenario, wait

GIVEN = {'name', 'qid', 'uuid', 'template', 'label', 'installed_by_rpm'}  # by the creation, or never copied
OWN = {'name', 'qid', 'uuid', 'ip', 'visible_ip', 'gateway'}  # follow from the qid
DEVICE = "device_id='*' port_id='00_19.0' devclass='pci' backend_domain='dom0'"


class Client:
    """Speaks as the usual client does: one call for each thing that is read or set."""

    def __init__(self, house: House):
        self.house = house

    def properties(self, vm: str) -> dict[str, tuple[bool, str]]:
        """Of each property whether it is at its default, and its value."""
        found = {}
        for line in self.house.must('admin.vm.property.GetAll', vm).splitlines():
            name, default, _, value = line.split(' ', 3)
            value = re.sub(r'\\(.)', lambda m: '\n' if m[1] == 'n' else m[1], value)
            found[name] = (default == 'default=True', value)
        return found

    def features(self, vm: str) -> dict[str, str]:
        return {name: self.house.must(f'admin.vm.feature.Get+{name}', vm)
                for name in self.house.must('admin.vm.feature.List', vm).splitlines()}

    def tags(self, vm: str) -> list[str]:
        return self.house.must('admin.vm.tag.List', vm).splitlines()

    def assigned(self, vm: str) -> list[str]:
        return self.house.must('admin.vm.device.pci.Assigned', vm).splitlines()

    def portrait(self, vm: str) -> dict[str, object]:
        """All that a clone has in common with its source."""
        properties = {name: value for name, value in self.properties(vm).items() if name not in OWN}
        return {'properties': properties, 'features': list(self.features(vm).items()), 'tags': self.tags(vm),
                'firewall': self.house.must('admin.vm.firewall.Get', vm),
                'devices': [line.replace(f"frontend_domain='{vm}' ", '') for line in self.assigned(vm)]}

    def create(self, source: str, clone: str, **given: str) -> Answer:
        properties = self.properties(source)
        vm_class, label = properties['klass'][1], given.get('label', properties['label'][1])
        template = properties.get('template', (True, ''))[1]
        return self.house.call(f'admin.vm.Create.{vm_class}+{template}', 'dom0', f'name={clone} label={label}')

    def copy_properties(self, source: str, clone: str) -> None:
        for name, (default, value) in self.properties(source).items():
            if not default and name not in GIVEN:
                self.house.must(f'admin.vm.property.Set+{name}', clone, value)

    def copy_words(self, source: str, clone: str) -> None:
        for tag in self.tags(source):
            if not tag.startswith('created-by-'):
                self.house.must(f'admin.vm.tag.Set+{tag}', clone)
        for name, value in self.features(source).items():
            self.house.must(f'admin.vm.feature.Set+{name}', clone, value)
        self.house.must('admin.vm.firewall.Set', clone, self.house.must('admin.vm.firewall.Get', source))

    def copy_devices(self, source: str, clone: str) -> None:
        for line in self.assigned(source):
            place, fields = line.split(' ', 1)
            self.house.must('admin.vm.device.pci.Assign+' + place.replace(':', '+').replace('*', '_'), clone,
                            fields.replace(f"frontend_domain='{source}'", f"frontend_domain='{clone}'"))

    def clone(self, source: str, clone: str) -> Answer:
        answer = self.create(source, clone)
        if answer.ok:
            self.copy_properties(source, clone)
            self.copy_words(source, clone)
            self.copy_devices(source, clone)
        return answer


def furnish(house: House) -> None:
    """Sources of three classes, with something of every kind that is copied."""
    house.must('admin.vm.Create.TemplateVM', 'dom0', 'name=base label=black')
    house.must('admin.vm.Create.AppVM+base', 'dom0', 'name=up label=red')
    house.must('admin.vm.property.Set+provides_network', 'up', 'True')
    house.must('admin.vm.Create.AppVM+base', 'dom0', 'name=src label=purple')
    house.must('admin.vm.Create.StandaloneVM', 'dom0', 'name=alone label=gray')
    for name, value in (('netvm', 'up'), ('memory', '777'), ('kernelopts', 'a\\b c\nd'), ('autostart', 'False'),
                        ('default_dispvm', ''), ('include_in_backups', 'False'), ('backup_timestamp', '12'),
                        ('mac', '00:16:3e:01:02:03'), ('template_for_dispvms', 'True'), ('ip6', 'fd09::7'),
                        ('devices_denied', 'u08****b******'), ('installed_by_rpm', 'True')):
        house.must(f'admin.vm.property.Set+{name}', 'src', value)
    for name, value in (('z', '1'), ('service.a', ''), ('a', 'x y = ~'), ('menu-items', 'one two')):
        house.must(f'admin.vm.feature.Set+{name}', 'src', value)
    house.must('admin.vm.tag.Set+kept', 'src')
    house.must('admin.vm.tag.Remove+created-by-dom0', 'src')
    house.must('admin.vm.tag.Set+created-by-up', 'src')
    house.must('admin.vm.firewall.Set', 'src', 'action=accept dsthost=a.b proto=tcp dstports=443\naction=drop\n')
    house.must('admin.vm.property.Set+appvm_default_bootmode', 'base', 'm')
    house.must('admin.vm.property.Set+virt_mode', 'alone', 'hvm')
    house.must('admin.vm.property.Set+kernel', 'alone')
    house.must('admin.vm.device.pci.Assign+dom0+00_19.0+_', 'alone', f"{DEVICE} mode='required' _no-strict-reset='True'")


def without(portrait: dict[str, object]) -> dict[str, object]:
    """Who made it is not copied, nor that a package owns it."""
    properties = {name: value for name, value in portrait['properties'].items() if name != 'installed_by_rpm'}
    return dict(portrait, properties=properties, tags=[t for t in portrait['tags'] if not t.startswith('created-by-')])


def clone_each(tap, client: Client) -> None:
    for source in ('base', 'src', 'alone', 'up'):
        before = client.portrait(source)
        answer = client.clone(source, f'{source}-2')
        after = client.portrait(f'{source}-2')
        tap.check(f'the clone of {source} has all that was set, at the same places set and default',
                  answer.ok and without(after) == without(before), answer, before, after)
        tap.check(f'{source} itself is what it was', client.portrait(source) == before, client.portrait(source))


def play(tap) -> None:
    with House() as house:
        client = Client(house)
        furnish(house)
        clone_each(tap, client)
        tap.check('the clone was made by dom0, whoever made the source',
                  [t for t in client.tags('src-2') if t.startswith('created-by-')] == ['created-by-dom0'],
                  client.tags('src-2'))
        both = client.properties('src'), client.properties('src-2')
        tap.check('number, identity and address are its own',
                  all(both[0][p][1] != both[1][p][1] for p in ('name', 'qid', 'uuid', 'ip')), both)
        tap.check('a package owns the source, not the clone', both[1]['installed_by_rpm'] == (True, 'False'), both)

        ear = Listener(house).begin()
        answers = client.create('src', 'src-2'), client.create('src', 'src-3', label='nosuch')
        tap.check('a clone under a name in use, and one with an unknown label, are refused',
                  [a.error for a in answers] == ['QubesVMAlreadyExistsError', 'ProtocolError'], answers)
        client.create('src', 'src-3')
        refused = house.call('admin.vm.property.Set+netvm', 'src-3', 'src')
        tap.check('a copy that fails in between leaves a VM that the client removes',
                  refused.error == 'QubesValueError' and house.call('admin.vm.Remove', 'src-3').ok, refused)
        want = ['domain-add', 'domain-tag-add:created-by-dom0', 'domain-create-on-disk', 'domain-pre-delete',
                'domain-delete']
        tap.check('and what was told is that it came and went', wait(lambda: ear.names() == want), ear.names())
        ear.ending = True

        before = {vm: client.portrait(vm) for vm in ('base-2', 'src-2', 'alone-2', 'up-2')}
        house.down()
        house.up(empty=False)
        after = {vm: client.portrait(vm) for vm in before}
        tap.check('the clones are the same after a restart', after == before, before, after)


scenario(play)
