/* SPDX-License-Identifier: MIT
 * Fuzzes the reading of backend/pci: a store whose names, values and errors are the fuzzer's bytes. Whatever
 * it says, rows are whole, and every transaction ends. */
#include "doors/xenstore.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct invented {
    struct xenstore_door door;
    const uint8_t *at;
    size_t left;
    int open, calls;
};

/* The next answer: its first byte says whether it is one, its second how long it is. */
static int next(struct xenstore_door *x, struct text *to)
{
    static const int errors[] = {-ERR_UNKNOWN, -ERR_DENIED, -ERR_BUSY, -ERR_CLOSED, -ERR_IO};
    struct invented *v = (struct invented *)x;
    if (v->left < 2 || ++v->calls > 4096)
        return -ERR_CLOSED;
    size_t len = v->at[1] < v->left - 2 ? v->at[1] : v->left - 2;
    int r = v->at[0] >= 240 ? errors[v->at[0] % COUNT(errors)] : 0;
    if (r == 0)
        text_append(to, (struct span){(const char *)v->at + 2, len});
    v->at += 2 + len;
    v->left -= 2 + len;
    return r < 0 ? r : to->failed;
}

static int list(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *names,
                struct fault *why)
{
    (void)why;
    assert(tx == 7 && (strncmp(path, "backend/pci", 11) == 0 || strncmp(path, "/local/domain/", 14) == 0));
    return next(x, names);
}

static int begin(struct xenstore_door *x, xenstore_tx *tx, struct fault *why)
{
    (void)why;
    assert(((struct invented *)x)->open++ == 0);
    *tx = 7;
    return 0;
}

static int commit(struct xenstore_door *x, xenstore_tx tx, struct fault *why)
{
    AUTO_TEXT nothing = TEXT_WITH_LIMIT(4096);
    (void)tx, (void)why;
    ((struct invented *)x)->open--;
    int r = next(x, &nothing);
    return r == -ERR_CLOSED ? 0 : r;
}

static void abort_tx(struct xenstore_door *x, xenstore_tx tx)
{
    (void)tx;
    ((struct invented *)x)->open--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct xenstore_ops ops = {
        .list = list, .read = list, .begin = begin, .commit = commit, .abort = abort_tx};
    struct invented v = {.door = {&ops}, .at = data, .left = size};
    AUTO_MEMORY struct xenstore_pci *rows = NULL;
    size_t count = 0;
    struct fault why;
    int r = xenstore_pci_read(&v.door, &rows, &count, &why);
    assert(v.open == 0 && (r == 0 || rows == NULL));
    for (size_t i = 0; i < count; i++)
        assert(strlen(rows[i].sbdf) == 12 && rows[i].domain[0] > ' ' &&
               memchr(rows[i].domain, 0, 64) != NULL);
    return 0;
}
