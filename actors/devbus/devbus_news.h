/* SPDX-License-Identifier: MIT
 * What a backend's guest process tells by itself, compared with what subscribers know; in the core of a bus
 * whose devices come and go. Spec: devices 14.1. */
#ifndef ACTORS_DEVBUS_DEVBUS_NEWS_H
#define ACTORS_DEVBUS_DEVBUS_NEWS_H

#include "actors/devbus/devbus_bus.h"

/* Says device-list-change, device-removed and device-added, and finds out whose is to be what is new and
 * nobody's. The kind's `read`, `gone` and `told` are called on the way. */
void devbus_hears_news(struct devbus *bus, struct out *out, const struct envelope *e,
                       const struct bus_exposed *m);

#endif
