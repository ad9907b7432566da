/* SPDX-License-Identifier: MIT
 * A bench for the core of devbus-pci and its worker: a tree like /sys with one card behind a bridge, a
 * libvirt of the test's own, and a shell that keeps what the core says and dies where a test wants it to. */
#ifndef TESTS_UNIT_DEVBUS_PCI_DEVBUS_PCI_BENCH_H
#define TESTS_UNIT_DEVBUS_PCI_DEVBUS_PCI_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/devbus-pci/devbus_pci.h"
#include "base/own.h"
#include "proto/rules.h"

#define CARD "0000:02:00.0"
#define PORT "00_1c.0-00_00.0"
enum { WORK = 7, OTHER = 8, REPLIES = 64 };

struct reply {
    uint64_t correlation;
    int r;
    char text[512], sbdf[13], driver[32];
    size_t checks;
    struct bus_check check[16];
    bool refused;
    char attached[64]; /* ports that api had been told of then */
};

struct bench {
    struct nodedev_door nodes; /* first */
    struct devbus_pci *self;
    struct pci_doors doors;
    struct out out;
    char tree[64], note[DEVBUS_NOTE_MAX + 1];
    struct task *task;
    uint64_t timer, correlation, names_timer;
    struct reply reply[REPLIES];
    unsigned replies, binds, returns, said, die_at;
    bool dead, bind_fails, bind_breaks; /* fails; and leaves it without driver */
    unsigned returns_fail, lists_fail;  /* so many times */
    char attached[512];                 /* of the last VM that api was told of: ports */
};

static inline void in_tree(const struct bench *b, const char *commands)
{
    char command[1024];
    int len = snprintf(command, sizeof command, "cd %s && %s", b->tree, commands);
    assert_true(len > 0 && len < (int)sizeof command);
    assert_int_equal(system(command), 0);
}

/* NULL: none. */
static inline void set_driver(struct bench *b, const char *driver)
{
    char path[256], target[64];
    snprintf(path, sizeof path, "%s/devices/pci0000:00/0000:00:1c.0/" CARD "/driver", b->tree);
    snprintf(target, sizeof target, "../../../../bus/pci/drivers/%s", driver != NULL ? driver : "");
    (void)unlink(path);
    if (driver != NULL)
        assert_int_equal(symlink(target, path), 0);
}

static inline bool is_bound(struct bench *b)
{
    char driver[SYSFS_DRIVER_MAX + 1];
    sysfs_driver_of(b->doors.sysfs, CARD, driver);
    return strcmp(driver, "pciback") == 0;
}

/* ---- libvirt ---- */

static inline int list_nodes(struct nodedev_door *door, struct pci_node *rows, size_t room, size_t *count,
                             struct fault *why)
{
    struct bench *b = (struct bench *)door;
    *count = 1;
    if (b->lists_fail > 0 && b->lists_fail-- > 0)
        return fault_set(why, ERR_HYPERVISOR, "no list now");
    if (room < 1)
        return -ERR_TOO_BIG;
    rows[0] = (struct pci_node){.name = "pci_0000_02_00_0",
                                .bus = 2,
                                .class_code = "028000",
                                .vendor_id = "0x8086",
                                .product_id = "0x08b2"};
    return 0;
}

static inline int detach_node(struct nodedev_door *door, const char *name, struct fault *why)
{
    struct bench *b = (struct bench *)door;
    assert_string_equal(name, "pci_0000_02_00_0");
    b->binds++;
    if (b->bind_breaks)
        set_driver(b, NULL);
    if (b->bind_fails || b->bind_breaks)
        return fault_set(why, ERR_HYPERVISOR, "the driver does not let go");
    set_driver(b, "pciback");
    return 0;
}

static inline int reattach_node(struct nodedev_door *door, const char *name, struct fault *why)
{
    struct bench *b = (struct bench *)door;
    (void)name;
    b->returns++;
    if (b->returns_fail > 0 && b->returns_fail-- > 0)
        return fault_set(why, ERR_HYPERVISOR, "not now");
    set_driver(b, "iwlwifi");
    return 0;
}

static inline void close_nodes(struct nodedev_door *door)
{
    (void)door;
}

/* ---- what the core says ---- */

static inline bool speaks(struct bench *b)
{
    b->said++;
    b->dead = b->dead || (b->die_at != 0 && b->said >= b->die_at);
    return !b->dead;
}

static inline void take_attached(struct bench *b, const struct envelope *e)
{
    struct attached m;
    struct attached_item item;
    assert_int_equal(attached_decode(&m, e->body), 0);
    struct reader in = list_reader(&m.devices);
    b->attached[0] = '\0';
    while (attached_item_next(&in, &item) == 1)
        strncat(b->attached, item.port, sizeof b->attached - strlen(b->attached) - 1);
}

static inline void take_checks(struct reply *reply, const struct bus_plan_reply *m)
{
    struct reader in = list_reader(&m->checks);
    struct bus_check check;
    reply->checks = m->checks.count;
    for (size_t i = 0; bus_check_next(&in, &check) == 1; i++) {
        assert_true(i < COUNT(reply->check));
        reply->check[i] = check;
        reply->refused = reply->refused || strcmp(check.level, "refused") == 0;
    }
}

static inline int take(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct bus_prepare_reply prepared;
    struct bus_part_reply parted;
    struct bus_plan_reply planned;
    struct bus_return_reply returned;
    struct error error;
    if (!speaks(b))
        return 0;
    if (e->type == MESSAGE_attached)
        take_attached(b, e);
    if (e->class != CLASS_REPLY)
        return 0;
    struct reply *reply = &b->reply[b->replies++ % REPLIES];
    *reply = (struct reply){.correlation = e->correlation};
    (void)text_copy(reply->attached, sizeof reply->attached, span_of(b->attached));
    if (e->type == MESSAGE_error && error_decode(&error, e->body) == 0) {
        reply->r = -(int)error.code;
        snprintf(reply->text, sizeof reply->text, "%s", error.text);
    }
    if (e->type == MESSAGE_bus_prepare && bus_prepare_reply_decode(&prepared, e->body) == 0)
        memcpy(reply->sbdf, prepared.sbdf, sizeof reply->sbdf);
    if (e->type == MESSAGE_bus_part && bus_part_reply_decode(&parted, e->body) == 0)
        memcpy(reply->sbdf, parted.sbdf, sizeof reply->sbdf);
    if (e->type == MESSAGE_bus_return && bus_return_reply_decode(&returned, e->body) == 0) {
        memcpy(reply->sbdf, returned.sbdf, sizeof reply->sbdf);
        memcpy(reply->driver, returned.driver, sizeof reply->driver);
    }
    if (e->type == MESSAGE_bus_plan && bus_plan_reply_decode(&planned, e->body) == 0)
        take_checks(reply, &planned);
    return 0;
}

static inline void take_task(void *shell, struct task *task)
{
    struct bench *b = shell;
    if (!speaks(b)) {
        free(task);
        return;
    }
    assert_null(b->task);
    b->task = task;
}

static inline void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    struct bench *b = shell;
    *(timer == PCI_TIMER_NAMES ? &b->names_timer : &b->timer) = at;
}

static inline void take_note(void *shell, struct span note)
{
    struct bench *b = shell;
    if (!speaks(b))
        return;
    assert_true(note.len <= DEVBUS_NOTE_MAX);
    memset(b->note, 0, sizeof b->note);
    if (note.len > 0)
        memcpy(b->note, note.at, note.len);
}

static inline void take_ready(void *shell)
{
    (void)shell;
}

static const struct out_ops shell_ops = {
    .send = take, .task = take_task, .timer = take_timer, .note = take_note, .ready = take_ready};
static const struct nodedev_ops node_ops = {
    .close = close_nodes, .list = list_nodes, .detach = detach_node, .reattach = reattach_node};

/* ---- one incarnation ---- */

static inline void bench_live(struct bench *b)
{
    struct life life = {.note = span_of(b->note)};
    b->dead = false;
    b->die_at = 0;
    b->timer = 0;
    b->self = calloc(1, sizeof *b->self);
    assert_non_null(b->self);
    assert_int_equal(devbus_pci_actor.begin(b->self, &b->out, &life), 0);
    devbus_pci_actor.hello(b->self, &b->out, 1, 0);
}

static inline void bench_run_one(struct bench *b)
{
    struct task *task = TAKE(b->task);
    struct done d = {.task = task, .what = task->what};
    devbus_pci_perform(&b->doors, task);
    devbus_pci_actor.done(b->self, &b->out, &d);
    free(task);
}

static inline void bench_run(struct bench *b)
{
    while (b->task != NULL && !b->dead)
        bench_run_one(b);
}

static inline void crash(struct bench *b, bool does)
{
    if (b->task != NULL && does)
        devbus_pci_perform(&b->doors, b->task);
    free(TAKE(b->task));
    devbus_pci_actor.end(b->self);
    free(b->self);
    bench_live(b);
    bench_run(b);
}

static inline int bench_begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    *state = b;
    strcpy(b->tree, "/tmp/devbus-pci.XXXXXX");
    assert_non_null(mkdtemp(b->tree));
    in_tree(b, "d=devices/pci0000:00/0000:00:1c.0 && mkdir -p $d/" CARD " bus/pci/devices && "
               "echo 2 >$d/secondary_bus_number && touch $d/" CARD "/config $d/" CARD "/reset && "
               "ln -s ../../../$d bus/pci/devices/0000:00:1c.0 && ln -s ../../../$d/" CARD
               " bus/pci/devices/" CARD);
    set_driver(b, "iwlwifi");
    b->nodes.ops = &node_ops;
    b->doors = (struct pci_doors){.uri = "none", .nodedev = &b->nodes};
    b->doors.sysfs = open(b->tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
    b->out = (struct out){&shell_ops, b, 100 * SECONDS};
    bench_live(b);
    return 0;
}

static inline int bench_end(void **state)
{
    struct bench *b = *state;
    devbus_pci_actor.end(b->self);
    free(b->self);
    free(b->task);
    pciids_free(b->doors.ids);
    close_file(&b->doors.sysfs);
    in_tree(b, "rm -rf \"$PWD\"");
    free(b);
    return 0;
}

static inline uint64_t hear(struct bench *b, uint16_t type, uint32_t qid, const struct text *body)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = type,
                         .class = message_rule(type)->class,
                         .subject_kind = KIND_VM,
                         .subject_instance = qid,
                         .subject_generation = 1,
                         .source_kind = KIND_VM,
                         .source_instance = qid,
                         .to_kind = KIND_DEVBUS_PCI,
                         .correlation = ++b->correlation,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(body)};
    devbus_pci_actor.hear(b->self, &b->out, &e);
    return b->correlation;
}

#define HEAR(b, name, qid, ...)                                                                              \
    __extension__({                                                                                          \
        AUTO_TEXT body_ = TEXT_WITH_LIMIT(BODY_MAX);                                                         \
        name##_encode(&body_, &(struct name){__VA_ARGS__});                                                  \
        hear(b, MESSAGE_##name, qid, &body_);                                                                \
    })

static const struct reply *reply_to(const struct bench *b, uint64_t correlation)
{
    const struct reply *found = NULL;
    for (unsigned i = 0; i < b->replies && i < REPLIES; i++) {
        if (b->reply[i].correlation != correlation)
            continue;
        assert_null(found);
        found = &b->reply[i];
    }
    return found;
}

static inline uint64_t prepare(struct bench *b, uint32_t qid, uint32_t purpose, uint32_t again)
{
    return HEAR(b, bus_prepare, qid, .name = "work", .port = PORT, .device_id = "*", .purpose = purpose,
                .again = again);
}

static inline uint64_t confirm(struct bench *b, uint32_t qid, uint32_t present)
{
    return HEAR(b, bus_confirm, qid, .sbdf = CARD, .present = present);
}

static inline void lease_ends(struct bench *b)
{
    while (b->timer != 0) {
        b->out.now = b->timer;
        devbus_pci_actor.timer(b->self, &b->out, PCI_TIMER_HOLDS);
        bench_run(b);
    }
}

static inline void nothing_is_half_done(struct bench *b, bool attached)
{
    assert_int_equal(is_bound(b), attached);
    assert_string_equal(b->note, "");
    assert_int_equal(b->self->table.used, attached ? 1 : 0);
}

#endif
