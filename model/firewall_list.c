/* SPDX-License-Identifier: MIT
 * The rules of one VM as a text: read from a client, walked, expired, and looked up in the model. */
#include "model/firewall.h"

#include <stdio.h>
#include <string.h>

#include "model/long_text.h"
#include "model/names.h"

/* What Python calls the end of a line. */
static bool ends_line(char c)
{
    return (c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e);
}

/* The next line; CR LF is one end. */
static struct span next_line(struct span *rest)
{
    struct span line = {rest->at, 0};
    while (line.len < rest->len && !ends_line(rest->at[line.len]))
        line.len++;
    size_t end = line.len < rest->len ? 1 : 0;
    if (end == 1 && rest->at[line.len] == '\r' && line.len + 1 < rest->len && rest->at[line.len + 1] == '\n')
        end = 2;
    *rest = (struct span){rest->at + line.len + end, rest->len - line.len - end};
    return line;
}

static bool is_expired(const struct firewall_rule *rule, uint64_t now)
{
    uint64_t second = firewall_rule_expire(rule);
    return rule->field[FIREWALL_expire].there && second < now;
}

int firewall_list_parse(struct span payload, uint64_t now, struct text *list, struct fault *why)
{
    struct fault inner;
    if (!span_is_ascii(payload))
        return fault_set(why, ERR_PROTOCOL, "firewall rules are written in ASCII");
    for (unsigned number = 1; payload.len > 0; number++) {
        struct firewall_rule rule;
        if (firewall_rule_parse(next_line(&payload), &rule, &inner) < 0)
            return fault_set(why, ERR_VALUE, "line %u: %s", number, inner.text);
        if (is_expired(&rule, now))
            text_add(list, FIREWALL_EXPIRED);
        else
            firewall_rule_print(&rule, list);
        text_byte(list, '\n');
    }
    return list->failed < 0
               ? fault_set(why, (enum err) - list->failed, "more firewall rules than can be kept")
               : 0;
}

int firewall_list_next(struct span *rest, unsigned *place, unsigned *at, struct firewall_rule *rule)
{
    struct fault why;
    while (rest->len > 0) {
        struct span line = span_split(*rest, '\n', rest);
        unsigned here = (*place)++;
        if (firewall_rule_parse(line, rule, &why) < 0)
            continue; /* an expired one */
        *at = here;
        return 1;
    }
    return 0;
}

uint64_t firewall_list_expire(struct span list, uint64_t now, struct text *to, bool *changed)
{
    uint64_t nearest = 0;
    while (list.len > 0) {
        struct firewall_rule rule;
        struct fault why;
        struct span line = span_split(list, '\n', &list);
        bool there = firewall_rule_parse(line, &rule, &why) >= 0 && rule.field[FIREWALL_expire].there;
        uint64_t second = there ? firewall_rule_expire(&rule) : 0;
        if (there && second < now) {
            *changed = true;
            line = SPAN_LITERAL(FIREWALL_EXPIRED);
        } else if (there && (nearest == 0 || second < nearest)) {
            nearest = second;
        }
        text_append(to, line);
        text_byte(to, '\n');
    }
    return nearest;
}

int firewall_list_qubesdb(struct span list, char family,
                          int (*each)(void *arg, const char *key, const char *value), void *arg)
{
    AUTO_TEXT value = TEXT_WITH_LIMIT(1 << 17);
    struct firewall_rule rule;
    unsigned place = 0, at = 0;
    int r = 0;
    while (r >= 0 && firewall_list_next(&list, &place, &at, &rule) == 1) {
        char key[16];
        text_clear(&value);
        if (!firewall_rule_qubesdb(&rule, family, &value))
            continue;
        snprintf(key, sizeof key, "%04u", at);
        r = value.failed < 0 ? value.failed : each(arg, key, value.at);
    }
    return r;
}

int firewall_known(const struct known *k, uint32_t qid, struct text *to)
{
    if (long_text_known(k, CHANGE_FIREWALL, qid, to))
        return 1;
    text_add(to, "action=accept\n");
    return 0;
}
