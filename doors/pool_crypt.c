/* SPDX-License-Identifier: MIT
 * Mappings with a key that nobody knows; in storage. */
#include "doors/pool_crypt.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_disk.h"
#include "doors/pool_names.h"
#include "doors/pool_tool.h"

#define MAPPER "/dev/mapper/"

enum { BLANK = 65536 };

/* The VM's name with '_' as "_u" and '-' as "_d": what stands between two '-' is one name then. */
static void add_escaped(struct text *to, struct span vm)
{
    for (size_t i = 0; i < vm.len; i++)
        if (vm.at[i] == '_' || vm.at[i] == '-')
            text_add(to, vm.at[i] == '_' ? "_u" : "_d");
        else
            text_byte(to, vm.at[i]);
}

static struct span vm_of(const char *vid)
{
    const char *end = strrchr(vid, '/'), *begin = end;
    while (begin != NULL && begin > vid && begin[-1] != '/')
        begin--;
    return begin != NULL ? (struct span){begin, (size_t)(end - begin)} : (struct span){"", 0};
}

bool crypt_path(char to[CRYPT_PATH_MAX + 1], const struct volume *v, bool of_group)
{
    AUTO_TEXT name = TEXT_WITH_LIMIT(CRYPT_PATH_MAX);
    char mapped[2 * VID_MAX + 2];
    text_add(&name, MAPPER);
    if (of_group && names_mapper(mapped, sizeof mapped, v->vid))
        text_format(&name, "%s@crypt", mapped);
    else {
        text_add(&name, "vm-volatile-");
        add_escaped(&name, vm_of(v->vid));
        text_format(&name, "-crypt@%s", v->name);
    }
    return name.failed == 0 && text_copy(to, CRYPT_PATH_MAX + 1, text_span(&name)) == 0;
}

int crypt_close(const struct pool_hand *h, const char *path)
{
    const char *argv[] = {"/usr/sbin/cryptsetup", "--", "close", path + sizeof MAPPER - 1, NULL};
    int r = disk_stat(h, path, NULL);
    return r <= 0 ? r : tool_run(h, argv, NULL, NULL);
}

/* Else whatever lay there before could look like a file system under a lucky key. */
static int blank(const struct pool_hand *h, const char *path)
{
    AUTO_MEMORY char *zeros = calloc(1, BLANK);
    int fd = zeros != NULL ? h->call->open(path, O_WRONLY, 0) : -1;
    if (zeros == NULL)
        return fault_set(h->why, ERR_NOMEM, "no memory to blank %s", path);
    if (fd < 0)
        return pool_broken(h, "open", path);
    int r = disk_write(h, fd, (struct span){zeros, BLANK}, 0, path);
    if (r >= 0 && h->call->fsync(fd) < 0)
        r = pool_broken(h, "write out", path);
    h->call->close(fd);
    return r;
}

int crypt_open(const struct pool_hand *h, const char *device, const char *path)
{
    const char *argv[] = {"/usr/sbin/cryptsetup",
                          "--key-file=/dev/urandom",
                          "--cipher=aes-xts-plain64",
                          "--type=plain",
                          "--",
                          "open",
                          device,
                          path + sizeof MAPPER - 1,
                          NULL};
    int r = tool_run(h, argv, NULL, NULL);
    if (r < 0 || (r = blank(h, path)) >= 0)
        return r;
    struct fault first = *h->why;
    crypt_close(h, path);
    *h->why = first;
    return r;
}
