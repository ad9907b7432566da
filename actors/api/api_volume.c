/* SPDX-License-Identifier: MIT
 * Volumes of VMs (admin-api-methods 6, 11): what is configured is answered from the replica, what is on the
 * disk is asked of the pool's process, what changes goes to registry; in api. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "actors/api/api_inside.h"
#include "model/pool.h"
#include "proto/storage_values.h"

#define LOOK_WITHIN (30 * SECONDS)
enum { REVISION_MOST = 64 };

static int find(struct api *self, uint32_t qid, struct span name, struct text *made, struct volume_known *v,
                struct fault *why)
{
    int r = volume_known(&self->known, qid, name, made, v);
    if (r == 0)
        return fault_set(why, ERR_PERMISSION, "the VM has no volume of this name");
    return r < 0 ? r : 0;
}

/* The volume exists: 0 with the pool's name. */
static int check(struct api *self, const struct asked *q, char pool[65], struct fault *why)
{
    AUTO_TEXT made = TEXT_WITH_LIMIT(4096);
    struct volume_known v;
    int r = find(self, vm_qid(q->dest), q->request.argument, &made, &v, why);
    return r < 0 ? r : text_copy(pool, 65, v.pool);
}

static int look(struct api *self, struct out *out, const struct asked *q, const char *verb, call_done *done,
                struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct volume_look m;
    int r = check(self, q, m.pool, why);
    if (r >= 0)
        r = text_copy(m.volume, sizeof m.volume, q->request.argument);
    if (r < 0)
        return r;
    (void)text_copy(m.verb, sizeof m.verb, span_of(verb));
    struct call like = {
        .done = done,
        .to = {KIND_STORAGE, pool_instance(span_of(m.pool))},
        .type = MESSAGE_volume_look,
        .context = api_context(self, q, out->now + LOOK_WITHIN),
        .qid = vm_qid(q->dest),
    };
    like.context.subject = (struct subject){KIND_VM, vm_qid(q->dest), vm_generation(q->dest)};
    memcpy(like.name, m.volume, sizeof m.volume);
    volume_look_encode(&body, &m);
    return api_ask(self, out, q, &like, &body);
}

static void add_word(struct text *reply, const char *key, struct span lines)
{
    struct span value = {"", 0};
    ask_attribute(lines, key, &value);
    text_format(reply, "%s=%.*s\n", key, (int)value.len, value.at);
}

static void add_truth(struct text *reply, const char *key, struct span lines)
{
    struct span value = {"", 0};
    ask_attribute(lines, key, &value);
    text_format(reply, "%s=%s\n", key, span_is(value, "True") ? "True" : "False");
}

static uint64_t configured_size(struct span lines)
{
    struct span value;
    uint64_t size;
    return ask_attribute(lines, "size", &value) && text_number(value, 0, UINT64_MAX, &size) == 0 ? size : 0;
}

static int info_came(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                     struct fault *why)
{
    AUTO_TEXT made = TEXT_WITH_LIMIT(4096);
    struct volume_look_reply m;
    struct volume_known v;
    int r = a->r < 0 ? a->r : volume_look_reply_decode(&m, a->e->body);
    if (r >= 0)
        r = find(self, c->qid, span_of(c->name), &made, &v, why);
    if (r < 0)
        return r;
    add_word(reply, "pool", v.lines);
    add_word(reply, "vid", v.lines);
    text_format(reply, "size=%" PRIu64 "\nusage=%" PRIu64 "\n",
                (m.seen & SEEN_FIGURES) != 0 ? m.size : configured_size(v.lines), m.usage);
    add_truth(reply, "rw", v.lines);
    add_word(reply, "source", v.lines);
    text_format(reply, "path=%s\n", m.path);
    add_truth(reply, "save_on_stop", v.lines);
    add_truth(reply, "snap_on_start", v.lines);
    add_word(reply, "revisions_to_keep", v.lines);
    text_format(reply, "ephemeral=%s\n", volume_is_ephemeral(&self->known, v.lines) ? "True" : "False");
    if ((m.seen & SEEN_WHETHER_OUTDATED) != 0)
        text_format(reply, "is_outdated=%s\n", (m.seen & SEEN_OUTDATED) != 0 ? "True" : "False");
    return 0;
}

int api_do_volume_info(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    (void)reply;
    return look(self, out, q, "look", info_came, why);
}

/* Lines id=time, oldest first: the ids. */
static int snapshots_came(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                          struct fault *why)
{
    struct volume_look_reply m;
    (void)self, (void)c, (void)why;
    int r = a->r < 0 ? a->r : volume_look_reply_decode(&m, a->e->body);
    if (r < 0)
        return r;
    for (struct span line, rest = m.list, time; rest.len > 0;) {
        line = span_split(rest, '\n', &rest);
        struct span id = span_split(line, '=', &time);
        if (id.len > 0)
            text_format(reply, "%.*s\n", (int)id.len, id.at);
    }
    return 0;
}

int api_do_volume_snapshots(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                            struct fault *why)
{
    (void)reply;
    return look(self, out, q, "revisions", snapshots_came, why);
}

/* ---- changes ---- */

static int change(struct api *self, struct out *out, const struct asked *q, enum operation operation,
                  struct span value, struct fault *why)
{
    char pool[65];
    int r = check(self, q, pool, why);
    return r < 0 ? r : api_operate(self, out, q, operation, vm_qid(q->dest), q->request.argument, value);
}

int api_do_volume_change(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    (void)reply;
    return change(self, out, q, (enum operation)q->method->detail, q->request.payload, why);
}

int api_do_volume_resize(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    (void)reply;
    return change(self, out, q, OPERATION_volume_resize, span_trim(q->request.payload), why);
}

static bool is_revision(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.at[i]) && (s.at[i] == '\0' || strchr(":._-", s.at[i]) == NULL))
            return false;
    return true;
}

int api_do_volume_revert(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    char pool[65];
    struct span revision = span_trim(q->request.payload);
    int r = check(self, q, pool, why);
    (void)reply;
    if (r >= 0 && !is_revision(revision))
        r = fault_set(why, ERR_PROTOCOL, "a revision is named with letters, digits, ':', '.', '_' and '-'");
    else if (r >= 0 && (revision.len == 0 || revision.len >= REVISION_MOST)) /* no driver gives such a name */
        r = fault_set(why, ERR_REVISION_NOT_FOUND, "the volume has no such revision");
    return r < 0 ? r : change(self, out, q, OPERATION_volume_revert, revision, why);
}

/* ---- cloning: a token names the source ---- */

static void draw_token(struct api *self, char token[CLONE_TOKEN + 1])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (int i = 0; i < CLONE_TOKEN;) {
        uint8_t byte;
        self->ops->random(self->ops_arg, &byte, sizeof byte);
        if (byte < 4 * 62)
            token[i++] = letters[byte % 62];
    }
    token[CLONE_TOKEN] = '\0';
}

int api_do_volume_clone_from(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                             struct fault *why)
{
    char pool[65];
    struct clone_token *t = &self->clones[self->clone_next % CLONE_TOKENS];
    int r = check(self, q, pool, why);
    (void)out;
    if (r >= 0)
        r = text_copy(t->volume, sizeof t->volume, q->request.argument);
    if (r < 0)
        return r;
    self->clone_next++; /* the oldest one is forgotten */
    t->qid = vm_qid(q->dest);
    t->generation = vm_generation(q->dest);
    draw_token(self, t->token);
    text_add(reply, t->token);
    return 0;
}

static struct clone_token *find_token(struct api *self, struct span token)
{
    for (size_t i = 0; i < CLONE_TOKENS; i++)
        if (token.len == CLONE_TOKEN && span_is(token, self->clones[i].token))
            return &self->clones[i];
    return NULL;
}

int api_do_volume_clone_to(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                           struct fault *why)
{
    AUTO_TEXT source = TEXT_WITH_LIMIT(128);
    char pool[65];
    struct span token = span_trim(q->request.payload);
    int r = check(self, q, pool, why);
    (void)reply;
    for (size_t i = 0; r >= 0 && i < token.len; i++)
        if ((unsigned char)token.at[i] >= 0x80)
            r = fault_set(why, ERR_PROTOCOL, "a token is ASCII");
    struct clone_token *t = r >= 0 ? find_token(self, token) : NULL;
    if (r < 0)
        return r;
    if (t == NULL)
        return fault_set(why, ERR_NO_TOKEN,
                         "no volume waits to be cloned under this token; ask CloneFrom anew");
    t->token[0] = '\0'; /* each is good for one try */
    const struct vm *from = model_vm(self->model, t->qid);
    if (from == NULL || vm_generation(from) != t->generation)
        return fault_set(why, ERR_VM_NOT_FOUND, "the VM that was to be cloned from is gone");
    text_format(&source, "%" PRIu32 " %s", t->qid, t->volume);
    return change(self, out, q, OPERATION_volume_clone, text_span(&source), why);
}

/* ---- imports, which a script of dom0 pours in ---- */

static int import_began(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                        struct fault *why)
{
    struct operate_reply m;
    (void)self, (void)c;
    int r = a->r < 0 ? a->r : operate_reply_decode(&m, a->e->body);
    if (r < 0)
        return r;
    struct span path;
    span_split(span_of(m.result), ' ', &path);
    if (path.len == 0 || memchr(path.at, ' ', path.len) != NULL)
        return fault_set(why, ERR_PROTOCOL, "the path to import to is empty or has a blank");
    text_add(reply, m.result);
    return 0;
}

static int no_volume(struct fault *why)
{
    return fault_set(why, ERR_PROTOCOL, "the VM has no volume of this name");
}

int api_do_import_begin(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    char pool[65];
    struct call like = {.done = import_began};
    (void)reply;
    if (check(self, q, pool, why) < 0)
        return no_volume(why);
    return api_operate_like(self, out, q, &like, OPERATION_import_begin, vm_qid(q->dest), q->request.argument,
                            q->request.payload);
}

/* What failed at the other end is told back, once the import is ended. */
static int import_failed(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                         struct fault *why)
{
    (void)self, (void)reply;
    if (a->r < 0)
        return a->r;
    return fault_set(why, ERR_QUBES, "Data import failed: %s", c->name);
}

/* Others' words as they may stand in an error: one line, printable, without '%'. */
static void copy_words(char *to, size_t size, struct span from)
{
    size_t len = 0;
    for (size_t i = 0; i < from.len && len < size - 1; i++)
        to[len++] = (char)(from.at[i] >= ' ' && from.at[i] <= '~' && from.at[i] != '%' ? from.at[i] : '_');
    to[len] = '\0';
}

int api_do_import_end(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                      struct fault *why)
{
    char pool[65];
    struct span reason, word = span_split(q->request.payload, '\n', &reason);
    struct call like = {.done = import_failed};
    (void)reply;
    if (check(self, q, pool, why) < 0)
        return no_volume(why);
    if (span_is(q->request.payload, "ok"))
        return api_operate(self, out, q, OPERATION_import_end, vm_qid(q->dest), q->request.argument,
                           SPAN_LITERAL("ok"));
    copy_words(like.name, sizeof like.name, span_is(word, "fail") ? reason : q->request.payload);
    return api_operate_like(self, out, q, &like, OPERATION_import_end, vm_qid(q->dest), q->request.argument,
                            SPAN_LITERAL("fail"));
}
