/* SPDX-License-Identifier: MIT
 * A view as the domain that libvirt is told of; pure, in vm/<qid>. */
#include "actors/vm/vm_render.h"

#include <stdio.h>
#include <string.h>

#include "actors/vm/vm_xml.h"
#include "base/own.h"

enum { DISKS_MAX = 64, PATH_TEXT = 512 };

/* The texts that a spec borrows. */
struct render {
    struct domain_spec spec;
    struct view_volume volumes[DISKS_MAX];
    struct vm_disk disks[DISKS_MAX];
    struct view_peer netvm;
    char kernel[PATH_TEXT], initrd[PATH_TEXT];
};

static enum vm_virt_mode mode_of(const char *text)
{
    if (strcmp(text, "hvm") == 0)
        return VM_HVM;
    return strcmp(text, "pv") == 0 ? VM_PV : VM_PVH;
}

/* A volume that no pool has given a path yet is no disk. */
static void take_volumes(struct render *r, const struct vm_view *view)
{
    struct reader in = list_reader(&view->volumes);
    size_t used = 0;
    while (used < DISKS_MAX && view_volume_next(&in, &r->volumes[used]) == 1) {
        struct view_volume *volume = &r->volumes[used];
        if (volume->path[0] == '\0')
            continue;
        r->disks[used++] =
            (struct vm_disk){.source = volume->path, .read_only = volume->writable == 0, .has_script = true};
    }
    r->spec.volumes = r->disks;
    r->spec.volume_count = used;
}

static void take_net(struct render *r, const struct vm_view *view)
{
    struct reader in = list_reader(&view->netvm);
    if (view_peer_next(&in, &r->netvm) != 1)
        return;
    r->spec.net = (struct vm_net){.netvm = r->netvm.name, .mac = view->mac, .ip = view->ip, .ip6 = view->ip6};
}

static void take_kernel(struct render *r, const struct vm_view *view, const char *kernels)
{
    if (view->kernel[0] == '\0')
        return;
    snprintf(r->kernel, sizeof r->kernel, "%s/%s/vmlinuz", kernels, view->kernel);
    snprintf(r->initrd, sizeof r->initrd, "%s/%s/initramfs", kernels, view->kernel);
    r->spec.kernel = r->kernel;
    r->spec.initrd = r->initrd;
    r->spec.cmdline = view->kernelopts;
}

int vm_render(const struct vm_view *view, const char *kernels, const char *domain_type, struct text *out,
              struct fault *why)
{
    AUTO_MEMORY struct render *r = calloc(1, sizeof *r);
    if (r == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for the domain's XML");
    r->spec = (struct domain_spec){
        .name = view->name,
        .uuid = view->uuid,
        .virt_mode = mode_of(view->virt_mode),
        .memory_mib = view->memory,
        .maxmem_mib = view->maxmem,
        .vcpus = view->vcpus,
        .debug = view->debug != 0,
        .e820_host = true,
        .hvm = {.linux_stubdom = true, .audio_domid = -1},
    };
    take_volumes(r, view);
    take_net(r, view);
    take_kernel(r, view, kernels);
    return vm_xml_render(&r->spec, domain_type, out, why);
}
