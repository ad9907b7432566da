/* SPDX-License-Identifier: MIT
 * A block device of another VM as a disk of this one: from and to options, the live domain's XML, and the
 * words of a driver without hot-plug. Pure; in vm/<qid>. Spec: devbus-block 1, 3, 4, 6. */
#ifndef ACTORS_VM_VM_BLOCK_H
#define ACTORS_VM_VM_BLOCK_H

#include <stdbool.h>

#include "actors/vm/vm_spec.h"
#include "base/err.h"
#include "base/text.h"
#include "doors/xml.h"

enum { VM_BLOCKS_MAX = 64 };

struct vm_block {
    char backend[32], port[256];
    char target[16], devtype[8]; /* "": not chosen; "": disk */
    bool read_only, script;
};

/* Every disk of a live domain, its own volumes' too; and the targets that are in use. */
struct vm_block_list {
    struct vm_block block[VM_BLOCKS_MAX];
    size_t count;
    char used[2 * VM_BLOCKS_MAX][16];
    size_t targets;
};

/* What a live domain shows: disks of backends, without the system's own. `has_kernel`: dom0 provides it, so
 * that xvdd is the system's. */
void vm_block_list_read(struct vm_block_list *list, const struct xml_element *domain, bool has_kernel);
const struct vm_block *vm_block_find(const struct vm_block_list *list, const char *backend, const char *port);

/* Options as lines of an assignment. Of those that are not ours nothing is taken. */
void vm_block_options(struct vm_block *b, struct span lines);
void vm_block_lines(const struct vm_block *b, struct text *lines);

/* Gives it a target that is not used, unless it has one. 0, or -ERR_QUBES when none is free. */
int vm_block_choose(struct vm_block *b, const struct vm_block_list *live, struct fault *why);
/* The device in its backend: "/dev/mapper/x" of mapper_x. */
void vm_block_source(const struct vm_block *b, char to[272]);
/* As the renderer takes it; it borrows both. */
struct vm_disk vm_block_disk(const struct vm_block *b, const char *source);

#endif
