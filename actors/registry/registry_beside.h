/* SPDX-License-Identifier: MIT
 * What lies beside qubes.xml: each VM's firewall.xml and notes.txt in its own directory. These calls block on
 * the disk. spec: net 5.1, vm-model 6 */
#ifndef ACTORS_REGISTRY_BESIDE_H
#define ACTORS_REGISTRY_BESIDE_H

#include <sys/types.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "model/change.h"

struct change_list;

/* What is known of the files: for each its digest and that of what it should hold. A file whose digest is
 * another was changed by somebody else. NULL: no memory. */
struct beside;
struct beside *beside_new(void);
void beside_free(struct beside *b);
DEFINE_AUTO(beside)
int beside_read(struct beside *b, struct span text); /* what beside_write wrote; unknown lines are skipped */
void beside_write(const struct beside *b, struct text *text);

/* Told for each file that is no good or was left alone. `path` is below the directory. */
typedef int beside_problem(void *self, uint32_t qid, const char *path, const char *text);

/* Reads the files of all VMs of `list` and appends what they say to it. A firewall.xml that cannot be
 * understood disables its VM, and nothing passes its firewall. 0, -ERR_NOMEM, -ERR_TOO_BIG or what `problem`
 * returned. */
int beside_import(int dir, uint64_t now, struct change_list *list, struct beside *b, beside_problem *problem,
                  void *self, struct fault *why);

enum beside_how {
    BESIDE_LOOK,    /* writes nothing: only says what was changed by somebody else */
    BESIDE_WRITE,   /* and leaves that alone */
    BESIDE_REPLACE, /* puts it aside under another name, and writes */
};

/* Makes the files of these changes (a whole model) what they should be, at most `most` of them: *more tells
 * that others are left. A file whose VM is gone is removed. *changed: `b` is to be kept. 0, or the last
 * error: then what could be written was. */
int beside_export(int dir, gid_t group, const struct change *changes, size_t count, struct beside *b,
                  enum beside_how how, unsigned most, bool *more, bool *changed, beside_problem *problem,
                  void *self, struct fault *why);

/* Appends the files of these changes to *to as "path LF length LF bytes". */
int beside_each(const struct change *changes, size_t count, struct text *to, struct fault *why);

#endif
