/* SPDX-License-Identifier: MIT
 * Arrays that grow by doubling. Whoever adds to one bounds it first. */
#ifndef BASE_GROW_H
#define BASE_GROW_H

#include <stdlib.h>

#include "base/err.h"

/* Makes room in the array `list`, which holds `count` elements and has room for `room` (at the beginning for
 * `first`): 0, or -ERR_NOMEM and all is as it was. */
#define GROW(list, count, room, first)                                                                       \
    __extension__({                                                                                          \
        int grown_ = 0;                                                                                      \
        if ((list) == NULL || (count) == (room)) {                                                           \
            __typeof__(room) room_ = (room) == 0 ? (first) : (room)*2;                                       \
            __typeof__(list) list_ = realloc((list), room_ * sizeof *list_);                                 \
            grown_ = list_ != NULL ? 0 : -ERR_NOMEM;                                                         \
            if (list_ != NULL) {                                                                             \
                (list) = list_;                                                                              \
                (room) = room_;                                                                              \
            }                                                                                                \
        }                                                                                                    \
        grown_;                                                                                              \
    })

#endif
