/* SPDX-License-Identifier: MIT
 * The program guest/<qid>: no doors at all. */
#include "actors/guest/guest.h"
#include "runtime/program.h"

int main(int argc, char **argv)
{
    static const struct program_parts parts = {.actor = &guest_actor};
    return program_run(&parts, argc, argv);
}
