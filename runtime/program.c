/* SPDX-License-Identifier: MIT
 * The start of an actor's process; see program.h. */
#include "runtime/program.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "runtime/jail/jail.h"

const char *program_option(const struct program *p, const char *key, const char *otherwise)
{
    size_t len = strlen(key);
    for (int i = 0; i < p->options; i++)
        if (strncmp(p->option[i], key, len) == 0 && p->option[i][len] == '=')
            return p->option[i] + len + 1;
    return otherwise;
}

const char *program_place(const struct program *p, enum place place)
{
    return p->place[place];
}

static void take_place(struct program *p, const char *text)
{
    struct span path, name = span_split(span_of(text), '=', &path);
    for (int place = 0; place < PLACE_COUNT; place++)
        if (span_is(name, place_name((enum place)place)) && path.len > 0 && access(path.at, F_OK) == 0)
            p->place[place] = path.at;
}

static int take_arguments(struct program *p, int argc, char **argv)
{
    uint64_t instance, generation;
    if (argc < 4 || text_number(span_of(argv[1]), 0, UINT32_MAX, &instance) < 0 ||
        text_number(span_of(argv[2]), 0, UINT32_MAX, &generation) < 0 ||
        text_number(span_of(argv[3]), 0, UINT64_MAX, &p->incarnation) < 0)
        return -ERR_BAD;
    p->self.instance = (uint32_t)instance;
    p->generation = (uint32_t)generation;
    for (int i = 4; i < argc; i++) {
        if (strncmp(argv[i], "place.", 6) == 0)
            take_place(p, argv[i] + 6);
        else if (strcmp(argv[i], "jail=require") == 0)
            p->jail_required = true;
        else if (strncmp(argv[i], "option.", 7) == 0 && p->options < PROGRAM_OPTIONS)
            p->option[p->options++] = argv[i] + 7;
    }
    return 0;
}

static struct jail_order order_of(const struct program *p, const int *keep, size_t count)
{
    struct jail_order order = {
        .kind = kind_name(p->self.kind),
        .instance = p->self.instance,
        .mode = p->jail_required ? JAIL_REQUIRE : JAIL_BEST,
        .refusal = JAIL_KILL,
        .keep = keep,
        .keep_count = count,
    };
    memcpy(order.places, p->place, sizeof order.places);
    return order;
}

static int start(const struct program_parts *parts, struct program *p, struct shell **ret, struct fault *why)
{
    int early = parts->early != NULL ? parts->early(p) : -1;
    const int keep[] = {STDOUT_FILENO, STDERR_FILENO, CONTROL_FD, early};
    struct jail_order order = order_of(p, keep, COUNT(keep) - (early < 0));
    struct jail_report report = {0};
    struct shell *shell = NULL;
    struct shell_parts shell_parts = {
        .actor = parts->actor,
        .life = {.self = p->self, .generation = p->generation},
        .control = CONTROL_FD,
        .bus_directory = p->place[PLACE_BUS],
        .doors = parts->doors,
        .handed = parts->handed,
        .told = parts->told,
    };
    if (p->place[PLACE_BUS] == NULL)
        return fault_set(why, ERR_UNKNOWN, "no bus directory");
    int r = jail_enter(&order, &report, why);
    if (r == 0)
        r = shell_new(&shell_parts, &shell, why);
    if (r < 0)
        return r;
    *ret = shell;
    if (parts->open != NULL)
        r = parts->open(p, shell, why);
    if (r == 0)
        r = shell_connect(shell, why);
    if (r == 0)
        r = jail_seal(&order, &report, why);
    shell_layers(shell, report.in_force);
    return r;
}

int program_run(const struct program_parts *parts, int argc, char **argv)
{
    static struct program program;
    struct shell *shell = NULL;
    struct fault why;
    char name[ADDRESS_TEXT];
    program.self.kind = (uint8_t)parts->actor->kind;
    mallopt(M_ARENA_MAX, 1); /* one heap for threads that mostly sleep: 0.15 MB less per process */
    log_open(parts->actor->name, LOG_INFO);
    if (take_arguments(&program, argc, argv) < 0) {
        fprintf(stderr, "%s is started by bulkhead-supervisor\n", argv[0]);
        return EXIT_CANNOT_START;
    }
    log_open(address_print(program.self, name), LOG_INFO);
    int status = EXIT_CANNOT_START;
    if (start(parts, &program, &shell, &why) < 0)
        log_line(LOG_ERROR, "%s", why.text);
    else
        status = shell_serve(shell);
    /* The worker may hang in a call: its memory goes with the process. */
    fflush(NULL);
    _exit(status);
}
