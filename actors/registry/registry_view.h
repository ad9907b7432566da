/* SPDX-License-Identifier: MIT
 * What the registry tells a VM's process that the model does not hold as such: a VM's view and what it is
 * made of; in registry. */
#ifndef ACTORS_REGISTRY_REGISTRY_VIEW_H
#define ACTORS_REGISTRY_REGISTRY_VIEW_H

#include "actors/registry/registry.h"

/* registry_view.c: the resolved values that a VM's process lives by. */
struct view_memory {
    struct text clients, netvm, volumes, hvm, devices;
};
int view_make(struct registry *r, uint32_t qid, struct vm_view *view, struct view_memory *memory,
              struct fault *why);
void view_memory_free(struct view_memory *memory);
/* Tells the living VMs whose view these changes touch. */
void view_publish(struct registry *r, struct out *out, const struct plan *p);
/* Refuses the start for a property that is more than a view can say, unless something else does already. */
void view_too_much(struct vm_view *view, const char *property, const char *class);
/* What the commands of a VM's daemons are filled with. */
void view_daemons(struct registry *r, uint32_t qid, struct daemons_reply *d);
/* The user that a VM's programs run as unless they are told otherwise (vm-model 4.11). -ERR_RANGE: that name
 * does not fit, and `to` is empty. */
int view_user(struct registry *r, uint32_t qid, char *to, size_t size);

/* registry_domain.c: the part of it that only the domain's XML needs. */
void view_devices(struct registry *r, uint32_t qid, struct vm_view *view, struct view_memory *memory);
void view_domain(struct registry *r, uint32_t qid, struct vm_view *view, struct view_memory *memory);
/* Who lives by this VM's screen and sound now: costs a look at every VM. */
void view_users(struct registry *r, uint32_t qid, struct vm_view *view);

/* registry_cmdline.c: the whole kernel command line (libvirt-xml 3). */
void view_cmdline(struct registry *r, uint32_t qid, struct vm_view *view, struct text *line);

#endif
