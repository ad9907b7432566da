/* SPDX-License-Identifier: MIT
 * Which assignment means a device that has come, and which backends know Xen's script for disks. */
#include "tests/unit/model/fixture.h"

#include "model/device_offer.h"

static const struct device stick = {DEVICE_block, {"net", 3}, {"sda", 3}, {"dead:1", 6}};

static const char *id_of(const struct scene *s, const char *vm)
{
    static char text[64];
    struct assignment best;
    if (!device_offer_of(&s->k, qid_of((struct scene *)(uintptr_t)s, vm), &stick, &best))
        return "none";
    snprintf(text, sizeof text, "%.*s %.*s", (int)best.device.port.len, best.device.port.at,
             (int)best.device.id.len, best.device.id.at);
    return text;
}

static void the_most_specific_assignment_wins(void **state)
{
    struct scene *s = *state;
    uint32_t work = qid_of(s, "work");
    assert_string_equal(id_of(s, "work"), "none");
    put(s, CHANGE_DEVICE, work, "block net * dead:1", "mode=auto-attach");
    assert_string_equal(id_of(s, "work"), "* dead:1");
    put(s, CHANGE_DEVICE, work, "block net sda *", "mode=ask-to-attach");
    assert_string_equal(id_of(s, "work"), "sda *");
    put(s, CHANGE_DEVICE, work, "block net sda dead:1", "mode=required");
    assert_string_equal(id_of(s, "work"), "sda dead:1");
}

static void another_backend_class_port_or_id_is_not_meant(void **state)
{
    static const char *const keys[] = {"block work sda dead:1", "usb net sda dead:1", "block net sdb *",
                                       "block net sda beef"};
    struct scene *s = *state;
    for (size_t i = 0; i < COUNT(keys); i++)
        put(s, CHANGE_DEVICE, qid_of(s, "hvm"), keys[i], "mode=auto-attach");
    assert_string_equal(id_of(s, "hvm"), "none");
}

static void versions_are_compared_as_text(void **state)
{
    static const struct {
        const char *version;
        bool has;
    } rows[] = {{"4.1", false}, {"4.2", true}, {"4.2.11", true}, {"4.10", false},
                {"4.3", true},  {"5", true},   {"", false},      {"4", false}};
    struct scene *s = *state;
    assert_true(device_has_script(&s->k, 0));
    assert_false(device_has_script(&s->k, qid_of(s, "net")));
    for (size_t i = 0; i < COUNT(rows); i++) {
        feature(s, "net", "qubes-agent-version", rows[i].version);
        assert_int_equal(device_has_script(&s->k, qid_of(s, "net")), rows[i].has);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(the_most_specific_assignment_wins),
        SCENE_TEST(another_backend_class_port_or_id_is_not_meant),
        SCENE_TEST(versions_are_compared_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
