# SPDX-License-Identifier: MIT
# add_reference(NAME LINKS...): tests/layers/NAME_doc.c, a program that prints a page from rows (tools/reference).
function(add_reference name)
  add_executable(${name}_doc ${PROJECT_SOURCE_DIR}/tests/layers/${name}_doc.c)
  target_link_libraries(${name}_doc PRIVATE ${ARGN})
  set_target_properties(${name}_doc PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/layers)
endfunction()
