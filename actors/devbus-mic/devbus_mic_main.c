/* SPDX-License-Identifier: MIT
 * The program devbus-mic: it opens nothing, and has no worker. */
#include "actors/devbus-mic/devbus_mic.h"
#include "actors/devbus/devbus_person.h"

int main(int argc, char **argv)
{
    static const struct program_parts parts = {
        .actor = &devbus_mic_actor, .open = devbus_person_open, .handed = devbus_person_handed};
    return program_run(&parts, argc, argv);
}
