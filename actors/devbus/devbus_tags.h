/* SPDX-License-Identifier: MIT
 * Which of a bus's questions an answer is to: each subject that asks numbers its own in a range of its own.
 * In the core of a bus on demand. */
#ifndef ACTORS_DEVBUS_DEVBUS_TAGS_H
#define ACTORS_DEVBUS_DEVBUS_TAGS_H

#include <stdint.h>

#include "runtime/core.h"

/* Registry answers at once; this is for one that is being replaced. */
#define DEVBUS_REGISTRY_WITHIN (10 * SECONDS)

/* The bus's own are what of its kind it asks, and what is named to it. */
enum devbus_tags { TAGS_LISTING, TAGS_OWN, TAGS_OWN_NAMES, TAGS_SETTLING, TAGS_OFFER, TAGS_BACKEND_NAMES };

/* The next of that range; `last` is its own, or one that several ranges share. */
static inline uint64_t devbus_tag(enum devbus_tags range, uint64_t *last)
{
    return (uint64_t)range << 32 | (uint32_t)++ * last;
}

#endif
