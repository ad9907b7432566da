/* SPDX-License-Identifier: MIT
 * A volume of a VM that runs has been resized: the guest resizes what is on it (spec storage 4). */
#include "actors/vm/vm.h"

#include <string.h>

enum { RESIZE_SECONDS = 60 };

static const struct vm_call resize_disk = {"qubes.ResizeDisk", "root", RESIZE_SECONDS, 0};

/* The guest's words as they may stand in an error: ASCII, without '%'. */
static void copy_words(char *to, size_t size, const char *from)
{
    size_t len = 0;
    for (; *from != '\0' && len < size - 1; from++)
        if (((*from >= ' ' && *from <= '~') || *from == '\n') && *from != '%')
            to[len++] = *from;
    while (len > 0 && to[len - 1] == '\n')
        len--;
    to[len] = '\0';
}

static int said(const struct vm_result *result, struct fault *why)
{
    char words[256];
    struct service_reply m = {0};
    if (result->r < 0)
        return fault_set(why, ERR_STORAGE, "%s",
                         result->why.text[0] != '\0' ? result->why.text : err_text((enum err) - result->r));
    if (service_reply_decode(&m, result->e->body) < 0)
        return fault_set(why, ERR_BAD, "launcher's answer is malformed");
    copy_words(words, sizeof words, m.said);
    return m.status == 0 ? 0 : fault_set(why, ERR_STORAGE, "%s", words);
}

void vm_resize_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    if (result != NULL) {
        int r = said(result, &why);
        vm_errand_end(vm, out, r, &why);
    } else if (vm->life != VM_LIVING) {
        vm_errand_end(vm, out, 0, NULL); /* its guest finds the size when it starts */
    } else if (vm->seen.state == VIRT_PAUSED || vm->seen.state == VIRT_PMSUSPENDED) {
        vm_errand_end(vm, out, fault_set(&why, ERR_STORAGE, "the VM is paused"), &why);
    } else if (!vm_service_with(vm, out, &resize_disk, vm->job.volume)) {
        vm_errand_end(vm, out, fault_set(&why, ERR_STORAGE, "qrexec does not run in the VM"), &why);
    }
}
