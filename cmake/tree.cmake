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
add_actor(api LINKS room_model)
if(TARGET actor_api)
  target_compile_definitions(actor_api PUBLIC BULKHEAD_VERSION="${PROJECT_VERSION}")
endif()

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

# What vm tells libvirt, without the actor.
file(GLOB vm_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/actors/vm/vm_xml*.c)
add_library(actor_vm_files STATIC ${vm_files})
target_link_libraries(actor_vm_files PUBLIC door_xmlwrite)

add_actor(devbus-pci DOORS nodedev pciids sysfs)
add_unit_tests(devbus-pci actor_devbus_pci)
target_compile_definitions(unit_devbus-pci_devbus_pci_test PRIVATE CONFORMANCE="${PROJECT_SOURCE_DIR}/tests/conformance")

add_cli(room_proto room_runtime_effects room_base PkgConfig::JANSSON)
add_unit_tests(cli room_cli)
add_reference(room_proto)

add_unit_tests(base room_base)
add_unit_tests(proto room_proto msgpackc)
add_unit_tests(router actor_router)
add_unit_tests(runtime room_runtime)
add_unit_tests(model room_model)
target_link_options(unit_model_model_fold_test PRIVATE -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc)
add_unit_tests(api actor_api)
add_unit_tests(runtime/effects room_runtime_effects)
add_jail_tests(nng PkgConfig::LIBVIRT PkgConfig::SQLITE3)

add_fuzz(text room_base)
add_fuzz(wire room_proto msgpackc)
add_fuzz(messages room_proto)
add_fuzz(route actor_router)
add_fuzz(devbus_pci actor_devbus_pci)
add_fuzz(api_request actor_api)
add_unit_tests(doors door_domain door_hostwatch door_nodedev door_sim door_pciids door_sysfs door_db door_xml door_digest)
add_unit_tests(registry actor_registry_files)
add_unit_tests(vm actor_vm_files door_domain PkgConfig::LIBXML2)

# Measuring programs; run by hand.
foreach(bench store qubes_xml)
  add_executable(bench_${bench} ${PROJECT_SOURCE_DIR}/tests/bench/bench_${bench}.c)
  set_target_properties(bench_${bench} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bench)
endforeach()
target_link_libraries(bench_store PRIVATE door_db)
target_link_libraries(bench_qubes_xml PRIVATE actor_registry_files)
