/* SPDX-License-Identifier: MIT
 * `bulkhead check`, `import` and `export`: of the house that runs, through its registry; of a store at rest,
 * through registry's program. Nothing else ever writes to a store. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { REPLY_MOST = 64 << 20, FILE_MOST = 64 << 20 };

/* Where an instance keeps its things. */
struct places {
    char state[CLI_PATH + 32], lib[CLI_PATH + 32];
};

static struct places places_of(const struct cli *cli)
{
    struct places p = {"/var/lib/bulkhead", "/var/lib/qubes"};
    if (cli->base[0] != '\0') {
        snprintf(p.state, sizeof p.state, "%s/state", cli->base);
        snprintf(p.lib, sizeof p.lib, "%s/var", cli->base);
    }
    return p;
}

static int say(struct cli *cli, int status, const char *text)
{
    fprintf(cli->err, "bulkhead: %s\n", text);
    return status;
}

static int say_errno(struct cli *cli, const char *path)
{
    fprintf(cli->err, "bulkhead: %s: %s\n", path, strerror(errno));
    return CLI_USAGE;
}

/* ---- the living registry ---- */

/* CLI_OK with the answer appended, CLI_UNREACHABLE (said nothing), or what went wrong, which has been said.
 */
static int ask(struct cli *cli, const char *method, struct text *answer)
{
    char path[CLI_PATH + 32];
    struct fault why;
    AUTO_FD fd = -1;
    AUTO_TEXT reply = TEXT_WITH_LIMIT(REPLY_MOST);
    snprintf(path, sizeof path, "%s/bulkhead.sock", cli->run);
    int r = client_ask(path, method, "dom0", (struct span){NULL, 0}, &fd, &why);
    if (r == -ERR_CLOSED)
        return CLI_UNREACHABLE;
    if (r == 0)
        r = client_read(fd, &reply, &why);
    if (r < 0)
        return say(cli, CLI_SILENCE, why.text);
    struct client_answer a = client_answer(text_span(&reply));
    if (a.kind == ANSWER_EXCEPTION)
        fprintf(cli->err, "%.*s: %s\n", (int)a.class.len, a.class.at, a.message.len > 0 ? a.message.at : "");
    text_free(&a.message);
    if (a.kind == ANSWER_OK)
        text_append(answer, a.body);
    return a.kind == ANSWER_OK          ? CLI_OK
           : a.kind == ANSWER_EXCEPTION ? CLI_EXCEPTION
                                        : say(cli, CLI_SILENCE, "closed without an answer");
}

/* ---- registry's program ---- */

/* Beside this program where it was built, else where packages put it. */
static void find_registry(char path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len < 0 ? 0 : len] = '\0';
    int made = snprintf(path, PATH_MAX, "%.*s/libexec/registry", PATH_MAX - 32, dirname(self));
    if (made < 0 || access(path, X_OK) < 0)
        snprintf(path, PATH_MAX, "/usr/libexec/bulkhead/registry");
}

static void be_registry(int out, const char *const words[5])
{
    char path[PATH_MAX];
    find_registry(path);
    char *argv[8] = {path, (char *)(uintptr_t) "--offline"};
    for (int i = 0; i < 5 && words[i] != NULL; i++)
        argv[i + 2] = (char *)(uintptr_t)words[i];
    dup2(out, STDOUT_FILENO);
    execv(path, argv);
    dprintf(STDERR_FILENO, "bulkhead: %s: %s\n", path, strerror(errno));
    _exit(CLI_USAGE);
}

/* Its standard output is appended; its errors have been said by itself. */
static int run_registry(struct cli *cli, const char *const words[5], struct text *output)
{
    int ends[2], status = 0;
    struct fault why;
    fflush(cli->out);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return say_errno(cli, "pipe");
    pid_t child = fork();
    if (child == 0)
        be_registry(ends[1], words);
    close(ends[1]);
    int r = child > 0 ? client_read(ends[0], output, &why) : 0;
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return say_errno(cli, "registry's program");
    if (r < 0)
        return say(cli, CLI_SILENCE, why.text);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CLI_OK : CLI_EXCEPTION;
}

/* ---- check ---- */

static bool has_file(const char *dir, const char *name)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    return len > 0 && len < PATH_MAX && access(path, F_OK) == 0;
}

static int check_instance(struct cli *cli, struct text *report)
{
    struct places p = places_of(cli);
    int r = ask(cli, "bulkhead.Check", report);
    if (r == CLI_UNREACHABLE)
        r = run_registry(cli, (const char *const[5]){"check", p.state, p.lib}, report);
    look_for_foreign(cli->base, report);
    return r;
}

int verb_check(struct cli *cli)
{
    AUTO_TEXT report = TEXT_WITH_LIMIT(REPLY_MOST);
    const char *what = cli->argument[0];
    int r;
    if (what == NULL)
        r = check_instance(cli, &report);
    else if (has_file(what, "store.sqlite"))
        r = run_registry(cli, (const char *const[5]){"check", what, "-"}, &report);
    else
        r = run_registry(cli, (const char *const[5]){"check-file", what}, &report);
    bool found = show_report(cli, text_span(&report));
    return r != CLI_OK ? r : found ? CLI_EXCEPTION : CLI_OK;
}

/* ---- files ---- */

static int read_file(const char *path, struct text *bytes)
{
    struct fault why;
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : client_read(fd, bytes, &why);
}

/* All of it or nothing: a new file takes the old one's place. */
static int write_file(const char *path, struct span bytes)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= PATH_MAX)
        return -1;
    AUTO_FD fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (span_write(fd, bytes) == 0 && fchmod(fd, 0644) == 0 && fsync(fd) == 0 && rename(temporary, path) == 0)
        return 0;
    unlink(temporary);
    return -1;
}

/* The folders on the way to a file below `base`, which is there. */
static void make_folders(char *path, size_t base)
{
    for (char *at = path + base + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(path, 0755);
        *at = '/';
    }
}

static int put_below(struct cli *cli, const char *dir, struct span name, struct span bytes)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%.*s", dir, (int)name.len, name.at) >= PATH_MAX)
        return say(cli, CLI_USAGE, "a path is too long");
    make_folders(path, strlen(dir));
    return write_file(path, bytes) < 0 ? say_errno(cli, path) : CLI_OK;
}

/* ---- export ---- */

static bool is_folder(const char *path)
{
    struct stat st;
    size_t len = strlen(path);
    return (len > 0 && path[len - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* A file takes qubes.xml alone, a folder all. */
static int write_document(struct cli *cli, struct span document, const char *to)
{
    struct span path, bytes;
    int r = CLI_OK;
    if (is_folder(to) && mkdir(to, 0755) < 0 && errno != EEXIST)
        return say_errno(cli, to);
    while (r == CLI_OK && next_file(&document, &path, &bytes)) {
        if (is_folder(to))
            r = put_below(cli, to, path, bytes);
        else if (span_is(path, "qubes.xml"))
            r = write_file(to, bytes) < 0 ? say_errno(cli, to) : CLI_OK;
    }
    return r == CLI_OK && document.len > 0 ? say(cli, CLI_SILENCE, "the answer breaks off") : r;
}

int verb_export(struct cli *cli)
{
    AUTO_TEXT answer = TEXT_WITH_LIMIT(REPLY_MOST);
    struct places p = places_of(cli);
    const char *to = cli->argument[0];
    int r = ask(cli,
                to != NULL   ? "bulkhead.Document"
                : cli->force ? "bulkhead.Export+force"
                             : "bulkhead.Export",
                &answer);
    if (r == CLI_UNREACHABLE && to != NULL)
        r = run_registry(cli, (const char *const[5]){"document", p.state}, &answer);
    else if (r == CLI_UNREACHABLE)
        r = run_registry(cli, (const char *const[5]){cli->force ? "force" : "export", p.state, p.lib},
                         &answer);
    if (r != CLI_OK)
        return r;
    if (to != NULL)
        return write_document(cli, text_span(&answer), to);
    return show_report(cli, text_span(&answer)) ? CLI_EXCEPTION : CLI_OK;
}

/* ---- import ---- */

/* What registry may read lies beside its qubes.xml: the files are copied to a folder there. */
static int copy_one(struct cli *cli, const char *from, const char *to, const char *name)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(FILE_MOST);
    if (read_file(from, &bytes) < 0)
        return say_errno(cli, from);
    return put_below(cli, to, span_of(name), bytes.at != NULL ? text_span(&bytes) : SPAN_LITERAL(""));
}

static int copy_folder(struct cli *cli, const char *from, const char *to)
{
    static const char *const patterns[] = {"/qubes.xml", "/*/*/firewall.xml", "/*/*/notes.txt"};
    int r = CLI_OK;
    for (size_t i = 0; i < COUNT(patterns); i++) {
        char pattern[PATH_MAX];
        glob_t found = {0};
        snprintf(pattern, sizeof pattern, "%.*s%s", PATH_MAX - 64, from, patterns[i]);
        if (glob(pattern, 0, NULL, &found) == 0)
            for (size_t k = 0; k < found.gl_pathc && r == CLI_OK; k++)
                r = copy_one(cli, found.gl_pathv[k], to, found.gl_pathv[k] + strlen(from) + 1);
        globfree(&found);
    }
    return r;
}

static void remove_folder(const char *path)
{
    static const char *const patterns[] = {"/*/*/*", "/*/*", "/*", ""};
    for (size_t i = 0; i < COUNT(patterns); i++) {
        char pattern[PATH_MAX];
        glob_t found = {0};
        snprintf(pattern, sizeof pattern, "%.*s%s", PATH_MAX - 64, path, patterns[i]);
        if (glob(pattern, 0, NULL, &found) == 0)
            for (size_t k = 0; k < found.gl_pathc; k++)
                (void)remove(found.gl_pathv[k]);
        globfree(&found);
    }
}

/* Where the files of this house lie, as its registry says; of one at rest, as we know. */
static void find_lib(struct span report, struct places *p)
{
    while (report.len > 0) {
        struct span rest, line = span_split(report, '\n', &report);
        if (!span_is(span_split(line, '\t', &rest), "place"))
            continue;
        (void)text_copy(p->lib, sizeof p->lib, span_split(rest, '\t', &rest));
    }
}

static int take_in(struct cli *cli, const struct places *p, bool lives, const char *folder,
                   struct text *report)
{
    char method[128];
    snprintf(method, sizeof method, "bulkhead.Import%s%.64s", folder[0] != '\0' ? "+" : "", folder);
    if (lives)
        return ask(cli, method, report);
    if (mkdir(p->state, 0700) < 0 && errno != EEXIST)
        return say_errno(cli, p->state);
    return run_registry(cli, (const char *const[5]){"import", p->state, p->lib, folder}, report);
}

static int import_from(struct cli *cli, const struct places *p, bool lives, const char *from,
                       struct text *report)
{
    char folder[PATH_MAX];
    if (snprintf(folder, sizeof folder, "%s/import.XXXXXX", p->lib) >= PATH_MAX || mkdtemp(folder) == NULL ||
        chmod(folder, 0755) < 0)
        return say_errno(cli, p->lib);
    int r = is_folder(from) ? copy_folder(cli, from, folder) : copy_one(cli, from, folder, "qubes.xml");
    if (r == CLI_OK)
        r = take_in(cli, p, lives, strrchr(folder, '/') + 1, report);
    remove_folder(folder);
    return r;
}

int verb_import(struct cli *cli)
{
    AUTO_TEXT report = TEXT_WITH_LIMIT(REPLY_MOST);
    AUTO_TEXT looked = TEXT_WITH_LIMIT(REPLY_MOST);
    struct places p = places_of(cli);
    int asked = ask(cli, "bulkhead.Check", &looked);
    if (asked != CLI_OK && asked != CLI_UNREACHABLE)
        return asked;
    find_lib(text_span(&looked), &p);
    int r = cli->argument[0] == NULL ? take_in(cli, &p, asked == CLI_OK, "", &report)
                                     : import_from(cli, &p, asked == CLI_OK, cli->argument[0], &report);
    if (r == CLI_OK)
        look_for_foreign(cli->base, &report);
    (void)show_report(cli,
                      text_span(&report)); /* what is not in order is told; it was taken in all the same */
    return r;
}
