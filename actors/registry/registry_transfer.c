/* SPDX-License-Identifier: MIT
 * The core's side of import and export: who asked, what comes before the answer. In `registry`. */
#include "actors/registry/registry_transfer.h"

#include <stdlib.h>
#include <string.h>

#include "actors/registry/registry.h"
#include "base/log.h"

enum { PIECE = 32768 };

static struct transfer_under_way *find(struct registry *r, uint64_t number)
{
    for (size_t i = 0; i < TRANSFERS_MOST; i++)
        if (r->transfers[i].number == number)
            return &r->transfers[i];
    return NULL;
}

static void release(struct transfer_under_way *t)
{
    text_free(&t->report);
    *t = (struct transfer_under_way){0};
}

void transfer_end(struct registry *r)
{
    for (size_t i = 0; i < TRANSFERS_MOST; i++)
        release(&r->transfers[i]);
}

/* The task's own part of what was asked. */
static int give_task(struct registry *r, struct out *out, const struct transfer_under_way *u,
                     struct span path)
{
    static const enum store_what whats[] = {[TRANSFER_CHECK] = STORE_CHECK,
                                            [TRANSFER_IMPORT] = STORE_READ,
                                            [TRANSFER_EXPORT] = STORE_EXPORT,
                                            [TRANSFER_DOCUMENT] = STORE_DOCUMENT};
    struct store_task *t = store_task_new(whats[u->what]);
    if (t == NULL)
        return -ERR_NOMEM;
    t->number = u->number;
    t->flags = u->what == TRANSFER_EXPORT ? u->flags : 0;
    text_append(&t->path, path);
    int e = t->path.failed;
    if (e == 0 && u->what != TRANSFER_IMPORT)
        e = model_each(r->model, change_list_take, &t->changes);
    if (e < 0) {
        store_task_free_content(t);
        free(t);
        return -ERR_NOMEM;
    }
    if (u->what == TRANSFER_EXPORT)
        r->exporting = true;
    out_task(out, &t->task);
    return 0;
}

void transfer_begin(struct registry *r, struct out *out, const struct envelope *e, const struct transfer *m)
{
    struct request request = request_of(e);
    struct transfer_under_way *u = find(r, 0);
    if (!r->loaded || r->stopping || u == NULL || (m->what == TRANSFER_EXPORT && r->exporting)) {
        reply_error(out, &request, -ERR_BUSY, NULL);
        return;
    }
    *u = (struct transfer_under_way){++r->next_number, m->what, m->flags, request, TEXT_WITH_LIMIT(1 << 20)};
    int failed = give_task(r, out, u, span_of(m->path));
    if (failed < 0) {
        reply_error(out, &request, failed, NULL);
        release(u);
    }
}

static void reply(struct out *out, const struct request *to, struct span report)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    struct transfer_reply m = {0};
    while (report.len > 0) {
        struct text_piece piece = {{report.at, report.len < PIECE ? report.len : PIECE}};
        text_piece_add(&m.report, &elements, &piece);
        report = (struct span){report.at + piece.bytes.len, report.len - piece.bytes.len};
    }
    if (elements.failed < 0)
        reply_error(out, to, elements.failed, NULL);
    else
        (void)REPLY(out, transfer, to, &m);
}

void transfer_report_model(const struct model *m, struct text *report)
{
    for (size_t i = 0; i < model_vm_count(m); i++) {
        const struct vm *vm = model_vm_at(m, i);
        const struct item *note = model_item(m, vm_qid(vm), CHANGE_NOTE, SPAN_LITERAL("import"));
        struct span rest =
            note != NULL ? (struct span){note->value, note->value_len} : (struct span){NULL, 0};
        if (vm_disabled(vm) != NULL)
            transfer_report(report, "disabled", span_of(vm_name(vm)), 0, 0, vm_disabled(vm));
        while (rest.len > 0) {
            char line[512];
            (void)text_copy(line, sizeof line, span_split(rest, '\n', &rest));
            if (vm_disabled(vm) == NULL || strcmp(line, vm_disabled(vm)) != 0)
                transfer_report(report, "warning", span_of(vm_name(vm)), 0, 0, line);
        }
    }
}

void transfer_done(struct registry *r, struct out *out, struct store_task *t)
{
    struct transfer_under_way *u = find(r, t->number);
    if (u == NULL)
        return;
    if (t->task.r < 0) {
        reply_error(out, &u->request, t->task.r, &t->task.why);
    } else if (u->what == TRANSFER_IMPORT) {
        operate_given(r, out, &u->request, &t->changes, &t->report);
    } else if (u->what == TRANSFER_DOCUMENT) {
        reply(out, &u->request, text_span(&t->document));
    } else {
        if (u->what == TRANSFER_CHECK)
            transfer_report_model(r->model, &t->report);
        reply(out, &u->request, text_span(&t->report));
    }
    release(u);
}

/* It is in the store: what lies in the files is written as the store has it, also where another wrote. */
void transfer_imported(struct registry *r, struct out *out, struct pending_operation *o)
{
    reply(out, &o->request, text_span(&o->report));
    r->export_flags |= TRANSFER_IMPORTED;
    r->export_due = true;
    out_timer(out, TIMER_EXPORT, out->now + MILLISECONDS);
}

void transfer_told(struct registry *r, struct out *out, const struct store_task *t)
{
    bool foreign = t->kept_foreign;
    if (foreign == r->told_foreign)
        return;
    r->told_foreign = foreign;
    out_title(out, foreign ? "qubes.xml changed: see check" : "");
}
