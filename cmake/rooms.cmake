# SPDX-License-Identifier: MIT
# How a folder becomes a library, an actor or a test. No source file is named anywhere:
# what lies in a folder belongs to it.

# add_room(NAME LINKS...): every .c of ${PROJECT_SOURCE_DIR}/NAME as the static library room_NAME.
function(add_room name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.c)
  string(REPLACE "/" "_" target ${name})
  add_library(room_${target} STATIC ${sources})
  target_link_libraries(room_${target} PUBLIC bulkhead_flags ${ARGN})
endfunction()

# add_door(NAME LINKS...): doors/NAME_*.c and doors/NAME.c as the static library door_NAME.
function(add_door name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/doors/${name}.c ${PROJECT_SOURCE_DIR}/doors/${name}_*.c)
  if(sources)
    add_library(door_${name} STATIC ${sources})
    target_link_libraries(door_${name} PUBLIC room_base ${ARGN})
  endif()
endfunction()

# add_actor(NAME DOORS door... LINKS lib...): actors/NAME as a core library and a program.
# The program's own files are NAME_main*.c; all else is the core, which the simulator and tests link.
function(add_actor name)
  cmake_parse_arguments(arg "" "FOLDER" "DOORS;LINKS" ${ARGN})
  string(REPLACE "-" "_" stem ${name})
  if(NOT arg_FOLDER)
    set(arg_FOLDER actors/${name})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${arg_FOLDER}/*.c)
  file(GLOB main CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${arg_FOLDER}/${stem}_main*.c)
  if(NOT main)
    return()
  endif()
  list(REMOVE_ITEM sources ${main})
  list(TRANSFORM arg_DOORS PREPEND door_)
  add_library(actor_${stem} STATIC ${sources})
  target_link_libraries(actor_${stem} PUBLIC room_runtime room_proto room_base ${arg_DOORS} ${arg_LINKS})
  add_executable(bulkhead-${name} ${main})
  set_target_properties(bulkhead-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/libexec OUTPUT_NAME ${name})
  target_link_libraries(bulkhead-${name} PRIVATE actor_${stem})
endfunction()

# add_supervisor(LINKS...): supervisor/ as the library room_supervisor, which tests link, and the program
# libexec/supervisor.
function(add_supervisor)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/supervisor/*.c)
  list(REMOVE_ITEM sources ${PROJECT_SOURCE_DIR}/supervisor/supervisor_main.c)
  add_library(room_supervisor STATIC ${sources})
  target_link_libraries(room_supervisor PUBLIC bulkhead_flags ${ARGN})
  add_executable(bulkhead-supervisor ${PROJECT_SOURCE_DIR}/supervisor/supervisor_main.c)
  set_target_properties(bulkhead-supervisor PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/libexec OUTPUT_NAME supervisor)
  target_link_libraries(bulkhead-supervisor PRIVATE room_supervisor)
endfunction()

# add_cli(LINKS...): cli/ as the library room_cli, which tests link, and the program build/PRESET/bulkhead.
function(add_cli)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
  list(REMOVE_ITEM sources ${PROJECT_SOURCE_DIR}/cli/cli_main.c)
  add_library(room_cli STATIC ${sources})
  target_link_libraries(room_cli PUBLIC bulkhead_flags ${ARGN})
  add_executable(bulkhead ${PROJECT_SOURCE_DIR}/cli/cli_main.c)
  target_link_libraries(bulkhead PRIVATE room_cli)
endfunction()

# add_unit_tests(ROOM LINKS...): each tests/unit/ROOM/*_test.c as one cmocka program.
function(add_unit_tests room)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${room}/*_test.c)
  foreach(source ${sources})
    get_filename_component(stem ${source} NAME_WE)
    string(REPLACE "/" "_" prefix ${room})
    add_executable(unit_${prefix}_${stem} ${source})
    target_link_libraries(unit_${prefix}_${stem} PRIVATE ${ARGN} cmocka)
    set_target_properties(unit_${prefix}_${stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/unit)
    add_test(NAME unit/${room}/${stem} COMMAND unit_${prefix}_${stem})
    set_tests_properties(unit/${room}/${stem} PROPERTIES ENVIRONMENT "CMOCKA_MESSAGE_OUTPUT=tap")
  endforeach()
endfunction()

# add_fuzz(NAME LINKS...): tests/fuzz/NAME_fuzz.c as a libFuzzer program, in the fuzz preset only.
# Its seeds are the files of tests/fuzz/corpus/NAME; tests/fuzz/run.sh runs what lies in build/fuzz/tests/fuzz.
add_custom_target(fuzzers)
function(add_fuzz name)
  if(NOT BULKHEAD_FUZZ)
    return()
  endif()
  add_executable(fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}_fuzz.c)
  target_link_libraries(fuzz_${name} PRIVATE ${ARGN})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/fuzz OUTPUT_NAME ${name})
  add_dependencies(fuzzers fuzz_${name})
endfunction()

# add_programs(KIND LINKS...): each tests/KIND/*_test.c, with all other files of that folder, as one program
# build/PRESET/tests/KIND/NAME that prints TAP; for the kinds sim and jail, whose programs the runner finds there.
function(add_programs kind)
  file(GLOB parts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${kind}/*.c)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${kind}/*_test.c)
  list(REMOVE_ITEM parts ${sources} ".")
  foreach(source ${sources})
    get_filename_component(stem ${source} NAME_WE)
    add_executable(${kind}_${stem} ${source} ${parts})
    target_link_libraries(${kind}_${stem} PRIVATE ${ARGN})
    set_target_properties(${kind}_${stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/${kind} OUTPUT_NAME ${stem})
    add_test(NAME ${kind}/${stem} COMMAND ${kind}_${stem})
    set_tests_properties(${kind}/${stem} PROPERTIES ENVIRONMENT "CMOCKA_MESSAGE_OUTPUT=tap")
  endforeach()
endfunction()
