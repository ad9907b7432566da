/* SPDX-License-Identifier: MIT
 * The program registry: the core with its store, qubes.xml and the kernels' directory. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "actors/registry/registry.h"
#include "actors/registry/registry_file.h"
#include "actors/registry/registry_home.h"
#include "actors/registry/registry_offline.h"
#include "doors/kernels.h"
#include "model/device.h"
#include "runtime/effects/hand.h"
#include "runtime/program.h"

/* The one of this process: what the worker and the world's callbacks work with. */
static struct store store = {.qubes_lib = -1, .group = REGISTRY_NO_GROUP};
static struct kernels *kernels;
static struct shell *the_shell;
static char zone_name[64];

static int open_store(struct store *s, struct fault *why)
{
    return db_sqlite_open(s->directory, &s->db, why);
}

static enum kernel_state kernel(void *arg, const char *name)
{
    (void)arg;
    return (enum kernel_state)kernels_state(kernels, shell_out(the_shell)->now, name);
}

static const char *kernel_file(void *arg, const char *name, const char *file)
{
    (void)arg;
    return kernels_file(kernels, shell_out(the_shell)->now, name, file);
}

static bool home_exists(const char *folder, const char *name)
{
    return home_is_there(store.qubes_lib, folder, name);
}

static uint32_t random_bits(void *arg)
{
    uint32_t bits;
    (void)arg;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        abort(); /* so few bytes are always given whole */
    return bits;
}

static uint64_t seconds(void *arg)
{
    struct timespec now;
    (void)arg;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec;
}

static void local_time(void *arg, char text[WORLD_TIME])
{
    time_t now = time(NULL);
    struct tm local = {0};
    (void)arg;
    localtime_r(&now, &local);
    if (strftime(text, WORLD_TIME, "%Y-%m-%d %H:%M:%S", &local) == 0)
        text[0] = '\0';
}

/* The name of this host's time zone; its link lies outside the jail. */
static void read_timezone(void)
{
    char link[256];
    ssize_t len = readlink("/etc/localtime", link, sizeof link - 1);
    link[len > 0 ? len : 0] = '\0';
    const char *name = strstr(link, "zoneinfo/");
    if (name != NULL && text_copy(zone_name, sizeof zone_name, span_of(name + strlen("zoneinfo/"))) < 0)
        zone_name[0] = '\0';
}

static void pool_place(void *arg, uint32_t number, struct span what, bool reads)
{
    struct control record = control_text(CONTROL_POOL, what);
    record.number = number;
    record.value = reads ? 1 : 0;
    (void)shell_tell(arg, &record, NULL);
}

static void pools_placed(void *arg)
{
    (void)shell_tell(arg, &(struct control){.what = CONTROL_POOLS}, NULL);
}

static void ask_free_memory(void *arg)
{
    struct control record = {.what = CONTROL_DOOR, .value = HAND_FREE_MEMORY};
    (void)shell_tell(arg, &record, NULL);
}

/* A file of qmemman's: a number of bytes, as text. */
static void handed(void *self, struct shell *shell, uint32_t what, struct control_fds *fds)
{
    char text[32];
    uint64_t bytes = 0;
    ssize_t got = what == HAND_FREE_MEMORY && fds->count > 0 ? read(fds->fd[0], text, sizeof text) : -1;
    for (int i = 0; i < fds->count; i++)
        close(fds->fd[i]);
    struct span number = {text, got > 0 ? (size_t)got : 0};
    while (number.len > 0 && (number.at[number.len - 1] == '\n' || number.at[number.len - 1] == ' '))
        number.len--;
    bool known = text_number(number, 0, UINT64_MAX, &bytes) == 0;
    if (what == HAND_FREE_MEMORY)
        preload_memory_is(self, shell_out(shell), known, bytes);
}

static int open_registry(const struct program *p, struct shell *shell, struct fault *why)
{
    struct registry *r = shell_core(shell);
    const char *lib = program_place(p, PLACE_QUBES_LIB);
    the_shell = shell;
    store.open = open_store;
    store.directory = program_place(p, PLACE_STORE);
    store.pool_dir = program_option(p, "pool-dir", "/var/lib/qubes");
    if (store.directory == NULL)
        return fault_set(why, ERR_UNKNOWN, "no directory for the store");
    store.lib_path = lib;
    int bad = device_classes_parse(span_of(program_option(p, "more-devices", "")), &r->device_classes, why);
    if (bad < 0)
        return bad;
    if (lib != NULL)
        store.qubes_lib = open(lib, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    kernels = kernels_new(program_place(p, PLACE_KERNELS));
    r->ask_free_memory = ask_free_memory;
    r->ask_free_memory_arg = shell;
    r->pool_place = pool_place;
    r->pools_placed = pools_placed;
    r->pool_place_arg = shell;
    r->home_is_there = home_exists;
    r->world.kernel = kernel;
    r->world.kernel_file = kernel_file;
    r->world.random = random_bits;
    r->world.seconds = seconds;
    r->world.local_time = local_time;
    memcpy(r->timezone, zone_name, sizeof r->timezone);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct worker_doors doors = {.arg = &store};
    static const struct program_parts parts = {
        .actor = &registry_actor, .open = open_registry, .doors = &doors, .handed = handed};
    if (argc > 1 && strcmp(argv[1], "--offline") == 0)
        return registry_offline(argc, argv);
    store.group = registry_file_group();
    read_timezone();
    tzset(); /* the rules of the time zone are not in the jail */
    return program_run(&parts, argc, argv);
}
