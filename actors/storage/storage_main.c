/* SPDX-License-Identifier: MIT
 * The program storage/<pool>: the core with the drivers, and before its jail closes the runner of their
 * tools. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/storage/storage.h"
#include "actors/storage/storage_runner.h"
#include "base/log.h"
#include "runtime/program.h"

static struct pool_calls calls;
static struct storage_doors storage_doors = {.calls = &calls, .lost = tools_lost};
static int line = -1; /* to the runner */

static bool needs_tools(struct span driver)
{
    const struct pool_driver_row *row;
    size_t count = pool_drivers(&row);
    for (size_t i = 0; i < count; i++)
        if (span_is(driver, row[i].name))
            return row[i].tools;
    return false;
}

static int read_pool(struct tool_pool *pool, struct span driver, struct span what)
{
    struct span thin, group;
    if (span_is(driver, "zfs"))
        return text_copy(pool->container, sizeof pool->container, what);
    if (what.len > 0 && what.at[0] == '/')
        return text_copy(pool->directory, sizeof pool->directory, what);
    group = span_split(what, '/', &thin);
    int r = text_copy(pool->group, sizeof pool->group, group);
    return r < 0 ? r : text_copy(pool->thin, sizeof pool->thin, thin);
}

/* Tests have another file in its place. */
static const char *stand_ins;

static int open_configuration(const char *path, int flags, unsigned mode)
{
    char other[600];
    snprintf(other, sizeof other, "%s%s", stand_ins != NULL ? stand_ins : "", path);
    return pool_calls_real.open(other, flags, mode);
}

/* Directory, container or group and thin pool, of the pool's attributes. */
static int read_below(struct runner_order *order, struct span lines, struct fault *why)
{
    struct span value;
    if (volume_attribute(lines, "dir_path", &value))
        return text_copy(order->pool.directory, sizeof order->pool.directory, value);
    if (volume_attribute(lines, "container", &value))
        return text_copy(order->pool.container, sizeof order->pool.container, value);
    if (!volume_attribute(lines, "volume_group", &value) ||
        text_copy(order->pool.group, sizeof order->pool.group, value) < 0 ||
        !volume_attribute(lines, "thin_pool", &value) ||
        text_copy(order->pool.thin, sizeof order->pool.thin, value) < 0)
        return fault_set(why, ERR_STORAGE, "the driver below has no directory, container or volume group");
    return 0;
}

/* What a callback pool is made of stands in a file that the administrator has written and only root may
 * believe. */
static int read_callback(struct program *p, struct runner_order *order, struct span conf_id)
{
    static struct callback_conf *conf;
    static char directory[sizeof order->pool.directory];
    struct pool_calls reading = pool_calls_real;
    char id[128];
    struct fault why = {ERR_STORAGE, "its conf_id is too long"};
    AUTO_TEXT lines = TEXT_WITH_LIMIT(8192);
    reading.open = open_configuration;
    stand_ins = order->stand_ins;
    order->callback = true;
    int r = text_copy(id, sizeof id, conf_id);
    if (r < 0 || (r = callback_read(&reading, id, &conf, &why)) < 0 ||
        (r = callback_below(conf, &lines, &why)) < 0 ||
        (r = read_below(order, text_span(&lines), &why)) < 0) {
        log_line(LOG_ERROR, "callback: %s", why.text); /* its driver says so, too */
        return r == -ERR_STORAGE ? 0 : r;
    }
    order->commands = conf;
    memcpy(directory, order->pool.directory, sizeof directory);
    if (directory[0] == '/') {
        (void)mkdir(directory, 0770);
        p->place[PLACE_POOL] = access(directory, F_OK) == 0 ? directory : NULL;
    }
    return 0;
}

/* The supervisor has from registry which pool this is; nobody in the jail is asked. */
static int begin_runner(struct program *p)
{
    static struct runner_order order;
    order = (struct runner_order){
        .stand_ins = program_place(p, PLACE_TOOLS),
        .jail = {.kind = RUNNER_KIND,
                 .instance = p->self.instance,
                 .mode = p->jail_required ? JAIL_REQUIRE : JAIL_BEST},
    };
    uint64_t seconds = 0;
    struct span what, driver = span_split(span_of(program_option(p, "pool", "")), ' ', &what);
    memcpy(order.jail.places, p->place, sizeof order.jail.places);
    if (text_number(span_of(program_option(p, "tool-seconds", "120")), 1, 86400, &seconds) < 0)
        seconds = 120;
    order.seconds = (unsigned)seconds;
    if (!needs_tools(driver))
        return -1;
    int r =
        span_is(driver, "callback") ? read_callback(p, &order, what) : read_pool(&order.pool, driver, what);
    if (r < 0 || (line = runner_begin(&order)) < 0)
        log_line(LOG_ERROR, "no tools can be run for this pool");
    return line;
}

/* The directory's device is found as long as there is a /sys. */
static char thin[POOL_THIN_MAX + 1];

static int begin(struct program *p)
{
    int runner = begin_runner(p);
    const char *directory = program_place(p, PLACE_POOL);
    if (directory == NULL)
        directory = program_place(p, PLACE_POOL_RO);
    if (directory != NULL)
        (void)pool_thin_below("/sys", directory, thin);
    return runner;
}

static void lend(void *arg, uint32_t loan, uint32_t borrower, int fd)
{
    struct control record = {.what = CONTROL_LEND, .value = loan, .instance = borrower};
    struct control_fds fds = {fd >= 0, {fd}};
    (void)shell_tell(arg, &record, &fds);
}

static void handed(void *self, struct shell *shell, uint32_t loan, struct control_fds *fds)
{
    for (int i = 1; i < fds->count; i++)
        close(fds->fd[i]);
    storage_handed(self, shell_out(shell), loan, fds->count > 0 ? fds->fd[0] : -1);
}

static int open_storage(const struct program *p, struct shell *shell, struct fault *why)
{
    struct storage *s = shell_core(shell);
    (void)why;
    s->placeless = program_option(p, "pool", "")[0] == '\0';
    memcpy(s->thin, thin, sizeof s->thin);
    s->lend = lend;
    s->lend_arg = shell;
    umask(0); /* drivers say each mode themselves */
    calls = pool_calls_real;
    tools_use(line, &calls);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct worker_doors doors = {.arg = &storage_doors};
    static const struct program_parts parts = {
        .actor = &storage_actor, .early = begin, .open = open_storage, .doors = &doors, .handed = handed};
    return program_run(&parts, argc, argv);
}
