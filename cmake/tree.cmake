# SPDX-License-Identifier: MIT
# The rooms of the house and what each may link (ARCHITECTURE.md, "The rooms").
add_room(base)
add_room(proto room_base)
add_room(model room_base PkgConfig::UUID)
add_room(runtime/effects room_base)
add_room(runtime/control room_base)
add_room(runtime/jail room_runtime_effects PkgConfig::SECCOMP PkgConfig::CAPNG)
add_room(runtime room_runtime_jail room_runtime_control room_proto nng pthread)
add_supervisor(room_runtime_effects room_runtime_control room_proto PkgConfig::SYSTEMD)
add_actor(router FOLDER router)

add_door(xml PkgConfig::LIBXML2)
add_door(domain PkgConfig::LIBVIRT pthread)
add_door(nodedev PkgConfig::LIBVIRT PkgConfig::LIBXML2 pthread)
add_door(pciids PkgConfig::LIBPCI)
add_door(sysfs)
add_door(db PkgConfig::SQLITE3)

add_unit_tests(base room_base)
add_unit_tests(proto room_proto msgpackc)
add_unit_tests(model room_model)
add_unit_tests(runtime/effects room_runtime_effects)
add_jail_tests(nng PkgConfig::LIBVIRT PkgConfig::SQLITE3)

add_fuzz(text room_base)
