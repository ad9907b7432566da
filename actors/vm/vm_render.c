/* SPDX-License-Identifier: MIT
 * A view as the domain that libvirt is told of; pure, in vm/<qid>. */
#include "actors/vm/vm_render.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "actors/vm/vm_xml.h"
#include "actors/vm/vm_xml_devices.h"
#include "base/own.h"
#include "proto/record_values.h"

enum { DISKS_MAX = 64, PATH_TEXT = 512 };

/* The texts that a spec borrows. */
struct render {
    struct domain_spec spec;
    struct view_volume volumes[DISKS_MAX];
    struct vm_disk disks[DISKS_MAX], blocks[VM_BLOCKS_MAX];
    char sources[VM_BLOCKS_MAX][272];
    struct view_peer netvm;
    struct view_hvm hvm;
    char kernel[PATH_TEXT], initrd[PATH_TEXT], line[1024];
};

static enum vm_virt_mode mode_of(const char *text)
{
    if (strcmp(text, "hvm") == 0)
        return VM_HVM;
    return strcmp(text, "pv") == 0 ? VM_PV : VM_PVH;
}

/* Volumes that have a place of their own; the others take what is free. */
static const char *target_of(const char *volume)
{
    static const char *const places[][2] = {
        {"root", "xvda"}, {"private", "xvdb"}, {"volatile", "xvdc"}, {"kernel", "xvdd"}};
    for (size_t i = 0; i < COUNT(places); i++)
        if (strcmp(volume, places[i][0]) == 0)
            return places[i][1];
    return NULL;
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
        r->disks[used++] = (struct vm_disk){.source = volume->path,
                                            .target = target_of(volume->name),
                                            .read_only = volume->writable == 0,
                                            .has_script = true};
    }
    r->spec.volumes = r->disks;
    r->spec.volume_count = used;
}

static void take_blocks(struct render *r, const struct vm_machine *machine)
{
    size_t count = machine->block_count < VM_BLOCKS_MAX ? machine->block_count : VM_BLOCKS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct vm_block *b = &machine->blocks[i];
        vm_block_source(b, r->sources[i]);
        r->blocks[i] = vm_block_disk(b, r->sources[i]);
    }
    r->spec.blocks = r->blocks;
    r->spec.block_count = count;
}

static void take_net(struct render *r, const struct vm_view *view)
{
    struct reader in = list_reader(&view->netvm);
    if (view_peer_next(&in, &r->netvm) != 1)
        return;
    r->spec.net = (struct vm_net){.netvm = r->netvm.name, .mac = view->mac, .ip = view->ip, .ip6 = view->ip6};
}

/* A VM that sets the mode of its screen is not told to leave that alone; what its own options say, stays. */
static const char *command_line(struct render *r, const struct vm_view *view, bool has_screen)
{
    struct span words = {view->kernelopts, view->common_len}, rest;
    size_t used = 0;
    if (view->modeset == NOMODESET_STAYS || (view->modeset == NOMODESET_GOES_FOR_A_SCREEN && !has_screen) ||
        words.len > strlen(view->kernelopts))
        return view->kernelopts;
    for (; words.at != NULL; words = rest) {
        struct span word = span_split(words, ' ', &rest);
        size_t len = word.len + (rest.at != NULL);
        if (span_is(word, "nomodeset"))
            continue;
        memcpy(r->line + used, word.at, len);
        used += len;
    }
    (void)text_copy(r->line + used, sizeof r->line - used, span_of(view->kernelopts + view->common_len));
    return r->line;
}

/* Where the kernel comes from inside the VM, a loader stands in for it. */
static void take_kernel(struct render *r, const struct vm_view *view, const struct vm_machine *machine)
{
    const char *loader = r->spec.virt_mode == VM_PV ? "pvgrub2" : "pvgrub2-pvh";
    bool own = view->kernel[0] == '\0';
    snprintf(r->kernel, sizeof r->kernel, "%s/%s/vmlinuz", machine->kernels, own ? loader : view->kernel);
    snprintf(r->initrd, sizeof r->initrd, "%s/%s/initramfs", machine->kernels, view->kernel);
    r->spec.kernel = r->kernel;
    r->spec.initrd = machine->has_initrd && !own ? r->initrd : NULL;
    r->spec.cmdline = own ? NULL : command_line(r, view, machine->has_screen);
}

/* localtime; a number of seconds; or whatever else, which is UTC. */
static void take_clock(struct vm_hvm *to, char *zone)
{
    size_t len = strlen(zone), first = strspn(zone, "-"), digits;
    for (char *c = zone; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    digits = strspn(zone + first, "0123456789");
    if (strcmp(zone, "localtime") == 0)
        to->clock = VM_CLOCK_LOCALTIME;
    else if (digits > 0 && first + digits + strspn(zone + first + digits, "-") == len)
        to->clock = VM_CLOCK_OFFSET;
    to->clock_offset = zone;
}

static void take_hvm(struct render *r, const struct vm_view *view, const struct vm_machine *machine)
{
    struct reader in = list_reader(&view->hvm);
    struct view_hvm *h = &r->hvm;
    struct vm_hvm *to = &r->spec.hvm;
    if (view_hvm_next(&in, h) != 1)
        return;
    *to = (struct vm_hvm){.uefi = h->uefi != 0,
                          .linux_stubdom = h->linux_stubdom != 0,
                          .full_stubdom = h->full_stubdom != 0,
                          .stubdom_mem_mib = h->stubdom_mem,
                          .sound_model = h->sound_model,
                          .video_model = h->video_model,
                          .gui_domain = h->gui_domain,
                          .qemu_extra_args = h->arguments,
                          .audio_domid = h->audio_is_dom0 ? 0 : machine->audio_domid};
    take_clock(to, h->timezone);
    r->spec.net.dns[0] = h->dns_0;
    r->spec.net.dns[1] = h->dns_1;
    r->spec.net.gateway = h->gateway;
    r->spec.net.netmask = "255.255.255.255";
}

int vm_render(const struct vm_view *view, const struct vm_machine *machine, const char *domain_type,
              struct text *out, struct fault *why)
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
        .memory_hotplug = view->memory_hotplug != 0,
        .vcpus = view->vcpus,
        .debug = view->debug != 0,
        .cpu_without_rdrand = machine->without_rdrand,
        .has_pci_assigned = view->has_pci != 0,
        .e820_host = view->e820_host != 0,
        .pci = machine->pci,
        .pci_count = machine->pci_count,
        .hvm = {.linux_stubdom = true, .audio_domid = -1},
    };
    take_volumes(r, view);
    take_blocks(r, machine);
    take_net(r, view);
    take_kernel(r, view, machine);
    take_hvm(r, view, machine);
    return vm_xml_render(&r->spec, domain_type, out, why);
}

int vm_render_interface(const struct vm_view *view, struct text *out, struct fault *why)
{
    AUTO_MEMORY struct render *r = calloc(1, sizeof *r);
    AUTO(xmlwrite) *w = xmlwrite_new();
    if (r == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for the interface's XML");
    take_net(r, view);
    vm_xml_interface(w, &r->spec.net, VM_DIALECT_XEN);
    return xmlwrite_finish(w, out, why);
}
