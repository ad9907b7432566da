/* SPDX-License-Identifier: MIT
 * What the model must ask about the outside. The caller fills in the callbacks; each answers
 * from memory, must not block, and is asked only while a call into the model runs. */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include <stdint.h>

enum fact {
#define FACT(name, whose, unit, meaning) FACT_##name,
#include "model/fact.def"
    FACTS
};

const char *fact_name(enum fact fact);

enum { WORLD_TIME = 20 };
enum kernel_state { KERNEL_ABSENT, KERNEL_BROKEN, KERNEL_INSTALLED };

/* Every callback may be NULL: then nothing is known, no kernel is installed, and what needs a
 * random number fails. Texts returned are valid until the next change of the world. */
struct world {
    void *arg;
    /* The text of a fact about a VM (of the host: qid QID_GLOBAL); NULL when never observed. */
    const char *(*fact)(void *arg, uint32_t qid, enum fact fact);
    /* Is there a directory of this name in the kernel pool, with a vmlinuz in it? */
    enum kernel_state (*kernel)(void *arg, const char *name);
    /* The content, without white space at its ends, of a small file beside that kernel
     * ("default-kernelopts-pci.txt"); NULL when there is none. */
    const char *(*kernel_file)(void *arg, const char *kernel, const char *file);
    /* 32 bits that nobody can guess: for UUIDs and the numbers of disposables. */
    uint32_t (*random)(void *arg);
    /* Seconds since 1970: when firewall rules expire. Without it none does. */
    uint64_t (*seconds)(void *arg);
    /* Did a disposable of this number end so lately that the number must not come again? */
    int (*dispid_rests)(void *arg, uint32_t dispid);
    /* The local time as "2026-01-31 23:59:58". */
    void (*local_time)(void *arg, char text[WORLD_TIME]);
    /* Is a VM of this name being made just now, its volumes before itself? */
    int (*is_being_made)(void *arg, const char *name);
};

const char *world_fact(const struct world *w, uint32_t qid, enum fact fact); /* w may be NULL */
enum kernel_state world_kernel(const struct world *w, const char *name);
int world_local_time(const struct world *w, char text[WORLD_TIME]); /* 0, or -ERR_UNKNOWN: no clock */
const char *world_kernel_file(const struct world *w, const char *kernel, const char *file);

int world_is_being_made(const struct world *w, const char *name);

/* Power states as the model needs them; a VM that was never observed is halted. */
int world_is_halted(const struct world *w, uint32_t qid);
int world_is_running(const struct world *w, uint32_t qid); /* neither halted nor crashed nor dying */
int world_is_paused(const struct world *w, uint32_t qid);

/* What a hypervisor's state of an active domain (libvirt's number) makes of its VM: a word of power_state;
 * NULL where it runs, of which a VM's own process knows whether it is usable. */
const char *power_state_name(uint32_t state);

#endif
