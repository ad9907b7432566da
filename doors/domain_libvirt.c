/* SPDX-License-Identifier: MIT
 * The hypervisor behind libvirt, for vm/<qid>: runs on its worker thread. */
#include "doors/domain.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "doors/domain_plugged.h"
#include "doors/virt.h"

struct libvirt_door {
    struct domain_door door; /* first: the door is this struct */
    virConnectPtr link;
};

static const struct domain_can rows[] = {
#define DRIVER(driver_, type_, paused_, pm_, hotplug_, detach_)                                              \
    {.driver = (driver_),                                                                                    \
     .domain_type = (type_),                                                                                 \
     .start_paused = (paused_),                                                                              \
     .pm_suspend = (pm_),                                                                                    \
     .hotplug = (hotplug_),                                                                                  \
     .detach_nodedev = (detach_)},
#include "doors/domain_driver.def"
};

int domain_can_of(const char *driver, const struct domain_can **ret, struct fault *why)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcasecmp(rows[i].driver, driver) == 0) {
            *ret = &rows[i];
            return 0;
        }
    }
    return fault_set(why, ERR_UNSUPPORTED,
                     "libvirt's driver '%.40s' is not known here; use xen, qemu or test", driver);
}

static virConnectPtr link_of(struct domain_door *door)
{
    return ((struct libvirt_door *)door)->link;
}

static void free_domain(virDomainPtr *domain)
{
    if (*domain != NULL)
        virDomainFree(*domain);
}
#define AUTO_DOMAIN __attribute__((cleanup(free_domain))) virDomainPtr

/* Finds the domain and makes one call on it. */
static int call(struct domain_door *door, const char *uuid, const char *what, int (*make)(virDomainPtr),
                struct fault *why)
{
    AUTO_DOMAIN domain = virDomainLookupByUUIDString(link_of(door), uuid);
    if (domain == NULL || make(domain) < 0)
        return virt_fault(why, what);
    return 0;
}

/* The same for what this driver may lack. */
static int call_if(bool can, struct domain_door *door, const char *uuid, const char *what,
                   int (*make)(virDomainPtr), struct fault *why)
{
    if (!can)
        return fault_set(why, ERR_UNSUPPORTED, "%s: libvirt's %s driver cannot", what, door->can->driver);
    return call(door, uuid, what, make, why);
}

static int libvirt_define(struct domain_door *door, const char *xml, struct fault *why)
{
    AUTO_DOMAIN domain = virDomainDefineXML(link_of(door), xml);
    return domain == NULL ? virt_fault(why, "define the domain") : 0;
}

static int create_paused(virDomainPtr domain)
{
    return virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED);
}

/* A domain that could not be paused must not run: whoever asked takes it for not started. */
static int create_then_suspend(virDomainPtr domain, struct fault *why)
{
    if (virDomainCreate(domain) < 0)
        return virt_fault(why, "start the domain");
    if (virDomainSuspend(domain) == 0)
        return 0;
    int r = virt_fault(why, "pause the domain just started");
    virDomainDestroy(domain);
    return r;
}

static int libvirt_start_paused(struct domain_door *door, const char *uuid, struct fault *why)
{
    if (door->can->start_paused)
        return call(door, uuid, "start the domain", create_paused, why);
    AUTO_DOMAIN domain = virDomainLookupByUUIDString(link_of(door), uuid);
    return domain == NULL ? virt_fault(why, "start the domain") : create_then_suspend(domain, why);
}

static int libvirt_resume(struct domain_door *door, const char *uuid, struct fault *why)
{
    return call(door, uuid, "resume the domain", virDomainResume, why);
}

static int libvirt_suspend(struct domain_door *door, const char *uuid, struct fault *why)
{
    return call(door, uuid, "suspend the domain", virDomainSuspend, why);
}

static int libvirt_shutdown(struct domain_door *door, const char *uuid, struct fault *why)
{
    return call(door, uuid, "shut the domain down", virDomainShutdown, why);
}

static int libvirt_destroy(struct domain_door *door, const char *uuid, struct fault *why)
{
    return call(door, uuid, "destroy the domain", virDomainDestroy, why);
}

static int libvirt_undefine(struct domain_door *door, const char *uuid, struct fault *why)
{
    return call(door, uuid, "undefine the domain", virDomainUndefine, why);
}

static int suspend_to_ram(virDomainPtr domain)
{
    return virDomainPMSuspendForDuration(domain, VIR_NODE_SUSPEND_TARGET_MEM, 0, 0);
}

static int libvirt_pm_suspend(struct domain_door *door, const char *uuid, struct fault *why)
{
    return call_if(door->can->pm_suspend, door, uuid, "suspend to RAM", suspend_to_ram, why);
}

static int wake_up(virDomainPtr domain)
{
    return virDomainPMWakeup(domain, 0);
}

static int libvirt_pm_wakeup(struct domain_door *door, const char *uuid, struct fault *why)
{
    return call_if(door->can->pm_suspend, door, uuid, "wake from RAM", wake_up, why);
}

/* Attach and detach differ in the call alone. */
static int hotplug(struct domain_door *door, const char *uuid, const char *xml, const char *what,
                   int (*make)(virDomainPtr, const char *, unsigned), struct fault *why)
{
    if (!door->can->hotplug)
        return fault_set(why, ERR_UNSUPPORTED, "%s: libvirt's %s driver cannot", what, door->can->driver);
    AUTO_DOMAIN domain = virDomainLookupByUUIDString(link_of(door), uuid);
    if (domain == NULL || make(domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return virt_fault(why, what);
    return 0;
}

/* A PCI device for a driver that has no hot-plug: domain_plugged.c. */
static int stand_in(struct domain_door *door, const char *uuid, const char *xml, bool comes,
                    struct fault *why)
{
    AUTO_DOMAIN domain = virDomainLookupByUUIDString(link_of(door), uuid);
    return domain == NULL ? virt_fault(why, "look the domain up") : domain_plug(domain, xml, comes, why);
}

static bool stands_in(const struct domain_door *door, const char *xml)
{
    return !door->can->hotplug && (strncmp(xml, "<hostdev ", 9) == 0 || strncmp(xml, "<disk ", 6) == 0);
}

static int libvirt_attach(struct domain_door *door, const char *uuid, const char *xml, struct fault *why)
{
    if (stands_in(door, xml))
        return stand_in(door, uuid, xml, true, why);
    return hotplug(door, uuid, xml, "attach the device", virDomainAttachDeviceFlags, why);
}

static int libvirt_detach(struct domain_door *door, const char *uuid, const char *xml, struct fault *why)
{
    if (stands_in(door, xml))
        return stand_in(door, uuid, xml, false, why);
    return hotplug(door, uuid, xml, "detach the device", virDomainDetachDeviceFlags, why);
}

/* Neither call asks the guest's own process: a look must come back though that hangs. Its balloon's figures
 * would be asked of it; the drivers keep the one that counts in `memory`. */
static int see(virDomainPtr domain, struct domain_seen *seen)
{
    int state, reason;
    virDomainInfo info;
    if (virDomainGetState(domain, &state, &reason, 0) < 0 || virDomainGetInfo(domain, &info) < 0)
        return -1;
    unsigned domid = virDomainGetID(domain);
    *seen = (struct domain_seen){.exists = true,
                                 .active = domid != (unsigned)-1,
                                 .domid = VIRT_NO_DOMID,
                                 .state = (enum virt_state)state,
                                 .reason = reason};
    if (!seen->active)
        return 0;
    seen->domid = (int)domid;
    seen->memory_max_kib = info.maxMem;
    seen->cputime_ns = info.cpuTime;
    seen->memory_kib = info.memory;
    return 0;
}

static int libvirt_lookup(struct domain_door *door, const char *uuid, struct domain_seen *seen,
                          struct fault *why)
{
    struct domain_seen found = {0};
    AUTO_DOMAIN domain = virDomainLookupByUUIDString(link_of(door), uuid);
    if (domain == NULL || see(domain, &found) < 0) {
        if (virGetLastErrorCode() != VIR_ERR_NO_DOMAIN)
            return virt_fault(why, "look the domain up");
        found = (struct domain_seen){.domid = VIRT_NO_DOMID, .state = VIRT_SHUTOFF};
    }
    *seen = found;
    return 0;
}

static int libvirt_xml(struct domain_door *door, const char *uuid, struct text *xml, struct fault *why)
{
    AUTO_MEMORY char *found = NULL;
    AUTO_DOMAIN domain = virDomainLookupByUUIDString(link_of(door), uuid);
    if (domain == NULL || (found = virDomainGetXMLDesc(domain, 0)) == NULL)
        return virt_fault(why, "read the domain's XML");
    text_add(xml, found);
    if (xml->failed < 0)
        return fault_set(why, (enum err) - xml->failed, "the domain's XML is longer than %zu bytes",
                         xml->limit);
    return 0;
}

static void libvirt_close(struct domain_door *door)
{
    virConnectClose(link_of(door));
    free(door);
}

static const struct domain_ops ops = {
    .close = libvirt_close,
    .define = libvirt_define,
    .start_paused = libvirt_start_paused,
    .resume = libvirt_resume,
    .suspend = libvirt_suspend,
    .shutdown = libvirt_shutdown,
    .destroy = libvirt_destroy,
    .undefine = libvirt_undefine,
    .pm_suspend = libvirt_pm_suspend,
    .pm_wakeup = libvirt_pm_wakeup,
    .attach = libvirt_attach,
    .detach = libvirt_detach,
    .lookup = libvirt_lookup,
    .xml = libvirt_xml,
};

static int find_row(virConnectPtr link, const struct domain_can **can, struct fault *why)
{
    const char *driver = virConnectGetType(link);
    return driver == NULL ? virt_fault(why, "ask for the driver") : domain_can_of(driver, can, why);
}

int domain_open_libvirt(const char *uri, struct domain_door **ret, struct fault *why)
{
    struct libvirt_door *made = calloc(1, sizeof *made);
    if (made == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a connection to libvirt");
    int r = virt_open(uri, VIRT_OPEN_RW, &made->link, why);
    if (r < 0) {
        free(made);
        return r;
    }
    made->door.ops = &ops;
    r = find_row(made->link, &made->door.can, why);
    if (r < 0) {
        libvirt_close(&made->door);
        return r;
    }
    *ret = &made->door;
    return 0;
}
