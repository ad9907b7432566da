/* SPDX-License-Identifier: MIT
 * What the files of vm/<qid> that attach and detach devices do for each other. */
#ifndef ACTORS_VM_VM_DEVICE_INSIDE_H
#define ACTORS_VM_VM_DEVICE_INSIDE_H

#include "actors/vm/vm.h"

enum { VM_BUS_SECONDS = 50, VM_EVENT_NAME = 48 };

struct address vm_device_bus(enum device_class class);
/* The bus itself connects such a device: libvirt has no part in it. */
bool vm_device_is_by_bus(enum device_class class);

/* vm_device.c: whether this very operation had come that far before a crash. */
bool vm_device_was_left_at(const struct vm *vm, enum vm_step step);
bool vm_device_is_resumed(const struct vm *vm);
/* What attachment and detachment begin with, told by `event`. False: the errand has ended, also because an
 * earlier incarnation did all of it but say `did`. */
bool vm_device_begins(struct vm *vm, struct out *out, struct vm_event event, const char *did);
/* It is so: subscribers hear it, and whoever asked. The note stays, for an answer that is lost with this
 * process. */
void vm_device_conclude(struct vm *vm, struct out *out, const struct vm_event *event);
void vm_device_ends(struct vm *vm, struct out *out, int r, const struct fault *why);
/* What libvirt has done with the job's device is not known: a look will tell its bus. */
void vm_device_want_tell(struct vm *vm);
/* Asks the bus to see what libvirt has done. */
void vm_device_confirm(struct vm *vm, struct out *out);
/* "device-attach:" and the class of the job's device. */
const char *vm_device_event(const struct vm *vm, const char *prefix, char name[VM_EVENT_NAME]);

/* vm_device_tell.c: what the buses were still to hear is dropped. */
void vm_device_untell(struct vm *vm);

/* vm_device_wish.c: of whom it is asked what there is, for a start; the question that is due, also of what
 * follows it; and which assignments a question is about. */
void vm_device_questions(struct vm *vm);
void vm_device_ask_list(struct vm *vm, struct out *out);
bool vm_device_is_block(const struct view_device *v);
enum device_class vm_device_class(const struct view_device *v);
bool vm_device_is_about(const struct view_device *v, const struct vm_question *q);

#endif
