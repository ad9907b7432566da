/* SPDX-License-Identifier: MIT
 * The model with the registry's store under it, driven by lines on standard input; second.py is at
 * the other end. Every answer ends with a line ".". Commands, fields between tabs:
 *   operate NAME actor target key value   plan, commit, apply; "ok N result" or "fault CLASS text", then
 * events put KIND qid key value, take KIND qid key   a change from elsewhere, committed and applied fact qid
 * NAME [value]                 the world changes chain qid N name                      the feature along
 * chain N dump                                  the state that clients can see reload the store again: must
 * be the model that lives; is used from now on usage: driver DIRECTORY */
#include "tests/secondmodel/driver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actors/registry/registry_file.h"

enum { RAW_BYTES = 16 << 20 };

static const char *world_answers(void *arg, uint32_t qid, enum fact fact)
{
    struct driver *d = arg;
    return d->fact[qid < DRIVER_QIDS ? qid : DRIVER_QIDS][fact];
}

static enum kernel_state world_kernels(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "broken") == 0)
        return KERNEL_BROKEN;
    return name[0] == 'k' && strlen(name) == 2 ? KERNEL_INSTALLED : KERNEL_ABSENT;
}

static const char *world_files(void *arg, const char *kernel, const char *file)
{
    (void)arg;
    if (strcmp(kernel, "k1") == 0 && strcmp(file, "default-kernelopts-nopci.txt") == 0)
        return "nopci of k1";
    if (strcmp(kernel, "k2") == 0 && strcmp(file, "default-kernelopts-pci.txt") == 0)
        return "pci of k2";
    return NULL;
}

static uint32_t world_draws(void *arg)
{
    return ++((struct driver *)arg)->draws * 2654435761u;
}

/* The clock stands: what a firewall rule's expire means does not depend on when the test runs. */
static uint64_t world_stands(void *arg)
{
    (void)arg;
    return DRIVER_NOW;
}

static int open_store(struct store *s, struct fault *why)
{
    return db_sqlite_open(s->directory, &s->db, why);
}

static void die(const char *what, const struct fault *why)
{
    fprintf(stderr, "driver: %s: %s\n", what, why->text);
    exit(3);
}

/* What the store holds, as a model of its own. */
static struct model *load(struct driver *d)
{
    struct store_task *t = store_task_new(STORE_LOAD);
    struct model *m = model_new();
    struct fault why = {0};
    if (t == NULL || m == NULL)
        abort();
    store_perform(&d->store, &t->task);
    if (t->task.r < 0)
        die("the store does not load", &t->task.why);
    for (size_t i = 0; i < t->changes.count; i++)
        if (model_apply(m, &t->changes.at[i], &why) < 0)
            die("the store holds what the model does not take", &why);
    store_task_free_content(t);
    free(t);
    return m;
}

static void use(struct driver *d, struct model *m)
{
    model_free(d->model);
    d->model = m;
    d->known = KNOWN(m, &d->world);
}

/* To the disk first, then into the model; as registry does it. */
static void commit(struct driver *d, const struct change *c, size_t count)
{
    struct store_task *t = store_task_new(STORE_COMMIT);
    struct store_write *w = store_write_new(1, (struct op_id){1, ++d->operations});
    struct fault why = {0};
    if (t == NULL || w == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        if (change_list_add(&w->changes, &c[i]) < 0)
            abort();
    change_list_done(&w->changes);
    text_add(&w->method, "secondmodel");
    store_task_add(t, w);
    store_perform(&d->store, &t->task);
    if (t->task.r < 0)
        die("the store does not commit", &t->task.why);
    store_task_free_content(t);
    free(t);
    for (size_t i = 0; i < count; i++)
        if (model_apply(d->model, &c[i], &why) < 0)
            die("the model does not take what its plan says", &why);
}

static uint32_t number(const struct span *f)
{
    return f->at == NULL || span_is(*f, "-1") ? QID_GLOBAL : (uint32_t)strtoul(f->at, NULL, 10);
}

static void operate(struct driver *d, struct span *f)
{
    struct fault why = {0};
    AUTO_PLAN plan = {0};
    unsigned operation = 0;
    AUTO_TEXT before = TEXT_WITH_LIMIT(RAW_BYTES);
    AUTO_TEXT after = TEXT_WITH_LIMIT(RAW_BYTES);
    show_raw(d->model, &before);
    while (operation < OPERATIONS && !span_is(f[1], operation_name(operation)))
        operation++;
    int r = operation_plan(&d->known, operation, number(&f[2]), number(&f[3]), f[4], f[5], &plan, &why);
    show_raw(d->model, &after);
    if (!span_equal(text_span(&before), text_span(&after)))
        printf("moved\tplanning changed the model\n");
    if (r < 0) {
        printf("fault\t%s", err_api_class(why.code));
        show_field(span_of(why.text));
        putchar('\n');
        if (plan.changes > 0)
            printf("moved\ta refused plan holds changes\n");
    } else {
        printf("ok\t%zu", plan.commit_at);
        show_field(plan.result);
        putchar('\n');
    }
    for (size_t i = 0; i < plan.events; i++)
        show_event(&d->known, &plan, &plan.event[i]);
    commit(d, plan.change, plan.changes);
}

static enum change_kind kind_named(struct span name)
{
    enum change_kind kind = 0;
    while (kind < CHANGE_KINDS && !span_is(name, change_kind_name(kind)))
        kind++;
    return kind;
}

static void put(struct driver *d, struct span *f)
{
    struct change c = {kind_named(f[1]), number(&f[2]), f[3], f[4], span_is(f[0], "take")};
    commit(d, &c, 1);
}

static void learn(struct driver *d, struct span *f)
{
    uint32_t qid = number(&f[1]);
    enum fact fact = 0;
    while (fact < FACTS && !span_is(f[2], fact_name(fact)))
        fact++;
    if (fact == FACTS)
        return;
    char **at = &d->fact[qid < DRIVER_QIDS ? qid : DRIVER_QIDS][fact];
    free(*at);
    *at = f[3].len > 0 ? strndup(f[3].at, f[3].len) : NULL;
}

static void chain(struct driver *d, struct span *f)
{
    struct span value;
    int r = ask_feature(&d->known, number(&f[1]), number(&f[2]), f[3], &value);
    printf("chain\t%d", r);
    show_field(r == 1 ? value : SPAN_LITERAL(""));
    putchar('\n');
}

static void dump(struct driver *d, struct span *f)
{
    (void)f;
    show_all(&d->known);
}

static void reload(struct driver *d, struct span *f)
{
    (void)f;
    AUTO_TEXT live = TEXT_WITH_LIMIT(RAW_BYTES);
    AUTO_TEXT kept = TEXT_WITH_LIMIT(RAW_BYTES);
    struct model *m = load(d);
    show_raw(d->model, &live);
    show_raw(m, &kept);
    if (!span_equal(text_span(&live), text_span(&kept))) {
        printf("differs");
        show_field(text_span(&live));
        show_field(text_span(&kept));
        putchar('\n');
    }
    use(d, m);
}

static unsigned hex(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Splits in place and decodes; every field is NUL-terminated. */
static void split(char *line, struct span f[DRIVER_FIELDS])
{
    line[strcspn(line, "\n")] = '\0';
    for (unsigned i = 0; i < DRIVER_FIELDS; i++) {
        f[i] = (struct span){"", 0};
        char *field = line == NULL ? NULL : strsep(&line, "\t");
        if (field == NULL)
            continue;
        char *to = field;
        for (const char *at = field; *at != '\0'; at++) {
            bool coded = *at == '%' && at[1] != '\0' && at[2] != '\0';
            if (coded)
                *to++ = (char)(unsigned char)(hex(at[1]) * 16 + hex(at[2]));
            else
                *to++ = *at;
            at += coded ? 2 : 0;
        }
        *to = '\0';
        f[i] = (struct span){field, (size_t)(to - field)};
    }
}

static void obey(struct driver *d, struct span *f)
{
    static const struct {
        const char *name;
        void (*act)(struct driver *, struct span *);
    } commands[] = {{"operate", operate}, {"put", put},   {"take", put},     {"fact", learn},
                    {"chain", chain},     {"dump", dump}, {"reload", reload}};
    for (size_t i = 0; i < COUNT(commands); i++)
        if (span_is(f[0], commands[i].name))
            commands[i].act(d, f);
    puts(".");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct driver d;
    static char buffer[1 << 16];
    char *line = NULL;
    size_t room = 0;
    struct span f[DRIVER_FIELDS];
    if (argc != 2)
        return 2;
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    d.store = (struct store){
        .open = open_store, .directory = argv[1], .qubes_lib = -1, .pool_dir = "/var/lib/qubes"};
    d.store.group = REGISTRY_NO_GROUP;
    d.world = (struct world){.arg = &d,
                             .fact = world_answers,
                             .kernel = world_kernels,
                             .kernel_file = world_files,
                             .random = world_draws,
                             .seconds = world_stands};
    model_free(load(&d)); /* makes the first store */
    use(&d, load(&d));
    while (getline(&line, &room, stdin) > 0) {
        split(line, f);
        obey(&d, f);
    }
    free(line);
    for (unsigned i = 0; i <= DRIVER_QIDS; i++)
        for (unsigned j = 0; j < FACTS; j++)
            free(d.fact[i][j]);
    model_free(d.model);
    db_free(d.store.db);
    return 0;
}
