# SPDX-License-Identifier: MIT
# The rooms of the house and what each may link (ARCHITECTURE.md, "The rooms").
add_room(base)
add_room(model room_base PkgConfig::UUID)

add_door(xml PkgConfig::LIBXML2)
add_door(domain PkgConfig::LIBVIRT pthread)
add_door(nodedev PkgConfig::LIBVIRT PkgConfig::LIBXML2 pthread)
add_door(pciids PkgConfig::LIBPCI)
add_door(sysfs)
add_door(db PkgConfig::SQLITE3)
add_door(digest PkgConfig::LIBMD)

add_unit_tests(base room_base)
add_unit_tests(model room_model)
add_unit_tests(doors door_db door_xml door_digest)
