/* SPDX-License-Identifier: MIT
 * Questions for the Admin API's answers: features and their chains, tags, labels, networks.
 * None of them allocates; what is returned belongs to the model. */
#ifndef MODEL_ASK_H
#define MODEL_ASK_H

#include "model/model.h"
#include "model/property.h"

enum feature_chain {
    CHAIN_OWN,
    CHAIN_TEMPLATE,
    CHAIN_NETVM,
    CHAIN_ADMINVM,
    CHAIN_TEMPLATE_ADMINVM,
};

/* The first value along the chain: 1 with *value (an empty value ends the search), 0 when absent. */
int ask_feature(const struct known *k, uint32_t qid, enum feature_chain chain, struct span name,
                struct span *value);
bool ask_feature_true(const struct known *k, uint32_t qid, enum feature_chain chain, const char *name);
/* The same, and -ERR_FEATURE_NOT_FOUND when absent. */
int ask_feature_or_fault(const struct known *k, uint32_t qid, enum feature_chain chain, struct span name,
                         struct span *value, struct fault *why);

bool ask_tag(const struct known *k, uint32_t qid, struct span tag);
/* Tags by their bytes: how many there are; the first `room` of them are written to list. */
size_t ask_tags_sorted(const struct known *k, uint32_t qid, const char **list, size_t room);

struct label {
    const char *name;
    unsigned index;
    char colour[9]; /* 0xRRGGBB as it was written */
};
/* By name or by the text of its index: 0, or -ERR_LABEL_NOT_FOUND. */
int ask_label(const struct known *k, struct span name, struct label *out, struct fault *why);
/* i counts from 0 in the order of making; 0, or -ERR_UNKNOWN at the end. */
int ask_label_at(const struct known *k, size_t i, struct label *out);

/* The VM of that qid, also one that the running plan creates; NULL when there is none. */
const struct vm *ask_vm(const struct known *k, uint32_t qid);
/* What a VM is based on; NULL for classes without template and for a missing one. */
const struct vm *ask_template(const struct known *k, uint32_t qid);
const struct vm *ask_netvm(const struct known *k, uint32_t qid);
/* Every VM whose (effective) netvm is qid, in API order: how many; the first `room` to list. */
size_t ask_connected(const struct known *k, uint32_t qid, const struct vm **list, size_t room);
/* Is `qid` among the clients of `provider`, or theirs? */
bool ask_is_client(const struct known *k, uint32_t provider, uint32_t qid);

bool ask_has_pci(const struct known *k, uint32_t qid); /* any PCI device assigned, any mode */
const struct vm *ask_device_user(const struct known *k,
                                 uint32_t backend);           /* a VM that has one of its devices assigned */
bool ask_memory_hotplug(const struct known *k, uint32_t qid); /* vm-model 4.14, use_memory_hotplug */
const char *ask_power_state(const struct known *k, uint32_t qid); /* never NULL */

/* One VM's part of internal.GetSystemInfo (admin-api-methods 11.1); NULL is null. */
struct system_info {
    const char *internal, *class, *default_dispvm, *guivm, *relayvm, *transport_rpc, *power_state, *uuid;
    bool template_for_dispvms;
    char icon[160], colour[9];
};
void ask_system_info(const struct known *k, uint32_t qid, struct system_info *out);

/* One attribute of a VOLUME's or POOL's value ("key=value" lines): 1 with *value, or 0. */
int ask_attribute(struct span lines, const char *key, struct span *value);

#endif
