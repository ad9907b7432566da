# SPDX-License-Identifier: MIT
# The rooms of the house and what each may link (ARCHITECTURE.md, "The rooms").
add_room(base)
add_room(model room_base PkgConfig::UUID)

add_door(xml PkgConfig::LIBXML2)
add_door(xmlwrite PkgConfig::LIBXML2)
add_door(virt PkgConfig::LIBVIRT pthread)
add_door(domain door_virt)
add_door(hostwatch door_virt)
add_door(nodedev door_virt PkgConfig::LIBXML2)
add_door(sim)
add_door(pciids PkgConfig::LIBPCI)
add_door(sysfs)
add_door(db PkgConfig::SQLITE3)

add_unit_tests(base room_base)
add_unit_tests(model room_model)
add_unit_tests(doors door_domain door_hostwatch door_nodedev room_base)
