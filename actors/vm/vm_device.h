/* SPDX-License-Identifier: MIT
 * What vm/<qid> keeps of devices: those that it starts with, and one that is coming or going. Whether a
 * device may come is its bus's to say; what libvirt must do is done here. Spec: devbus-pci 7 to 11,
 * devbus-block 5 to 8. */
#ifndef ACTORS_VM_VM_DEVICE_H
#define ACTORS_VM_VM_DEVICE_H

#include "actors/vm/vm_block.h"
#include "actors/vm/vm_note.h"
#include "actors/vm/vm_task.h"
#include "model/device.h"
#include "runtime/core.h"

struct vm;
struct vm_result;
struct vm_attach;
struct vm_detach;
struct vm_lose;
struct view_device;
typedef void vm_device_ask(struct vm *vm, struct out *out);

/* A device that somebody wants attached or detached; from malloc. */
struct vm_plug {
    enum device_class class;
    bool is_block; /* of that class */
    bool is_own;   /* nobody asked: what it begins with is not announced */
    bool is_wish;  /* found by a look for what comes by itself, and not done yet */
    char device_class[16], backend[32];
    char port[256], device_id[1024], sbdf[VM_SBDF_TEXT];
    bool permissive, no_strict_reset, script;
    char device[2049]; /* as events name it */
    char *options;     /* as events show them; from malloc */
    char *lines;       /* the same as an assignment keeps them; from malloc, may be NULL */
};

/* A device that the VM starts with, or that is to be ready then. */
struct vm_wish {
    bool is_block, required, permissive, no_strict_reset, script;
    char backend[32], port[256], device_id[1024], options[1025];
};

/* Of whom a start, or what follows it, asks what there is. */
struct vm_question {
    enum device_class class;
    uint32_t qid, generation;
};
enum { VM_QUESTIONS_MAX = 16 };

/* The buses that are told what the hypervisor shows as the VM's. */
enum { VM_TELLINGS = 2 };

/* What is still to be done for devices that come by themselves, as the note says it, too; 0: nothing. */
enum vm_wishes {
    WISHES_DUE = 1,  /* they are to be looked for */
    WISHES_USB = 2,  /* and only those of that class: the VM has slept */
    WISHES_ASKED = 4 /* people have been asked already: what needs nobody's yes is left */
};

struct vm_devices {
    struct vm_wish *wish; /* of the start: as the bus lists them; from malloc */
    size_t wishes, next;
    bool checking; /* nothing is taken before all have passed their checks */
    struct vm_question question[VM_QUESTIONS_MAX];
    size_t questions, asked;
    struct vm_pci boot[VM_PCI_MAX]; /* made ready for it */
    size_t boots;
    bool has_screen;                      /* one that is assigned shows one */
    struct vm_block block[VM_BLOCKS_MAX]; /* and disks of backends */
    size_t blocks;
    bool tell_wanted; /* the buses are to hear what the VM has */
    bool tell_owed;   /* and once more, not before this moment, whoever is its process then */
    uint64_t tell_at;
    bool block_wanted; /* that of disks, too, even if there is none */
    bool block_told;   /* it was told of some */
    bool recall_owed;  /* a bus that has begun anew waits for that of disks: it was not known */
    /* The disks of backends that libvirt has shown, or has taken and given since: packed bus_disks. */
    bool live_known;
    uint32_t live_count;
    struct text live;
    struct text telling[VM_TELLINGS]; /* what each has still to hear, encoded; "": nothing */
    unsigned wishes_due;              /* enum vm_wishes: of the look that comes next */
    unsigned wishes_open;             /* of the one under way, or whose devices are on their way */
    uint64_t wishes_at;               /* none before that: what libvirt was asked for may still be done */
    vm_device_ask *again;             /* what is asked once more when the timer rings */
    unsigned tries;
    bool undoing; /* of an attachment: libvirt's part is taken back */
    struct fault failure;
    /* What the incarnation before was doing with a device: whoever asks for the same goes on from there. */
    struct op_id left_op;
    uint32_t left_own;
    enum vm_step left;
    bool left_said;
};

/* ---- vm_device_tell.c ---- */
/* The life is over: nothing of it is known any more, and the bus of PCI devices holds nothing for it. */
void vm_device_over(struct vm *vm, struct out *out);
/* And subscribers have heard that: the buses that tell who has lost what do so behind it (devices 14.4). */
void vm_device_gone(struct vm *vm, struct out *out);
/* The same to a bus that asks: the word of the end may have been lost with a router. */
void vm_device_has_none(struct vm *vm, struct out *out, struct address bus);
struct bus_has;
/* ---- vm_device_recall.c ---- */
/* The bus of disks has begun anew and asks: it hears at once what is known, or that it has to wait. */
void vm_device_recall(struct vm *vm, struct out *out);
/* The VM turns out to be at rest: a bus that waits for its word has it. */
void vm_device_rests(struct vm *vm, struct out *out);
/* The disks that the VM is known to have: none; one more; one less; as the bus hears of them. */
void vm_live_none(struct vm *vm);
void vm_live_add(struct vm *vm, const struct vm_block *block);
void vm_live_drop(struct vm *vm, const char *backend, const char *port);
void vm_live_show(const struct vm *vm, struct bus_has *m);
/* ---- vm_device_wish.c ---- */
/* A start is complete: what is to come by itself is looked for, if anything is. */
void vm_wishes_after_start(struct vm *vm);
/* What its assignments name, and a bus connects by itself, is looked for once more. */
void vm_wishes_after_sleep(struct vm *vm, struct out *out);
/* What the incarnation before has not done of that, of this very life. */
void vm_wishes_recall(struct vm *vm);
/* The life is over: nothing comes any more. */
void vm_wishes_none(struct vm *vm);
/* enum vm_wishes: what a note is to say. */
unsigned vm_wishes_left(const struct vm *vm);
bool vm_wishes_are_due(const struct vm *vm, uint64_t now);

/* ---- vm_device_start.c ---- */
/* The devices that are assigned are looked up and made ready; then vm_start_with_devices, or the start fails.
 */
void vm_device_start(struct vm *vm, struct out *out);
void vm_device_start_step(struct vm *vm, struct out *out, const struct vm_result *result);

/* ---- vm_device.c ---- */
/* A bus that has just died is asked again soon: true, and whoever asked waits on. */
bool vm_device_again(struct vm *vm, struct out *out, const struct vm_result *result, vm_device_ask *ask);
void vm_device_timer(struct vm *vm, struct out *out);
/* Before the note is written anew: what it says of a device that was coming or going. libvirtd may do what
 * the incarnation before has asked of it a while later: what the VM has is told once more then. */
void vm_device_remember(struct vm *vm, struct out *out);
struct vm_pci vm_device_address(const char *sbdf, bool permissive, bool no_strict_reset, bool s0ix);
void vm_device_end(struct vm *vm);
/* From malloc; NULL: no memory. */
struct vm_plug *vm_plug_of_attach(const struct vm_attach *m);
struct vm_plug *vm_plug_of_detach(const struct vm_detach *m);
struct vm_plug *vm_plug_of_offer(const struct view_device *v);
struct vm_plug *vm_plug_of_lose(const struct vm_lose *m);
/* What a note calls a device that comes by itself; 0: somebody asked for it, or for none. */
uint32_t vm_device_own(const struct vm_plug *plug);
/* That one has come before a crash, and nobody may have been told. */
bool vm_device_is_untold(const struct vm *vm, const struct vm_plug *plug);

void vm_plug_free(struct vm_plug *plug);
/* The disk that an attachment is to make, or a detachment to take. */
void vm_plug_block(const struct vm_plug *plug, struct vm_block *b);

#endif
