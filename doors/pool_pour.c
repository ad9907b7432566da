/* SPDX-License-Identifier: MIT
 * Bytes of one file into another, without its holes; in storage. */
#include "doors/pool_disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

enum { IN_KERNEL = 16 << 20, BUFFER = 1 << 20, BLOCK = 4096 };

struct pour {
    const struct pool_hand *h;
    int from, to;
    uint64_t at, size;
    bool by_hand; /* the kernel does not copy between these two */
    char *buffer;
};

/* The next piece that is no hole: 1 with [p->at, *end), or 0 when there is none. A file system or device that
 * knows no holes has data everywhere. */
static int next_data(struct pour *p, uint64_t *end)
{
    off_t data = p->h->call->lseek(p->from, (off_t)p->at, SEEK_DATA);
    *end = p->size;
    if (data < 0)
        return errno == ENXIO ? 0 : 1;
    p->at = (uint64_t)data;
    if (p->at >= p->size)
        return 0;
    off_t hole = p->h->call->lseek(p->from, data, SEEK_HOLE);
    if (hole >= 0 && (uint64_t)hole < p->size)
        *end = (uint64_t)hole;
    return 1;
}

static bool is_zero(const char *at, size_t len)
{
    return len == 0 || (at[0] == 0 && memcmp(at, at + 1, len - 1) == 0);
}

/* Blocks of zeros are left out: what we write to reads as zeros there. */
static int write_blocks(struct pour *p, const char *at, size_t len)
{
    size_t done = 0;
    while (done < len) {
        size_t run = 0, block = len - done < BLOCK ? len - done : BLOCK;
        bool zero = is_zero(at + done, block);
        for (; done + run < len; run += block) {
            block = len - done - run < BLOCK ? len - done - run : BLOCK;
            if (is_zero(at + done + run, block) != zero)
                break;
        }
        int r = zero ? 0 : disk_write(p->h, p->to, (struct span){at + done, run}, p->at + done, "the copy");
        if (r < 0)
            return r;
        done += run;
    }
    return 0;
}

static int ended_early(const struct pour *p)
{
    return fault_set(p->h->why, ERR_STORAGE, "not enough data: it ends after %" PRIu64 " bytes of %" PRIu64,
                     p->at, p->size);
}

static int piece_by_hand(struct pour *p, uint64_t end)
{
    size_t len = end - p->at < BUFFER ? (size_t)(end - p->at) : BUFFER;
    if (p->buffer == NULL && (p->buffer = malloc(BUFFER)) == NULL)
        return fault_set(p->h->why, ERR_NOMEM, "no memory to copy through");
    ssize_t n = p->h->call->pread(p->from, p->buffer, len, (off_t)p->at);
    if (n < 0)
        return errno == EINTR ? 0 : pool_broken(p->h, "read", "what is to be copied");
    if (n == 0)
        return ended_early(p);
    int r = write_blocks(p, p->buffer, (size_t)n);
    p->at += r < 0 ? 0 : (uint64_t)n;
    return r;
}

static int piece(struct pour *p, uint64_t end)
{
    if (p->by_hand)
        return piece_by_hand(p, end);
    size_t len = end - p->at < IN_KERNEL ? (size_t)(end - p->at) : IN_KERNEL;
    ssize_t n = p->h->call->copy(p->from, (off_t)p->at, p->to, (off_t)p->at, len);
    if (n > 0) {
        p->at += (uint64_t)n;
        return 0;
    }
    if (n < 0 && errno == EINTR)
        return 0;
    if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
        return pool_broken(p->h, "write", "the copy");
    p->by_hand = true; /* another file system, a device, an old kernel */
    return 0;
}

int disk_pour(const struct pool_hand *h, int from, int to, uint64_t size)
{
    struct pour p = {.h = h, .from = from, .to = to, .size = size};
    uint64_t end = 0;
    int r = 0;
    while (r >= 0 && p.at < size && next_data(&p, &end) > 0)
        while (r >= 0 && p.at < end)
            if ((r = pool_go_on(h, p.at, size)) >= 0)
                r = piece(&p, end);
    free(p.buffer);
    return r;
}
