/* SPDX-License-Identifier: MIT
 * Class names out of pci.ids by libpci: in devbus-pci. pci_alloc alone reads nothing of the
 * hardware, and pci_init, which would, is never called. */
#include "doors/pciids.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pci/pci.h>

struct pciids {
    struct pci_access *access;
};

/* libpci ends the process at a malformed line, and its error call must not return: so it leaves
 * pci_load_name_list this way. One thread at a time reads a file. */
static _Thread_local jmp_buf give_up;

static void __attribute__((noreturn)) malformed(char *format, ...)
{
    (void)format;
    longjmp(give_up, 1);
}

static void say_nothing(char *format, ...)
{
    (void)format;
}

static int choose_file(const char *file, const char **ret, struct fault *why)
{
    static const char *const places[] = {"/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids"};
    if (file != NULL && access(file, R_OK) == 0) {
        *ret = file;
        return 0;
    }
    for (size_t i = 0; file == NULL && i < COUNT(places); i++) {
        if (access(places[i], R_OK) == 0) {
            *ret = places[i];
            return 0;
        }
    }
    return fault_set(why, ERR_IO, "no readable pci.ids%s%s; install the pci.ids package",
                     file == NULL ? "" : " at ", file == NULL ? "" : file);
}

static int load(struct pci_access *access_)
{
    if (setjmp(give_up) != 0)
        return -ERR_BAD;
    return pci_load_name_list(access_) ? 0 : -ERR_BAD;
}

int pciids_open(const char *file, struct pciids **ret, struct fault *why)
{
    const char *chosen;
    int r = choose_file(file, &chosen, why);
    if (r < 0)
        return r;
    struct pciids *made = calloc(1, sizeof *made);
    char *name = strdup(chosen);
    if (made == NULL || name == NULL) {
        free(made);
        free(name);
        return fault_set(why, ERR_NOMEM, "no memory for the PCI class names");
    }
    made->access = pci_alloc();
    made->access->error = malformed;
    made->access->warning = say_nothing;
    made->access->debug = say_nothing;
    pci_set_name_list_path(made->access, name, 1);
    if (load(made->access) < 0) {
        pciids_free(made);
        return fault_set(why, ERR_BAD, "%s is malformed; install the pci.ids package anew", chosen);
    }
    *ret = made;
    return 0;
}

void pciids_free(struct pciids *ids)
{
    if (ids == NULL)
        return;
    pci_cleanup(ids->access);
    free(ids);
}

/* libpci falls back to the class of an unknown subclass and says so by the number in brackets. The
 * class's name stands for its subclass 00 alone (spec devbus-pci 4). */
static const char *settle(char *found, unsigned class)
{
    char mark[16];
    snprintf(mark, sizeof mark, " [%04x]", class);
    size_t len = strlen(found), tail = strlen(mark);
    if (len <= tail || strcmp(found + len - tail, mark) != 0)
        return found;
    if ((class & 0xff) != 0)
        return NULL;
    found[len - tail] = '\0';
    return found;
}

void pciids_class(struct pciids *ids, const char *class_code, char name[PCIIDS_NAME_MAX + 1])
{
    char buffer[512];
    unsigned class;
    const char *found = NULL;
    if (strspn(class_code, "0123456789abcdefABCDEF") >= 4 && sscanf(class_code, "%4x", &class) == 1) {
        char *read =
            pci_lookup_name(ids->access, buffer, sizeof buffer,
                            PCI_LOOKUP_CLASS | PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB, (int)class);
        if (read != NULL)
            found = settle(read, class);
    }
    snprintf(name, PCIIDS_NAME_MAX + 1, "%s", found == NULL ? "unknown" : found);
}
