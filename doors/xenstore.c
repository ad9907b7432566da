/* SPDX-License-Identifier: MIT
 * The door to xenstore over libxenstore; see xenstore.h. */
#include "doors/xenstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenstore.h>

struct real {
    struct xenstore_door door;
    struct xs_handle *handle;
};

static struct xs_handle *handle_of(struct xenstore_door *x)
{
    return ((struct real *)x)->handle; /* door is its first member */
}

static enum err code_of(int error)
{
    switch (error) {
    case ENOENT:
        return ERR_UNKNOWN;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EAGAIN:
        return ERR_BUSY;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
    case EBADF:
        return ERR_CLOSED;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

static int failed(struct fault *why, const char *what, const char *path)
{
    int error = errno;
    return fault_set(why, code_of(error), "xenstore: %s %s: %s", what, path, strerror(error));
}

static void close_real(struct xenstore_door *x)
{
    xs_close(handle_of(x));
    free(x);
}

static int list(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *names,
                struct fault *why)
{
    unsigned count = 0;
    AUTO_MEMORY char **name = xs_directory(handle_of(x), tx, path, &count);
    if (name == NULL)
        return failed(why, "list", path);
    for (unsigned i = 0; i < count; i++) {
        text_add(names, name[i]);
        text_byte(names, '\n');
    }
    return names->failed;
}

static int read_value(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *value,
                      struct fault *why)
{
    unsigned len = 0;
    AUTO_MEMORY char *at = xs_read(handle_of(x), tx, path, &len);
    if (at == NULL)
        return failed(why, "read", path);
    text_append(value, (struct span){at, len});
    return value->failed;
}

static int write_value(struct xenstore_door *x, xenstore_tx tx, const char *path, struct span value,
                       struct fault *why)
{
    if (value.len > UINT32_MAX)
        return fault_set(why, ERR_TOO_BIG, "xenstore: a value of %zu bytes for %s", value.len, path);
    if (xs_write(handle_of(x), tx, path, value.len > 0 ? value.at : "", (unsigned)value.len))
        return 0;
    return failed(why, "write", path);
}

static int remove_path(struct xenstore_door *x, xenstore_tx tx, const char *path, struct fault *why)
{
    return xs_rm(handle_of(x), tx, path) ? 0 : failed(why, "remove", path);
}

static int begin(struct xenstore_door *x, xenstore_tx *tx, struct fault *why)
{
    xenstore_tx begun = xs_transaction_start(handle_of(x));
    if (begun == XBT_NULL)
        return failed(why, "begin", "a transaction");
    *tx = begun;
    return 0;
}

static int commit(struct xenstore_door *x, xenstore_tx tx, struct fault *why)
{
    return xs_transaction_end(handle_of(x), tx, false) ? 0 : failed(why, "commit", "a transaction");
}

static void abort_tx(struct xenstore_door *x, xenstore_tx tx)
{
    (void)xs_transaction_end(handle_of(x), tx, true);
}

static int watch(struct xenstore_door *x, const char *path, const char *token, struct fault *why)
{
    return xs_watch(handle_of(x), path, token) ? 0 : failed(why, "watch", path);
}

static int descriptor(struct xenstore_door *x)
{
    return xs_fileno(handle_of(x));
}

static int changed(struct xenstore_door *x, struct text *path, struct fault *why)
{
    AUTO_MEMORY char **event = xs_check_watch(handle_of(x));
    if (event == NULL)
        return errno == EAGAIN ? 0 : failed(why, "hear of", "changes");
    text_add(path, event[XS_WATCH_PATH]);
    return path->failed < 0 ? path->failed : 1;
}

int xenstore_open(struct xenstore_door **ret, struct fault *why)
{
    static const struct xenstore_ops ops = {close_real, list,     read_value, write_value, remove_path, begin,
                                            commit,     abort_tx, watch,      descriptor,  changed};
    struct real *r = calloc(1, sizeof *r);
    if (r == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a connection to xenstore");
    r->door.ops = &ops;
    r->handle = xs_open(XS_OPEN_SOCKETONLY);
    if (r->handle == NULL) {
        int error = errno;
        free(r);
        return fault_set(why, ERR_NO_CONNECTION, "xenstore cannot be reached: %s; does xenstored run?",
                         strerror(error));
    }
    *ret = &r->door;
    return 0;
}

/* The library does not say which descriptor its connection is: it is the next free one. */
int xenstore_open_socket(struct xenstore_door **ret, int *socket, struct fault *why)
{
    struct stat found;
    struct xenstore_door *made;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (next >= 0)
        close(next);
    int r = xenstore_open(&made, why);
    if (r < 0)
        return r;
    if (next < 0 || fstat(next, &found) < 0 || !S_ISSOCK(found.st_mode)) {
        xenstore_door_free(made);
        return fault_set(why, ERR_IO, "xenstore: the connection's descriptor is not known");
    }
    *ret = made;
    *socket = next;
    return 0;
}
