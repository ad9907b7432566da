/* SPDX-License-Identifier: MIT
 * A VM's view as the XML that libvirt is told. Pure: no clock, no file, no model. */
#ifndef ACTORS_VM_VM_XML_H
#define ACTORS_VM_VM_XML_H

#include "actors/vm/vm_spec.h"
#include "base/err.h"
#include "base/text.h"

enum { VM_XML_MAX = 256 << 10 };

/* Appends the domain's XML to *out. `domain_type` is the driver's (struct domain_can): "xen" gives the
 * document of spec libvirt-xml; "test" and "qemu" the same VM in what those drivers accept. 0 or
 * -ERR_RANGE (a value that XML or libvirt cannot take), -ERR_TOO_BIG, -ERR_NOMEM. */
int vm_xml_render(const struct domain_spec *vm, const char *domain_type, struct text *out, struct fault *why);
/* The <hostdev> element alone, for attach and detach of a running domain. */
int vm_xml_pci(const struct vm_pci *pci, struct text *out, struct fault *why);

/* The <disk> element alone; its target is set. */
int vm_xml_block(const struct vm_disk *disk, const char *domain_type, struct text *out, struct fault *why);

#endif
