/* SPDX-License-Identifier: MIT
 * See devbus_table.h: in the core of every bus. */
#include "actors/devbus/devbus_table.h"

#include <string.h>

#include "base/log.h"
#include "base/own.h"

struct devbus_device *devbus_find(struct devbus_table *t, const char *key)
{
    for (size_t i = 0; i < t->used; i++)
        if (strcmp(t->device[i].key, key) == 0)
            return &t->device[i];
    return NULL;
}

struct devbus_device *devbus_add(struct devbus_table *t, const char *key)
{
    struct devbus_device *d = devbus_find(t, key);
    if (d != NULL || t->used == DEVBUS_TABLE_MAX)
        return d;
    d = &t->device[t->used++];
    *d = (struct devbus_device){.state = DEVBUS_FREE};
    if (text_copy(d->key, sizeof d->key, span_of(key)) == 0)
        return d;
    t->used--;
    return NULL;
}

static void forget(struct devbus_table *t, struct devbus_device *d)
{
    *d = t->device[--t->used];
}

void devbus_hold(struct devbus_device *d, uint64_t now, bool brief)
{
    d->brief = brief;
    d->until = now + (brief ? DEVBUS_HOLD_ATTACH : DEVBUS_HOLD_START);
}

/* ---- the note ---- */

static void write_devices(const struct devbus_table *t, struct text *text)
{
    for (size_t i = 0; i < t->used; i++)
        if (devbus_device_is_on_its_way(&t->device[i]))
            devbus_device_note(text, &t->device[i]);
}

static bool has_attached(const struct devbus_table *t)
{
    bool attached = t->unsettled;
    for (size_t i = 0; i < t->used && !attached; i++)
        attached = t->device[i].state == DEVBUS_ATTACHED;
    return attached;
}

/* Devices first: what else is to be said has the room that they leave. */
static void write_note(const struct devbus_table *t, struct text *text)
{
    write_devices(t, text);
    if (t->write_more != NULL)
        t->write_more(t->arg, text);
    if (t->marks && has_attached(t))
        text_add(text, "!");
}

/* It is in its file before anything is done that was said to follow. */
void devbus_note(struct devbus_table *t, struct out *out)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(DEVBUS_NOTE_MAX);
    write_note(t, &text);
    if (text.failed < 0)
        log_line(LOG_ERROR, "the note does not hold every device that is on its way");
    if (span_is(text_span(&text), t->noted))
        return;
    (void)text_copy(t->noted, sizeof t->noted, text_span(&text));
    out_note(out, text_span(&text));
}

bool devbus_has_room(const struct devbus_table *t, const char *key)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(DEVBUS_NOTE_MAX);
    struct devbus_device one = {.state = DEVBUS_BINDING, .qid = UINT32_MAX, .generation = UINT32_MAX};
    write_devices(t, &text);
    (void)text_copy(one.key, sizeof one.key, span_of(key));
    devbus_device_note(&text, &one);
    text_add(&text, "!");
    return text.failed == 0;
}

/* 1: a device, which is held; or a word, which is another's to know; 0: there is none left. */
static int read_one(struct devbus_table *t, struct out *out, struct span *note)
{
    struct devbus_device read, *d = NULL;
    if (note->len > 0 && t->read_more != NULL && strchr(DEVBUS_WORDS, note->at[0]) != NULL) {
        t->read_more(t->arg, out, span_split(*note, ';', note));
        return 1;
    }
    int r = devbus_device_read(note, &read);
    if (r == 1)
        d = devbus_add(t, read.key);
    if (d == NULL)
        return r < 0 ? r : 0;
    *d = read;
    if (d->state != DEVBUS_RETURNING)
        devbus_hold(d, out->now, d->brief);
    return 1;
}

void devbus_read_note(struct devbus_table *t, struct out *out, struct span note_)
{
    int r;
    t->quiet_at = out->now + DEVBUS_LATE_CALL;
    (void)text_copy(t->noted, sizeof t->noted, note_);
    t->marked = note_.len > 0 && note_.at[note_.len - 1] == '!';
    if (t->marked)
        note_.len--;
    while ((r = read_one(t, out, &note_)) == 1)
        ;
    if (r < 0)
        log_line(LOG_WARN, "the note is not one of mine: what hangs between backends and VMs is not known");
    devbus_holds_end(t, out);
}

/* ---- events ---- */

static void set_timer(const struct devbus_table *t, struct out *out)
{
    uint64_t first = 0;
    for (size_t i = 0; i < t->used; i++) {
        const struct devbus_device *d = &t->device[i];
        bool waits = d->state == DEVBUS_HELD || (d->state == DEVBUS_RETURNING && d->until > out->now);
        if (waits && (first == 0 || d->until < first))
            first = d->until;
    }
    out_timer(out, t->holds_timer, first);
}

enum devbus_act devbus_happens(struct devbus_table *t, struct out *out, struct devbus_device *d,
                               enum devbus_event event)
{
    enum devbus_act act = devbus_device_step(d, event);
    if (d->state == DEVBUS_FREE)
        forget(t, d);
    devbus_note(t, out);
    set_timer(t, out);
    return act;
}

bool devbus_must_return(const struct devbus_device *d, uint64_t now)
{
    return d->state == DEVBUS_RETURNING && d->until <= now;
}

bool devbus_returns_later(struct devbus_table *t, struct out *out, struct devbus_device *d)
{
    if (d->state != DEVBUS_RETURNING || d->tries == DEVBUS_RETURNS_MOST)
        return false;
    d->until = out->now + (DEVBUS_RETURN_AGAIN << d->tries);
    d->tries++;
    set_timer(t, out);
    return true;
}

bool devbus_returns_once_more(struct devbus_table *t, struct out *out, struct devbus_device *d)
{
    if (d->state != DEVBUS_RETURNING || !d->late || out->now >= t->quiet_at)
        return false;
    d->until = t->quiet_at;
    set_timer(t, out);
    return true;
}

void devbus_holds_end(struct devbus_table *t, struct out *out)
{
    for (size_t i = t->used; i > 0; i--) {
        struct devbus_device *d = &t->device[i - 1];
        if (d->state != DEVBUS_HELD || d->until > out->now)
            continue;
        log_line(LOG_WARN, "%s was held for qid %u and never attached: it is given up", d->key,
                 (unsigned)d->qid);
        (void)devbus_happens(t, out, d, DEVBUS_GIVEN_UP);
    }
    set_timer(t, out);
}

/* ---- what api is told ---- */

static void add_item(struct wire_list *list, struct text *packed, const struct devbus_device *d)
{
    struct attached_item item = {.options = span_of(d->options)};
    (void)text_copy(item.backend, sizeof item.backend, span_of(d->backend[0] != '\0' ? d->backend : "dom0"));
    (void)text_copy(item.port, sizeof item.port, span_of(d->port));
    (void)text_copy(item.device_id, sizeof item.device_id, span_of(d->device_id));
    attached_item_add(list, packed, &item);
}

bool devbus_is_named(struct devbus_table *t, struct devbus_device *d)
{
    return d->port[0] != '\0' || (t->name != NULL && t->name(t->arg, d));
}

void devbus_tell(struct devbus_table *t, struct out *out, uint32_t qid, uint32_t generation)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_MAX);
    struct context context = context_about_vm(qid, generation);
    struct attached m = {.device_class = ""};
    (void)text_copy(m.device_class, sizeof m.device_class, span_of(t->device_class));
    for (size_t i = 0; i < t->used; i++) {
        struct devbus_device *d = &t->device[i];
        if (d->qid != qid || d->state != DEVBUS_ATTACHED)
            continue;
        bool named = devbus_is_named(t, d);
        if (!named && t->names_come)
            return; /* api knows it from the incarnation before, if it was */
        if (named)
            add_item(&m.devices, &packed, d);
    }
    (void)EVENT(out, attached, ((struct address){KIND_API, EVERY_INSTANCE}), &context, &m);
}

void devbus_tell_all(struct devbus_table *t, struct out *out)
{
    for (size_t i = 0; i < t->used; i++) {
        bool said = t->device[i].qid == 0; /* nobody's: on its way back */
        for (size_t j = 0; j < i && !said; j++)
            said = t->device[j].qid == t->device[i].qid;
        if (!said)
            devbus_tell(t, out, t->device[i].qid, t->device[i].generation);
    }
}

void devbus_tell_only(const struct devbus_table *t, struct out *out)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_MAX);
    struct context context = {.deadline = 0};
    struct attached_only m = {.device_class = ""};
    (void)text_copy(m.device_class, sizeof m.device_class, span_of(t->device_class));
    for (size_t i = 0; i < t->used; i++)
        if (t->device[i].state == DEVBUS_ATTACHED)
            attached_vm_add(&m.vms, &packed, &(struct attached_vm){.qid = t->device[i].qid});
    (void)EVENT(out, attached_only, ((struct address){KIND_API, EVERY_INSTANCE}), &context, &m);
}

/* ---- what VMs' processes say that they have ---- */

static bool is_among(const char (*keys)[DEVBUS_KEY_MAX + 1], size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

/* Backwards: what is forgotten makes room for the last one. */
static void see_those_of(struct devbus_table *t, struct out *out, struct subject vm, bool over,
                         const char (*keys)[DEVBUS_KEY_MAX + 1], size_t count)
{
    for (size_t i = t->used; i > 0; i--) {
        struct devbus_device *d = &t->device[i - 1];
        if (d->qid != vm.instance)
            continue;
        bool there = !over && is_among(keys, count, d->key), undone = over && devbus_device_is_on_its_way(d);
        (void)devbus_happens(t, out, d, undone ? DEVBUS_GIVEN_UP : there ? DEVBUS_THERE : DEVBUS_NOT_THERE);
    }
}

void devbus_sees(struct devbus_table *t, struct out *out, struct subject vm, bool over,
                 const char (*keys)[DEVBUS_KEY_MAX + 1], size_t count)
{
    see_those_of(t, out, vm, over, keys, count);
    for (size_t i = 0; i < count && !over; i++) {
        struct devbus_device *d = devbus_add(t, keys[i]);
        if (d == NULL)
            continue;
        d->qid = vm.instance;
        d->generation = vm.generation;
        (void)devbus_happens(t, out, d, DEVBUS_THERE);
    }
    devbus_tell(t, out, vm.instance, vm.generation);
}

void devbus_refuse(struct out *out, const struct envelope *e)
{
    struct request request = request_of(e);
    reply_error(out, &request, -ERR_UNSUPPORTED, NULL);
}
