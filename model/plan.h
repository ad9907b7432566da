/* SPDX-License-Identifier: MIT
 * What an operation will do: ordered events and changes. A plan changes nothing by itself:
 * registry publishes the events before `commit_at`, asks the preparers, commits and applies all
 * changes at once, then publishes the rest. Spec: events 4.1, 5, 6; vm-model 2, 5 to 8, 10. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/model.h"
#include "model/property.h"

enum { PLAN_EVENTS_MAX = 131072, PLAN_CHANGES_MAX = 1 << 18, PLAN_PAIRS_MAX = 4, PLAN_BYTES_MAX = 64 << 20 };

struct plan_pair {
    const char *key; /* constant text */
    struct span value;
};

struct plan_event {
    uint32_t subject; /* a qid, or QID_GLOBAL for the app object */
    struct span name;
    unsigned pair_count;
    struct plan_pair pair[PLAN_PAIRS_MAX];
};

/* Who must be asked between the early events and the commit. */
enum plan_prepare {
    PREPARE_NETVM = 1,    /* living VMs' actors: whom early property-pre-set:netvm events are about */
    PREPARE_DISK = 4,     /* create the volumes before events from disk_at on are published */
    PREPARE_UNDEFINE = 8, /* forget the domain in the hypervisor, before the commit */
    FINISH_REMOVE = 16,   /* after everything: remove volumes and the directory; failures are logged */
    FINISH_UNPAUSE = 32   /* after the commit: the preloaded disposable `qid` is in use from now on */
};

struct plan_job; /* model/plan_storage.h */

/* Zero-initialised is empty. All spans live as long as the plan. */
struct plan {
    struct plan_event *event;
    struct change *change;
    size_t events, changes;
    size_t commit_at; /* how many events come before the commit */
    size_t disk_at;   /* with PREPARE_DISK: events from here on wait for the disk */
    unsigned prepare; /* PREPARE_* */
    uint32_t qid;     /* of a create: the new VM */
    uint32_t generation;
    struct span result;   /* what the asker is answered besides success: "<name> <uuid>" of a disposable */
    struct plan_job *job; /* what storage has to do: before the commit, with FINISH_REMOVE after it */
    /* private: */
    struct plan_later {
        uint32_t qid;
        const char *reason; /* constant text */
    } later[4];             /* preloading that begins after all else was told */
    unsigned laters;
    size_t event_room, change_room, slots, bytes;
    struct plan_chunk *chunk;
    uint32_t *slot;
    int failed;
};

void plan_free(struct plan *p); /* leaves it empty */
#define AUTO_PLAN __attribute__((cleanup(plan_free))) struct plan

/* Every planner: 0, or an error with *why. After an error the plan holds no changes, and as
 * events only those that must be published all the same (a pre-event before a veto).
 * `k` is KNOWN(m, w); `actor` the qid of the VM on whose behalf this happens. */
int plan_property_set(const struct known *k, uint32_t actor, uint32_t qid, struct span name,
                      struct span value, struct plan *p, struct fault *why);
int plan_property_reset(const struct known *k, uint32_t actor, uint32_t qid, struct span name, struct plan *p,
                        struct fault *why);
int plan_feature_set(const struct known *k, uint32_t actor, uint32_t qid, struct span name, struct span value,
                     struct plan *p, struct fault *why);
/* Another VM's root was imported into `qid`: a StandaloneVM takes its boot mode over (vm-model 7). */
int plan_root_imported(const struct known *k, uint32_t qid, struct plan *p, struct fault *why);
int plan_feature_remove(const struct known *k, uint32_t actor, uint32_t qid, struct span name, struct plan *p,
                        struct fault *why);
/* Codes of device interfaces, seven characters each; "all" removes all. */
int plan_denied_add(const struct known *k, uint32_t actor, uint32_t qid, struct span codes, struct plan *p,
                    struct fault *why);
int plan_denied_remove(const struct known *k, uint32_t actor, uint32_t qid, struct span codes, struct plan *p,
                       struct fault *why);
int plan_tag_set(const struct known *k, uint32_t actor, uint32_t qid, struct span tag, struct plan *p,
                 struct fault *why);
int plan_tag_remove(const struct known *k, uint32_t actor, uint32_t qid, struct span tag, struct plan *p,
                    struct fault *why);
int plan_label_create(const struct known *k, struct span name, struct span colour, struct plan *p,
                      struct fault *why);
int plan_label_remove(const struct known *k, struct span name, struct plan *p, struct fault *why);

/* Rules as admin.vm.firewall.Set has them; the event alone; what has expired until now, -ERR_STATE for
 * nothing. Notes as admin.vm.notes.Set has them. */
int plan_firewall_set(const struct known *k, uint32_t actor, uint32_t qid, struct span payload,
                      struct plan *p, struct fault *why);
int plan_firewall_reload(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p,
                         struct fault *why);
int plan_firewall_expire(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p,
                         struct fault *why);
int plan_notes_set(const struct known *k, uint32_t actor, uint32_t qid, struct span payload, struct plan *p,
                   struct fault *why);
/* When the VM's next rule expires, Unix time; 0: none will. *due: one has, and is to be planned. */
uint64_t firewall_next_expiry(const struct known *k, uint32_t qid, bool *due);

/* admin.vm.Create.CLASS+template with its payload (admin-api-methods 4.2); in_pool: CreateInPool. */
int plan_vm_create(const struct known *k, uint32_t actor, enum vm_class class, struct span template_name,
                   struct span payload, bool in_pool, struct plan *p, struct fault *why);
/* CreateDisposable: a preloaded disposable that is taken from its list, or a new one, of `template_qid`; of
 * dom0: of the actor's default_dispvm. */
int plan_disposable_create(const struct known *k, uint32_t actor, uint32_t template_qid, struct plan *p,
                           struct fault *why);
/* CreateDisposable+preload: only says that the list is to be filled. */
int plan_preload_start(const struct known *k, uint32_t actor, uint32_t template_qid, struct plan *p,
                       struct fault *why);
/* A new disposable on the list, to be started; -ERR_STATE when the list is full. Its start and its pause are
 * done: it may be handed out. It leaves the list (it need not exist). */
int plan_preload_create(const struct known *k, uint32_t template_qid, struct plan *p, struct fault *why);
int plan_preload_complete(const struct known *k, uint32_t qid, struct plan *p, struct fault *why);
int plan_preload_drop(const struct known *k, uint32_t template_qid, struct span name, struct plan *p,
                      struct fault *why);
/* A disposable's life has ended: it is removed when its auto_cleanup is true, or with `force` (its start
 * failed) always. Nothing is planned for one that stays. */
int plan_disposable_end(const struct known *k, uint32_t qid, bool force, struct plan *p, struct fault *why);
int plan_vm_remove(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p, struct fault *why);
/* Makes the model what these changes say (a whole model, none of them gone; spans are borrowed for the call):
 * the differences, and events that tell of them. A VM whose name, uuid or class differs is another VM. What
 * lives must stay as it is: -ERR_VM_NOT_HALTED. -ERR_BAD when the changes are no model. */
int plan_replace(const struct known *k, const struct change *changes, size_t count, struct plan *p,
                 struct fault *why);

/* The volumes of a new VM could not be made: takes it back (no checks but that it exists). */
int plan_vm_uncreate(const struct known *k, uint32_t qid, struct plan *p, struct fault *why);

#endif
