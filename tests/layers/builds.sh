#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 1500
# Both compilers take the whole tree without a warning: gcc as released, clang with the sanitizers.
. "$(dirname "$0")/tree.sh"

check "gcc builds the release without a warning" none tools/build release
check "clang builds the tree with its sanitizers without a warning" none tools/build asan
done_testing
