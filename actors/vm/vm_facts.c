/* SPDX-License-Identifier: MIT
 * The facts about its VM that vm/<qid> owns, published at each change (spec lifecycle 2.1, 2.3). */
#include <inttypes.h>
#include <stdio.h>

#include "actors/vm/vm.h"
#include "model/world.h"

const char *vm_power_state(const struct vm *vm)
{
    if (vm->life == VM_UNKNOWN)
        return "NA";
    if (vm->life == VM_HALTED || vm->life == VM_STOPPING || !vm->seen.active)
        return "Halted";
    const char *name = power_state_name((uint32_t)vm->seen.state);
    if (name != NULL)
        return name;
    bool usable = vm->life == VM_LIVING && (vm->view.qrexec == 0 || vm->qrexec_up);
    return usable ? "Running" : "Transient"; /* lifecycle 2.2 */
}

struct fact_list {
    struct wire_list list;
    struct text packed;
};

static void add_text(struct fact_list *facts, enum fact fact, const char *value)
{
    struct fact_item item = {.fact = (uint32_t)fact};
    (void)text_copy(item.value, sizeof item.value, span_of(value));
    fact_item_add(&facts->list, &facts->packed, &item);
}

static void add_number(struct fact_list *facts, enum fact fact, bool known, uint64_t value)
{
    char text[24] = "";
    if (known)
        snprintf(text, sizeof text, "%" PRIu64, value);
    add_text(facts, fact, text);
}

void vm_facts(struct vm *vm, struct out *out)
{
    struct fact_list facts = {.packed = TEXT_WITH_LIMIT(BODY_PART_MAX)};
    struct context context = vm_context(vm, out, 0);
    bool active = vm->seen.active && (vm->life == VM_LIVING || vm->life == VM_STARTING);
    bool known = vm->life != VM_UNKNOWN;
    if (!vm->has_looked) {
        text_free(&facts.packed); /* what the incarnation before has said stands until we know better */
        return;
    }
    add_text(&facts, FACT_power_state, vm_power_state(vm));
    add_number(&facts, FACT_xid, active, active ? (uint64_t)vm->seen.domid : 0);
    add_number(&facts, FACT_mem_kib, known, active ? vm->seen.memory_kib : 0);
    add_number(&facts, FACT_mem_static_max_kib, known, active ? (uint64_t)vm->view.maxmem * 1024 : 0);
    add_number(&facts, FACT_cputime_ns, known, active ? vm->seen.cputime_ns : 0);
    add_number(&facts, FACT_start_time, active && vm->start_time != 0, vm->start_time);
    if (!active || vm->stubdom.known) { /* else what the incarnation before has said stands */
        add_number(&facts, FACT_stubdom_xid, active && vm->stubdom.domid != 0, vm->stubdom.domid);
        add_text(&facts, FACT_stubdom_uuid, active ? vm->stubdom.uuid : "");
    }
    add_number(&facts, FACT_qrexec_running, active, active && vm->qrexec_up);
    (void)EVENT(out, facts, ((struct address){KIND_API, EVERY_INSTANCE}), &context,
                (&(struct facts){.facts = facts.list}));
    text_free(&facts.packed);
}
