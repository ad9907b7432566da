/* SPDX-License-Identifier: MIT
 * The driver callback: another driver, with commands of the administrator before and after its verbs, as
 * /etc/qubes_callback.json says. In storage. Spec: storage 11. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/own.h"
#include "doors/pool_callback.h"
#include "doors/pool_tool.h"

#define CONFIGURATION CALLBACK_CONFIGURATION

enum { CONFIGURATION_MOST = 1 << 20, COMMAND_MOST = 1 << 20 };

struct callback {
    struct pool pool;
    struct pool *below;
    json_t *conf; /* the object of our conf_id */
    char conf_id[128], driver[64];
    bool awake, signal_back;
};

struct callback_conf {
    json_t *conf;
};

/* Which event stands before and after a verb, and what it tells beside the volume. */
enum telling { NOTHING, SIZE, SOURCE, SUCCESS, PATH };
static const struct {
    const char *before, *after;
    enum telling telling;
} events[POOL_VERBS] = {
    [POOL_setup] = {"pre_setup", NULL, NOTHING},
    [POOL_destroy] = {NULL, "post_destroy", NOTHING},
    [POOL_create] = {"pre_volume_create", "post_volume_create", NOTHING},
    [POOL_remove] = {NULL, "post_volume_remove", NOTHING},
    [POOL_resize] = {"pre_volume_resize", NULL, SIZE},
    [POOL_start] = {"pre_volume_start", "post_volume_start", NOTHING},
    [POOL_stop] = {NULL, "post_volume_stop", NOTHING},
    [POOL_clone] = {"pre_volume_import", "post_volume_import", SOURCE},
    [POOL_import_fd] = {"pre_volume_import", "post_volume_import", SOURCE},
    [POOL_import_begin] = {"pre_volume_import_data", NULL, SIZE},
    [POOL_import_end] = {NULL, "post_volume_import_data_end", SUCCESS},
    [POOL_export] = {"pre_volume_export", NULL, NOTHING},
    [POOL_export_end] = {NULL, "post_volume_export_end", PATH},
};

/* ---- configuration ---- */

static void callback_free(struct pool *pool)
{
    struct callback *p = (struct callback *)pool;
    if (p == NULL)
        return;
    pool_free(p->below);
    json_decref(p->conf);
    free(p);
}

static int read_file(const struct pool_calls *calls, char *bytes, size_t *len, struct fault *why)
{
    int fd = calls->open(CONFIGURATION, O_RDONLY, 0);
    ssize_t n = 1;
    if (fd < 0)
        return fault_set(why, ERR_STORAGE, "open " CONFIGURATION ": %s", strerror(errno));
    for (*len = 0; n > 0 && *len<CONFIGURATION_MOST; *len += n> 0 ? (size_t)n : 0)
        n = calls->pread(fd, bytes + *len, CONFIGURATION_MOST - *len, (off_t)*len);
    calls->close(fd);
    return n == 0 ? 0 : fault_set(why, ERR_STORAGE, CONFIGURATION " cannot be read, or is larger than 1 MiB");
}

/* *ret: a new reference to the object under `id`. */
static int read_configuration(const struct pool_calls *calls, const char *id, json_t **ret, struct fault *why)
{
    AUTO_MEMORY char *bytes = malloc(CONFIGURATION_MOST);
    size_t len = 0;
    int r = bytes == NULL ? fault_set(why, ERR_NOMEM, "no memory to read " CONFIGURATION)
                          : read_file(calls, bytes, &len, why);
    if (r < 0)
        return r;
    json_t *whole = json_loadb(bytes, len, 0, NULL);
    json_t *conf = json_object_get(whole, id);
    if (!json_is_object(whole))
        r = fault_set(why, ERR_STORAGE, CONFIGURATION " is no JSON object");
    else if (!json_is_object(conf))
        r = fault_set(why, ERR_STORAGE, CONFIGURATION " has no object %s", id);
    else
        *ret = json_incref(conf);
    json_decref(whole);
    return r;
}

static const char *text_of(const json_t *conf, const char *key)
{
    const char *text = json_string_value(json_object_get(conf, key));
    return text != NULL ? text : "";
}

/* The driver below and its parameters as lines. */
static int below_lines(const json_t *conf, struct text *lines, struct fault *why)
{
    const char *key;
    json_t *value;
    text_format(lines, "driver=%s", text_of(conf, "bdriver"));
    json_object_foreach(json_object_get(conf, "bdriver_args"), key, value)
    {
        if (json_is_string(value))
            text_format(lines, "\n%s=%s", key, json_string_value(value));
        else if (json_is_integer(value))
            text_format(lines, "\n%s=%" JSON_INTEGER_FORMAT, key, json_integer_value(value));
        else if (json_is_boolean(value))
            text_format(lines, "\n%s=%s", key, json_is_true(value) ? "True" : "False");
    }
    return lines->failed != 0 ? fault_set(why, ERR_STORAGE, "bdriver_args in " CONFIGURATION " are too long")
                              : 0;
}

static int open_below(struct callback *p, const struct pool_calls *calls, struct fault *why)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(8192);
    int r = text_copy(p->driver, sizeof p->driver, span_of(text_of(p->conf, "bdriver")));
    if (r < 0 || p->driver[0] == '\0' || strcmp(p->driver, "callback") == 0)
        return fault_set(why, ERR_STORAGE, "%s in " CONFIGURATION " names no bdriver that there is",
                         p->conf_id);
    if ((r = below_lines(p->conf, &lines, why)) < 0)
        return r;
    return pool_open(p->conf_id, text_span(&lines), calls, &p->below, why);
}

static struct pool *callback_open(struct span lines, const struct pool_calls *calls, struct fault *why)
{
    struct callback *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    if (pool_parameter(lines, "conf_id", p->conf_id, sizeof p->conf_id, why) == 0 &&
        read_configuration(calls, p->conf_id, &p->conf, why) == 0 && open_below(p, calls, why) == 0) {
        p->signal_back = json_is_true(json_object_get(p->conf, "signal_back"));
        return &p->pool;
    }
    callback_free(&p->pool);
    return NULL;
}

/* ---- commands ---- */

static void add_quoted(struct text *line, const char *word)
{
    text_add(line, " '");
    for (; *word != '\0'; word++)
        if (*word == '\'')
            text_add(line, "'\"'\"'");
        else
            text_byte(line, *word);
    text_byte(line, '\'');
}

static void add_telling(struct text *line, const struct pool_errand *e, enum telling telling)
{
    char number[32];
    snprintf(number, sizeof number, "%" PRIu64, e->size);
    add_quoted(line, e->volume->name);
    add_quoted(line, e->volume->vid);
    add_quoted(line, e->volume->source[0] != '\0' ? e->volume->source : "None");
    if (telling == SIZE)
        add_quoted(line, number);
    else if (telling == SOURCE)
        add_quoted(line, e->source != NULL ? e->source->vid : "None");
    else if (telling == SUCCESS)
        add_quoted(line, e->success ? "True" : "False");
    else if (telling == PATH)
        add_quoted(line, e->path != NULL ? e->path : "");
}

/* The event's own command, as it is; or `cmd` with everything that there is to say. */
static int command_line(const struct callback *p, const char *event, const struct pool_errand *e,
                        enum telling telling, struct text *line)
{
    const char *own = text_of(p->conf, event), *all = text_of(p->conf, "cmd");
    if (own[0] != '\0' || all[0] == '\0') {
        text_add(line, strcmp(own, "-") == 0 ? "" : own);
        return 0;
    }
    if (strcmp(all, "-") == 0)
        return 0;
    char *whole = json_dumps(p->conf, JSON_SORT_KEYS | JSON_INDENT(2));
    text_add(line, all);
    add_quoted(line, p->pool.name);
    add_quoted(line, p->driver);
    add_quoted(line, event);
    add_quoted(line, p->conf_id);
    add_quoted(line, whole != NULL ? whole : "");
    int r = whole == NULL ? -ERR_NOMEM : 0;
    free(whole);
    if (e->volume != NULL)
        add_telling(line, e, telling);
    return r;
}

static bool says_setup(struct span said)
{
    bool found = false;
    while (said.len > 0)
        found |= span_is(span_trim(span_split(said, '\n', &said)), "SIGNAL_setup");
    return found;
}

static int call(struct callback *p, const struct pool_hand *h, const char *event, const struct pool_errand *e,
                enum telling telling)
{
    AUTO_TEXT line = TEXT_WITH_LIMIT(COMMAND_MOST), said = {0};
    if (event == NULL)
        return 0;
    int r = command_line(p, event, e, telling, &line);
    if (r < 0 || line.failed != 0)
        return fault_set(h->why, ERR_STORAGE, "the command for %s is too long", event);
    if (line.len == 0)
        return 0;
    const char *argv[] = {"/bin/bash", "-c", line.at, NULL};
    if ((r = tool_run(h, argv, NULL, &said)) < 0)
        return r;
    if (p->signal_back && says_setup(text_span(&said)))
        r = pool_do(p->below, POOL_setup, NULL, NULL, h->why);
    return r;
}

/* ---- for who runs them ---- */

/* As add_quoted writes them, any number. */
static bool are_quoted_words(const char *at)
{
    while (at[0] == ' ' && at[1] == '\'') {
        const char *end = strchr(at + 2, '\'');
        if (end == NULL)
            return false;
        at = end + 1;
        while (strncmp(at, "\"'\"'", 4) == 0) {
            end = strchr(at + 4, '\'');
            if (end == NULL)
                return false;
            at = end + 1;
        }
    }
    return at[0] == '\0';
}

static bool is_event_of(const json_t *conf, const char *event, const char *line)
{
    const char *own = event != NULL ? text_of(conf, event) : "";
    return own[0] != '\0' && strcmp(own, "-") != 0 && strcmp(own, line) == 0;
}

bool callback_allows(const struct callback_conf *c, const char *line)
{
    const char *all = text_of(c->conf, "cmd");
    size_t len = strlen(all);
    for (size_t i = 0; i < COUNT(events); i++)
        if (is_event_of(c->conf, events[i].before, line) || is_event_of(c->conf, events[i].after, line))
            return true;
    if (is_event_of(c->conf, "pre_sinit", line))
        return true;
    return len > 0 && strcmp(all, "-") != 0 && strncmp(line, all, len) == 0 && are_quoted_words(line + len);
}

int callback_read(const struct pool_calls *calls, const char *conf_id, struct callback_conf **ret,
                  struct fault *why)
{
    struct callback_conf *c = calloc(1, sizeof *c);
    int r = c == NULL ? fault_set(why, ERR_NOMEM, "no memory to read " CONFIGURATION)
                      : read_configuration(calls, conf_id, &c->conf, why);
    if (r < 0) {
        free(c);
        return r;
    }
    *ret = c;
    return 0;
}

int callback_below(const struct callback_conf *c, struct text *lines, struct fault *why)
{
    return below_lines(c->conf, lines, why);
}

void callback_conf_free(struct callback_conf *c)
{
    if (c != NULL)
        json_decref(c->conf);
    free(c);
}

/* ---- verbs ---- */

static int do_wake(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                   struct pool_outcome *ret)
{
    static const struct pool_errand none;
    struct callback *p = (struct callback *)pool;
    (void)e, (void)ret;
    if (p->awake)
        return 0;
    int r = call(p, h, "pre_sinit", &none, NOTHING);
    p->awake = r >= 0;
    return r;
}

static int pass(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                struct pool_outcome *ret, enum pool_verb verb)
{
    struct callback *p = (struct callback *)pool;
    int r = verb == POOL_setup ? 0 : do_wake(pool, h, e, ret);
    if (r < 0 || (r = call(p, h, events[verb].before, e, events[verb].telling)) < 0)
        return r;
    if ((r = pool_do(p->below, verb, e, ret, h->why)) < 0)
        return r;
    int after = call(p, h, events[verb].after, e, events[verb].telling);
    return after < 0 ? after : r;
}

/* What is asked before the first command has run is not known yet. */
static int peek(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                struct pool_outcome *ret, enum pool_verb verb)
{
    struct callback *p = (struct callback *)pool;
    return p->awake ? pool_do(p->below, verb, e, ret, h->why) : 0;
}

#define PASS(verb)                                                                                           \
    static int do_##verb(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,             \
                         struct pool_outcome *ret)                                                           \
    {                                                                                                        \
        return pass(p, h, e, ret, POOL_##verb);                                                              \
    }
#define PEEK(verb)                                                                                           \
    static int do_##verb(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,             \
                         struct pool_outcome *ret)                                                           \
    {                                                                                                        \
        return peek(p, h, e, ret, POOL_##verb);                                                              \
    }
PASS(setup)
PASS(destroy)
PEEK(usage)
PEEK(list)
PASS(create)
PASS(remove)
PASS(verify)
PASS(start)
PASS(stop)
PEEK(look)
PEEK(revisions)
PASS(revert)
PASS(resize)
PASS(export)
PASS(export_end)
PASS(import_begin)
PASS(import_data)
PASS(import_end)
PASS(import_fd)
PASS(clone)
PASS(tidy)

const struct pool_driver pool_callback = {
    .open = callback_open,
    .free = callback_free,
    .verb =
        {
#define POOL_VERB(name, flags, help) [POOL_##name] = do_##name,
#include "doors/pool_verb.def"
        },
};
