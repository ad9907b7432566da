/* SPDX-License-Identifier: MIT
 * The power is cut on a real thin pool: the writes of each verb of lvm_thin are recorded below LVM. Disks
 * that hold a first part of them are read, each: it must be the old state or the new one. With some of these
 * disks, spread evenly over those that differ in what LVM or the pool knows, the next process must find the
 * same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TAPE_NAME  "bulkheadtape"
#define THIN_GROUP "bulkheadtapes"
#include "tests/unit/doors/pool_tape.h"
#include "tests/unit/doors/pool_thin.h"
#include "tests/unit/doors/pool_thin_read.h"

#define OWN_NAME "vm-v-private"
enum { PARTS_MOST = 4096 };

static unsigned cuts = 3; /* of each verb: how many of its parts are booted */
static unsigned booted, readings;
static struct pool *pool;
static struct volume own, source;
static struct fault why;
static int material = -1;

/* What the volume is before and after it; `rest`: 'p' one revision ago, 'o' committed, else there is none. */
static const struct trial {
    const char *name;
    enum pool_verb verb;
    int64_t keep;
    bool rest, started, import;
    char old, new;
} trials[] = {
    {"create", POOL_create, 2, false, false, false, '-', '0'},
    {"start", POOL_start, 2, true, false, false, 'o', 'o'},
    {"stop", POOL_stop, 2, true, true, false, 'r', 'r'},
    {"stop without revisions", POOL_stop, 0, true, true, false, 'r', 'r'},
    {"revert", POOL_revert, 2, true, false, false, 'o', 'p'},
    {"resize", POOL_resize, 2, true, false, false, 'o', 'o'},
    {"import_begin", POOL_import_begin, 2, true, false, false, 'o', 'o'},
    {"import_end", POOL_import_end, 2, true, false, true, 'o', 'i'},
    {"import_fd", POOL_import_fd, 2, true, false, false, 'o', 'n'},
    {"clone", POOL_clone, 2, true, false, false, 'o', 's'},
    {"remove", POOL_remove, 2, true, false, false, 'o', '-'},
};

static void must(enum pool_verb verb, const struct volume *v, char path[POOL_PATH_MAX + 1])
{
    AUTO_OUTCOME o = {0};
    struct pool_errand e = {.volume = v,
                            .source = &source,
                            .fd = material,
                            .size = (verb == POOL_resize ? 8 : 2) * TAPE_MIB,
                            .success = true};
    if (pool_do(pool, verb, &e, &o, &why) < 0)
        fail_msg("%s: %s", pool_verb_name(verb), why.text);
    if (path != NULL)
        memcpy(path, o.path, sizeof o.path);
}

static void write_to(enum pool_verb verb, const struct volume *v, char word)
{
    char path[POOL_PATH_MAX + 1];
    must(verb, v, path);
    write_pattern(path, word, SIZE);
}

static void session(const struct volume *v, char word)
{
    must(POOL_start, v, NULL);
    write_to(POOL_look, v, word);
    must(POOL_stop, v, NULL);
}

/* A volume whose creation was cut short may be in the group and not yet in the pool, and then vgchange fails
 * for that one: what is asked for is the pool. */
static void wake(void)
{
    tape_do("{ vgchange -ay " THIN_GROUP " || dmsetup info " THIN_GROUP "-pool-tpool; }");
}

static void sleep_again(void)
{
    tape_do("vgchange -an " THIN_GROUP);
    tape_eject();
}

/* Two disks from which every trial begins: without the volume, and with it at rest. */
static void make_disks(void)
{
    tape_do("truncate -s 48M new");
    tape_insert("new");
    assert_true(thin_make_on(TAPE_DISK, 32));
    must(POOL_create, &source, NULL);
    session(&source, 's');
    sleep_again();
    tape_clone("new", "without");
    tape_insert("new");
    wake();
    must(POOL_create, &own, NULL);
    session(&own, 'p');
    session(&own, 'o');
    sleep_again();
    tape_clone("new", "with");
}

static void a_verb_is_recorded(const struct trial *t)
{
    own.revisions_to_keep = t->keep;
    tape_clone(t->rest ? "with" : "without", "base");
    if (t->started || t->import) {
        tape_insert("base");
        wake();
        must(t->import ? POOL_import_begin : POOL_start, &own, NULL);
        if (t->import)
            write_pattern("/dev/" THIN_GROUP "/" OWN_NAME "-import", 'i', SIZE);
        else
            write_to(POOL_look, &own, 'r');
        sleep_again();
    }
    tape_clone("base", "data");
    tape_record("data");
    wake();
    tape_mark("begin");
    must(t->verb, &own, NULL);
    tape_mark("end");
    sleep_again();
    tape_read();
}

static void tell(void *self, const struct pool_found *found)
{
    (void)self;
    if (found->r < 0)
        fail_msg("recovery: %s", found->why->text);
}

static char found_word(void)
{
    AUTO_OUTCOME o = {0};
    struct pool_errand e = {.volume = &own};
    if (pool_do(pool, POOL_export, &e, &o, &why) >= 0)
        return read_pattern(o.path, NULL);
    if (strstr(why.text, "missing") == NULL)
        fail_msg("export: %s", why.text);
    return '-';
}

static void is_old_or_new(const struct trial *t, bool done, unsigned cut)
{
    struct pool_known_volume known[1] = {{own, POOL_AT_REST}};
    assert_int_equal(pool_recover(pool, known, 1, NULL, tell, NULL, &why), 0);
    char word = found_word();
    if (word != t->new && (done || word != t->old))
        fail_msg("%s, cut after write %u of %u..%u: it is %c, neither %c nor %c", t->name, cut, tape.begin,
                 tape.end, word, t->old, t->new);
    if (!t->rest || cut % 4 == 0) { /* and its name can be used again */
        known[0].known = POOL_HALF_MADE;
        assert_int_equal(pool_recover(pool, known, 1, NULL, tell, NULL, &why), 0);
        must(POOL_create, &own, NULL);
        assert_int_equal(found_word(), '0');
    }
}

/* What LVM and the pool know: two disks of which it is the same differ in volumes' data at most. */
static uint64_t known_to_them(const struct thin_disk *d)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *at = d->text; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    return hash ^ d->step ^ d->maps << 16 ^ d->details << 40;
}

/* Each first part: how many differ in what is known, and with which write each of these begins. */
static unsigned every_part_is_read(const struct trial *t, unsigned begins[PARTS_MOST])
{
    static struct thin_disk d;
    uint64_t before = 0;
    unsigned different = 0;
    tape_play("base", "disk", tape.begin);
    for (unsigned cut = tape.begin; cut <= tape.end; cut++) {
        if (cut > tape.begin)
            tape_play_on("disk", cut - 1, cut);
        char word = thin_read(&d, tape_file("disk"), OWN_NAME);
        if (word != t->new && (cut == tape.end || word != t->old))
            fail_msg("%s, read after write %u of %u..%u: it is %c, neither %c nor %c", t->name, cut,
                     tape.begin, tape.end, word, t->old, t->new);
        if ((different == 0 || known_to_them(&d) != before) && different < PARTS_MOST)
            begins[different++] = cut;
        before = known_to_them(&d);
    }
    readings += tape.end - tape.begin + 1;
    return different;
}

static void power_is_cut_during(const struct trial *t)
{
    static unsigned begins[PARTS_MOST];
    a_verb_is_recorded(t);
    unsigned different = every_part_is_read(t, begins), tried = 0;
    for (; tried < cuts && tried < different; tried++) { /* the last one is the whole */
        unsigned i = different - 1 - tried * different / (cuts < different ? cuts : different),
                 cut = tried == 0 ? tape.end : begins[i];
        tape_play("base", "disk", cut);
        tape_insert("disk");
        wake();
        is_old_or_new(t, cut >= tape.end, cut);
        sleep_again();
    }
    booted += tried;
    print_message("# %s: all %u parts are read, %u differ in what is known, %u of these are booted\n",
                  t->name, tape.end - tape.begin + 1, different, tried);
}

static void power_may_be_cut_during_any_verb(void **state)
{
    (void)state;
    make_disks();
    for (size_t i = 0; i < COUNT(trials); i++)
        power_is_cut_during(&trials[i]);
    print_message("# of all verbs %u parts are read, %u are booted\n", readings, booted);
}

#define LINES(vm)                                                                                            \
    "vid=" THIN_GROUP "/vm-" vm "-private\nrw=True\nsave_on_stop=True\nsize=4194304\nrevisions_to_keep=2"

/* pool_replay_lvm_test [CUTS]: how many of each verb. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(power_may_be_cut_during_any_verb)};
    char path[] = "/dev/shm/pool-replay-material.XXXXXX";
    if (argc > 1)
        cuts = (unsigned)strtoul(argv[1], NULL, 10);
    if (!thin_there() || !tape_there()) {
        printf("1..0 # SKIP no thin pools or no dm-log-writes in this kernel\n");
        return 0;
    }
    material = mkostemp(path, O_CLOEXEC);
    if (material < 0 || ftruncate(material, 2 * TAPE_MIB) < 0)
        return 1;
    write_pattern(path, 'n', SIZE);
    unlink(path);
    pool = pool_at("lvm_thin", "volume_group=" THIN_GROUP "\nthin_pool=pool", NULL);
    own = volume_of("private", LINES("v"));
    source = volume_of("private", LINES("s"));
    int r = cmocka_run_group_tests_name("lvm_thin", tests, NULL, NULL);
    pool_free(pool);
    tape_end();
    return r;
}
