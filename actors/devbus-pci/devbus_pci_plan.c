/* SPDX-License-Identifier: MIT
 * The checks, one function each; see devbus_pci_plan.h. */
#include "actors/devbus-pci/devbus_pci_plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"

enum { LIST_ROOM = 180 };

static void say(struct pci_plan *plan, const char *name, enum pci_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct pci_plan *plan, const char *name, enum pci_level level, const char *format, ...)
{
    va_list list;
    if (plan->count == PCI_CHECKS_MAX)
        return;
    struct pci_check *check = &plan->check[plan->count++];
    check->name = name;
    check->level = level;
    va_start(list, format);
    vsnprintf(check->text, sizeof check->text, format, list);
    va_end(list);
}

const char *pci_level_name(enum pci_level level)
{
    static const char *const names[] = {"ok", "warning", "refused"};
    return names[level];
}

const struct pci_check *pci_plan_refusal(const struct pci_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->check[i].level == PCI_REFUSED)
            return &plan->check[i];
    return NULL;
}

bool pci_driver_is_for_guests(const char *driver)
{
    return strcmp(driver, "pciback") == 0 || strcmp(driver, "xen-pciback") == 0 ||
           strcmp(driver, "vfio-pci") == 0;
}

static bool is_any(const char *id)
{
    return id[0] == '\0' || strcmp(id, "*") == 0;
}

/* A path stays when the bus numbers behind a bridge change, so another card may sit in the slot now. */
static void check_identity(const struct pci_case *c, struct pci_plan *plan)
{
    if (is_any(c->wanted_id) || strcmp(c->wanted_id, c->device_id) == 0)
        say(plan, "identity", PCI_OK, "%.60s is %.13s: %.100s", c->port, c->sbdf, c->device_id);
    else
        say(plan, "identity", PCI_REFUSED, "at %.40s sits %.70s now, not %.70s; assign what is there",
            c->port, c->device_id, c->wanted_id);
}

static void check_holder(const struct pci_case *c, struct pci_plan *plan)
{
    if (c->holder[0] == '\0')
        say(plan, "holder", PCI_OK, "no other VM has it");
    else
        say(plan, "holder", PCI_REFUSED, "%.31s has it; detach it there first", c->holder);
}

static void check_kind(const struct pci_case *c, struct pci_plan *plan)
{
    if (c->facts->is_bridge)
        say(plan, "kind", PCI_REFUSED, "it is a bridge: what lies behind it would go with it");
    else
        say(plan, "kind", PCI_OK, "it is a device, not a bridge");
}

static void check_reset(const struct pci_case *c, struct pci_plan *plan)
{
    const struct sysfs_facts *f = c->facts;
    if (f->can_reset)
        say(plan, "reset", PCI_OK, "it can be reset: %s", f->resets[0] != '\0' ? f->resets : "in some way");
    else if (!f->is_whole)
        say(plan, "reset", PCI_WARNING, "nothing says whether it can be reset");
    else if (c->no_strict_reset)
        say(plan, "reset", PCI_WARNING,
            "it cannot be reset, and no-strict-reset allows that: it keeps what a VM has left in it");
    else
        say(plan, "reset", PCI_REFUSED,
            "it cannot be reset between its users; only the option no-strict-reset allows that");
}

static void check_iommu(const struct pci_case *c, struct pci_plan *plan)
{
    const struct sysfs_facts *f = c->facts;
    if (c->on_xen)
        say(plan, "iommu", PCI_OK, "Xen holds the IOMMU: it refuses where there is none");
    else if (f->has_group)
        say(plan, "iommu", PCI_OK, "IOMMU group %" PRIu64, f->group);
    else
        say(plan, "iommu", PCI_WARNING, "%s",
            f->has_groups ? "it is in no IOMMU group, though others are"
                          : "no IOMMU is to be seen: the device could write to all memory");
}

/* ": 0000:02:00.1 (snd_hda_intel), 0000:02:00.2"; as many as there is room for. */
static const char *list_of(char *to, size_t size, const struct sysfs_neighbour *at, size_t count)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(size - 1);
    for (size_t i = 0; i < count; i++) {
        size_t was = list.len;
        text_format(&list, "%s%s%s%s%s", i == 0 ? ": " : ", ", at[i].sbdf,
                    at[i].driver[0] != '\0' ? " (" : "", at[i].driver, at[i].driver[0] != '\0' ? ")" : "");
        if (list.failed != 0 || list.len + sizeof " and 32 more" > size) {
            snprintf(to, size, "%.*s and %zu more", (int)was, list.at, count - i);
            return to;
        }
    }
    (void)text_copy(to, size, text_span(&list));
    return to;
}

/* What shares its group and still works for dom0. */
static void check_group(const struct pci_case *c, struct pci_plan *plan)
{
    const struct sysfs_facts *f = c->facts;
    char all[LIST_ROOM];
    for (size_t i = 0; i < f->members; i++) {
        const struct sysfs_neighbour *n = &f->member[i];
        if (n->is_bridge || n->driver[0] == '\0' || pci_driver_is_for_guests(n->driver))
            continue;
        say(plan, "group", PCI_REFUSED, "%s is in the same IOMMU group and works for dom0 (%s)", n->sbdf,
            n->driver);
        return;
    }
    if (f->has_group)
        say(plan, "group", PCI_OK, "%zu other functions are in its IOMMU group%s", f->members,
            list_of(all, sizeof all, f->member, f->members));
}

static void check_siblings(const struct pci_case *c, struct pci_plan *plan)
{
    const struct sysfs_facts *f = c->facts;
    if (f->siblings == 0)
        return;
    char all[LIST_ROOM];
    say(plan, "siblings", PCI_WARNING, "%zu more behind the bridge %s share its reset%s", f->siblings,
        f->bridge, list_of(all, sizeof all, f->sibling, f->siblings));
}

static void check_reserved(const struct pci_case *c, struct pci_plan *plan)
{
    if (c->facts->has_reserved)
        say(plan, "rmrr", PCI_WARNING, "firmware keeps memory for it (RMRR): the hypervisor may refuse it");
}

static void say_actions(const struct pci_case *c, struct pci_plan *plan)
{
    const char *driver = c->facts->driver;
    if (pci_driver_is_for_guests(driver))
        say(plan, "driver", PCI_OK, "%s holds it already: nothing is taken from dom0", driver);
    else if (driver[0] != '\0')
        say(plan, "driver", PCI_OK,
            "it will be taken from dom0's driver %s; when it is detached, bulkhead pci release gives it back",
            driver);
    else
        say(plan, "driver", PCI_OK, "no driver of dom0's has it: it will be bound to the one for VMs");
}

void pci_plan_make(const struct pci_case *c, struct pci_plan *plan)
{
    *plan = (struct pci_plan){.count = 0};
    check_identity(c, plan);
    check_holder(c, plan);
    check_kind(c, plan);
    check_reset(c, plan);
    check_iommu(c, plan);
    check_group(c, plan);
    check_siblings(c, plan);
    check_reserved(c, plan);
    say_actions(c, plan);
}
