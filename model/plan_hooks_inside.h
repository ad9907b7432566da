/* SPDX-License-Identifier: MIT
 * What happens with a property's events; for plan_hooks*.c only. A hook of PRE_SET or PRE_RESET
 * may veto; one of SET or RESET runs before the event itself is told. */
#ifndef MODEL_PLAN_HOOKS_INSIDE_H
#define MODEL_PLAN_HOOKS_INSIDE_H

#include "model/plan_inside.h"

typedef int property_hook(struct doing *d, const struct turn *t);

property_hook pre_kernel, pre_maxmem, pre_template, pre_template_reset, pre_template_for_dispvms;
property_hook pre_netvm, pre_netvm_reset, pre_default_netvm, pre_clockvm, pre_default_kernel_reset;
property_hook on_label, on_template, on_template_for_dispvms, on_template_for_dispvms_reset,
    on_provides_network, on_provides_network_reset;
property_hook on_ip, on_ip6, on_inherited, on_appvm_default_bootmode, on_keyboard_layout;
property_hook on_netvm, on_netvm_reset, on_guivm, on_audiovm, on_relayvm;
property_hook on_default_netvm, on_default_dispvm, on_default_guivm, on_default_audiovm, on_clockvm;

/* The VM that a text names; NULL for none. */
const struct vm *named(const struct doing *d, struct span name, bool none);

#endif
