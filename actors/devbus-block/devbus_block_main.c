/* SPDX-License-Identifier: MIT
 * The program devbus-block: it opens nothing, and has no worker. */
#include "actors/devbus-block/devbus_block.h"
#include "runtime/program.h"

int main(int argc, char **argv)
{
    static const struct program_parts parts = {.actor = &devbus_block_actor};
    return program_run(&parts, argc, argv);
}
