/* SPDX-License-Identifier: MIT
 * The routing matrix, made from the rows; see rules.h. */
#include "proto/rules.h"

#include "base/err.h"
#include "base/own.h"
#include "proto/messages.h"

static const struct message_rule rules[] = {
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    {#name, id, CLASS_##class, from, to, about, wake},
#include "proto/mailboxes.def"
};

const struct message_rule *message_rules(size_t *count)
{
    *count = COUNT(rules);
    return rules;
}

const struct message_rule *message_rule(uint16_t type)
{
    for (size_t i = 0; i < COUNT(rules); i++)
        if (rules[i].type == type)
            return &rules[i];
    return NULL;
}

/* Subjects are VMs: a VM's own processes share its qid, whatever their kind. */
static bool speaks_of(const struct envelope *e, struct address a)
{
    if (a.kind == KIND_VM || a.kind == KIND_GUEST)
        return e->subject_kind == KIND_VM && e->subject_instance == a.instance;
    return e->subject_kind == a.kind && e->subject_instance == a.instance;
}

static bool about_fits(const struct message_rule *row, const struct envelope *e, struct address source)
{
    switch (row->about) {
    case ABOUT_NOTHING:
        return true;
    case ABOUT_SELF:
        return speaks_of(e, source);
    case ABOUT_RECEIVER:
        return speaks_of(e, envelope_to(e));
    case ABOUT_ANY:
        return true;
    }
    return false;
}

/* An answer goes the other way round: its sender hears requests of this type. */
static bool may_answer(const struct message_rule *row, const struct envelope *e, struct address source)
{
    return row->type == MESSAGE_error || (row->class == CLASS_REQUEST && (row->to & 1u << source.kind) != 0 &&
                                          (row->from & 1u << e->to_kind) != 0);
}

/* An envelope without a row, or from or to what is no kind, fits nowhere. */
static const struct message_rule *row_of(const struct envelope *e, struct address source)
{
    return source.kind < KINDS && e->to_kind < KINDS ? message_rule(e->type) : NULL;
}

bool envelope_kinds_fit(const struct envelope *e, struct address source)
{
    const struct message_rule *row = row_of(e, source);
    if (row == NULL || (row->from & 1u << source.kind) == 0 || (row->to & 1u << e->to_kind) == 0)
        return false;
    return e->class == row->class || (e->class == CLASS_CANCEL && row->class == CLASS_REQUEST);
}

bool envelope_subject_fits(const struct envelope *e, struct address source)
{
    const struct message_rule *row = row_of(e, source);
    return row != NULL && about_fits(row, e, source);
}

int envelope_permitted(const struct envelope *e, struct address source)
{
    const struct message_rule *row = row_of(e, source);
    if (row == NULL)
        return -ERR_REFUSED;
    if (e->to_instance != EVERY_INSTANCE && e->to_instance >= kind_most(e->to_kind))
        return -ERR_REFUSED;
    if (e->class == CLASS_REPLY || e->class == CLASS_PROGRESS)
        return may_answer(row, e, source) ? 0 : -ERR_REFUSED;
    if (!envelope_kinds_fit(e, source))
        return -ERR_REFUSED;
    if (e->to_instance == EVERY_INSTANCE && row->class != CLASS_EVENT)
        return -ERR_REFUSED;
    return about_fits(row, e, source) ? 0 : -ERR_REFUSED;
}
