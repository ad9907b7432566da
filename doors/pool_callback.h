/* SPDX-License-Identifier: MIT
 * /etc/qubes_callback.json, for who runs the administrator's commands of a callback pool without believing
 * who asks for them. Spec: storage 11. */
#ifndef DOORS_POOL_CALLBACK_H
#define DOORS_POOL_CALLBACK_H

#include "base/err.h"
#include "base/text.h"
#include "doors/pool_call.h"

#define CALLBACK_CONFIGURATION "/etc/qubes_callback.json"

struct callback_conf;

/* The object of this conf_id, as the file is now. The caller frees it. -ERR_STORAGE with what is wrong in the
 * file. */
int callback_read(const struct pool_calls *calls, const char *conf_id, struct callback_conf **ret,
                  struct fault *why);
void callback_conf_free(struct callback_conf *c); /* accepts NULL */

/* The attributes of the pool below, as pool_open takes them. */
int callback_below(const struct callback_conf *c, struct text *lines, struct fault *why);
/* Whether a line for bash is one of its commands as it stands, or `cmd` with any number of quoted words
 * behind it. */
bool callback_allows(const struct callback_conf *c, const char *line);

#endif
