/* SPDX-License-Identifier: MIT
 * What the files about storage pools share; in api. */
#ifndef ACTORS_API_API_POOL_H
#define ACTORS_API_API_POOL_H

#include "actors/api/api_inside.h"

/* The options of a driver, names with a blank between (doors/pool_driver.def). */
struct pool_options {
    const char *name, *required, *optional;
};
const struct pool_options *pool_options_of(struct span driver); /* NULL: there is none of this name */
bool pool_options_have(const char *words, struct span word);

#endif
