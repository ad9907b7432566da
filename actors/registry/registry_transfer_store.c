/* SPDX-License-Identifier: MIT
 * The worker's side of import and export; see registry_transfer.h. In `registry`. */
#include "actors/registry/registry_transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "actors/registry/registry_beside.h"
#include "actors/registry/registry_export.h"
#include "actors/registry/registry_file.h"
#include "actors/registry/registry_rules.h"
#include "base/log.h"
#include "doors/digest.h"

/* Files written in one go: commits wait behind it. */
enum { DOCUMENT_BYTES = 64 << 20, BESIDE_BYTES = 8 << 20, FILES_AT_ONCE = 16 };

#define DIGEST_KEY SPAN_LITERAL("export-digest")
#define BESIDE_KEY SPAN_LITERAL("export-beside")

void transfer_report(struct text *report, const char *severity, struct span whom, unsigned line,
                     unsigned column, const char *text)
{
    text_format(report, "%s\t%.*s\t%u\t%u\t%s\n", severity, (int)whom.len, whom.at, line, column, text);
}

static uint64_t wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec;
}

/* ---- whose qubes.xml is it ---- */

enum whose { OURS, NOT_THERE, SOMEBODY_ELSES };

static bool is_word_of(struct span words, const char *word)
{
    while (words.len > 0)
        if (span_is(span_split(words, ' ', &words), word))
            return true;
    return false;
}

/* What was written last, and what may have been written before a crash. */
static enum whose whose_document(struct store *s, char digest[DIGEST_TEXT])
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(DOCUMENT_BYTES);
    AUTO_TEXT kept = TEXT_WITH_LIMIT((size_t)4 * DIGEST_TEXT);
    digest[0] = '\0';
    if (s->qubes_lib < 0 || registry_file_read(s->qubes_lib, "qubes.xml", &bytes, NULL) < 0)
        return NOT_THERE;
    digest_sha256(text_span(&bytes), digest);
    if (db_meta_get(s->db, DIGEST_KEY, &kept, NULL) < 0)
        return SOMEBODY_ELSES;
    return is_word_of(text_span(&kept), digest) ? OURS : SOMEBODY_ELSES;
}

static const char question[] =
    "qubes.xml was changed by another program since it was last exported. The store is used "
    "as it is and the file is left alone: 'bulkhead import' takes the file, 'bulkhead export "
    "--force' keeps the store and puts the file aside.";

void transfer_look(struct store *s, struct store_task *t)
{
    char digest[DIGEST_TEXT];
    s->keeps_foreign_file = t->kept_foreign = whose_document(s, digest) == SOMEBODY_ELSES;
    if (s->keeps_foreign_file)
        log_line(LOG_ERROR, "%s", question);
}

int transfer_adopt(struct store *s, struct fault *why)
{
    char digest[DIGEST_TEXT];
    (void)whose_document(s, digest);
    return db_meta_set(s->db, DIGEST_KEY, span_of(digest), why);
}

/* ---- the files of the VMs ---- */

static int load_beside(struct store *s, struct fault *why)
{
    AUTO_TEXT kept = TEXT_WITH_LIMIT(BESIDE_BYTES);
    if (s->beside != NULL)
        return 0;
    AUTO(beside)
    *b = beside_new();
    int r = db_meta_get(s->db, BESIDE_KEY, &kept, why);
    if (r < 0 && r != -ERR_UNKNOWN)
        return r;
    if (b == NULL || beside_read(b, text_span(&kept)) < 0)
        return fault_set(why, ERR_NOMEM, "no memory for the list of exported files");
    s->beside = TAKE(b);
    return 0;
}

static int keep_beside(struct store *s, struct fault *why)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(BESIDE_BYTES);
    beside_write(s->beside, &text);
    return text.failed < 0
               ? fault_set(why, ERR_TOO_BIG, "too many files of VMs to keep in mind")
               : db_meta_set(s->db, BESIDE_KEY, text.at != NULL ? text_span(&text) : SPAN_LITERAL(""), why);
}

static int report_file(void *self, uint32_t qid, const char *path, const char *text)
{
    char line[512];
    (void)qid;
    snprintf(line, sizeof line, "%s: %.300s", path, text);
    transfer_report(self, "question", span_of(path), 0, 0, line);
    return 0;
}

static int export_beside(struct store *s, struct store_task *t, struct fault *why)
{
    bool changed = false;
    enum beside_how how = (t->flags & TRANSFER_FORCE) != 0 ? BESIDE_REPLACE : BESIDE_WRITE;
    int r = load_beside(s, why);
    if (r < 0)
        return r;
    r = beside_export(s->qubes_lib, s->group, t->changes.at, t->changes.count, s->beside, how, FILES_AT_ONCE,
                      &t->more, &changed, report_file, &t->report, why);
    int kept = changed ? keep_beside(s, r < 0 ? NULL : why) : 0;
    return r < 0 ? r : kept;
}

/* ---- out ---- */

static int put_aside(struct store *s, struct text *report, struct fault *why)
{
    char name[64], line[160];
    snprintf(name, sizeof name, "qubes.xml.replaced-%llu", (unsigned long long)wall_seconds());
    if (renameat(s->qubes_lib, "qubes.xml", s->qubes_lib, name) < 0)
        return fault_set(why, ERR_IO, "cannot put qubes.xml aside: %s", strerror(errno));
    snprintf(line, sizeof line, "what another program had written is now in %s", name);
    transfer_report(report, "note", SPAN_LITERAL("qubes.xml"), 0, 0, line);
    return 0;
}

/* First the digests, then the file: a crash between the two is neither a question nor a loss. */
static int replace_document(struct store *s, const char *is, struct span document, struct fault *why)
{
    char digest[DIGEST_TEXT], both[2 * DIGEST_TEXT];
    digest_sha256(document, digest);
    if (strcmp(digest, is) == 0)
        return 0;
    snprintf(both, sizeof both, "%s %s", digest, is);
    int r = db_meta_set(s->db, DIGEST_KEY, span_of(both), why);
    return r < 0 ? r : registry_file_replace(s->qubes_lib, "qubes.xml", s->group, 0660, document, why);
}

static int export_document(struct store *s, struct store_task *t, struct fault *why)
{
    AUTO_TEXT document = TEXT_WITH_LIMIT(DOCUMENT_BYTES);
    char is[DIGEST_TEXT];
    int r = registry_export(t->changes.at, t->changes.count, registry_export_rules(), &document, why);
    if (r < 0)
        return r;
    enum whose whose = whose_document(s, is);
    s->keeps_foreign_file = t->kept_foreign = whose == SOMEBODY_ELSES && t->flags == 0;
    if (s->keeps_foreign_file) {
        transfer_report(&t->report, "question", SPAN_LITERAL("qubes.xml"), 0, 0, question);
        return 0;
    }
    if (whose == SOMEBODY_ELSES)
        r = put_aside(s, &t->report, why);
    return r < 0 ? r : replace_document(s, whose == OURS ? is : "", text_span(&document), why);
}

int transfer_export(struct store *s, struct store_task *t, struct fault *why)
{
    if (s->qubes_lib < 0)
        return 0;
    change_list_done(&t->changes);
    if ((t->flags & TRANSFER_IMPORTED) != 0 && s->read != NULL) {
        beside_free(s->beside);
        s->beside = TAKE(s->read);
    }
    int r = export_document(s, t, why);
    struct fault inner;
    int other = export_beside(s, t, r < 0 ? &inner : why);
    return r < 0 ? r : other;
}

int transfer_document(struct store *s, struct store_task *t, struct fault *why)
{
    AUTO_TEXT document = TEXT_WITH_LIMIT(DOCUMENT_BYTES);
    (void)s;
    change_list_done(&t->changes);
    int r = registry_export(t->changes.at, t->changes.count, registry_export_rules(), &document, why);
    if (r < 0)
        return r;
    t->document.limit = DOCUMENT_BYTES;
    text_format(&t->document, "qubes.xml\n%zu\n", document.len);
    text_append(&t->document, text_span(&document));
    r = beside_each(t->changes.at, t->changes.count, &t->document, why);
    return r < 0 ? r : t->document.failed;
}

/* ---- looking ---- */

int transfer_check(struct store *s, struct store_task *t, struct fault *why)
{
    char digest[DIGEST_TEXT];
    bool more, changed;
    change_list_done(&t->changes);
    if (s->qubes_lib < 0)
        return 0;
    if (s->lib_path != NULL)
        transfer_report(&t->report, "place", span_of(s->lib_path), 0, 0,
                        "where qubes.xml and the VMs' files lie");
    enum whose whose = whose_document(s, digest);
    s->keeps_foreign_file = t->kept_foreign = whose == SOMEBODY_ELSES;
    if (whose == SOMEBODY_ELSES)
        transfer_report(&t->report, "question", SPAN_LITERAL("qubes.xml"), 0, 0, question);
    int r = load_beside(s, why);
    return r < 0 ? r
                 : beside_export(s->qubes_lib, s->group, t->changes.at, t->changes.count, s->beside,
                                 BESIDE_LOOK, 0, &more, &changed, report_file, &t->report, why);
}

/* ---- in ---- */

struct intake {
    struct change_list *list;
    struct text *report;
};

static int take_change(void *self, const struct change *c)
{
    return change_list_add(((struct intake *)self)->list, c);
}

static int take_problem(void *self, const struct import_problem *p)
{
    static const char *const words[] = {"note", "warning", "disabled"};
    struct intake *in = self;
    char whom[16];
    snprintf(whom, sizeof whom, "%u", p->qid);
    transfer_report(in->report, words[p->severity], p->qid == QID_GLOBAL ? SPAN_LITERAL("-") : span_of(whom),
                    p->line, p->column, p->text);
    return 0;
}

static int take_beside_problem(void *self, uint32_t qid, const char *path, const char *text)
{
    struct intake *in = self;
    char line[512];
    (void)qid;
    snprintf(line, sizeof line, "%s: %.300s", path, text);
    transfer_report(in->report, strstr(path, "firewall.xml") != NULL ? "disabled" : "warning", span_of(path),
                    0, 0, line);
    return 0;
}

static int take_document(int dir, const char *name, struct intake *in, struct fault *why)
{
    AUTO_TEXT document = TEXT_WITH_LIMIT(DOCUMENT_BYTES);
    struct import_sink sink = {in, take_change, take_problem};
    int r = registry_file_read(dir, name, &document, why);
    return r < 0 ? r : registry_import(text_span(&document), registry_import_rules(), &sink, why);
}

int transfer_take_file(const char *path, struct change_list *list, struct text *report, struct fault *why)
{
    struct intake in = {list, report};
    int r = take_document(AT_FDCWD, path, &in, why);
    change_list_done(list);
    return r;
}

int transfer_take_in(int dir, struct change_list *list, struct beside *beside, struct text *report,
                     struct fault *why)
{
    struct intake in = {list, report};
    int r = take_document(dir, "qubes.xml", &in, why);
    return r < 0 ? r : beside_import(dir, wall_seconds(), list, beside, take_beside_problem, &in, why);
}

int transfer_read(struct store *s, struct store_task *t, struct fault *why)
{
    AUTO(beside)
    *b = beside_new();
    char path[256];
    bool own = t->path.len == 0;
    if (s->qubes_lib < 0 || b == NULL)
        return fault_set(why, ERR_UNKNOWN, "this installation has no directory with a qubes.xml");
    if (text_copy(path, sizeof path, own ? SPAN_LITERAL(".") : text_span(&t->path)) < 0 ||
        strchr(path, '/') != NULL || strcmp(path, "..") == 0)
        return fault_set(why, ERR_DENIED, "only a folder right beside qubes.xml can be imported");
    AUTO_FD dir = openat(s->qubes_lib, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return fault_set(why, ERR_UNKNOWN, "cannot open the folder %s: %s", path, strerror(errno));
    int r = transfer_take_in(dir, &t->changes, b, &t->report, why);
    if (r >= 0 && own) {
        beside_free(s->read);
        s->read = TAKE(b);
    }
    change_list_done(&t->changes);
    return r;
}
