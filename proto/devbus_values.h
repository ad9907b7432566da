/* SPDX-License-Identifier: MIT
 * What the numbers in fields of devbus.def mean. */
#ifndef PROTO_DEVBUS_VALUES_H
#define PROTO_DEVBUS_VALUES_H

/* bus_prepare: what the VM is to have the device for. */
enum bus_purpose {
    BUS_TO_ATTACH,
    BUS_TO_START,   /* the VM starts with it */
    BUS_TO_BE_READY /* the VM starts, and may find it there: it is ready, but free */
};

/* bus_sound: what has happened to a VM's sound. */
enum bus_sound_what {
    SOUND_LOOKS,  /* nobody has looked so far */
    SOUND_BEGINS, /* the QubesDB of the VM that has it is new: what was said there holds no more */
    SOUND_MOVES,  /* it was elsewhere until now */
    SOUND_ENDS    /* it goes to nobody who lives */
};

#endif
