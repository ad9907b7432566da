/* SPDX-License-Identifier: MIT
 * What others answer the core of vm/<qid> on the bench: registry with its view, the bus, storage, launcher.
 */
#ifndef TESTS_UNIT_VM_VM_BENCH_ANSWERS_H
#define TESTS_UNIT_VM_VM_BENCH_ANSWERS_H

#include "tests/unit/vm/vm_bench_says.h"

static void view_of(const struct bench *b, struct vm_view *v, struct text *netvm, struct text *clients,
                    struct text *devices, struct text *hvm)
{
    *v = (struct vm_view){.version = 1,
                          .name = "work",
                          .uuid = BENCH_UUID,
                          .class = "AppVM",
                          .virt_mode = "pvh",
                          .kernel = "6.1",
                          .kernelopts = "nomodeset quiet",
                          .common_len = sizeof "nomodeset",
                          .modeset = 2,
                          .memory = 400,
                          .maxmem = 4000,
                          .vcpus = 2,
                          .qrexec = b->qrexec,
                          .calls_scarce = b->scarce,
                          .homeless = b->homeless,
                          .shutdown_timeout = 60,
                          .is_preload = b->is_preload,
                          .preload_waits = b->preload_waits,
                          .qrexec_timeout = 90};
    if (b->gui_user != NULL)
        strcpy(v->gui_user, b->gui_user);
    if (b->audio_user != NULL)
        strcpy(v->audio_user, b->audio_user);
    if (b->refusal != NULL) {
        v->vetoed = b->vetoed;
        snprintf(v->refusal, sizeof v->refusal, "%s", b->refusal);
        snprintf(v->refusal_class, sizeof v->refusal_class, "%s", b->refusal_class);
    }
    struct view_peer net = {.qid = NETVM_QID, .generation = 1, .name = "net"};
    struct view_peer client = {.qid = CLIENT_QID, .name = "client", .living = b->is_living_client};
    if (b->virt_mode != NULL)
        snprintf(v->virt_mode, sizeof v->virt_mode, "%s", b->virt_mode);
    if (b->hvm != NULL)
        view_hvm_add(&v->hvm, hvm, b->hvm);
    if (b->assigned != NULL) {
        view_device_add(&v->devices, devices, b->assigned);
        v->has_pci = 1;
    }
    if (b->has_netvm)
        view_peer_add(&v->netvm, netvm, &net), strcpy(v->ip, "10.137.0.7");
    if (!b->has_no_client)
        view_peer_add(&v->clients, clients, &client);
}

/* Registry tells that its netvm is this one. */
__attribute__((unused)) static void bench_sends_view(struct bench *b, const char *name, uint32_t qid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX), netvm = TEXT_WITH_LIMIT(1024), none = TEXT_WITH_LIMIT(1024);
    struct view m;
    struct view_peer net = {.qid = qid, .generation = 1};
    view_of(b, &m.view, &netvm, &none, &none, &none);
    text_clear(&netvm);
    m.view.netvm = (struct wire_list){.count = 0};
    (void)text_copy(net.name, sizeof net.name, span_of(name));
    view_peer_add(&m.view.netvm, &netvm, &net);
    m.view.version++;
    view_encode(&body, &m);
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_view,
                         .class = message_rule(MESSAGE_view)->class,
                         .subject_kind = KIND_VM,
                         .subject_instance = BENCH_QID,
                         .subject_generation = BENCH_GENERATION,
                         .source_kind = KIND_REGISTRY,
                         .to_kind = KIND_VM,
                         .to_instance = BENCH_QID,
                         .body = text_span(&body)};
    vm_actor.hear(b->core, &b->out, &e);
}

#define BENCH_SBDF "0000:00:19.0"

/* What comes by itself is on a bus that shows who has it. */
static void show_holder(const struct bench *b, struct device_item *item)
{
    bool plugged = b->world.plugged[0][0] != '\0';
    if (b->assigned != NULL && b->assigned->automatic != 0 && plugged)
        strcpy(item->attachment, "work");
}

/* The bus has one device, at 00_19.0. */
static void answer_of_bus(struct bench *b, const struct bench_ask *ask, struct text *body)
{
    AUTO_TEXT devices = TEXT_WITH_LIMIT(8192);
    struct device_item item = {.port = "00_19.0", .device_id = "net"};
    (void)text_copy(item.interfaces, sizeof item.interfaces,
                    span_of(b->shows_screen ? "p0200**p030000" : ""));
    struct bus_list_reply list = {0};
    struct bus_prepare_reply prepared = {.sbdf = BENCH_SBDF, .device_id = "net"};
    struct bus_part_reply parted = {.sbdf = BENCH_SBDF, .guest = "00:05.0"};
    if (ask->type == MESSAGE_bus_list) {
        show_holder(b, &item);
        device_item_add(&list.devices, &devices, &item);
        strcpy(item.port, "00_1a.0");
        if (b->two_devices)
            device_item_add(&list.devices, &devices, &item);
        bus_list_reply_encode(body, &list);
        b->asked_of[0]++;
    } else if (ask->type == MESSAGE_bus_prepare) {
        prepared.options = span_of(b->chosen);
        bus_prepare_reply_encode(body, &prepared);
        b->asked_of[1]++;
    } else if (ask->type == MESSAGE_bus_part) {
        bus_part_reply_encode(body, &parted);
        b->asked_of[3]++;
    } else {
        b->asked_of[2] += ask->type == MESSAGE_bus_confirm;
        write_array(body, 0);
    }
}

static void add_volumes(struct vm_view *v, struct text *volumes)
{
    struct view_volume root = {.name = "root", .pool = "fast", .storage = 5, .writable = 1};
    struct view_volume private = {.name = "private", .pool = "fast", .storage = 5, .writable = 1};
    view_volume_add(&v->volumes, volumes, &root);
    view_volume_add(&v->volumes, volumes, &private);
}

/* Whether the last thing that was asked of storage is what it refuses. */
static bool bench_refuses(const struct bench *b)
{
    const char *at = b->asked_of_storage, *last = at;
    for (; (at = strchr(at, ';')) != NULL && at[1] != '\0'; at++)
        last = at + 1;
    return b->storage_refuses != NULL && strncmp(last, b->storage_refuses, strlen(b->storage_refuses)) == 0;
}

static void answer(struct bench *b, const struct bench_ask *ask)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX), netvm = TEXT_WITH_LIMIT(1024),
              clients = TEXT_WITH_LIMIT(1024), devices = TEXT_WITH_LIMIT(8192),
              volumes = TEXT_WITH_LIMIT(4096), hvm = TEXT_WITH_LIMIT(4096);
    struct envelope e = {.type = ask->type, .class = CLASS_REPLY};
    struct answer a = {.tag = ask->tag, .e = &e};
    struct claim_reply m = {0};
    if (ask->type == MESSAGE_volume_use && bench_refuses(b)) {
        a.r = fault_set(&a.why, ERR_STORAGE, "the pool refuses");
    } else if (ask->type == MESSAGE_volume_use) {
        volume_use_reply_encode(&body, &(struct volume_use_reply){.path = "/pool/a.img"});
    } else if (b->fail_type == ask->type) {
        a.r = fault_set(&a.why, (enum err) - b->fail_type_with, "the bench refuses");
    } else if (ask->type == MESSAGE_claim) {
        view_of(b, &m.view, &netvm, &clients, &devices, &hvm);
        if (b->has_volumes)
            add_volumes(&m.view, &volumes);
        claim_reply_encode(&body, &m);
    } else if (ask->type == MESSAGE_service) {
        service_reply_encode(&body, &b->service);
    } else if (ask->type == MESSAGE_entries) {
        entries_reply_encode(&body, &b->entries);
    } else if (ask->type == MESSAGE_daemon) {
        struct daemon_reply end = b->daemon[ask->program];
        b->left.running = false;
        daemon_reply_encode(&body, &end);
    } else {
        answer_of_bus(b, ask, &body);
    }
    if (a.r == 0)
        bench_does(b, ask);
    e.body = text_span(&body);
    vm_actor.answered(b->core, &b->out, &a);
}

#endif
