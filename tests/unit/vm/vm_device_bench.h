/* SPDX-License-Identifier: MIT
 * A VM that lives, and a bus that attaches and detaches: what the tests of its devices share. */
#ifndef TESTS_UNIT_VM_VM_DEVICE_BENCH_H
#define TESTS_UNIT_VM_VM_DEVICE_BENCH_H

#include "tests/unit/vm/vm_bench.h"

#include "proto/devbus_values.h"

static inline void open_living(struct bench *b)
{
    bench_setup(b);
    b->virt_mode = "hvm";
    bench_run(b);
    BENCH_HEAR(b, vm_start, .nothing = 0);
    bench_run(b);
    assert_int_equal(b->core->life, VM_LIVING);
}

static inline unsigned plugged(const struct bench *b)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 8; i++)
        count += b->world.plugged[i][0] != '\0';
    return count;
}

/* api repeats what was lost, under the same operation. */
#define THE_CARD                                                                                             \
    "<hostdev type=\"pci\" managed=\"yes\"><source><address domain=\"0x0000\" bus=\"0x00\" slot=\"0x19\" "   \
    "function=\"0x0\"/></source></hostdev>"
#define THE_DISK                                                                                             \
    "<disk type=\"block\" device=\"disk\"><driver name=\"phy\"/><source dev=\"/dev/sda\"/><target "          \
    "dev=\"xvdi\"/>"                                                                                         \
    "<backenddomain name=\"usb\"/></disk>"

/* `there`: what the domain has before, NULL for nothing. */
static inline void die_everywhere(uint64_t (*ask)(struct bench *), const char *there, const char *pre,
                                  const char *after)
{
    unsigned wanted = there == NULL;
    for (int does = 0; does < 2; does++) {
        for (unsigned at = 1; at < 40; at++) {
            struct bench b;
            open_living(&b);
            if (there != NULL)
                snprintf(b.world.plugged[0], 512, "%s", there);
            unsigned from = b.events;
            b.die_at = b.said + at;
            uint64_t asked = ask(&b);
            bench_run(&b);
            bool died = b.dead;
            if (died) {
                bench_crash(&b, does != 0);
                bench_run(&b);
                assert_int_equal(b.core->life, VM_LIVING);
            }
            if (bench_answer(&b, asked) == 1) {
                asked = ask(&b);
                bench_run(&b);
                assert_int_equal(bench_answer(&b, asked), 0);
            }
            assert_int_equal(plugged(&b), wanted);
            assert_true(b.world.plugs <= 1);
            BENCH_HEARD(&b, from, pre, after);
            assert_null(strstr(b.note, "step=plugging"));
            bench_end(&b);
            if (!died)
                return;
        }
    }
}

#endif
