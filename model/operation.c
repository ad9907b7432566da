/* SPDX-License-Identifier: MIT
 * The rows of operation.def as calls. */
#include "model/operation.h"

#include "model/plan_device.h"
#include "model/plan_guest.h"
#include "model/plan_netvm.h"
#include "model/plan_storage.h"

static int create(const struct known *k, uint32_t actor, struct span key, struct span value, bool in_pool,
                  struct plan *p, struct fault *why)
{
    struct span template_name, class_text = span_split(key, '+', &template_name);
    enum vm_class class;
    if (class_parse(class_text, &class) < 0)
        return fault_set(why, ERR_PROTOCOL, "no such class of VM");
    return plan_vm_create(k, actor, class, template_name, value, in_pool, p, why);
}

static int plan_create(const struct known *k, uint32_t actor, struct span key, struct span value,
                       struct plan *p, struct fault *why)
{
    return create(k, actor, key, value, false, p, why);
}

static int plan_create_in_pool(const struct known *k, uint32_t actor, struct span key, struct span value,
                               struct plan *p, struct fault *why)
{
    return create(k, actor, key, value, true, p, why);
}

#define OPERATION(name, key_text, value_text, call)                                                          \
    static int plan_##name##_row(const struct known *k, uint32_t actor, uint32_t target, struct span key,    \
                                 struct span value, struct plan *p, struct fault *why)                       \
    {                                                                                                        \
        (void)actor, (void)target, (void)key, (void)value;                                                   \
        return call;                                                                                         \
    }
#include "model/operation.def"

static const struct row {
    const char *name;
    int (*plan)(const struct known *k, uint32_t actor, uint32_t target, struct span key, struct span value,
                struct plan *p, struct fault *why);
} rows[OPERATIONS] = {
#define OPERATION(name_, key_text, value_text, call) {#name_, plan_##name_##_row},
#include "model/operation.def"
};

const char *operation_name(unsigned operation)
{
    return operation < OPERATIONS ? rows[operation].name : "unknown";
}

int operation_plan(const struct known *k, unsigned operation, uint32_t actor, uint32_t target,
                   struct span key, struct span value, struct plan *p, struct fault *why)
{
    if (operation >= OPERATIONS)
        return fault_set(why, ERR_UNKNOWN, "no operation has the number %u", operation);
    return rows[operation].plan(k, actor, target, key, value, p, why);
}
