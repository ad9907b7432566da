/* SPDX-License-Identifier: MIT
 * Operations on what VMs have assigned. Keys are "CLASS BACKEND+PORT" or "CLASS BACKEND+PORT+ID", as clients
 * write the argument. See plan.h for what a planner leaves behind. Spec: devices 3, 7, 10. */
#ifndef MODEL_PLAN_DEVICE_H
#define MODEL_PLAN_DEVICE_H

#include "model/device_wire.h"
#include "model/plan_inside.h"

/* Longest text that a plan keeps of one assignment. */
enum { DEVICE_PLANNED_MAX = 1 << 20 };

/* Assign with its payload; Unassign; Set.assignment with the mode's word. */
int plan_device_assign(const struct known *k, uint32_t actor, uint32_t qid, struct span key,
                       struct span payload, struct plan *p, struct fault *why);
int plan_device_unassign(const struct known *k, uint32_t actor, uint32_t qid, struct span key, struct plan *p,
                         struct fault *why);
int plan_device_mode(const struct known *k, uint32_t actor, uint32_t qid, struct span key, struct span mode,
                     struct plan *p, struct fault *why);

/* What clients of before 4.3 ask for. keep: a persistent Attach to a halted VM, with the payload of that
 * form; drop: Detach from one; persist: Set.persistent of an attached device, "True" or "False", with the
 * options that it is attached with as "option:" lines behind. */
int plan_device_keep(const struct known *k, uint32_t actor, uint32_t qid, struct span key,
                     struct span payload, struct plan *p, struct fault *why);
int plan_device_drop(const struct known *k, uint32_t actor, uint32_t qid, struct span key, struct plan *p,
                     struct fault *why);
int plan_device_persist(const struct known *k, uint32_t actor, uint32_t qid, struct span key,
                        struct span value, struct plan *p, struct fault *why);

/* The payload of Attach before 4.3: words "key=value" with white space between; `lines` gets its options as
 * assignments keep them. 0 with *persistent, or -ERR_PROTOCOL, -ERR_VALUE. */
int device_old_options(struct span payload, struct text *lines, bool *persistent, struct fault *why);

/* Part of removing a VM: nobody keeps an assignment of a device of its. Checks came before. */
void do_devices_forget(struct doing *d, const struct vm *backend);

/* Reads an argument and looks its backend up: 0, -ERR_PROTOCOL or -ERR_VM_NOT_FOUND. Room as for
 * device_argument_parse. */
int device_argument_read(const struct model *m, enum device_class class, struct span argument, char *room,
                         struct device *device, struct fault *why);
/* frontend_domain of a payload: 0 or -ERR_PROTOCOL. */
int device_frontend_check(const struct model *m, const struct device *device, struct span frontend,
                          struct fault *why);
/* Whether a class of devices refuses a VM, running or not, before its bus is asked (devbus-pci 7): 0, or
 * -ERR_QUBES. */
int device_attach_check(const struct known *k, enum device_class class, uint32_t qid, struct fault *why);

/* A fault of the classes whose text clients get as Python shows a key: "'pci device dom0:00_19.0:* WHAT VM'",
 * quotes included. Returns -code. */
int device_fault(struct fault *why, enum err code, const struct device *device, const char *what,
                 const char *vm);

/* For the files plan_device*.c. */
int device_target(struct doing *d, uint32_t qid);
int device_key_operand(struct doing *d, struct span key, struct device *device);
struct span device_planned_text(struct doing *d, void (*write)(struct text *, const struct device *),
                                const struct device *device);
void device_fire(struct doing *d, const char *prefix, uint32_t qid, enum device_class class, const char *key,
                 struct span text, const struct span *option_lines);
int device_store(struct doing *d, uint32_t qid, const struct assignment *a);
int device_stored(struct doing *d, uint32_t qid, const struct device *device, struct assignment *a);

#endif
