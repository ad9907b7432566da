/* SPDX-License-Identifier: MIT
 * The rows of api_method.def as data; in api. */
#include "actors/api/api_method.h"

#include <stdlib.h>
#include <string.h>

#include "actors/api/api_inside.h"
#include "base/own.h"
#include "proto/guest_values.h"
#include "proto/registry_values.h"

#define ON_ADMIN    (1u << SOCKET_ADMIN | 1u << SOCKET_QREXEC)
#define ON_INTERNAL (1u << SOCKET_INTERNAL)
#define ON_MISC     (1u << SOCKET_MISC)
#define ON_OWN      (1u << SOCKET_OWN)

static const struct api_method methods[] = {
#define METHOD(name_, sockets_, argument_, payload_, dest_, how_, handler_, detail_, help_)                  \
    {name_,           help_,        api_do_##handler_, ON_##sockets_, RULE_##argument_,                      \
     RULE_##payload_, DEST_##dest_, HOW_##how_,        (int)(detail_)},
#include "actors/api/api_method.def"
};

/* Rows by name; sorted before main. */
static uint16_t by_name[COUNT(methods)];

static int compare(const void *a, const void *b)
{
    return strcmp(methods[*(const uint16_t *)a].name, methods[*(const uint16_t *)b].name);
}

__attribute__((constructor)) static void sort_rows(void)
{
    for (size_t i = 0; i < COUNT(methods); i++)
        by_name[i] = (uint16_t)i;
    qsort(by_name, COUNT(by_name), sizeof by_name[0], compare);
}

int api_method_find(struct span name, enum client_socket socket, const struct api_method **ret,
                    struct fault *why)
{
    size_t lo = 0, hi = COUNT(methods);
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        const struct api_method *m = &methods[by_name[middle]];
        int order = span_order(name, span_of(m->name));
        if (order == 0 && (m->sockets & 1u << socket) != 0) {
            *ret = m;
            return 0;
        }
        if (order == 0)
            break;
        if (order < 0)
            hi = middle;
        else
            lo = middle + 1;
    }
    return fault_set(why, ERR_PROTOCOL, "no such method at this socket: '%.*s'",
                     name.len > 100 ? 100 : (int)name.len, name.at);
}

static int check(enum api_rule rule, size_t len, const char *missing, const char *surplus, struct fault *why)
{
    if (rule == RULE_NEEDED && len == 0)
        return fault_set(why, ERR_PROTOCOL, "%s", missing);
    if (rule == RULE_NONE && len > 0)
        return fault_set(why, ERR_PROTOCOL, "%s", surplus);
    return 0;
}

int api_method_check(const struct api_method *m, size_t payload, size_t argument, bool dest_is_dom0,
                     struct fault *why)
{
    int r = check(m->payload, payload, "expected payload", "unexpected payload", why);
    if (r == 0)
        r = check(m->argument, argument, "expected an argument", "unexpected argument", why);
    if (r == 0 && m->dest == DEST_DOM0 && !dest_is_dom0)
        r = fault_set(why, ERR_PROTOCOL, "expected destination to be AdminVM");
    if (r == 0 && m->dest == DEST_NOT_DOM0 && dest_is_dom0)
        r = fault_set(why, ERR_PROTOCOL, "expected destination to not be AdminVM");
    return r;
}

const struct api_method *api_methods(size_t *count)
{
    *count = COUNT(methods);
    return methods;
}
