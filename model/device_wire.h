/* SPDX-License-Identifier: MIT
 * Devices and assignments as lines of key='value' words, which clients read and write.
 * Pure; no call allocates but into a struct text. Spec: devices 11. */
#ifndef MODEL_DEVICE_WIRE_H
#define MODEL_DEVICE_WIRE_H

#include "model/device.h"

/* ` key='value'`, with a backslash before each quote. -ERR_PROTOCOL, and nothing appended, when a character
 * is not one that keys (values) may have. The key is `prefix` and `key` together. */
int wire_put(struct text *to, const char *prefix, struct span key, struct span value, struct fault *why);
bool wire_is_key(struct span key);
bool wire_is_value(struct span value);

/* One word of a client's line. An option's name has lost its '_'. */
struct wire_pair {
    struct span key, value;
    bool is_option;
};
enum { WIRE_PAIRS_MAX = 256 };

/* Reads a line of a client: 0 with pairs in the order in which their keys first came, the last value of each,
 * or -ERR_PROTOCOL. `room` takes text.len bytes; values point into it, keys into text. */
int wire_parse(struct span text, char *room, struct wire_pair pair[WIRE_PAIRS_MAX], size_t *count,
               struct fault *why);

/* What a client says of an assignment in the payload of Assign and Attach. Spans as above. */
struct device_payload {
    enum device_mode mode; /* MANUAL when the client says none */
    struct span frontend;  /* at NULL: not said */
    struct span id;        /* what the device's id becomes: a "*" in the argument takes the payload's */
    struct wire_pair pair[WIRE_PAIRS_MAX];
    size_t pairs; /* all of them; options are those that say so */
};

/* Holds the payload against the argument's device. 0, or -ERR_PROTOCOL. `room` takes payload.len bytes.
 * Whether the frontend exists is the caller's to ask. */
int device_payload_parse(const struct device *expected, struct span payload, char *room,
                         struct device_payload *out, struct fault *why);

/* What makes up one stored assignment: a CHANGE_DEVICE item, whose value is mode=, frontend= and option:
 * lines. */
struct assignment {
    struct device device;
    enum device_mode mode;
    struct span frontend; /* at NULL: whoever holds it; empty: not said by who made it */
    struct span options;  /* lines, for assignment_option */
};
/* 0, or -ERR_BAD. Spans point into key and value. */
int assignment_read(struct span key, struct span value, struct assignment *out);
void assignment_value_write(struct text *to, enum device_mode mode, struct span frontend,
                            struct span options);
/* The next option: 1 with *name and *value, 0 at the end. `lines` moves on. */
int assignment_option(struct span *lines, struct span *name, struct span *value);
/* Whether one of that name is there, and its *value, which may be empty. */
bool assignment_option_named(struct span lines, const char *wanted, struct span *value);
/* Whether it says something: any text that is not empty counts, even "False" (devbus-pci 7). */
bool assignment_option_given(struct span lines, const char *wanted);
void assignment_option_write(struct text *lines, struct span name, struct span value);

/* The options as events show a map: {'read-only': 'yes'}. */
void options_text(struct text *to, struct span lines);

/* One line of Assigned and Attached, without its end. `holder` is the VM that has it. 0 or -ERR_PROTOCOL. */
int assignment_line(struct text *to, const struct assignment *a, struct span holder, struct fault *why);

/* One device as a bus describes it; empty spans: not known. `data` is "key=value" lines. */
struct device_facts {
    struct device device;
    struct span vendor, product, manufacturer, name, serial;
    struct span attachment, interfaces, parent_port, parent_class, data;
};
/* One line of Available, without its end. What is not printable in names becomes '?'. */
void device_line(struct text *to, const struct device_facts *f);

#endif
