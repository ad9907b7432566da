/* SPDX-License-Identifier: MIT
 * devbus-pci: the recorded machine's devices come out as recorded, and every question is answered once. */
#include "actors/devbus-pci/devbus_pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

/* A shell that keeps what the core says. */
struct said {
    struct envelope e[300];
    size_t count;
    struct error error; /* of the last answer, where it is one */
    uint32_t devices;   /* in it, where it is none */
    struct task *task;
    int tasks;
    bool ready;
};

static int keep(void *shell, struct envelope *e)
{
    struct said *s = shell;
    struct bus_list_reply m;
    if (e->class == CLASS_EVENT)
        return 0;
    s->e[s->count++] = *e;
    s->error = (struct error){0};
    if (e->type == MESSAGE_error)
        return error_decode(&s->error, e->body);
    int r = bus_list_reply_decode(&m, e->body);
    s->devices = m.devices.count;
    return r;
}

static void keep_task(void *shell, struct task *task)
{
    struct said *s = shell;
    assert_null(s->task);
    s->task = task;
    s->tasks++;
}

static void keep_ready(void *shell)
{
    ((struct said *)shell)->ready = true;
}

static void ignore_timer(void *shell, uint64_t timer, uint64_t at)
{
    (void)shell, (void)timer, (void)at;
}

static const struct out_ops ops = {
    .send = keep, .task = keep_task, .timer = ignore_timer, .ready = keep_ready};

struct bench {
    struct devbus_pci *self;
    struct said said;
    struct out out;
};

static int begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->self = calloc(1, sizeof *b->self);
    b->out = (struct out){&ops, &b->said, 100 * SECONDS};
    *state = b;
    return devbus_pci_actor.begin(b->self, &b->out, &(struct life){.generation = 0});
}

static int end(void **state)
{
    struct bench *b = *state;
    devbus_pci_actor.end(b->self);
    free(b->said.task);
    free(b->self);
    free(b);
    return 0;
}

static void ask(struct bench *b, const char *port, uint64_t number, uint8_t class)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(1024);
    struct bus_list m = {.port = ""};
    (void)text_copy(m.port, sizeof m.port, span_of(port));
    bus_list_encode(&body, &m);
    struct envelope e = {.version = 1,
                         .type = MESSAGE_bus_list,
                         .class = class,
                         .source_kind = KIND_API,
                         .to_kind = KIND_DEVBUS_PCI,
                         .correlation = number,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(&body)};
    devbus_pci_actor.hear(b->self, &b->out, &e);
}

static void finish(struct bench *b, int r, size_t devices)
{
    struct pci_list_task *t = (struct pci_list_task *)b->said.task;
    t->task.r = r;
    if (r < 0)
        (void)fault_set(&t->task.why, (enum err) - r, "libvirt said no");
    else
        t->devices = calloc(devices + 1, sizeof *t->devices);
    for (size_t i = 0; r == 0 && i < devices; i++) {
        snprintf(t->devices[i].port, sizeof t->devices[i].port, "00_%02zx.0", i);
        snprintf(t->devices[i].data, sizeof t->devices[i].data, "sbdf=0000:00:%02zx.0", i);
        snprintf(t->devices[i].device_id, sizeof t->devices[i].device_id, "0x1:0x2::p000000");
    }
    t->count = r == 0 ? devices : 0;
    b->said.task = NULL;
    devbus_pci_actor.done(b->self, &b->out, &(struct done){.task = &t->task, .what = t->task.what});
    free(t);
}

static void one_listing_answers_all_who_wait_and_those_of_the_next_second(void **state)
{
    struct bench *b = *state;
    ask(b, "", 1, CLASS_REQUEST);
    ask(b, "00_01.0", 2, CLASS_REQUEST);
    assert_int_equal(b->said.tasks, 1);
    assert_int_equal(b->said.count, 0);
    finish(b, 0, 3);
    assert_int_equal(b->said.count, 2);
    assert_int_equal(b->said.devices, 1);
    b->out.now += PCI_FRESH - 1;
    ask(b, "", 3, CLASS_REQUEST);
    assert_int_equal(b->said.count, 3);
    assert_int_equal(b->said.devices, 3);
    ask(b, "ff_19.0", 4, CLASS_REQUEST);
    assert_int_equal(b->said.devices, 0);
    b->out.now += 1;
    ask(b, "", 5, CLASS_REQUEST);
    assert_int_equal(b->said.count, 4);
    assert_int_equal(b->said.tasks, 2);
}

static void a_refusal_of_libvirt_reaches_every_asker_with_its_text(void **state)
{
    struct bench *b = *state;
    ask(b, "", 1, CLASS_REQUEST);
    ask(b, "", 2, CLASS_REQUEST);
    finish(b, -ERR_NO_CONNECTION, 0);
    assert_int_equal(b->said.count, 2);
    assert_int_equal(b->said.error.code, ERR_NO_CONNECTION);
    assert_string_equal(b->said.error.text, "libvirt said no");
    ask(b, "", 3, CLASS_REQUEST); /* and is tried again */
    assert_int_equal(b->said.tasks, 2);
}

static void a_listing_past_its_deadline_is_answered_and_its_late_list_is_kept(void **state)
{
    struct bench *b = *state;
    ask(b, "", 1, CLASS_REQUEST);
    assert_int_equal(b->said.task->deadline, b->out.now + PCI_PATIENCE);
    devbus_pci_actor.done(b->self, &b->out, &(struct done){.what = PCI_TASK_LIST, .overdue = true});
    assert_int_equal(b->said.error.code, ERR_TIMEOUT);
    struct pci_list_task *t = (struct pci_list_task *)b->said.task;
    b->said.task = NULL;
    t->devices = calloc(1, sizeof *t->devices);
    devbus_pci_actor.done(b->self, &b->out,
                          &(struct done){.task = &t->task, .what = PCI_TASK_LIST, .cleared = true});
    free(t);
    assert_int_equal(b->said.count, 1);
    ask(b, "", 2, CLASS_REQUEST);
    assert_int_equal(b->said.count, 2);
    assert_int_equal(b->said.tasks, 1);
}

static void a_cancelled_question_is_answered_once_and_a_full_room_says_busy(void **state)
{
    struct bench *b = *state;
    for (uint64_t i = 1; i <= PCI_WAITING_MAX; i++)
        ask(b, "", i, CLASS_REQUEST);
    ask(b, "", 999, CLASS_REQUEST);
    assert_int_equal(b->said.error.code, ERR_BUSY);
    ask(b, "", 7, CLASS_CANCEL);
    assert_int_equal(b->said.error.code, ERR_CANCELLED);
    assert_int_equal(b->said.e[1].correlation, 7);
    finish(b, 0, 0);
    assert_int_equal(b->said.count, PCI_WAITING_MAX + 1);
}

static void a_body_that_does_not_decode_is_answered_and_counted(void **state)
{
    struct bench *b = *state;
    struct envelope e = {.version = 1,
                         .type = MESSAGE_bus_list,
                         .class = CLASS_REQUEST,
                         .part = 1,
                         .parts = 1,
                         .body = SPAN_LITERAL("\xc0")};
    devbus_pci_actor.hear(b->self, &b->out, &e);
    assert_int_equal(b->said.error.code, ERR_BAD);
    assert_int_equal(b->self->refused, 1);
    assert_int_equal(b->said.tasks, 0);
}

/* As qubesd 4.4 answered on that machine (tests/conformance, scene pci). */
static void the_recorded_machine_has_its_eight_devices_in_their_order(void **state)
{
    (void)state;
    static const char *const wanted[][3] = {
        {"00_00.0", "0x8086:0x0c00::p060000", "0000:00:00.0"},
        {"00_02.0", "0x8086:0x0402::p030000", "0000:00:02.0"},
        {"00_14.0", "0x8086:0x8c31::p0c0330", "0000:00:14.0"},
        {"00_19.0", "0x8086:0x1559::p020000", "0000:00:19.0"},
        {"00_1b.0", "0x8086:0x8c20::p040300", "0000:00:1b.0"},
        {"00_1c.0-00_00.0", "0x8086:0x08b2::p028000", "0000:02:00.0"},
        {"00_1c.0", "0x8086:0x8c10::p060400", "0000:00:1c.0"},
        {"00_1f.2", "0x8086:0x8c02::p010601", "0000:00:1f.2"},
    };
    char directory[] = "/tmp/devbus-pci.XXXXXX", command[2 * PATH_MAX], uri[PATH_MAX];
    assert_non_null(mkdtemp(directory));
    snprintf(command, sizeof command, "sh %s/make-tree.sh %s/sysfs.txt %s", CONFORMANCE, CONFORMANCE,
             directory);
    assert_int_equal(system(command), 0);
    snprintf(uri, sizeof uri, "test://%s/host.xml", CONFORMANCE);
    struct pci_doors doors = {.uri = uri, .sysfs = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    AUTO_MEMORY struct device_item *devices = NULL;
    size_t count = 0;
    struct fault why;
    assert_int_equal(devbus_pci_list(&doors, &devices, &count, &why), 0);
    assert_int_equal(count, COUNT(wanted));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(devices[i].port, wanted[i][0]);
        assert_string_equal(devices[i].device_id, wanted[i][1]);
        assert_string_equal(devices[i].data + strlen("sbdf="), wanted[i][2]);
        assert_string_equal(devices[i].vendor, "Intel Corporation");
    }
    assert_string_equal(devices[2].product, "8 Series/C220 Series Chipset Family USB xHCI");
    assert_string_equal(devices[2].description,
                        "USB controller: Intel Corporation 8 Series/C220 Series Chipset Family USB xHCI");
    nodedev_door_free(doors.nodedev);
    pciids_free(doors.ids);
    close_file(&doors.sysfs);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

static void a_connection_that_is_refused_leaves_the_output_alone(void **state)
{
    (void)state;
    struct pci_doors doors = {.uri = "test:///nowhere/host.xml", .sysfs = -1};
    struct device_item *devices = NULL;
    size_t count = 7;
    struct fault why = {0};
    assert_true(devbus_pci_list(&doors, &devices, &count, &why) < 0);
    assert_null(devices);
    assert_null(doors.nodedev);
    assert_int_equal(count, 7);
    assert_true(why.text[0] != '\0');
    pciids_free(doors.ids);
}

#define WITH_CORE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CORE(one_listing_answers_all_who_wait_and_those_of_the_next_second),
        WITH_CORE(a_refusal_of_libvirt_reaches_every_asker_with_its_text),
        WITH_CORE(a_listing_past_its_deadline_is_answered_and_its_late_list_is_kept),
        WITH_CORE(a_cancelled_question_is_answered_once_and_a_full_room_says_busy),
        WITH_CORE(a_body_that_does_not_decode_is_answered_and_counted),
        cmocka_unit_test(the_recorded_machine_has_its_eight_devices_in_their_order),
        cmocka_unit_test(a_connection_that_is_refused_leaves_the_output_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
