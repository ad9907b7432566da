/* SPDX-License-Identifier: MIT
 * Records of our uids under /run/userdb, where nss-systemd finds them: libvirtd refuses a peer
 * whose uid or gid has no name. One user and one group per child that was ever started. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"

int userdb_open(struct supervisor *s, struct fault *why)
{
    s->userdb = -1;
    if (s->settings.userdb[0] == '\0')
        return 0;
    if (mkdir(s->settings.userdb, 0755) < 0 && errno != EEXIST)
        return fault_set(why, ERR_IO, "cannot make %s: %s", s->settings.userdb, strerror(errno));
    s->userdb = open(s->settings.userdb, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    return s->userdb < 0 ? fault_set(why, ERR_IO, "cannot open %s: %s", s->settings.userdb, strerror(errno))
                         : 0;
}

/* NAME.user or NAME.group, and NUMBER.user or NUMBER.group as a link to it. */
static int publish(int dir, const char *name, uint32_t id, const char *suffix, const char *record)
{
    char file[96], number[32];
    size_t len = strlen(record);
    snprintf(file, sizeof file, "%s.%s", name, suffix);
    snprintf(number, sizeof number, "%u.%s", id, suffix);
    AUTO_FD fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, record, len) != (ssize_t)len)
        return -ERR_IO;
    return symlinkat(file, dir, number) < 0 && errno != EEXIST ? -ERR_IO : 0;
}

void userdb_publish(struct supervisor *s, const struct child *c)
{
    char name[64], user[512], group[256];
    if (s->userdb < 0)
        return;
    snprintf(name, sizeof name, "bulkhead-%s-%u", kind_name(c->key.kind), c->key.instance);
    snprintf(user, sizeof user,
             "{\"userName\":\"%s\",\"uid\":%u,\"gid\":%u,\"disposition\":\"system\",\"locked\":true,"
             "\"homeDirectory\":\"/nonexistent\",\"shell\":\"/usr/sbin/nologin\"}\n",
             name, c->uid, c->uid);
    snprintf(group, sizeof group, "{\"groupName\":\"%s\",\"gid\":%u,\"disposition\":\"system\"}\n", name,
             c->uid);
    if (publish(s->userdb, name, c->uid, "user", user) < 0 ||
        publish(s->userdb, name, c->uid, "group", group) < 0)
        log_line(LOG_WARN, "cannot publish the user %s: %s", name, strerror(errno));
}
