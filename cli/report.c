/* SPDX-License-Identifier: MIT
 * Reports of imports and checks: for people, for programs; and what of a Qubes installation bulkhead does not
 * read. */
#include <glob.h>
#include <string.h>

#include <jansson.h>

#include "base/own.h"
#include "base/text.h"
#include "cli/cli.h"

struct finding {
    struct span severity, about, line, column, text;
};

static struct finding read_finding(struct span line)
{
    struct finding f;
    f.severity = span_split(line, '\t', &line);
    f.about = span_split(line, '\t', &line);
    f.line = span_split(line, '\t', &line);
    f.column = span_split(line, '\t', &f.text);
    return f;
}

static void print_finding(const struct cli *cli, const struct finding *f)
{
    fprintf(cli->out, "%.*s: ", (int)f->severity.len, f->severity.at);
    if (!span_is(f->line, "0"))
        fprintf(cli->out, "line %.*s, column %.*s: ", (int)f->line.len, f->line.at, (int)f->column.len,
                f->column.at);
    else if (!span_starts(f->text, "qubes.xml") && !span_is(f->about, "-") && f->about.len > 0)
        fprintf(cli->out, "%.*s: ", (int)f->about.len, f->about.at);
    fprintf(cli->out, "%.*s\n", (int)f->text.len, f->text.at);
}

static json_int_t number(struct span s)
{
    uint64_t n = 0;
    (void)text_number(s, 0, UINT32_MAX, &n);
    return (json_int_t)n;
}

static json_t *json_finding(const struct finding *f)
{
    return json_pack("{s:s#, s:s#, s:I, s:I, s:s#}", "severity", f->severity.at, (int)f->severity.len,
                     "about", f->about.at, (int)f->about.len, "line", number(f->line), "column",
                     number(f->column), "text", f->text.at, (int)f->text.len);
}

bool show_report(const struct cli *cli, struct span report)
{
    json_t *all = json_array();
    bool found = false;
    while (report.len > 0) {
        struct finding f = read_finding(span_split(report, '\n', &report));
        if (f.text.at == NULL || span_is(f.severity, "place"))
            continue;
        found = found || !span_is(f.severity, "note");
        if (cli->json)
            json_array_append_new(all, json_finding(&f));
        else
            print_finding(cli, &f);
    }
    if (cli->json) {
        json_dumpf(all, cli->out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        fputc('\n', cli->out);
    }
    json_decref(all);
    return found;
}

/* Each match of a pattern below the root. */
static void each_match(const char *root, const char *pattern, struct text *report,
                       void (*fn)(const char *path, struct text *report))
{
    char whole[CLI_PATH + 128];
    glob_t found = {0};
    snprintf(whole, sizeof whole, "%s%s", root, pattern);
    if (glob(whole, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            fn(found.gl_pathv[i], report);
    globfree(&found);
}

static void add_override(const char *path, struct text *report)
{
    text_format(report,
                "warning\toverride\t0\t0\t%s: a Jinja2 override of the domain's XML; it is not read, and its "
                "VMs start "
                "without it\n",
                path);
}

static bool is_qubes_own(const char *line)
{
    return strstr(line, "= qubes.ext.") != NULL || strstr(line, "= qubes.storage.") != NULL ||
           strstr(line, "=qubes.ext.") != NULL || strstr(line, "=qubes.storage.") != NULL;
}

/* Entry points that qubesd would load, and that do not come with it. */
static void add_extensions(const char *path, struct text *report)
{
    char line[1024];
    bool inside = false;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n\t")] = '\0';
        if (line[0] == '[')
            inside = strcmp(line, "[qubes.ext]") == 0 || strcmp(line, "[qubes.storage]") == 0;
        else if (inside && line[0] != '\0' && !is_qubes_own(line))
            text_format(
                report,
                "warning\textension\t0\t0\t%s: %.300s: a Python extension of qubesd; it is not loaded\n",
                path, line);
    }
    if (file != NULL)
        fclose(file);
}

void look_for_foreign(const char *root, struct text *report)
{
    static const char *const overrides[] = {"/etc/qubes/templates/libvirt/xen-user.xml",
                                            "/etc/qubes/templates/libvirt/xen/by-name/*.xml"};
    for (size_t i = 0; i < COUNT(overrides); i++)
        each_match(root, overrides[i], report, add_override);
    each_match(root, "/usr/lib/python3*/*-packages/*/entry_points.txt", report, add_extensions);
}

bool next_file(struct span *rest, struct span *path, struct span *bytes)
{
    struct span after, length;
    uint64_t len;
    *path = span_split(*rest, '\n', &after);
    length = span_split(after, '\n', &after);
    if (path->len == 0 || text_number(length, 0, 1 << 30, &len) < 0 || len > after.len)
        return false;
    *bytes = (struct span){after.at, (size_t)len};
    *rest = (struct span){after.at + len, after.len - (size_t)len};
    return true;
}
