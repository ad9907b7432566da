/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of registry on a simulated disk that fails now and then: whatever is said, what it
 * holds afterwards is what a successor reads from the disk. */
#include "actors/registry/registry.h"
#include "actors/registry/registry_file.h"
#include "base/log.h"
#include "doors/db_sim.h"
#include "tests/fuzz/mailbox.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_store(struct store *s, struct fault *why)
{
    return db_sim_open((struct db_disk *)(uintptr_t)s->directory, &s->db, why);
}

static struct store store;

/* The disk that fails after the fact stands for a kill: no incarnation goes on with it. */
static void work(struct task *task, uint8_t how)
{
    static const enum db_sim_fault faults[] = {DB_SIM_FULL, DB_SIM_FAIL_BEFORE, DB_SIM_READ_ONLY};
    struct db_disk *disk = (struct db_disk *)(uintptr_t)store.directory;
    if (how % 8 < COUNT(faults))
        db_sim_fail(disk, 1, faults[how % 8]);
    store_perform(&store, task);
    db_sim_fail(disk, 1, DB_SIM_NONE);
}

static uint32_t draw(void *arg)
{
    static uint32_t last;
    (void)arg;
    return last += 0x9e3779b9;
}

/* An item of the store as the successor applies it. */
static int apply(void *model, const struct db_item *item)
{
    struct change c = {.qid = item->qid, .key = item->key, .value = item->value};
    while (c.kind < CHANGE_KINDS && !span_is(item->kind, change_kind_name(c.kind)))
        c.kind++;
    return model_apply(model, &c, NULL);
}

static int add_line(void *text, const struct change *c)
{
    text_format(text, "%d %u %.*s=%.*s\n", (int)c->kind, c->qid, (int)c->key.len, c->key.at,
                (int)c->value.len, c->value.at);
    return 0;
}

static void the_store_is_the_model(struct registry *r, struct db *db)
{
    AUTO_TEXT held = TEXT_WITH_LIMIT(1 << 24), stored = TEXT_WITH_LIMIT(1 << 24);
    AUTO(model) *successor = model_new();
    uint64_t version = 0;
    assert(db_load(db, &version, apply, successor, NULL) == 0 && version == r->version);
    assert(model_each(r->model, add_line, &held) == 0 && model_each(successor, add_line, &stored) == 0);
    assert(strcmp(held.at, stored.at) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(db_disk) *disk = db_disk_new();
    struct mailbox m;
    store = (struct store){.open = open_store,
                           .directory = (const char *)disk,
                           .qubes_lib = -1,
                           .group = REGISTRY_NO_GROUP,
                           .pool_dir = "/var/lib/qubes"};
    log_open("fuzz", LOG_ERROR);
    mailbox_open(&m, &registry_actor);
    m.complete = work;
    m.subject = (struct subject){KIND_VM, 1, 1};
    struct registry *r = m.core;
    r->world.random = draw;
    mailbox_end_task(&m, 0, 7);
    registry_actor.timer(r, &m.out, TIMER_SETTLE);
    mailbox_play(&m, data, size);
    while (m.tasks > 0)
        mailbox_end_task(&m, 0, 7);
    the_store_is_the_model(r, store.db);
    mailbox_close(&m);
    db_free(store.db);
    return 0;
}
