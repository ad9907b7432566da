/* SPDX-License-Identifier: MIT
 * Interface codes: seven characters, a letter for the class and six hexadecimal digits or '*'. Pure.
 * Spec: devices 6, 13. */
#ifndef MODEL_DEVICE_INTERFACE_H
#define MODEL_DEVICE_INTERFACE_H

#include <stdbool.h>

#include "base/text.h"

enum { INTERFACE_CODE = 7 };

enum device_category {
#define DEVICE_CATEGORY(name, patterns) CATEGORY_##name,
#include "model/device_category.def"
    DEVICE_CATEGORIES
};

const char *device_category_name(enum device_category category);
enum device_category device_category(struct span code);

/* Each character of the pattern is '*' or the candidate's. */
bool interface_matches(struct span pattern, struct span candidate);

/* The next code of several in a row: 1 with *code, or 0; what is left at the end and too short is none. */
int interface_next(struct span *codes, struct span *code);

/* Whether one of a VM's denied patterns meets one of a device's interfaces: 1 with the interface, or 0. */
int interface_denied(struct span denied, struct span interfaces, struct span *which);

#endif
