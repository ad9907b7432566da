/* SPDX-License-Identifier: MIT
 * Which device: its class, the VM that exposes it, the port there, and what is at that port. Pure; no call
 * allocates but into a struct text. Spec: devices 1, 5.1, 5.2, 5.5; admin-api-methods 8.1. */
#ifndef MODEL_DEVICE_H
#define MODEL_DEVICE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

enum device_class {
#define DEVICE_CLASS(name, core, options, meaning) DEVICE_##name,
#include "model/device_class.def"
    DEVICE_CLASSES
};

enum device_mode {
#define DEVICE_MODE(name, text, meaning) DEVICE_MODE_##name,
#include "model/device_mode.def"
    DEVICE_MODES
};

const char *device_class_name(enum device_class class);             /* "" for a number without a row */
int device_class_parse(struct span name, enum device_class *class); /* 0 or -ERR_UNKNOWN */
bool device_class_is_core(enum device_class class);                 /* served without being asked for */
/* "usb,mic": *set has the bits 1 << DEVICE_... of those classes. 0 or -ERR_RANGE. */
int device_classes_parse(struct span names, unsigned *set, struct fault *why);
/* Whether it is, where `more` are served besides the core's. */
bool device_class_is_served(enum device_class class, unsigned more);
bool device_class_takes_options(enum device_class class); /* in assignments */

const char *device_mode_name(enum device_mode mode);
/* 0, or -ERR_DEVICE_MODE: exactly one of the words. */
int device_mode_parse(struct span word, enum device_mode *mode);

/* Longest port and device id that are taken, in bytes. */
enum { DEVICE_PORT_MAX = 255, DEVICE_ID_MAX = 1023 };

/* An identity, or a pattern: any of the three spans may be "*". Never empty. Spans belong to whoever owns
 * the text that they were read from. */
struct device {
    enum device_class class;
    struct span backend, port, id;
};

bool device_is_any(struct span part); /* "*" */
bool device_equal(const struct device *a, const struct device *b);
/* Whether `pattern`, an assignment's identity, means `real`, a device that exists (devices 5.5). */
bool device_matches(const struct device *pattern, const struct device *real);
/* Negative, 0 or positive: patterns in the order in which they are tried, the most specific first.
 * By backend and port descending, in one port concrete ids before "*", any port after all ports. */
int device_tried_order(const struct device *a, const struct device *b);

/* The argument of Assign and its like: BACKEND+PORT or BACKEND+PORT+ID, where '+' stands for ':' in the id,
 * '_' alone for "*", and seven '_' in the id for the unknown interface. `room` takes argument.len bytes, and
 * the spans of *out point into it. 0, or -ERR_PROTOCOL; whether the backend exists is the caller's to ask. */
int device_argument_parse(enum device_class class, struct span argument, char *room, struct device *out,
                          struct fault *why);
/* The reverse. An id with a single '*' or '_' inside does not come back as it was: the form cannot say it. */
void device_argument_write(struct text *to, const struct device *d);
/* -ERR_PROTOCOL when the port or id could not be stored and listed. Every parser calls it. */
int device_check(const struct device *d, struct fault *why);

/* Whether a port has the form of a PCI device's: an address [SSSS_]BB_DD.F, ':' or '_' between its numbers,
 * or a path, which is that with a -BB_DD.F for each bridge behind it (devbus-pci 1.1). Small letters only. */
bool device_port_is_pci(struct span port);

/* BACKEND:PORT:ID, as events and messages have it; and BACKEND:PORT. */
void device_text(struct text *to, const struct device *d);
void device_port_text(struct text *to, const struct device *d);

/* The key of a CHANGE_DEVICE item: CLASS BACKEND PORT ID. Reading: 0, or -ERR_BAD; spans point into key. */
void device_key_write(struct text *to, const struct device *d);
int device_key_read(struct span key, struct device *out);

#endif
