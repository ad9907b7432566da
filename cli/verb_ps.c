/* SPDX-License-Identifier: MIT
 * `bulkhead ps`: the supervisor's status page, which needs no process to answer. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include <jansson.h>

#include "base/own.h"
#include "base/text.h"
#include "cli/cli.h"
#include "proto/who.h"
#include "runtime/control/status.h"
#include "runtime/effects/effects.h"

static const uint64_t second = UINT64_C(1000000000);

/* The entry as it was at one moment; false: none there, or it changes without end. */
static bool read_entry(const struct status_entry *from, struct status_entry *to)
{
    for (int tries = 0; tries < 1000; tries++) {
        uint32_t before = __atomic_load_n(&from->turn, __ATOMIC_ACQUIRE);
        memcpy(to, from, sizeof *to);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (before % 2 == 0 && before == __atomic_load_n(&from->turn, __ATOMIC_RELAXED)) {
            to->state[STATUS_STATE - 1] = to->title[STATUS_TITLE - 1] = '\0';
            return to->used != 0;
        }
    }
    return false;
}

static json_t *layers_json(uint64_t layers)
{
    json_t *list = json_array();
    for (int i = 0; i < LAYER_COUNT; i++)
        if ((layers & LAYER_BIT(i)) != 0)
            json_array_append_new(list, json_string(layer_name((enum layer)i)));
    return list;
}

/* "all", "none", or what is missing: "-landlock". */
static void layers_text(struct text *out, const char *kind, uint64_t layers)
{
    if ((layers & (LAYER_BIT(LAYER_COUNT) - 1)) == 0) {
        text_add(out, "none");
        return;
    }
    for (int i = 0; i < LAYER_COUNT; i++)
        if ((layers & LAYER_BIT(i)) == 0 &&
            (layer_is_wanted(kind, (enum layer)i) || !layer_is_mandatory((enum layer)i)))
            text_format(out, "%s-%s", out->len > 0 ? "," : "", layer_name((enum layer)i));
    if (out->len == 0)
        text_add(out, "all");
}

struct row {
    const char *actor, *kind, *vm, *state;
    int32_t pid;
    uint32_t uid;
    uint64_t restarts, layers, depth, age;
    bool jailed; /* the supervisor is in no jail */
    const char *notice;
};

/* A title is a VM's name where the process is a VM's; what else has one asks for attention. */
static void print_notice(const struct cli *cli, const struct row *r, json_t *all)
{
    if (r->notice == NULL)
        return;
    if (cli->json)
        json_object_set_new(json_array_get(all, json_array_size(all) - 1), "notice", json_string(r->notice));
    else
        fprintf(cli->out, "%-14s ! %s\n", r->actor, r->notice);
}

static void print_row(const struct cli *cli, const struct row *r, json_t *all)
{
    AUTO_TEXT jail = TEXT_WITH_LIMIT(512);
    if (cli->json) {
        json_array_append_new(all, json_pack("{s:s, s:s?, s:i, s:I, s:s, s:I, s:o, s:I, s:I}", "actor",
                                             r->actor, "vm", r->vm[0] != '\0' ? r->vm : NULL, "pid",
                                             (int)r->pid, "uid", (json_int_t)r->uid, "state", r->state,
                                             "restarts", (json_int_t)r->restarts, "jail",
                                             layers_json(r->jailed ? r->layers : 0), "depth",
                                             (json_int_t)r->depth, "age", (json_int_t)r->age));
        return;
    }
    if (r->jailed)
        layers_text(&jail, r->kind, r->layers);
    fprintf(cli->out, "%-14s %-16s %7d %6u %-12s %-16s %6llu %8llu %llu\n", r->actor,
            r->vm[0] != '\0' ? r->vm : "-", r->pid, r->uid, r->state, r->jailed ? jail.at : "-",
            (unsigned long long)r->depth, (unsigned long long)r->restarts, (unsigned long long)r->age);
}

static uint64_t age(uint64_t started_at, uint64_t now)
{
    return started_at != 0 && now > started_at ? (now - started_at) / second : 0;
}

static void print_supervisor(const struct cli *cli, const struct status_page *page, uint64_t now, json_t *all)
{
    char state[STATUS_STATE];
    memcpy(state, page->supervisor_state, sizeof state);
    state[sizeof state - 1] = '\0';
    print_row(cli,
              &(struct row){.actor = "supervisor",
                            .kind = "supervisor",
                            .vm = "",
                            .state = state,
                            .pid = page->supervisor_pid,
                            .age = age(page->started_at, now)},
              all);
}

static void print_child(const struct cli *cli, const struct status_entry *e, uint64_t now, json_t *all)
{
    char name[ADDRESS_TEXT];
    address_print((struct address){(uint8_t)e->kind, e->instance}, name);
    bool of_vm = e->kind == KIND_VM || e->kind == KIND_GUEST;
    struct row row = {.actor = name,
                      .kind = kind_name(e->kind),
                      .vm = of_vm ? e->title : "",
                      .state = e->state,
                      .pid = e->pid,
                      .uid = e->uid,
                      .restarts = e->restarts,
                      .layers = e->layers,
                      .depth = e->depth,
                      .age = e->pid != 0 ? age(e->started_at, now) : 0,
                      .jailed = true,
                      .notice = !of_vm && e->title[0] != '\0' ? e->title : NULL};
    print_row(cli, &row, all);
    print_notice(cli, &row, all);
}

void show_ps(const struct cli *cli, const struct status_page *page, uint64_t now)
{
    json_t *all = json_array();
    struct status_entry e;
    uint32_t count = __atomic_load_n(&page->count, __ATOMIC_ACQUIRE);
    if (!cli->json)
        fprintf(cli->out, "%-14s %-16s %7s %6s %-12s %-16s %6s %8s %s\n", "ACTOR", "VM", "PID", "UID",
                "STATE", "JAIL", "DEPTH", "RESTARTS", "AGE");
    print_supervisor(cli, page, now, all);
    for (uint32_t i = 0; i < count && i < STATUS_ENTRIES; i++)
        if (read_entry(&page->entry[i], &e))
            print_child(cli, &e, now, all);
    if (cli->json) {
        json_dumpf(all, cli->out, JSON_INDENT(2));
        fputc('\n', cli->out);
    }
    json_decref(all);
}

static const struct status_page *map_page(const char *path, struct fault *why)
{
    struct stat st;
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        (void)fault_set(why, ERR_CLOSED, "%s: %s; does bulkhead run there?", path, strerror(errno));
        return NULL;
    }
    void *at = st.st_size >= (off_t)sizeof(struct status_page)
                   ? mmap(NULL, sizeof(struct status_page), PROT_READ, MAP_SHARED, fd, 0)
                   : MAP_FAILED;
    const struct status_page *page = at != MAP_FAILED ? at : NULL;
    if (page != NULL && __atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) == STATUS_MAGIC &&
        page->version == STATUS_VERSION)
        return page;
    (void)fault_set(why, ERR_CLOSED, "%s is not of this version of bulkhead", path);
    return NULL;
}

int verb_ps(struct cli *cli)
{
    char path[CLI_PATH + 32];
    struct fault why;
    struct timespec t;
    snprintf(path, sizeof path, "%s/status", cli->run);
    const struct status_page *page = map_page(path, &why);
    if (page == NULL) {
        fprintf(cli->err, "bulkhead: %s\n", why.text);
        return CLI_UNREACHABLE;
    }
    clock_gettime(CLOCK_BOOTTIME, &t);
    show_ps(cli, page, (uint64_t)t.tv_sec * second + (uint64_t)t.tv_nsec);
    munmap((void *)page, sizeof *page);
    return CLI_OK;
}
