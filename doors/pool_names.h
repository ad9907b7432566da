/* SPDX-License-Identifier: MIT
 * The names under which drivers keep volumes: files, logical volumes, revisions. Pure; a name that does not
 * fit its buffer is false. Spec: storage 1.4, 6.1, 7.1. */
#ifndef DOORS_POOL_NAMES_H
#define DOORS_POOL_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/text.h"

enum { NAMES_TIME = 20, NAMES_REVISION_MAX = 47 };

/* Whether a vid stays inside its pool: plain components, none empty, none "." or "..". "" is fine. */
bool names_vid(const char *vid);
/* "2018-03-14T22:18:24", UTC. */
bool names_time(char to[NAMES_TIME], time_t seconds);

/* ".img.<number>@<time>Z" behind a volume's base name: the tail of a revision's file. */
bool names_revision(char to[NAMES_REVISION_MAX + 1], uint64_t number, time_t seconds);
/* Reads such a tail: number and the time without its Z, as text. */
bool names_read_revision(const char *tail, uint64_t *number, char time[NAMES_TIME]);
/* ".img~x", "-dirty.img~x", ".img.1@...Z~x": a temporary of the volume with this base. */
bool names_is_temporary(const char *tail);

/* '-' doubled, '/' becomes '-': how the device mapper writes a group and a volume in one name. */
bool names_mapper(char *to, size_t size, const char *vid);

/* Whether `lv` is a revision of `volume` ("<volume>-<seconds>-back"), not of one whose name goes on.
 * *seconds. */
bool names_lv_revision(const char *volume, const char *lv, uint64_t *seconds);

#endif
