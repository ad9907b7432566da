/* SPDX-License-Identifier: MIT
 * firewall.xml in its two versions; in `registry`, and in tests. See registry_firewall.h. */
#include "actors/registry/registry_firewall.h"

#include <stdio.h>
#include <string.h>

#include "doors/xml.h"
#include "doors/xmlwrite.h"
#include "model/firewall.h"

static int bad_at(const struct xml_element *at, struct fault *why, const char *reason)
{
    return fault_set(why, ERR_BAD, "firewall.xml line %u, column %u: %.300s", xml_line(at), xml_column(at),
                     reason);
}

static void add_line(struct text *list, struct span line)
{
    text_append(list, line);
    text_byte(list, '\n');
}

/* A whole rule joins the list. */
static int add_rule(const struct firewall_rule *rule, const struct xml_element *at, uint64_t now,
                    struct text *list, struct fault *why)
{
    struct fault inner;
    if (firewall_rule_check(rule, &inner) < 0)
        return bad_at(at, why, inner.text);
    if (rule->field[FIREWALL_expire].there && firewall_rule_expire(rule) < now) {
        add_line(list, SPAN_LITERAL(FIREWALL_EXPIRED));
        return 0;
    }
    firewall_rule_print(rule, list);
    text_byte(list, '\n');
    return 0;
}

static int read_property(const struct xml_element *at, struct firewall_rule *rule, struct fault *why)
{
    struct span name = SPAN_LITERAL(""), value;
    enum firewall_field field;
    struct fault inner;
    xml_attribute(at, "name", &name);
    if (firewall_field_find(name, &field) < 0)
        return bad_at(at, why, "a rule has no such property");
    /* What ends in a prefix came so from a rule that was set: it reads the same again. */
    value = xml_content(at);
    return firewall_rule_set(rule, field, value, &inner) < 0 ? bad_at(at, why, inner.text) : 0;
}

static int read_rule(const struct xml_element *at, uint64_t now, struct text *list, struct fault *why)
{
    struct firewall_rule rule = {0};
    const struct xml_element *properties = xml_child(at, "properties");
    const struct xml_element *p = properties != NULL ? xml_child(properties, "property") : NULL;
    int r = 0;
    for (; r >= 0 && p != NULL; p = xml_next(p, "property"))
        r = read_property(p, &rule, why);
    return r < 0 ? r : add_rule(&rule, at, now, list, why);
}

static int read_second(const struct xml_element *root, uint64_t now, struct text *list, struct fault *why)
{
    const struct xml_element *rules = xml_child(root, "rules");
    const struct xml_element *at = rules != NULL ? xml_child(rules, "rule") : NULL;
    int r = 0;
    for (; r >= 0 && at != NULL; at = xml_next(at, "rule"))
        r = read_rule(at, now, list, why);
    return r;
}

/* ---- version 1: attributes ---- */

static struct span attribute(const struct xml_element *e, const char *name)
{
    struct span value = SPAN_LITERAL("");
    xml_attribute(e, name, &value);
    return value;
}

/* 1 allow, 0 deny; where it is not said, `otherwise`. */
static int read_policy(const struct xml_element *root, const char *name, int otherwise, struct fault *why)
{
    struct span value;
    if (!xml_attribute(root, name, &value) && otherwise >= 0)
        return otherwise;
    if (otherwise < 0 && !xml_attribute(root, name, &value))
        return bad_at(root, why, "version 1 says policy=\"allow\" or policy=\"deny\"");
    if (otherwise < 0 && !span_is(value, "allow") && !span_is(value, "deny"))
        return bad_at(root, why, "policy is neither allow nor deny");
    return span_is(value, "allow") ? 1 : 0;
}

/* A mask belongs to an address; a name has none. */
static void add_address(const struct xml_element *at, struct text *line)
{
    struct span address = attribute(at, "address"), mask = attribute(at, "netmask");
    struct firewall_rule probe = {0};
    if (address.len == 0)
        return;
    text_format(line, " dsthost=%.*s", (int)address.len, address.at);
    bool plain = memchr(address.at, '/', address.len) == NULL &&
                 firewall_rule_set(&probe, FIREWALL_dsthost, address, NULL) == 0 && probe.host != 'n';
    if (plain)
        text_format(line, "/%.*s", mask.len > 0 ? (int)mask.len : 2, mask.len > 0 ? mask.at : "32");
}

static void add_ports(const struct xml_element *at, struct text *line)
{
    struct span proto = attribute(at, "proto"), port = attribute(at, "port"), to = attribute(at, "toport");
    if (proto.len > 0 && !span_is(proto, "any"))
        text_format(line, " proto=%.*s", (int)proto.len, proto.at);
    else if (proto.len == 0 && port.len > 0)
        text_add(line, " proto=tcp");
    if (port.len > 0)
        text_format(line, " dstports=%.*s", (int)port.len, port.at);
    if (port.len > 0 && to.len > 0)
        text_format(line, "-%.*s", (int)to.len, to.at);
}

static int read_old_rule(const struct xml_element *at, const char *action, uint64_t now, struct text *list,
                         struct fault *why)
{
    AUTO_TEXT line = TEXT_WITH_LIMIT(1 << 16);
    struct span expire = attribute(at, "expire");
    struct firewall_rule rule;
    struct fault inner;
    text_format(&line, "action=%s", action);
    add_address(at, &line);
    add_ports(at, &line);
    if (expire.len > 0)
        text_format(&line, " expire=%.*s", (int)expire.len, expire.at);
    if (firewall_rule_parse(text_span(&line), &rule, &inner) < 0)
        return bad_at(at, why, inner.text);
    return add_rule(&rule, at, now, list, why);
}

static int read_first(const struct xml_element *root, uint64_t now, struct text *list, struct fault *why)
{
    static const char *const actions[] = {"drop", "accept"};
    int policy = read_policy(root, "policy", -1, why);
    if (policy < 0)
        return policy;
    int dns = read_policy(root, "dns", policy, why), icmp = read_policy(root, "icmp", policy, why);
    text_format(list, "action=%s specialtarget=dns\naction=%s proto=icmp\n", actions[dns], actions[icmp]);
    int r = 0;
    for (const struct xml_element *at = xml_child(root, NULL); r >= 0 && at != NULL; at = xml_next(at, NULL))
        r = read_old_rule(at, actions[1 - policy], now, list, why);
    if (policy == 1)
        add_line(list, SPAN_LITERAL("action=accept"));
    return r;
}

int registry_firewall_read(struct span bytes, uint64_t now, struct text *list, struct fault *why)
{
    AUTO(xml_doc)
    *doc = NULL;
    size_t len = list->len;
    struct span version = SPAN_LITERAL("1");
    int r = xml_parse(bytes, &doc, why);
    if (r < 0)
        return r;
    xml_attribute(xml_root(doc), "version", &version);
    if (span_is(version, "2"))
        r = read_second(xml_root(doc), now, list, why);
    else if (span_is(version, "1"))
        r = read_first(xml_root(doc), now, list, why);
    else
        r = bad_at(xml_root(doc), why, "only versions 1 and 2 are known");
    if (r >= 0 && list->failed < 0)
        r = fault_set(why, (enum err) - list->failed, "firewall.xml: more rules than can be kept");
    if (r < 0 && list->at != NULL) {
        list->len = len;
        list->failed = 0;
        list->at[len] = '\0';
    }
    return r < 0 ? r : 0;
}

static void write_rule(struct xmlwrite *w, const struct firewall_rule *rule)
{
    xmlwrite_open(w, "rule");
    xmlwrite_open(w, "properties");
    for (int place = 1; firewall_xml_field(place) != FIREWALL_FIELDS; place++) {
        enum firewall_field field = firewall_xml_field(place);
        struct span value = firewall_rule_value(rule, field);
        if (value.at == NULL)
            continue;
        xmlwrite_open(w, "property");
        xmlwrite_attribute(w, "name", firewall_field_name(field));
        xmlwrite_content(w, value);
        xmlwrite_close(w);
    }
    xmlwrite_close(w);
    xmlwrite_close(w);
}

int registry_firewall_write(struct span list, struct text *out, struct fault *why)
{
    AUTO(xmlwrite)
    *w = xmlwrite_new_indented();
    struct firewall_rule rule;
    unsigned place = 0, at = 0;
    xmlwrite_open(w, "firewall");
    xmlwrite_attribute(w, "version", "2");
    xmlwrite_open(w, "rules");
    while (firewall_list_next(&list, &place, &at, &rule) == 1)
        write_rule(w, &rule);
    xmlwrite_close(w);
    xmlwrite_close(w);
    return xmlwrite_finish(w, out, why);
}
