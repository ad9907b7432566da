/* SPDX-License-Identifier: MIT
 * The program of vm/<qid>: its worker's doors are connections to libvirt. */
#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <unistd.h>

#include "actors/vm/vm_actor.h"
#include "actors/vm/vm_main_memory.h"
#include "actors/vm/vm_task.h"
#include "doors/virt_thread.h"
#include "runtime/program.h"

/* What every worker thread's doors are made of; written once, before there is one. */
static struct vm_doors model;

static int open_door(void *uri, struct domain_door **ret, struct fault *why)
{
    return domain_open_libvirt(uri, ret, why);
}

/* On the thread that uses them. Connecting is left to the first task, which has a deadline. */
static void *open_doors(void *arg)
{
    struct vm_doors *doors = malloc(sizeof *doors);
    if (doors == NULL)
        abort(); /* without its worker it can do nothing: the supervisor starts another */
    *doors = *(const struct vm_doors *)arg;
    return doors;
}

static void close_doors(void *arg)
{
    struct vm_doors *doors = arg;
    domain_door_free(doors->door);
    free(doors);
}

/* Family 6, models 58 and 62: their RDRAND is not shown to guests. */
static bool is_ivy_bridge(void)
{
#ifdef __x86_64__
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0)
        return false;
    unsigned family = a >> 8 & 15, number = (a >> 4 & 15) | (a >> 12 & 0xf0);
    return family == 6 && (number == 58 || number == 62);
#else
    return false;
#endif
}

static int open_program(const struct program *p, struct shell *shell, struct fault *why)
{
    static char uri[512];
    const char *kernels = program_place(p, PLACE_KERNELS);
    vm_main_memory(shell_core(shell), shell);
    if (text_copy(uri, sizeof uri, span_of(program_option(p, "hypervisor", "xen:///system"))) < 0)
        return fault_set(why, ERR_RANGE, "the hypervisor's URI is longer than %zu bytes", sizeof uri - 1);
    model = (struct vm_doors){.open = open_door,
                              .arg = uri,
                              .kernels = kernels != NULL ? kernels : "/var/lib/qubes/vm-kernels",
                              .templates = program_place(p, PLACE_TEMPLATES),
                              .without_rdrand = is_ivy_bridge()};
    return virt_thread_start(why);
}

static void handed(void *self, struct shell *shell, uint32_t what, struct control_fds *fds)
{
    (void)self;
    for (int i = 1; i < fds->count; i++)
        close(fds->fd[i]);
    vm_main_memory_handed(shell, what, fds->count > 0 ? fds->fd[0] : -1);
}

int main(int argc, char **argv)
{
    static const struct worker_doors doors = {open_doors, close_doors, &model};
    static const struct program_parts parts = {
        .actor = &vm_actor, .open = open_program, .doors = &doors, .handed = handed};
    return program_run(&parts, argc, argv);
}
