/* SPDX-License-Identifier: MIT
 * The <devices> of a VM's XML, for vm_xml.c. Spec: libvirt-xml 4. */
#ifndef ACTORS_VM_VM_XML_DEVICES_H
#define ACTORS_VM_VM_XML_DEVICES_H

#include "actors/vm/vm_spec.h"
#include "doors/xmlwrite.h"

/* Which hypervisor will read it: what Xen alone knows is left out for the others. */
enum vm_dialect { VM_DIALECT_XEN, VM_DIALECT_TEST, VM_DIALECT_QEMU };

void vm_xml_devices(struct xmlwrite *w, const struct domain_spec *vm, enum vm_dialect dialect);
void vm_xml_interface(struct xmlwrite *w, const struct vm_net *net, enum vm_dialect dialect);
/* A disk as this target; NULL is a mistake. */
void vm_xml_disk(struct xmlwrite *w, const struct vm_disk *d, const char *target, enum vm_dialect dialect);
void vm_xml_hostdev(struct xmlwrite *w, const struct vm_pci *pci);

#endif
