/* SPDX-License-Identifier: MIT
 * What the model is made of: changes. A model is the fold of a list of changes; the store
 * holds them, a snapshot and a delta carry them. One row each in model/change.def. */
#ifndef MODEL_CHANGE_H
#define MODEL_CHANGE_H

#include <stdint.h>

#include "base/text.h"

enum change_kind {
#define CHANGE(name, meaning) CHANGE_##name,
#include "model/change.def"
    CHANGE_KINDS
};

/* The holder of what concerns no VM: global properties, labels, pools, settings of the store. */
#define QID_GLOBAL 0xffffffffu
#define QID_MAX    10000u

/* Sets (or with `gone` removes) the one item named by (kind, qid, key). Text without NUL.
 * The spans belong to whoever made the change; a receiver copies what it keeps. */
struct change {
    enum change_kind kind;
    uint32_t qid;
    struct span key, value;
    int gone;
};

const char *change_kind_name(enum change_kind kind);

#endif
