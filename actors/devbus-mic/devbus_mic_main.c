/* SPDX-License-Identifier: MIT
 * The program devbus-mic: it opens nothing, and has no worker. */
#include "actors/devbus-mic/devbus_mic.h"
#include "runtime/program.h"

int main(int argc, char **argv)
{
    static const struct program_parts parts = {.actor = &devbus_mic_actor};
    return program_run(&parts, argc, argv);
}
