/* SPDX-License-Identifier: MIT
 * The hypervisor's calls, on the worker thread of vm/<qid>: may block. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actors/vm/vm_override.h"
#include "actors/vm/vm_plug.h"
#include "actors/vm/vm_render.h"
#include "actors/vm/vm_task.h"
#include "actors/vm/vm_xml.h"
#include "doors/xml.h"
#include "proto/messages.h"

enum { VM_LIVE_XML_MAX = 1 << 20 };

/* These end a connection: libvirt answers nothing on it any more. */
static bool is_lost(int r)
{
    return r == -ERR_NO_CONNECTION || r == -ERR_TIMEOUT;
}

static void drop(struct vm_doors *doors)
{
    domain_door_free(doors->door);
    doors->door = NULL;
}

static int look(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    int r = doors->door->ops->lookup(doors->door, t->uuid, &t->seen, why);
    t->is_seen = r == 0;
    t->is_xen = strcmp(doors->door->can->domain_type, "xen") == 0;
    return r;
}

/* A connection that answers, and the domain as it is before the call. One that was lost since the
 * last task is opened again: nothing has been asked of it yet, so nothing is done twice. */
static int reach(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    if (doors->door != NULL) {
        int r = look(doors, t, why);
        if (!is_lost(r))
            return r;
        drop(doors);
    }
    int r = doors->open(doors->arg, &doors->door, why);
    return r < 0 ? r : look(doors, t, why);
}

/* The domain of the VM that plays the sound; -1: it does not run, or nobody knows. */
static int64_t audio_domid(struct vm_doors *doors, const struct vm_view *view)
{
    struct reader in = list_reader(&view->hvm);
    struct view_hvm hvm;
    struct domain_seen seen;
    struct fault ignored;
    if (view_hvm_next(&in, &hvm) != 1 || hvm.audio_uuid[0] == '\0' ||
        doors->door->ops->lookup(doors->door, hvm.audio_uuid, &seen, &ignored) < 0)
        return -1;
    return seen.active ? seen.domid : -1;
}

static bool has_initrd(const struct vm_doors *doors, const struct vm_view *view)
{
    char path[1024];
    int len = snprintf(path, sizeof path, "%s/%s/initramfs", doors->kernels, view->kernel);
    return view->kernel[0] != '\0' && len > 0 && (size_t)len < sizeof path && access(path, F_OK) == 0;
}

static int render(struct vm_doors *doors, const struct vm_view *view, const struct vm_task *t,
                  struct text *xml, struct fault *why)
{
    const char *type = doors->door->can->domain_type;
    struct vm_machine machine = {.kernels = doors->kernels,
                                 .has_initrd = has_initrd(doors, view),
                                 .without_rdrand = doors->without_rdrand,
                                 .has_screen = t->has_screen,
                                 .pci = t->pci,
                                 .pci_count = t->pci_count,
                                 .blocks = t->boot,
                                 .block_count = t->boots,
                                 .audio_domid = audio_domid(doors, view)};
    int r = vm_render(view, &machine, type, xml, why);
    return r < 0 ? r : vm_override(doors->templates, type, view, xml, why);
}

static int define(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    struct vm_view view;
    int r = vm_view_decode(&view, (struct span){t->view, t->view_len});
    if (r < 0)
        return fault_set(why, ERR_BAD, "the VM's view is malformed");
    r = render(doors, &view, t, &xml, why);
    return r < 0 ? r : doors->door->ops->define(doors->door, xml.at, why);
}

static int create(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    if (t->seen.active)
        return fault_set(why, ERR_STATE, "the domain runs already; somebody else has started it");
    t->wall = (uint64_t)time(NULL);
    return doors->door->ops->start_paused(doors->door, t->uuid, why);
}

/* What is not there has gone already. */
static int undefine(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    return t->seen.exists ? doors->door->ops->undefine(doors->door, t->uuid, why) : 0;
}

/* The terminal that the driver gave the first console, wherever it writes that. */
static int console(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_LIVE_XML_MAX);
    AUTO(xml_doc) *doc = NULL;
    struct span tty;
    int r = doors->door->ops->xml(doors->door, t->uuid, &xml, why);
    if (r == 0)
        r = xml_parse(text_span(&xml), &doc, why);
    if (r < 0)
        return r;
    const struct xml_element *found = xml_path(xml_root(doc), "devices/console");
    if (found != NULL && xml_attribute(found, "tty", &tty) &&
        text_copy(t->console, sizeof t->console, tty) < 0)
        return fault_set(why, ERR_TOO_BIG, "the console's path is longer than %zu bytes",
                         sizeof t->console - 1);
    return 0;
}

static int call(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    const struct domain_ops *ops = doors->door->ops;
    switch ((enum vm_task_what)t->task.what) {
    case VM_DEFINE_TASK:
        return define(doors, t, why);
    case VM_CREATE_TASK:
        return create(doors, t, why);
    case VM_RESUME_TASK:
        return ops->resume(doors->door, t->uuid, why);
    case VM_SUSPEND_TASK:
        return ops->suspend(doors->door, t->uuid, why);
    case VM_SHUTDOWN_TASK:
        return ops->shutdown(doors->door, t->uuid, why);
    case VM_DESTROY_TASK:
        return ops->destroy(doors->door, t->uuid, why);
    case VM_UNDEFINE_TASK:
        return undefine(doors, t, why);
    case VM_PM_SUSPEND_TASK:
        return ops->pm_suspend(doors->door, t->uuid, why);
    case VM_PM_WAKEUP_TASK:
        return ops->pm_wakeup(doors->door, t->uuid, why);
    case VM_CONSOLE_TASK:
        return console(doors, t, why);
    case VM_NET_ATTACH_TASK:
        return vm_plug_net(doors, t, why);
    case VM_NET_DETACH_TASK:
        return vm_unplug_net(doors, t, why);
    case VM_DEVICES_TASK:
        return vm_perform_devices(doors, t, why);
    case VM_PLUG_TASK:
        return vm_perform_plug(doors, t, why);
    case VM_UNPLUG_TASK:
        return vm_perform_unplug(doors, t, why);
    case VM_LOOK_TASK:
    case VM_TASKS:
        break;
    }
    return 0;
}

void vm_perform(void *arg, struct task *task)
{
    struct vm_doors *doors = arg;
    struct vm_task *t = (struct vm_task *)task;
    struct fault ignored;
    int r = reach(doors, t, &task->why);
    if (r == 0 && task->what != VM_LOOK_TASK) {
        t->is_seen = false;
        r = call(doors, t, &task->why);
        if (!is_lost(r) && is_lost(look(doors, t, &ignored)))
            drop(doors);
    }
    if (is_lost(r) && doors->door != NULL)
        drop(doors);
    task->r = r;
}
