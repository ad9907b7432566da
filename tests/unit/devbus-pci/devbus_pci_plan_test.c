/* SPDX-License-Identifier: MIT
 * What devbus-pci looks at before it touches a device, check by check. */
#include "tests/unit/devbus-pci/devbus_pci_bench.h"

static void what_cannot_be_reset_is_refused_before_it_is_touched(void **state)
{
    struct bench *b = *state;
    in_tree(b, "rm devices/pci0000:00/0000:00:1c.0/" CARD "/reset");
    uint64_t plan = HEAR(b, bus_plan, WORK, .port = PORT);
    bench_run(b);
    assert_true(reply_to(b, plan)->refused);
    uint64_t asked = prepare(b, WORK, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_QUBES);
    assert_non_null(strstr(reply_to(b, asked)->text, "check reset"));
    assert_int_equal(b->binds, 0);
    nothing_is_half_done(b, false);
    asked = HEAR(b, bus_prepare, WORK, .name = "work", .port = PORT, .no_strict_reset = 1);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
}

static void a_plan_touches_nothing(void **state)
{
    struct bench *b = *state;
    uint64_t plan = HEAR(b, bus_plan, WORK, .port = PORT, .device_id = "0x8086:0x08b2::p028000");
    bench_run(b);
    assert_int_equal(reply_to(b, plan)->r, 0);
    assert_false(reply_to(b, plan)->refused);
    assert_true(reply_to(b, plan)->checks >= 5);
    plan = HEAR(b, bus_plan, WORK, .port = PORT, .device_id = "another");
    bench_run(b);
    assert_true(reply_to(b, plan)->refused);
    assert_int_equal(b->binds, 0);
    assert_int_equal(b->self->table.used, 0);
}

static void who_asks_for_checks_only_gets_the_answer_and_nothing_is_taken(void **state)
{
    struct bench *b = *state;
    for (unsigned purpose = 0; purpose <= 2; purpose++) {
        uint64_t asked = HEAR(b, bus_prepare, WORK, .name = "work", .port = PORT, .device_id = "*",
                              .purpose = purpose, .only_checks = 1);
        bench_run(b);
        assert_int_equal(reply_to(b, asked)->r, 0);
        asked = HEAR(b, bus_prepare, WORK, .name = "work", .port = PORT, .device_id = "usb",
                     .purpose = purpose, .only_checks = 1);
        bench_run(b);
        assert_non_null(strstr(reply_to(b, asked)->text, "check identity"));
    }
    assert_int_equal(b->binds, 0);
    assert_int_equal(b->self->table.used, 0);
}

static void another_card_in_the_slot_is_refused(void **state)
{
    struct bench *b = *state;
    uint64_t asked = HEAR(b, bus_prepare, WORK, .name = "work", .port = PORT, .device_id = "usb");
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_QUBES);
    assert_non_null(strstr(reply_to(b, asked)->text, "check identity"));
    assert_int_equal(b->binds, 0);
}

static void when_bus_numbers_change_the_path_still_leads_there(void **state)
{
    struct bench *b = *state;
    in_tree(b, "d=devices/pci0000:00/0000:00:1c.0 && echo 5 >$d/secondary_bus_number && mv $d/" CARD
               " $d/0000:05:00.0 && rm bus/pci/devices/" CARD
               " && ln -s ../../../$d/0000:05:00.0 bus/pci/devices/0000:05:00.0");
    uint64_t asked = HEAR(b, bus_part, WORK, .port = PORT);
    bench_run(b);
    assert_non_null(strstr(reply_to(b, asked)->text, "0000:05:00.0")); /* where this libvirt lists none */
    asked = HEAR(b, bus_part, WORK, .port = "00_1d.0-00_00.0");
    bench_run(b);
    assert_non_null(strstr(reply_to(b, asked)->text, "Invalid PCI device"));
}

/* ---- each check, in a tree of its own ---- */

#define DIR   "devices/pci0000:00/0000:00:1c.0"
#define MATE  "0000:02:00.1"
#define GROUP "kernel/iommu_groups/7"
/* The card in a group; a second function beside it, and in the group, too. */
#define GROUPED          "mkdir -p " GROUP " && ln -s ../../../../" GROUP " " DIR "/" CARD "/iommu_group"
#define WITH_MATE        "mkdir -p " DIR "/" MATE " && ln -s ../../../" DIR "/" MATE " bus/pci/devices/" MATE
#define MATE_GROUPED     GROUPED " && " WITH_MATE " && ln -s ../../../../" GROUP " " DIR "/" MATE "/iommu_group"
#define MATE_HAS(driver) "ln -s ../../../../bus/pci/drivers/" driver " " DIR "/" MATE "/driver"

struct expected {
    const char *tree, *check, *level, *words; /* "": the plan has no such check */
};

static const struct expected checks[] = {
    {"true", "identity", "ok", "00_1c.0-00_00.0 is 0000:02:00.0"},
    {"true", "holder", "ok", "no other VM has it"},
    {"true", "kind", "ok", "not a bridge"},
    {"echo 0x060400 >" DIR "/" CARD "/class", "kind", "refused", "bridge"},
    {"echo 3 >" DIR "/" CARD "/secondary_bus_number", "kind", "refused", "bridge"},

    {"true", "reset", "ok", "it can be reset"},
    {"echo flr bus >" DIR "/" CARD "/reset_method", "reset", "ok", "flr bus"},
    {"rm " DIR "/" CARD "/reset", "reset", "refused", "no-strict-reset"},
    {"rm " DIR "/" CARD "/reset " DIR "/" CARD "/config", "reset", "warning", "nothing says"},

    {"true", "iommu", "warning", "no IOMMU is to be seen"},
    {GROUPED, "iommu", "ok", "IOMMU group 7"},
    {WITH_MATE " && mkdir -p " GROUP " && ln -s ../../../../" GROUP " " DIR "/" MATE "/iommu_group", "iommu",
     "warning", "in no IOMMU group, though others are"},

    {GROUPED, "group", "ok", "0 other functions"},
    {MATE_GROUPED, "group", "ok", "1 other functions are in its IOMMU group: 0000:02:00.1"}, /* nobody's */
    {MATE_GROUPED " && " MATE_HAS("snd_hda_intel"), "group", "refused",
     "0000:02:00.1 is in the same IOMMU group"},
    {MATE_GROUPED " && " MATE_HAS("snd_hda_intel"), "group", "refused", "snd_hda_intel"},
    {MATE_GROUPED " && " MATE_HAS("pciback"), "group", "ok", "0000:02:00.1 (pciback)"},
    {MATE_GROUPED " && " MATE_HAS("vfio-pci"), "group", "ok", "1 other functions"},
    {MATE_GROUPED " && " MATE_HAS("pcieport") " && echo 0x060400 >" DIR "/" MATE "/class", "group", "ok", ""},
    {WITH_MATE " && " MATE_HAS("snd_hda_intel"), "group", "", ""}, /* without groups nothing is known */

    {"true", "siblings", "", ""},
    {WITH_MATE, "siblings", "warning", "1 more behind the bridge 0000:00:1c.0 share its reset: 0000:02:00.1"},
    {WITH_MATE " && " MATE_HAS("snd_hda_intel"), "siblings", "warning", "0000:02:00.1 (snd_hda_intel)"},
    {"for i in $(seq 1 31); do d=$(printf 0000:02:%02x.0 $i) && mkdir -p " DIR "/$d && ln -s ../../../" DIR
     "/$d bus/pci/devices/$d; done",
     "siblings", "warning", " more"},

    {GROUPED, "rmrr", "", ""},
    {GROUPED " && echo '0x00000000fee00000 0x00000000feefffff msi' >" GROUP "/reserved_regions", "rmrr", "",
     ""},
    {GROUPED " && echo '0x000000007b800000 0x000000007fffffff direct-relaxable' >" GROUP "/reserved_regions",
     "rmrr", "", ""},
    {GROUPED
     " && printf '0x000000007b800000 0x000000007fffffff direct\\n0x00000000fee00000 0x00000000feefffff "
     "msi\\n' >" GROUP "/reserved_regions",
     "rmrr", "warning", "RMRR"},
    {GROUPED " && echo '0x000000007b800000 0x000000007fffffff direct' >" GROUP "/reserved_regions", "rmrr",
     "warning", "RMRR"},

    {"true", "driver", "ok", "taken from dom0's driver iwlwifi"},
    {"rm " DIR "/" CARD "/driver", "driver", "ok", "no driver of dom0's"},
    {"rm " DIR "/" CARD "/driver && ln -s ../../../../bus/pci/drivers/pciback " DIR "/" CARD "/driver",
     "driver", "ok", "pciback holds it already"},
};

static const struct bus_check *find_check(const struct reply *plan, const char *name)
{
    for (size_t i = 0; i < plan->checks; i++)
        if (strcmp(plan->check[i].name, name) == 0)
            return &plan->check[i];
    return NULL;
}

static void is_shown(const struct bus_check *c, const struct expected *e)
{
    if (e->level[0] == '\0') {
        assert_null(c);
        return;
    }
    assert_non_null(c);
    assert_string_equal(c->level, e->level);
    assert_non_null(strstr(c->text, e->words));
}

/* What the plan refuses the attachment refuses, with the same words, and nothing has moved. */
static void is_obeyed(struct bench *b, const struct reply *plan, const struct expected *e)
{
    bool refused = plan->refused, was_bound = is_bound(b);
    uint64_t asked = prepare(b, WORK, 0, 0);
    bench_run(b);
    const struct reply *reply = reply_to(b, asked);
    assert_int_equal(reply->r, refused ? -ERR_QUBES : 0);
    if (!refused)
        return;
    char name[40];
    snprintf(name, sizeof name, "check %s:", e->check);
    assert_non_null(strstr(reply->text, name));
    assert_non_null(strstr(reply->text, e->words));
    assert_int_equal(b->binds, 0);
    nothing_is_half_done(b, was_bound);
    b->self->table.used = 0;
}

static void each_check_is_shown_by_the_plan_and_obeyed_by_the_attachment(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(checks); i++) {
        void *made;
        bench_begin(&made);
        struct bench *b = made;
        in_tree(b, checks[i].tree);
        uint64_t asked = HEAR(b, bus_plan, WORK, .port = PORT);
        bench_run(b);
        const struct reply plan = *reply_to(b, asked);
        assert_int_equal(plan.r, 0);
        is_shown(find_check(&plan, checks[i].check), &checks[i]);
        assert_int_equal(b->binds, 0);
        is_obeyed(b, &plan, &checks[i]);
        bench_end(&made);
    }
}

static void another_vms_device_is_refused_by_its_name_and_ones_own_is_not(void **state)
{
    struct bench *b = *state;
    HEAR(b, bus_prepare, OTHER, .name = "sys-net", .port = PORT, .device_id = "*");
    confirm(b, OTHER, 1);
    bench_run(b);
    uint64_t asked = HEAR(b, bus_plan, WORK, .port = PORT);
    bench_run(b);
    const struct bus_check *c = find_check(reply_to(b, asked), "holder");
    assert_string_equal(c->level, "refused");
    assert_non_null(strstr(c->text, "sys-net has it"));
    asked = prepare(b, WORK, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_DEVICE_ATTACHED);
    assert_non_null(strstr(reply_to(b, asked)->text, "sys-net has it"));
    asked = HEAR(b, bus_plan, OTHER, .port = PORT);
    bench_run(b);
    assert_false(reply_to(b, asked)->refused);
}

/* ---- xenstore's word about the holder ---- */

static int list_store(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *names,
                      struct fault *why)
{
    (void)x, (void)tx, (void)why;
    text_add(names, strcmp(path, "backend/pci") == 0 ? "12\n" : "0\n");
    return names->failed;
}

static int read_store(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *value,
                      struct fault *why)
{
    const char *key = strrchr(path, '/') + 1;
    const char *is = strcmp(key, "domain") == 0     ? "of-somebody-else"
                     : strcmp(key, "num_devs") == 0 ? "1"
                     : strcmp(key, "dev-0") == 0    ? CARD
                     : strcmp(key, "12") == 0       ? "" /* the domain itself */
                                                    : NULL;
    (void)x, (void)tx;
    text_add(value, is != NULL ? is : "");
    return is != NULL ? value->failed : fault_set(why, ERR_UNKNOWN, "no %s", path);
}

static int begin_store(struct xenstore_door *x, xenstore_tx *tx, struct fault *why)
{
    (void)x, (void)why;
    *tx = 1;
    return 0;
}

static int commit_store(struct xenstore_door *x, xenstore_tx tx, struct fault *why)
{
    (void)x, (void)tx, (void)why;
    return 0;
}

static void what_xenstore_shows_with_a_domain_is_that_domains_and_xen_has_the_iommu(void **state)
{
    static const struct xenstore_ops ops = {
        .list = list_store, .read = read_store, .begin = begin_store, .commit = commit_store};
    struct xenstore_door store = {&ops};
    struct bench *b = *state;
    b->self->on_xen = b->doors.on_xen = true;
    b->doors.xenstore = &store;
    uint64_t asked = HEAR(b, bus_plan, WORK, .port = PORT);
    bench_run(b);
    const struct bus_check *holder = find_check(reply_to(b, asked), "holder");
    assert_string_equal(holder != NULL ? holder->level : "", "refused");
    assert_non_null(strstr(holder != NULL ? holder->text : "", "of-somebody-else"));
    assert_string_equal(find_check(reply_to(b, asked), "iommu")->level, "ok");
    asked = prepare(b, WORK, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_DEVICE_ATTACHED);
    assert_int_equal(b->binds, 0);
    nothing_is_half_done(b, false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_begin, bench_end)
    const struct CMUnitTest tests[] = {
        TEST(what_cannot_be_reset_is_refused_before_it_is_touched),
        TEST(a_plan_touches_nothing),
        TEST(another_card_in_the_slot_is_refused),
        TEST(when_bus_numbers_change_the_path_still_leads_there),
        TEST(who_asks_for_checks_only_gets_the_answer_and_nothing_is_taken),
        cmocka_unit_test(each_check_is_shown_by_the_plan_and_obeyed_by_the_attachment),
        TEST(another_vms_device_is_refused_by_its_name_and_ones_own_is_not),
        TEST(what_xenstore_shows_with_a_domain_is_that_domains_and_xen_has_the_iommu),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
