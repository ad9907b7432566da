# SPDX-License-Identifier: MIT
# add_reference(LINKS...): the program that writes docs/messages.md from the rows of proto/ (tools/reference).
function(add_reference)
  add_executable(proto_doc ${PROJECT_SOURCE_DIR}/tests/layers/proto_doc.c)
  target_link_libraries(proto_doc PRIVATE ${ARGN})
  set_target_properties(proto_doc PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/layers)
endfunction()
