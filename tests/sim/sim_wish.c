/* SPDX-License-Identifier: MIT
 * What clients ask for: one wish of the table, by its weight, about one of the VMs. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

static void create(struct sim *s, struct sim_wish *w, unsigned vm)
{
    bool app = vm % 4 != 0 && sim_chance(s, 500);
    snprintf(w->header, sizeof w->header, "admin.vm.Create.%s dom0 name dom0",
             vm % 4 == 0 ? "TemplateVM"
             : app       ? "AppVM+vm0"
                         : "StandaloneVM");
    snprintf(w->payload, sizeof w->payload, "name=vm%u label=red", vm);
    snprintf(w->identity, sizeof w->identity, "N vm%u", vm);
}

static void destroy(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)s;
    snprintf(w->header, sizeof w->header, "admin.vm.Remove dom0 name vm%u", vm);
    snprintf(w->identity, sizeof w->identity, "R vm%u", vm);
}

static void set_feature(struct sim *s, struct sim_wish *w, unsigned vm)
{
    unsigned long long n = ++s->unique;
    snprintf(w->header, sizeof w->header, "admin.vm.feature.Set+f%llu dom0 name vm%u", n % 7, vm);
    snprintf(w->payload, sizeof w->payload, "u%llu", n);
    snprintf(w->identity, sizeof w->identity, "F f%llu=u%llu", n % 7, n);
}

static void set_tag(struct sim *s, struct sim_wish *w, unsigned vm)
{
    unsigned long long n = ++s->unique;
    snprintf(w->header, sizeof w->header, "admin.vm.tag.Set+t%llu dom0 name vm%u", n, vm);
    snprintf(w->identity, sizeof w->identity, "T t%llu", n);
}

static void assign(struct sim *s, struct sim_wish *w, unsigned vm)
{
    unsigned long long n = ++s->unique;
    snprintf(w->header, sizeof w->header, "admin.vm.device.block.Assign+dom0+u%llu dom0 name vm%u", n, vm);
    snprintf(w->payload, sizeof w->payload, "mode='auto-attach' _read-only='yes'");
    snprintf(w->identity, sizeof w->identity, "D block dom0 u%llu *", n);
}

static void set_kernelopts(struct sim *s, struct sim_wish *w, unsigned vm)
{
    unsigned long long n = ++s->unique;
    snprintf(w->header, sizeof w->header, "admin.vm.property.Set+kernelopts dom0 name vm%u", vm);
    snprintf(w->payload, sizeof w->payload, "u%llu", n);
    snprintf(w->identity, sizeof w->identity, "P kernelopts=u%llu", n);
}

static void set_netvm(struct sim *s, struct sim_wish *w, unsigned vm)
{
    snprintf(w->header, sizeof w->header, "admin.vm.property.Set+netvm dom0 name vm%u", vm);
    if (sim_chance(s, 700))
        snprintf(w->payload, sizeof w->payload, "vm%u", (unsigned)sim_random(s, s->options.vms));
}

static void set_network(struct sim *s, struct sim_wish *w, unsigned vm)
{
    snprintf(w->header, sizeof w->header, "admin.vm.property.Set+provides_network dom0 name vm%u", vm);
    strcpy(w->payload, sim_chance(s, 700) ? "True" : "False");
}

static void offer(struct sim *s, struct sim_wish *w, unsigned vm)
{
    snprintf(w->header, sizeof w->header, "admin.vm.property.Set+template_for_dispvms dom0 name vm%u", vm);
    strcpy(w->payload, sim_chance(s, 900) ? "True" : "False");
}

static void dispose(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)s;
    snprintf(w->header, sizeof w->header, "admin.vm.CreateDisposable dom0 name vm%u", vm);
}

static void life(struct sim *s, struct sim_wish *w, unsigned vm)
{
    static const char *const methods[] = {
        "admin.vm.Start",        "admin.vm.Start",   "admin.vm.Start",
        "admin.vm.Kill",         "admin.vm.Pause",   "admin.vm.Unpause",
        "admin.vm.Shutdown",     "admin.vm.Unpause", "admin.vm.Shutdown+force+wait",
        "admin.vm.CurrentState", "admin.vm.Kill",    "admin.vm.property.GetAll"};
    const char *method = methods[sim_random(s, COUNT(methods))];
    if (s->disposable[0] != '\0' && sim_chance(s, 250))
        snprintf(w->header, sizeof w->header, "%s dom0 name %s", method, s->disposable);
    else
        snprintf(w->header, sizeof w->header, "%s dom0 name vm%u", method, vm);
}

static void look(struct sim *s, struct sim_wish *w, unsigned vm)
{
    static const char *const methods[] = {"admin.vm.List", "admin.vm.device.pci.Available"};
    (void)vm;
    snprintf(w->header, sizeof w->header, "%s dom0 name dom0", methods[sim_random(s, COUNT(methods))]);
}

static void begin_or_end(struct sim *s, struct sim_wish *w, unsigned vm)
{
    static const char *const methods[] = {"admin.vm.Start", "admin.vm.Start", "admin.vm.Kill",
                                          "admin.vm.Shutdown+force"};
    snprintf(w->header, sizeof w->header, "%s dom0 name vm%u", methods[sim_random(s, COUNT(methods))], vm);
}

enum column { PLAIN, LIVELY, DEVICES, EXPOSED, COLUMNS };
static const struct {
    wisher *make;
    unsigned weight[COLUMNS];
} wishes[] = {
    {create, {12, 12, 12, 12}},
    {destroy, {5, 3, 4, 4}},
    {set_feature, {14, 2, 1, 1}},
    {set_tag, {8, 1, 0, 0}},
    {set_kernelopts, {8, 1, 0, 0}},
    {set_netvm, {5, 2, 1, 1}},
    {set_network, {3, 2, 1, 1}},
    {assign, {6, 2, 0, 0}},
    {life, {45, 20, 12, 12}},
    {look, {4, 0, 0, 0}},
    {offer, {4, 2, 1, 1}},
    {dispose, {8, 8, 3, 3}},
    {begin_or_end, {0, 100, 80, 80}},
    {wish_attach, {0, 0, 45, 0}},
    {wish_detach, {0, 0, 15, 0}},
    {wish_require, {0, 0, 8, 0}},
    {wish_unassign, {0, 0, 16, 0}},
    {wish_mode, {0, 0, 14, 0}},
    {wish_plan, {0, 0, 4, 0}},
    {wish_release, {0, 0, 8, 0}},
    {wish_disk_attach, {0, 0, 0, 45}},
    {wish_disk_detach, {0, 0, 0, 15}},
    {wish_disk_assign, {0, 0, 0, 14}},
    {wish_disk_unassign, {0, 0, 0, 14}},
    {wish_disk_list, {0, 0, 0, 8}},
};

void wish_make(struct sim *s, struct sim_wish *w)
{
    unsigned all = 0;
    enum column column = s->options.disks || s->options.usb ? EXPOSED
                         : s->options.devices               ? DEVICES
                         : s->options.lively                ? LIVELY
                                                            : PLAIN;
    *w = (struct sim_wish){0};
    for (size_t i = 0; i < COUNT(wishes); i++)
        all += wishes[i].weight[column];
    unsigned choice = (unsigned)sim_random(s, all);
    size_t i = 0;
    for (; choice >= wishes[i].weight[column]; i++)
        choice -= wishes[i].weight[column];
    wishes[i].make(s, w, (unsigned)sim_random(s, s->options.vms));
}
