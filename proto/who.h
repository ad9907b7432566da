/* SPDX-License-Identifier: MIT
 * Who speaks on the bus: a kind of process and an instance of it. */
#ifndef PROTO_WHO_H
#define PROTO_WHO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum kind {
#define KIND(name, text, most, rests, instance) KIND_##name,
#include "proto/who.def"
    KINDS
};

/* One bit each, for the columns "who may send". */
enum kind_bit {
#define KIND(name, text, most, rests, instance) BY_##name = 1 << KIND_##name,
#include "proto/who.def"
};

/* Instance of a broadcast: every live instance of the kind. */
#define EVERY_INSTANCE 0xffffffffu

struct address {
    uint8_t kind; /* enum kind */
    uint32_t instance;
};

/* Longest "devbus-pci/4294967295" with its NUL. */
enum { ADDRESS_TEXT = 32 };

const char *kind_name(unsigned kind); /* "unknown" for a number that no row has */
uint32_t kind_most(unsigned kind);    /* how many instances may exist; 0 for unknown */
bool kind_is_single(unsigned kind);
/* Whether its processes begin when they are asked for something, and end when nothing is left to do. */
bool kind_rests(unsigned kind);

bool address_is(struct address a, enum kind kind, uint32_t instance);
bool address_equal(struct address a, struct address b);
/* "vm/7"; a single kind prints without its instance. Returns `text`. */
const char *address_print(struct address a, char text[ADDRESS_TEXT]);
/* 0 with *a, or -ERR_UNKNOWN: the reverse of address_print. */
int address_parse(struct span s, struct address *a);

#endif
