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

# The registry's files, without the actor: import, export, replacing.
file(GLOB registry_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/actors/registry/registry_import*.c
  ${PROJECT_SOURCE_DIR}/actors/registry/registry_export.c ${PROJECT_SOURCE_DIR}/actors/registry/registry_file.c)
add_library(actor_registry_files STATIC ${registry_files})
target_link_libraries(actor_registry_files PUBLIC room_model door_xml)

add_unit_tests(base room_base)
add_unit_tests(model room_model)
add_unit_tests(doors door_db door_xml door_digest)
add_unit_tests(registry actor_registry_files)
