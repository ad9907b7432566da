# SPDX-License-Identifier: MIT
# The one list of compiler flags.
add_library(bulkhead_flags INTERFACE)
target_compile_features(bulkhead_flags INTERFACE c_std_17)
target_compile_definitions(bulkhead_flags INTERFACE _GNU_SOURCE)
target_include_directories(bulkhead_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(bulkhead_flags INTERFACE
  -Wall -Wextra -Werror -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum
  -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror=implicit)

if(BULKHEAD_HARDEN)
  target_compile_options(bulkhead_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  target_link_options(bulkhead_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
if(BULKHEAD_SANITIZE)
  target_compile_options(bulkhead_flags INTERFACE -fsanitize=${BULKHEAD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(bulkhead_flags INTERFACE -fsanitize=${BULKHEAD_SANITIZE})
endif()
