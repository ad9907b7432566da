/* SPDX-License-Identifier: MIT
 * lvm_thin against an LVM of files: the states and commands of spec storage 7.5 and 17; lvs's report from
 * hostile bytes. Against real LVM where the kernel has thin volumes. */
#include "tests/unit/doors/pool_lvm_bench.h"

static void commands_are(const char *const *lines)
{
    for (unsigned i = 0; lines[i] != NULL; i++)
        assert_string_equal(lvm_fake.said[i], lines[i]);
    lvm_fake.made = 0;
}

static void commands_are_those_of_the_worked_sequences(void **state)
{
    (void)state;
    must(POOL_create, &root);
    commands_are((const char *[]){
        "lvcreate --thin --setactivationskip=n --activate=y --name=vm-t-root-half --virtualsize=32768B "
        "-- vg/pool",
        "lvrename -- vg/vm-t-root-half vg/vm-t-root", NULL});
    must(POOL_start, &root);
    commands_are((const char *[]){"lvcreate --setactivationskip=n --activate=y --type=thin "
                                  "--name=vg/vm-t-root-half -- vg/vm-t-root",
                                  "lvrename -- vg/vm-t-root-half vg/vm-t-root-snap", NULL});
    must(POOL_start, &root);
    assert_int_equal(lvm_fake.made, 0);
    must(POOL_stop, &root);
    commands_are((const char *[]){"lvrename -- vg/vm-t-root vg/vm-t-root-1521065905-back",
                                  "lvrename -- vg/vm-t-root-snap vg/vm-t-root", NULL});
    must(POOL_start, &app);
    commands_are((const char *[]){"lvcreate --setactivationskip=n --activate=y --type=thin "
                                  "--name=vg/vm-a-root-snap -- vg/vm-t-root",
                                  NULL});
    must(POOL_stop, &app);
    commands_are((const char *[]){"lvremove --force -- vg/vm-a-root-snap", NULL});
}

static void a_saved_volume_keeps_what_it_should(void **state)
{
    (void)state;
    must(POOL_create, &root);
    for (int c = 'a'; c <= 'd'; c++)
        session(&root, (char)c);
    assert_int_equal(word("vm-t-root"), 'd');
    assert_int_equal(revisions(&root), 2);
    must(POOL_revert, &root);
    assert_int_equal(word("vm-t-root"), 'c');
    assert_int_equal(revisions(&root), 2); /* it stays */
    struct pool_errand e = {.volume = &root, .revision = SPAN_LITERAL("17-back")};
    assert_int_equal(pool_do(pool, POOL_revert, &e, NULL, &why), -ERR_REVISION_NOT_FOUND);
    assert_int_equal(word("vm-t-root"), 'c');
    root.revisions_to_keep = 0;
    session(&root, 'e');
    assert_int_equal(revisions(&root), 0);
    must(POOL_remove, &root);
    assert_int_equal(lvm_fake.count, 0);
}

static void a_snapshot_is_outdated_when_its_source_was_committed(void **state)
{
    AUTO_OUTCOME o = {0};
    struct pool_errand e = {.volume = &app};
    (void)state;
    must(POOL_create, &root);
    must(POOL_create, &app);
    must(POOL_start, &app);
    assert_int_equal(pool_do(pool, POOL_look, &e, &o, &why), 0);
    assert_false(o.outdated || o.dirty);
    assert_string_equal(o.path, "/dev/mapper/vg-vm--a--root--snap");
    assert_string_equal(o.own, "/dev/mapper/vg-vm--a--root");
    session(&root, 'x');
    assert_int_equal(pool_do(pool, POOL_look, &e, &o, &why), 0);
    assert_true(o.outdated);
    must(POOL_stop, &app);
    assert_int_equal(pool_do(pool, POOL_look, &e, &o, &why), 0);
    assert_false(o.outdated);
}

static void in_place_makes_no_copies(void **state)
{
    AUTO_OUTCOME o = {0};
    struct pool_errand e = {.volume = &root};
    (void)state;
    must(POOL_create, &root);
    session(&root, 'a');
    root.revisions_to_keep = -1;
    lvm_fake.made = 0;
    must(POOL_start, &root);
    commands_are((const char *[]){"lvrename -- vg/vm-t-root-1521065905-back vg/vm-t-root-half",
                                  "lvremove --force -- vg/vm-t-root-half", NULL});
    assert_int_equal(pool_do(pool, POOL_look, &e, &o, &why), 0);
    assert_string_equal(o.path, "/dev/mapper/vg-vm--t--root");
    must(POOL_stop, &root);
    assert_int_equal(lvm_fake.made, 0);
    assert_int_equal(lvm_fake.count, 1);
}

static void an_import_blocks_the_start_until_it_ends(void **state)
{
    AUTO_OUTCOME o = {0};
    char bytes[BLOCK];
    struct pool_errand e = {.volume = &private, .size = SIZE, .data = {bytes, sizeof bytes}, .offset = 0};
    (void)state;
    memset(bytes, 'i', sizeof bytes);
    must(POOL_create, &private);
    assert_int_equal(pool_do(pool, POOL_import_begin, &e, &o, &why), 0);
    assert_string_equal(o.path, "/dev/vg/vm-a-private-import");
    assert_int_equal(does(POOL_start, &private), -ERR_STORAGE);
    assert_string_equal(why.text, "Import operation in progress on vg/vm-a-private");
    assert_int_equal(pool_do(pool, POOL_import_data, &e, NULL, &why), 0);
    e.offset = SIZE;
    assert_int_equal(pool_do(pool, POOL_import_data, &e, NULL, &why), -ERR_STORAGE);
    must(POOL_import_end, &private);
    assert_int_equal(word("vm-a-private"), '?'); /* its first block, and zeros */
    assert_int_equal(does(POOL_import_end, &private), -ERR_STORAGE);
    must(POOL_import_fd, &private);
    assert_int_equal(word("vm-a-private"), 'n');
}

/* LVM takes whole sectors, and calls a size that is the old one an error. */
static void a_size_may_be_any_number_of_bytes(void **state)
{
    struct pool_errand e = {.volume = &private, .size = 6000001, .fd = material};
    (void)state;
    private.size = 5000001;
    must(POOL_create, &private);
    assert_non_null(strstr(lvm_fake.said[0], "--virtualsize=5000192B"));
    for (int i = 0; i < 2; i++)
        assert_int_equal(pool_do(pool, POOL_resize, &e, NULL, &why), 0);
    assert_non_null(strstr(lvm_fake.said[2], "--size=6000128B"));
    assert_int_equal(lvm_fake.made, 3);
    e.size = SIZE + 1; /* the file is shorter */
    assert_int_equal(pool_do(pool, POOL_import_fd, &e, NULL, &why), -ERR_STORAGE);
    assert_int_equal(word("vm-a-private"), '0');
    assert_int_equal(lvm_fake.count, 1);
}

static void a_tools_complaint_is_the_errors_text(void **state)
{
    (void)state;
    must(POOL_create, &root);
    assert_int_equal(does(POOL_create, &root), -ERR_STORAGE);
    assert_string_equal(why.text, "lvm failed with status 5: Cannot rename \"vg/vm-t-root-half\" (100_).");
    assert_int_equal(lvm_fake.count, 1);
    assert_int_equal(does(POOL_start, &app), 0);
    snprintf(app.source, sizeof app.source, "vg/vm-none-root");
    assert_int_equal(does(POOL_verify, &app), -ERR_STORAGE);
    assert_string_equal(why.text, "volume vg/vm-none-root missing");
    snprintf(app.vid, sizeof app.vid, "other/vm-a-root");
    assert_int_equal(does(POOL_start, &app), -ERR_STORAGE);
}

/* After a power cut between the pool's making of a device and LVM's note of it. */
static void a_device_that_lvm_goes_on_making_is_deleted(void **state)
{
    (void)state;
    must(POOL_create, &root);
    must(POOL_start, &app);
    lvm_fake.stuck = lvm_fake.at[fake_find("vm-a-root-snap")].number;
    must(POOL_create, &private); /* another volume's verb */
    assert_int_equal(fake_find("vm-a-root-snap"), -1);
    must(POOL_start, &app);
    lvm_fake.stuck = lvm_fake.at[fake_find("vm-a-root-snap")].number;
    must(POOL_stop, &app); /* its own */
    assert_int_equal(lvm_fake.count, 2);
    lvm_fake.stuck =
        lvm_fake.at[fake_find("vm-t-root")].number; /* no lvcreate has ever been told this name */
    assert_int_equal(does(POOL_start, &app), -ERR_STORAGE);
    assert_non_null(strstr(why.text, "Failed to process message"));
    assert_int_equal(lvm_fake.count, 2);
}

static void the_pool_tells_its_room_and_its_volumes(void **state)
{
    AUTO_OUTCOME o = {0};
    (void)state;
    must(POOL_create, &root);
    session(&root, 'a');
    must(POOL_start, &root);
    assert_int_equal(pool_do(pool, POOL_setup, NULL, NULL, &why), 0);
    assert_int_equal(pool_do(pool, POOL_usage, NULL, &o, &why), 0);
    assert_int_equal(o.size, 1000000);
    assert_int_equal(o.usage, 125000);
    assert_non_null(strstr(o.list.at, "metadata_usage=2048\n"));
    assert_int_equal(pool_do(pool, POOL_list, NULL, &o, &why), 0);
    assert_string_equal(o.list.at, "vid=vg/vm-t-root\n");
    struct pool *wrong = pool_at("lvm_thin", "volume_group=vg\nthin_pool=vm-t-root", &calls);
    assert_int_equal(pool_do(wrong, POOL_setup, NULL, NULL, &why), -ERR_STORAGE);
    pool_free(wrong);
}

/* ---- every command fails, or is the last one ---- */

static void a_report_that_makes_no_sense_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "lvs: no",
        "{}",
        "{\"report\":[]}",
        "{\"report\":[{\"lv\":{}}]}",
        "{\"report\":[{\"lv\":[1]}]}",
        "{\"report\":[{\"lv\":[{\"vg_name\":\"vg\",\"lv_name\":\"a\",\"lv_size\":\"12\",\"lv_attr\":\"-wi-a--"
        "---\"}]}]}",
        "{\"report\":[{\"lv\":[{\"vg_name\":\"vg\",\"lv_name\":\"a\",\"lv_size\":\"12B\",\"lv_attr\":\"-w\"}]"
        "}]}",
        "{\"report\":[{\"lv\":[{\"vg_name\":\"vg\",\"lv_name\":\"a\",\"lv_size\":\"12B\",\"lv_attr\":\"-wi-a-"
        "----\","
        "\"data_percent\":\"101.0\"}]}]}",
    };
    struct lv *lvs = NULL;
    size_t count = 7;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(lvm_report_read(span_of(bad[i]), "vg", &lvs, &count, &why), -ERR_STORAGE);
        assert_null(lvs);
        assert_int_equal(count, 7);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(commands_are_those_of_the_worked_sequences),
        TEST(a_saved_volume_keeps_what_it_should),
        TEST(a_snapshot_is_outdated_when_its_source_was_committed),
        TEST(in_place_makes_no_copies),
        TEST(an_import_blocks_the_start_until_it_ends),
        TEST(a_size_may_be_any_number_of_bytes),
        TEST(a_tools_complaint_is_the_errors_text),
        TEST(a_device_that_lvm_goes_on_making_is_deleted),
        TEST(the_pool_tells_its_room_and_its_volumes),
        cmocka_unit_test(a_report_that_makes_no_sense_is_refused),
    };
    char path[] = "/dev/shm/pool-lvm-material.XXXXXX";
    material = mkostemp(path, O_CLOEXEC);
    if (material < 0 || ftruncate(material, SIZE) < 0)
        return 1;
    write_pattern(path, 'n', SIZE);
    unlink(path);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
