/* SPDX-License-Identifier: MIT
 * What every domain uses, through libvirt: one call for all of them, or one each where the driver knows no
 * such call (libxl's, and libvirt's own test driver, do not). */
#include "doors/hostwatch_libvirt.h"

#include <stdbool.h>
#include <stdlib.h>

#include <libvirt/virterror.h>

#include "doors/virt.h"

enum { WANTED = VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_VCPU };

static uint64_t number(virDomainStatsRecordPtr record, const char *name)
{
    unsigned long long value = 0;
    unsigned small = 0;
    if (virTypedParamsGetULLong(record->params, record->nparams, name, &value) == 1)
        return value;
    if (virTypedParamsGetUInt(record->params, record->nparams, name, &small) == 1)
        return small;
    return 0;
}

/* False when it has gone meanwhile. */
static bool name_it(virDomainPtr domain, struct hostwatch_sample *sample)
{
    unsigned domid = virDomainGetID(domain);
    sample->domid = domid == (unsigned)-1 ? VIRT_NO_DOMID : (int)domid;
    return domid != (unsigned)-1 && virDomainGetUUIDString(domain, sample->uuid) == 0;
}

static bool from_record(virDomainStatsRecordPtr record, struct hostwatch_sample *sample)
{
    *sample = (struct hostwatch_sample){.memory_kib = number(record, "balloon.current"),
                                        .memory_max_kib = number(record, "balloon.maximum"),
                                        .cputime_ns = number(record, "cpu.time"),
                                        .vcpus = (unsigned)number(record, "vcpu.current")};
    return name_it(record->dom, sample);
}

static bool from_info(virDomainPtr domain, struct hostwatch_sample *sample)
{
    virDomainInfo info;
    if (virDomainGetInfo(domain, &info) < 0)
        return false;
    *sample = (struct hostwatch_sample){.memory_kib = info.memory,
                                        .memory_max_kib = info.maxMem,
                                        .cputime_ns = info.cpuTime,
                                        .vcpus = info.nrVirtCpu};
    return name_it(domain, sample);
}

static int too_many(size_t count, size_t room, struct fault *why)
{
    return count <= room ? 0
                         : fault_set(why, ERR_TOO_BIG, "%zu domains run, there is room for %zu", count, room);
}

static int one_by_one(virConnectPtr link, struct hostwatch_sample *rows, size_t room, size_t *count,
                      struct fault *why)
{
    virDomainPtr *domains = NULL;
    size_t used = 0;
    int found = virConnectListAllDomains(link, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (found < 0)
        return virt_fault(why, "list the domains");
    for (int i = 0; i < found; i++) {
        struct hostwatch_sample sample;
        if (from_info(domains[i], &sample) && used++ < room)
            rows[used - 1] = sample;
        virDomainFree(domains[i]);
    }
    free(domains);
    *count = used;
    return too_many(used, room, why);
}

int hostwatch_libvirt_samples(virConnectPtr link, struct hostwatch_sample *rows, size_t room, size_t *count,
                              struct fault *why)
{
    virDomainStatsRecordPtr *records = NULL;
    size_t used = 0;
    int found = virConnectGetAllDomainStats(link, WANTED, &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE);
    if (found < 0 && virGetLastErrorCode() == VIR_ERR_NO_SUPPORT)
        return one_by_one(link, rows, room, count, why);
    if (found < 0)
        return virt_fault(why, "read what the domains use");
    for (int i = 0; i < found; i++) {
        struct hostwatch_sample sample;
        if (from_record(records[i], &sample) && used++ < room)
            rows[used - 1] = sample;
    }
    virDomainStatsRecordListFree(records);
    *count = used;
    return too_many(used, room, why);
}
