/* SPDX-License-Identifier: MIT
 * Who owns what, visible in one word: AUTO frees at the end of the scope,
 * TAKE empties a variable so that its owner changes, COUNT counts an array. */
#ifndef BASE_OWN_H
#define BASE_OWN_H

#include <stdlib.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* AUTO(name) declares a `struct name *` that name_free() ends with the scope. */
#define AUTO(name) __attribute__((cleanup(name##_auto))) struct name

/* Once per type, beside its name_free(). A destructor accepts NULL. */
#define DEFINE_AUTO(name)                                                                                    \
    static inline void name##_auto(struct name **at)                                                         \
    {                                                                                                        \
        name##_free(*at);                                                                                    \
    }

/* The value of a pointer variable, which is NULL afterwards. */
#define TAKE(variable)                                                                                       \
    __extension__({                                                                                          \
        __typeof__(variable) taken_ = variable;                                                              \
        (variable) = NULL;                                                                                   \
        taken_;                                                                                              \
    })

static inline void free_memory(void *at)
{
    void **pointer = at;
    free(*pointer);
}
/* A pointer from malloc, freed with the scope. */
#define AUTO_MEMORY __attribute__((cleanup(free_memory)))

static inline void close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
/* A file descriptor (-1: none), closed with the scope. */
#define AUTO_FD __attribute__((cleanup(close_file))) int

static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#endif
