/* SPDX-License-Identifier: MIT
 * What import and export ask of the model's tables. */
#ifndef ACTORS_REGISTRY_REGISTRY_RULES_H
#define ACTORS_REGISTRY_REGISTRY_RULES_H

#include "actors/registry/registry_export.h"
#include "actors/registry/registry_import.h"

/* Constant; no I/O. */
const struct import_rules *registry_import_rules(void);
const struct export_rules *registry_export_rules(void);

#endif
