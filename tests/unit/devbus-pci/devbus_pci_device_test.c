/* SPDX-License-Identifier: MIT
 * devbus-pci between dom0 and VMs, over a tree like /sys and a libvirt of the test's own: one holder at a
 * time, and nothing left half bound, wherever it is killed. */
#include "actors/devbus-pci/devbus_pci.h"

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

#include "base/own.h"
#include "proto/rules.h"

#define CARD "0000:02:00.0"
#define PORT "00_1c.0-00_00.0"
enum { WORK = 7, OTHER = 8, REPLIES = 64 };

struct reply {
    uint64_t correlation;
    int r;
    char text[512], sbdf[13];
    size_t checks;
    bool refused;
};

struct bench {
    struct nodedev_door nodes; /* first */
    struct devbus_pci *self;
    struct pci_doors doors;
    struct out out;
    char tree[64], note[DEVBUS_NOTE_MAX + 1];
    struct task *task;
    uint64_t timer, correlation;
    struct reply reply[REPLIES];
    unsigned replies, binds, returns, said, die_at;
    bool dead, bind_fails;
    char attached[512]; /* of the last VM that api was told of: ports */
};

static void in_tree(const struct bench *b, const char *commands)
{
    char command[1024];
    int len = snprintf(command, sizeof command, "cd %s && %s", b->tree, commands);
    assert_true(len > 0 && len < (int)sizeof command);
    assert_int_equal(system(command), 0);
}

static void set_driver(struct bench *b, const char *driver)
{
    char path[256], target[64];
    snprintf(path, sizeof path, "%s/devices/pci0000:00/0000:00:1c.0/" CARD "/driver", b->tree);
    snprintf(target, sizeof target, "../../../../bus/pci/drivers/%s", driver);
    (void)unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

static bool is_bound(struct bench *b)
{
    char driver[SYSFS_DRIVER_MAX + 1];
    sysfs_driver_of(b->doors.sysfs, CARD, driver);
    return strcmp(driver, "pciback") == 0;
}

/* ---- libvirt ---- */

static int list_nodes(struct nodedev_door *door, struct pci_node *rows, size_t room, size_t *count,
                      struct fault *why)
{
    (void)door, (void)why;
    *count = 1;
    if (room < 1)
        return -ERR_TOO_BIG;
    rows[0] = (struct pci_node){.name = "pci_0000_02_00_0",
                                .bus = 2,
                                .class_code = "028000",
                                .vendor_id = "0x8086",
                                .product_id = "0x08b2"};
    return 0;
}

static int detach_node(struct nodedev_door *door, const char *name, struct fault *why)
{
    struct bench *b = (struct bench *)door;
    assert_string_equal(name, "pci_0000_02_00_0");
    b->binds++;
    if (b->bind_fails)
        return fault_set(why, ERR_HYPERVISOR, "the driver does not let go");
    set_driver(b, "pciback");
    return 0;
}

static int reattach_node(struct nodedev_door *door, const char *name, struct fault *why)
{
    struct bench *b = (struct bench *)door;
    (void)name, (void)why;
    b->returns++;
    set_driver(b, "iwlwifi");
    return 0;
}

static void close_nodes(struct nodedev_door *door)
{
    (void)door;
}

/* ---- what the core says ---- */

static bool speaks(struct bench *b)
{
    b->said++;
    b->dead = b->dead || (b->die_at != 0 && b->said >= b->die_at);
    return !b->dead;
}

static void take_attached(struct bench *b, const struct envelope *e)
{
    struct attached m;
    struct attached_item item;
    assert_int_equal(attached_decode(&m, e->body), 0);
    struct reader in = list_reader(&m.devices);
    b->attached[0] = '\0';
    while (attached_item_next(&in, &item) == 1)
        strncat(b->attached, item.port, sizeof b->attached - strlen(b->attached) - 1);
}

static void take_checks(struct reply *reply, const struct bus_plan_reply *m)
{
    struct reader in = list_reader(&m->checks);
    struct bus_check check;
    reply->checks = m->checks.count;
    while (bus_check_next(&in, &check) == 1)
        reply->refused = reply->refused || strcmp(check.level, "refused") == 0;
}

static int take(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct bus_prepare_reply prepared;
    struct bus_part_reply parted;
    struct bus_plan_reply planned;
    struct error error;
    if (!speaks(b))
        return 0;
    if (e->type == MESSAGE_attached)
        take_attached(b, e);
    if (e->class != CLASS_REPLY)
        return 0;
    struct reply *reply = &b->reply[b->replies++ % REPLIES];
    *reply = (struct reply){.correlation = e->correlation};
    if (e->type == MESSAGE_error && error_decode(&error, e->body) == 0) {
        reply->r = -(int)error.code;
        snprintf(reply->text, sizeof reply->text, "%s", error.text);
    }
    if (e->type == MESSAGE_bus_prepare && bus_prepare_reply_decode(&prepared, e->body) == 0)
        memcpy(reply->sbdf, prepared.sbdf, sizeof reply->sbdf);
    if (e->type == MESSAGE_bus_part && bus_part_reply_decode(&parted, e->body) == 0)
        memcpy(reply->sbdf, parted.sbdf, sizeof reply->sbdf);
    if (e->type == MESSAGE_bus_plan && bus_plan_reply_decode(&planned, e->body) == 0)
        take_checks(reply, &planned);
    return 0;
}

static void take_task(void *shell, struct task *task)
{
    struct bench *b = shell;
    if (!speaks(b)) {
        free(task);
        return;
    }
    assert_null(b->task);
    b->task = task;
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    assert_int_equal(timer, PCI_TIMER_HOLDS);
    ((struct bench *)shell)->timer = at;
}

static void take_note(void *shell, struct span note)
{
    struct bench *b = shell;
    if (!speaks(b))
        return;
    assert_true(note.len <= DEVBUS_NOTE_MAX);
    memset(b->note, 0, sizeof b->note);
    if (note.len > 0)
        memcpy(b->note, note.at, note.len);
}

static void take_ready(void *shell)
{
    (void)shell;
}

static const struct out_ops shell_ops = {
    .send = take, .task = take_task, .timer = take_timer, .note = take_note, .ready = take_ready};
static const struct nodedev_ops node_ops = {
    .close = close_nodes, .list = list_nodes, .detach = detach_node, .reattach = reattach_node};

/* ---- one incarnation ---- */

static void live(struct bench *b)
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

static void run(struct bench *b)
{
    while (b->task != NULL && !b->dead) {
        struct task *task = TAKE(b->task);
        struct done d = {.task = task, .what = task->what};
        devbus_pci_perform(&b->doors, task);
        devbus_pci_actor.done(b->self, &b->out, &d);
        free(task);
    }
}

static void crash(struct bench *b, bool does)
{
    if (b->task != NULL && does)
        devbus_pci_perform(&b->doors, b->task);
    free(TAKE(b->task));
    devbus_pci_actor.end(b->self);
    free(b->self);
    live(b);
    run(b);
}

static int begin(void **state)
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
    live(b);
    return 0;
}

static int end(void **state)
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

static uint64_t hear(struct bench *b, uint16_t type, uint32_t qid, const struct text *body)
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

static uint64_t prepare(struct bench *b, uint32_t qid, uint32_t purpose, uint32_t again)
{
    return HEAR(b, bus_prepare, qid, .name = "work", .port = PORT, .device_id = "*", .purpose = purpose,
                .again = again);
}

static uint64_t confirm(struct bench *b, uint32_t qid, uint32_t present)
{
    return HEAR(b, bus_confirm, qid, .sbdf = CARD, .present = present);
}

static void lease_ends(struct bench *b)
{
    if (b->timer == 0)
        return;
    b->out.now = b->timer;
    devbus_pci_actor.timer(b->self, &b->out, PCI_TIMER_HOLDS);
    run(b);
}

static void nothing_is_half_done(struct bench *b, bool attached)
{
    assert_int_equal(is_bound(b), attached);
    assert_string_equal(b->note, "");
    assert_int_equal(b->self->table.used, attached ? 1 : 0);
}

/* ---- the promises ---- */

static void a_device_is_bound_held_and_told_when_it_is_seen(void **state)
{
    struct bench *b = *state;
    uint64_t asked = prepare(b, WORK, 0, 0);
    run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
    assert_string_equal(reply_to(b, asked)->sbdf, CARD);
    assert_true(is_bound(b));
    assert_string_equal(b->attached, "");
    asked = confirm(b, WORK, 1);
    run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
    assert_string_equal(b->attached, PORT);
    nothing_is_half_done(b, true);
    (void)confirm(b, WORK, 0);
    run(b);
    assert_string_equal(b->attached, "");
    assert_int_equal(b->self->table.used, 0);
    assert_true(is_bound(b)); /* as the reference leaves it */
}

static void two_that_race_end_in_one_attachment_and_one_refusal(void **state)
{
    struct bench *b = *state;
    uint64_t first = prepare(b, WORK, 0, 0), second = prepare(b, OTHER, 0, 0);
    run(b);
    assert_int_equal(reply_to(b, first)->r, 0);
    assert_int_equal(reply_to(b, second)->r, -ERR_DEVICE_ATTACHED);
    confirm(b, WORK, 1);
    uint64_t third = prepare(b, WORK, 0, 0);
    run(b);
    assert_int_equal(reply_to(b, third)->r, -ERR_DEVICE_ATTACHED);
    uint64_t again = prepare(b, WORK, 0, 1);
    run(b);
    assert_int_equal(reply_to(b, again)->r, 0);
    assert_int_equal(b->binds, 1);
    nothing_is_half_done(b, true);
}

static void what_is_not_attached_in_time_goes_back_to_its_driver(void **state)
{
    struct bench *b = *state;
    prepare(b, WORK, 0, 0);
    run(b);
    lease_ends(b);
    assert_int_equal(b->returns, 1);
    nothing_is_half_done(b, false);
}

static void what_was_bound_before_stays_bound_when_it_is_given_up(void **state)
{
    struct bench *b = *state;
    set_driver(b, "pciback");
    prepare(b, WORK, 0, 0);
    run(b);
    HEAR(b, bus_release, WORK, .sbdf = CARD);
    run(b);
    assert_int_equal(b->returns, 0);
    assert_true(is_bound(b));
    assert_int_equal(b->self->table.used, 0);
    assert_string_equal(b->note, "");
}

static void another_vm_can_neither_release_nor_confirm_what_is_not_its(void **state)
{
    struct bench *b = *state;
    prepare(b, WORK, 0, 0);
    run(b);
    HEAR(b, bus_release, OTHER, .sbdf = CARD);
    confirm(b, OTHER, 1);
    run(b);
    assert_int_equal(b->self->table.used, 1);
    assert_int_equal(b->self->table.device[0].qid, WORK);
    assert_int_equal(b->self->table.device[0].state, DEVBUS_HELD);
}

static void a_driver_that_does_not_let_go_is_the_askers_error_and_nothing_is_held(void **state)
{
    struct bench *b = *state;
    b->bind_fails = true;
    uint64_t asked = prepare(b, WORK, 0, 0);
    run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_HYPERVISOR);
    nothing_is_half_done(b, false);
}

static void what_cannot_be_reset_is_refused_before_it_is_touched(void **state)
{
    struct bench *b = *state;
    in_tree(b, "rm devices/pci0000:00/0000:00:1c.0/" CARD "/reset");
    uint64_t plan = HEAR(b, bus_plan, WORK, .port = PORT);
    run(b);
    assert_true(reply_to(b, plan)->refused);
    uint64_t asked = prepare(b, WORK, 0, 0);
    run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_QUBES);
    assert_non_null(strstr(reply_to(b, asked)->text, "check reset"));
    assert_int_equal(b->binds, 0);
    nothing_is_half_done(b, false);
    asked = HEAR(b, bus_prepare, WORK, .name = "work", .port = PORT, .no_strict_reset = 1);
    run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
}

static void a_plan_touches_nothing(void **state)
{
    struct bench *b = *state;
    uint64_t plan = HEAR(b, bus_plan, WORK, .port = PORT, .device_id = "0x8086:0x08b2::p028000");
    run(b);
    assert_int_equal(reply_to(b, plan)->r, 0);
    assert_false(reply_to(b, plan)->refused);
    assert_true(reply_to(b, plan)->checks >= 5);
    plan = HEAR(b, bus_plan, WORK, .port = PORT, .device_id = "another");
    run(b);
    assert_true(reply_to(b, plan)->refused);
    assert_int_equal(b->binds, 0);
    assert_int_equal(b->self->table.used, 0);
}

static void another_card_in_the_slot_is_refused(void **state)
{
    struct bench *b = *state;
    uint64_t asked = HEAR(b, bus_prepare, WORK, .name = "work", .port = PORT, .device_id = "usb");
    run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_QUBES);
    assert_non_null(strstr(reply_to(b, asked)->text, "check identity"));
    assert_int_equal(b->binds, 0);
}

static void when_bus_numbers_change_the_path_still_leads_there(void **state)
{
    struct bench *b = *state;
    in_tree(b, "d=devices/pci0000:00/0000:00:1c.0 && echo 5 >$d/secondary_bus_number && mv $d/" CARD
               " $d/0000:05:00.0 && rm bus/pci/devices/" CARD
               " && ln -s ../../../$d/0000:05:00.0 bus/pci/devices/0000:05:00.0");
    uint64_t asked = HEAR(b, bus_part, WORK, .port = PORT);
    run(b);
    assert_non_null(strstr(reply_to(b, asked)->text, "0000:05:00.0")); /* where this libvirt lists none */
    asked = HEAR(b, bus_part, WORK, .port = "00_1d.0-00_00.0");
    run(b);
    assert_non_null(strstr(reply_to(b, asked)->text, "Invalid PCI device"));
}

static void what_is_made_ready_for_a_start_that_does_not_require_it_is_nobodys(void **state)
{
    struct bench *b = *state;
    uint64_t asked = prepare(b, WORK, 2, 1);
    run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
    assert_true(is_bound(b));
    assert_int_equal(b->self->table.used, 0);
    prepare(b, OTHER, 0, 0);
    confirm(b, OTHER, 1);
    asked = prepare(b, WORK, 2, 1);
    run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
    assert_int_equal(b->self->table.device[0].qid, OTHER);
}

static void a_life_that_is_over_holds_nothing(void **state)
{
    struct bench *b = *state;
    prepare(b, WORK, 1, 1);
    run(b);
    HEAR(b, bus_has, WORK, .over = 1);
    run(b);
    nothing_is_half_done(b, false);
    assert_string_equal(b->attached, "");
}

static void a_new_incarnation_learns_from_vms_what_they_have(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT packed = TEXT_WITH_LIMIT(1024);
    struct bus_address address = {.sbdf = CARD};
    struct wire_list list = {0};
    set_driver(b, "pciback");
    bus_address_add(&list, &packed, &address);
    HEAR(b, bus_has, WORK, .over = 0, .devices = list);
    run(b);
    assert_string_equal(b->attached, PORT);
    uint64_t asked = prepare(b, OTHER, 0, 0);
    run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_DEVICE_ATTACHED);
}

/* Dies at its n-th word; `does`: what the worker had in hand happens. False: it did not come to that. */
static bool dies_at(struct bench *b, unsigned n, bool does, bool confirms, uint64_t *asked)
{
    b->die_at = b->said + n;
    *asked = prepare(b, WORK, 0, 0);
    run(b);
    if (!b->dead && confirms && reply_to(b, *asked) != NULL) {
        *asked = confirm(b, WORK, 1);
        run(b);
    }
    bool died = b->dead;
    if (died)
        crash(b, does);
    b->die_at = 0;
    return died;
}

static void killed_anywhere_and_asked_again_it_ends_in_one_attachment(void **state)
{
    (void)state;
    for (int does = 0; does < 2; does++) {
        bool died = true;
        for (unsigned at = 1; died; at++) {
            void *made;
            uint64_t asked;
            begin(&made);
            struct bench *b = made;
            died = dies_at(b, at, does != 0, true, &asked);
            assert_true(at < 40);
            if (died) { /* the VM's process goes on: it asks again what was lost */
                asked = prepare(b, WORK, 0, 1);
                run(b);
                assert_int_equal(reply_to(b, asked)->r, 0);
                confirm(b, WORK, 1);
                run(b);
            }
            nothing_is_half_done(b, true);
            assert_string_equal(b->attached, PORT);
            end(&made);
        }
    }
}

static void killed_anywhere_and_never_asked_again_it_ends_with_dom0s_driver(void **state)
{
    (void)state;
    for (int does = 0; does < 2; does++) {
        bool died = true;
        for (unsigned at = 1; died; at++) {
            void *made;
            uint64_t asked;
            begin(&made);
            struct bench *b = made;
            died = dies_at(b, at, does != 0, false, &asked);
            if (died) {
                HEAR(b, bus_has, WORK, .over = (uint32_t)(at % 2)); /* dead or alive, it has nothing */
                run(b);
                lease_ends(b);
                nothing_is_half_done(b, false);
            }
            end(&made);
        }
    }
}

static void killed_while_it_gives_back_it_gives_back(void **state)
{
    (void)state;
    for (int does = 0; does < 2; does++) {
        for (unsigned at = 1; at < 12; at++) {
            void *made;
            begin(&made);
            struct bench *b = made;
            prepare(b, WORK, 0, 0);
            run(b);
            b->die_at = b->said + at;
            HEAR(b, bus_release, WORK, .sbdf = CARD);
            run(b);
            if (b->dead)
                crash(b, does != 0);
            b->die_at = 0;
            lease_ends(b);
            nothing_is_half_done(b, false);
            end(&made);
        }
    }
}

static void a_note_is_read_as_it_was_written_and_nothing_else_is(void **state)
{
    struct devbus_device d = {.key = CARD, .state = DEVBUS_RETURNING, .qid = 7, .generation = 3, .mine = true},
                      read;
    AUTO_TEXT note = TEXT_WITH_LIMIT(DEVBUS_NOTE_MAX);
    (void)state;
    devbus_device_note(&note, &d);
    struct span rest = text_span(&note);
    assert_int_equal(devbus_device_read(&rest, &read), 1);
    assert_memory_equal(&read.key, &d.key, sizeof d.key);
    assert_int_equal(read.state, DEVBUS_RETURNING);
    assert_int_equal(read.qid, 7);
    assert_true(read.mine);
    assert_int_equal(devbus_device_read(&rest, &read), 0);
    static const char *const bad[] = {"x",
                                      "r0000:02:00.0 7;",
                                      "z0000:02:00.0 7 3 1;",
                                      "r0000:02:00.0 7 3 2;",
                                      "r0000:02:00.0 7 3 1 9;",
                                      "r 7 3 1;"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        rest = span_of(bad[i]);
        read.qid = 99;
        assert_int_equal(devbus_device_read(&rest, &read), -ERR_BAD);
        assert_int_equal(read.qid, 99);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_bound_held_and_told_when_it_is_seen),
        TEST(two_that_race_end_in_one_attachment_and_one_refusal),
        TEST(what_is_not_attached_in_time_goes_back_to_its_driver),
        TEST(what_was_bound_before_stays_bound_when_it_is_given_up),
        TEST(another_vm_can_neither_release_nor_confirm_what_is_not_its),
        TEST(a_driver_that_does_not_let_go_is_the_askers_error_and_nothing_is_held),
        TEST(what_cannot_be_reset_is_refused_before_it_is_touched),
        TEST(a_plan_touches_nothing),
        TEST(another_card_in_the_slot_is_refused),
        TEST(when_bus_numbers_change_the_path_still_leads_there),
        TEST(what_is_made_ready_for_a_start_that_does_not_require_it_is_nobodys),
        TEST(a_life_that_is_over_holds_nothing),
        TEST(a_new_incarnation_learns_from_vms_what_they_have),
        cmocka_unit_test(killed_anywhere_and_asked_again_it_ends_in_one_attachment),
        cmocka_unit_test(killed_anywhere_and_never_asked_again_it_ends_with_dom0s_driver),
        cmocka_unit_test(killed_while_it_gives_back_it_gives_back),
        cmocka_unit_test(a_note_is_read_as_it_was_written_and_nothing_else_is),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
