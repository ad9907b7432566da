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
add_door(xmlwrite PkgConfig::LIBXML2)
add_door(virt PkgConfig::LIBVIRT pthread)
add_door(domain door_virt)
add_door(hostwatch door_virt)
add_door(nodedev door_virt PkgConfig::LIBXML2)
add_door(sim)
add_door(pciids PkgConfig::LIBPCI)
add_door(sysfs)
add_door(db PkgConfig::SQLITE3)
add_door(digest PkgConfig::LIBMD)

# The registry's files, without the actor: import, export, replacing.
file(GLOB registry_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/actors/registry/registry_import*.c
  ${PROJECT_SOURCE_DIR}/actors/registry/registry_export.c ${PROJECT_SOURCE_DIR}/actors/registry/registry_file.c)
add_library(actor_registry_files STATIC ${registry_files})
target_link_libraries(actor_registry_files PUBLIC room_model door_xml)

add_unit_tests(base room_base)
add_unit_tests(proto room_proto msgpackc)
add_unit_tests(model room_model)
add_unit_tests(runtime/effects room_runtime_effects)
add_jail_tests(nng PkgConfig::LIBVIRT PkgConfig::SQLITE3)

add_fuzz(text room_base)
add_actor(vm DOORS domain xmlwrite)
add_unit_tests(vm actor_vm)
add_unit_tests(doors door_domain door_hostwatch door_nodedev door_db door_xml door_digest door_pciids door_sysfs door_xmlwrite)
add_unit_tests(actors/vm actor_vm PkgConfig::LIBXML2)
add_unit_tests(registry actor_registry_files)
