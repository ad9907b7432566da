/* SPDX-License-Identifier: MIT
 * zfs against a ZFS of files: every driver's suite, the commands and states of spec storage 9 and 17; lists
 * of hostile bytes: pool_zfs_report_test.c. */
#include "tests/unit/doors/pool_zfs_bench.h"

static void commands_are(const char *const *lines)
{
    unsigned i = 0;
    for (; lines[i] != NULL; i++)
        if (strncmp(zf.said[i], lines[i], strlen(lines[i])) != 0)
            fail_msg("%s, not %s", zf.said[i], lines[i]);
    assert_int_equal(zf.made, i);
    zf.made = 0;
}

#define ARE(...) commands_are((const char *const[]){__VA_ARGS__, NULL})

static void commands_are_those_of_the_specification(void **state)
{
    (void)state;
    ARE("create -o mountpoint=none -o volmode=dev -o org.qubes-os:part-of-qvm-pool=true -p tank/qubes");
    MUST(create, &own, 0);
    ARE("create -p -s -V 4194304 " OWN, "snapshot " OWN "@qubes:after-create:1521065905.123456",
        "snapshot " OWN "@qubes-clean-");
    MUST(start, &own, 0);
    ARE("snapshot " OWN "@qubes:before-start:", "set org.qubes:dirty=on " OWN);
    MUST(start, &own, 0);
    assert_int_equal(zf.made, 0);
    MUST(stop, &own, 0);
    ARE("snapshot " OWN "@qubes-clean-", "set org.qubes:dirty=off " OWN, "destroy -d " OWN "@qubes-clean-");
    MUST(create, &source, 0);
    zf.made = 0;
    MUST(start, &app, 0);
    ARE("clone -p -o com.sun:auto-snapshot=false tank/qubes/tem/root@qubes-clean-",
        "rename -p tank/qubes/.tmp/tank_qubes_v-m_root/", "set org.qubes:dirty=on tank/qubes/v-m/root");
    MUST(stop, &app, 0);
    ARE("destroy -r tank/qubes/.tmp/tank_qubes_v-m_root", "destroy -r tank/qubes/v-m/root");
    MUST(revert, &own, 0);
    ARE("rollback -r " OWN "@qubes:before-start:", "snapshot " OWN "@qubes-clean-",
        "destroy -d " OWN "@qubes:before-start:");
    scratch.rw = false;
    MUST(start, &scratch, 0);
    ARE("create -p -s -V 4194304 -o com.sun:auto-snapshot=false tank/qubes/v-m/volatile",
        "set readonly=on tank/qubes/v-m/volatile");
}

static void an_import_blocks_the_start_and_is_found_by_its_path(void **state)
{
    AUTO_OUTCOME o = {0};
    struct pool_errand e = {.volume = &own, .size = SIZE};
    (void)state;
    MUST(create, &own, 0);
    session(&own, 'a');
    assert_int_equal(does(POOL_import_end, &own, (struct pool_errand){.success = true}), -ERR_STORAGE);
    assert_string_equal(why.text, "No import operation in progress on " OWN);
    assert_int_equal(pool_do(pool, POOL_import_begin, &e, &o, &why), 0);
    assert_int_equal(strncmp(o.path, "/dev/zvol/tank/qubes/.importing/tank_qubes_v-m_private/", 55), 0);
    assert_int_equal(strlen(o.path), 55 + 8);
    assert_int_equal(does(POOL_start, &own, (struct pool_errand){0}), -ERR_STORAGE);
    assert_string_equal(why.text, "Import operation in progress on " OWN);
    assert_int_equal(does(POOL_import_begin, &own, (struct pool_errand){.size = SIZE}), -ERR_STORAGE);
    write_pattern(zf_at(o.path), 'i', SIZE);
    zf.made = 0;
    MUST(import_end, &own, .success = true);
    static const char put_aside[] = "rename -p " OWN " tank/qubes/.tmp/";
    ARE("snapshot tank/qubes/.importing/tank_qubes_v-m_private/", /* its revision and that it is whole */
        "snapshot tank/qubes/.importing/tank_qubes_v-m_private/", put_aside,
        "rename -p tank/qubes/.importing/tank_qubes_v-m_private/", "destroy -r tank/qubes/.tmp/");
    assert_int_equal(committed(&own), 'i');
    assert_int_equal(look(&own).size, SIZE);
    assert_int_equal(lines_of(POOL_revisions, &own), 1);
    MUST(start, &own, 0);
    assert_int_equal(does(POOL_import_begin, &own, (struct pool_errand){.size = SIZE}), -ERR_STORAGE);
}

static void a_revision_is_named_and_leaves_when_it_came_back(void **state)
{
    AUTO_OUTCOME o = {0};
    struct pool_errand e = {.volume = &own};
    char id[64];
    (void)state;
    MUST(create, &own, 0);
    for (int word = 'a'; word <= 'c'; word++)
        session(&own, (char)word);
    assert_int_equal(pool_do(pool, POOL_revisions, &e, &o, &why), 0);
    assert_int_equal(strncmp(o.list.at, "qubes:before-start:1521065", 26), 0);
    assert_non_null(strstr(o.list.at, ".123456=2018-03-14T22:"));
    snprintf(id, sizeof id, "%.*s", (int)strcspn(o.list.at, "="), o.list.at);
    assert_int_equal(does(POOL_revert, &own, (struct pool_errand){.revision = SPAN_LITERAL("qubes:no:1.0")}),
                     -ERR_REVISION_NOT_FOUND);
    const char *clean = strchr(zf.at[zf.count - 1].name, '@') + 1; /* a snapshot, and no revision */
    assert_int_equal(does(POOL_revert, &own, (struct pool_errand){.revision = span_of(clean)}),
                     -ERR_REVISION_NOT_FOUND);
    assert_int_equal(committed(&own), 'c');
    MUST(revert, &own, .revision = span_of(id)); /* newer ones are lost */
    assert_int_equal(committed(&own), 'a');
    assert_int_equal(lines_of(POOL_revisions, &own), 0);
    assert_int_equal(does(POOL_revert, &own, (struct pool_errand){0}), -ERR_REVISION_NOT_FOUND);
}

static void clones_outlive_what_they_were_made_of(void **state)
{
    (void)state;
    MUST(create, &source, 0);
    MUST(create, &own, 0);
    session(&source, 's');
    MUST(start, &app, 0);
    session(&source, 't');
    MUST(clone, &own, .source = &source);
    MUST(remove, &source, 0);
    assert_int_equal(rows_with("tank/qubes/tem"), 0);
    assert_int_equal(seen(&app), 's');
    assert_int_equal(committed(&own), 't');
    assert_int_equal(lines_of(POOL_revisions, &own), 1); /* its own, and none of what it was made of */
    MUST(stop, &app, 0);
    MUST(remove, &app, 0);
    MUST(create, &source, 0);
    MUST(clone, &source, .source = &own);
    MUST(remove, &source, 0); /* in this order, too */
    assert_int_equal(committed(&own), 't');
    MUST(remove, &own, 0);
    assert_int_equal(rows_with("tank/qubes/v-m") + rows_with("@") + rows_with("_private"), 0);
}

static void in_place_nobody_reads_what_runs(void **state)
{
    (void)state;
    MUST(create, &source, 0);
    MUST(create, &own, 0);
    session(&source, 's');
    source.revisions_to_keep = -1;
    MUST(clone, &own, .source = &source);
    MUST(start, &source, 0);
    assert_int_equal(does(POOL_export, &source, (struct pool_errand){0}), -ERR_STORAGE);
    assert_string_equal(why.text, "Volume tank/qubes/tem/root must be stopped before importing its data");
    assert_int_equal(does(POOL_clone, &own, (struct pool_errand){.source = &source}), -ERR_STORAGE);
    app.source_in_place = true;
    assert_int_equal(does(POOL_start, &app, (struct pool_errand){0}), -ERR_STORAGE);
    MUST(stop, &source, 0);
    assert_int_equal(lines_of(POOL_revisions, &source), 0);
    MUST(remove, &own, 0);
    assert_int_equal(rows_with("tem/root@"), 0);
    MUST(start, &app, 0);
    assert_int_equal(seen(&app), 's');
    MUST(stop, &app, 0);
    assert_int_equal(rows_with("tem/root@"), 0);
}

static void what_is_slow_is_waited_for_and_not_for_ever(void **state)
{
    (void)state;
    zf.late = 900;
    MUST(create, &own, 0);
    assert_int_equal(zf.paused, 9000);
    zf.late = 5000;
    assert_int_equal(does(POOL_start, &own, (struct pool_errand){0}), -ERR_STORAGE);
    assert_non_null(strstr(why.text, "does not appear"));
    zf.late = 0;
    zf.busy = 20;
    zf.paused = 0;
    MUST(remove, &own, 0);
    assert_int_equal(zf.paused, 5000);
    MUST(create, &own, 0);
    zf.busy = 100;
    assert_int_equal(does(POOL_remove, &own, (struct pool_errand){0}), -ERR_STORAGE);
    assert_string_equal(why.text, "zfs failed with status 1: cannot destroy '" OWN "': dataset is busy");
    zf.busy = 0;
}

static void a_session_stays_to_be_looked_at_if_it_is_to(void **state)
{
    (void)state;
    app.forensics = true;
    MUST(create, &source, 0);
    MUST(start, &app, 0);
    write_pattern(at(look(&app).path), 'x', SIZE);
    MUST(stop, &app, 0);
    assert_int_equal(seen(&app), 'x');
    assert_false(look(&app).remains.running);
    MUST(start, &app, 0);
    assert_int_equal(seen(&app), '0');
    MUST(start, &app, 0); /* again: what a crash cut short stays */
    app.forensics = false;
    MUST(stop, &app, 0);
    assert_false(look(&app).has_data);
}

static void the_pool_tells_its_room_and_knows_its_container(void **state)
{
    AUTO_OUTCOME o = {0};
    struct pool *p = NULL;
    (void)state;
    assert_int_equal(pool_do(pool, POOL_usage, NULL, &o, &why), 0);
    assert_int_equal(o.size, 1000000);
    assert_int_equal(o.usage, 125000);
    assert_string_equal(o.list.at, "data_size=1000000\ndata_usage=125000\n");
    zf_find("tank/qubes")->marked = false;
    zf.made = 0;
    assert_int_equal(pool_do(pool, POOL_setup, NULL, NULL, &why), 0);
    assert_int_equal(pool_do(pool, POOL_setup, NULL, NULL, &why), 0);
    ARE("set org.qubes-os:part-of-qvm-pool=true tank/qubes");
    static const char *const bad[] = {"",
                                      "container=",
                                      "container=a b",
                                      "container=/tank",
                                      "container=tank/../x",
                                      "container=tank@x",
                                      "container=tank\nsnap_on_start_forensics=perhaps"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char lines[200];
        snprintf(lines, sizeof lines, "name=p\ndriver=zfs\n%s", bad[i]);
        assert_true(pool_open("p", span_of(lines), &fake, &p, &why) < 0);
    }
    snprintf(own.vid, sizeof own.vid, "tank/other/v-m/private");
    assert_int_equal(does(POOL_create, &own, (struct pool_errand){0}), -ERR_STORAGE);
    snprintf(own.vid, sizeof own.vid, "tank/qubes/.tmp/x");
    assert_int_equal(does(POOL_remove, &own, (struct pool_errand){0}), -ERR_STORAGE);
    memset(own.vid, 'x', sizeof own.vid - 1);
    memcpy(own.vid, "tank/qubes/", 11);
    assert_int_equal(does(POOL_create, &own, (struct pool_errand){0}), -ERR_STORAGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(commands_are_those_of_the_specification),
        TEST(an_import_blocks_the_start_and_is_found_by_its_path),
        TEST(a_revision_is_named_and_leaves_when_it_came_back),
        TEST(clones_outlive_what_they_were_made_of),
        TEST(in_place_nobody_reads_what_runs),
        TEST(what_is_slow_is_waited_for_and_not_for_ever),
        TEST(a_session_stays_to_be_looked_at_if_it_is_to),
        TEST(the_pool_tells_its_room_and_knows_its_container),
    };
    int r = !stand();
    if (r == 0)
        r = run_suite() + !leave();
    return r + cmocka_run_group_tests(tests, NULL, NULL);
}
