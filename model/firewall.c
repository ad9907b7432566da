/* SPDX-License-Identifier: MIT
 * One firewall rule: how each field is read, what they need of each other, and its texts. */
#include "model/firewall.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/char.h"
#include "base/own.h"
#include "model/names.h"

/* The last second that a calendar of four-digit years has. */
#define EXPIRE_MAX UINT64_C(253402300799)

typedef int read_field(struct firewall_rule *rule, enum firewall_field field, struct span value,
                       struct fault *why);

static bool is_made_of(struct span s, const char *others, bool upper)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool plain = char_is_digit(c) || (c >= 'a' && c <= 'z') || (upper && char_is_letter(c));
        if (!plain && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return true;
}

static int bad(struct fault *why, enum firewall_field field, struct span value, const char *wanted)
{
    return fault_set(why, ERR_VALUE, "firewall rule: %s '%.*s': %s", firewall_field_name(field),
                     value.len > 100 ? 100 : (int)value.len, value.at, wanted);
}

static int keep(struct firewall_rule *rule, enum firewall_field field, struct span value)
{
    rule->field[field].there = true;
    rule->field[field].given = value;
    return 0;
}

static int keep_own(struct firewall_rule *rule, enum firewall_field field)
{
    return keep(rule, field, (struct span){NULL, 0});
}

static int read_word(struct firewall_rule *rule, enum firewall_field field, struct span value,
                     const char *const words[3], const char *wanted, struct fault *why)
{
    for (size_t i = 0; i < 3 && words[i] != NULL; i++)
        if (span_is(value, words[i]))
            return keep(rule, field, span_of(words[i]));
    return bad(why, field, value, wanted);
}

static int read_action(struct firewall_rule *rule, enum firewall_field field, struct span value,
                       struct fault *why)
{
    static const char *const words[3] = {"accept", "drop"};
    return read_word(rule, field, value, words, "write accept or drop", why);
}

static int read_proto(struct firewall_rule *rule, enum firewall_field field, struct span value,
                      struct fault *why)
{
    static const char *const words[3] = {"tcp", "udp", "icmp"};
    return read_word(rule, field, value, words, "write tcp, udp or icmp", why);
}

static int read_target(struct firewall_rule *rule, enum firewall_field field, struct span value,
                       struct fault *why)
{
    static const char *const words[3] = {"dns"};
    return read_word(rule, field, value, words, "the one special target is dns", why);
}

static int read_expire(struct firewall_rule *rule, enum firewall_field field, struct span value,
                       struct fault *why)
{
    uint64_t second;
    if (value.len == 0 || text_number(value, 0, EXPIRE_MAX, &second) < 0)
        return bad(why, field, value, "write seconds since 1970, before the year 10000");
    return keep(rule, field, value);
}

/* An address without a prefix: '4' or '6' with the text that has one, or 0. */
static char read_address(struct span value, char own[FIREWALL_OWN_TEXT])
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    if (text_copy(text, sizeof text, value) < 0 || strlen(text) != value.len)
        return '\0';
    if (inet_pton(AF_INET6, text, bytes) == 1) {
        snprintf(own, FIREWALL_OWN_TEXT, "%s/128", text);
        return '6';
    }
    if (inet_pton(AF_INET, text, bytes) != 1)
        return '\0';
    snprintf(own, FIREWALL_OWN_TEXT, "%s/32", text);
    return '4';
}

/* Host bits may be set and the prefix stays as it was typed: guests read both. */
static int read_network(struct firewall_rule *rule, enum firewall_field field, struct span value,
                        struct fault *why)
{
    char unused[FIREWALL_OWN_TEXT];
    struct span prefix, address = span_split(value, '/', &prefix);
    uint64_t bits;
    char host = read_address(address, unused);
    if (host == '\0')
        return bad(why, field, value, "only an address can have a prefix");
    if (text_number(prefix, 0, host == '6' ? 128 : 32, &bits) < 0)
        return bad(why, field, value, "a prefix is a number of bits of the address");
    rule->host = host;
    return keep(rule, field, value);
}

static int read_dsthost(struct firewall_rule *rule, enum firewall_field field, struct span value,
                        struct fault *why)
{
    if (value.len > 0 && memchr(value.at, '/', value.len) != NULL)
        return read_network(rule, field, value, why);
    char host = read_address(value, rule->field[field].own);
    if (host != '\0') {
        rule->host = host;
        return keep_own(rule, field);
    }
    if (!is_made_of(value, "-._", false))
        return bad(why, field, value, "a name consists of lower-case letters, digits, '-', '.' and '_'");
    rule->host = 'n';
    return keep(rule, field, value);
}

static int read_ports(struct firewall_rule *rule, enum firewall_field field, struct span value,
                      struct fault *why)
{
    struct span last, first = span_split(value, '-', &last);
    uint64_t from, to;
    if (last.at == NULL)
        last = first;
    if (text_number(first, 0, 65535, &from) < 0 || text_number(last, 0, 65535, &to) < 0 || from > to)
        return bad(why, field, value,
                   "write a port from 0 to 65535, or two with '-' between, the lower first");
    char *own = rule->field[field].own;
    if (from == to)
        snprintf(own, FIREWALL_OWN_TEXT, "%u", (unsigned)from);
    else
        snprintf(own, FIREWALL_OWN_TEXT, "%u-%u", (unsigned)from, (unsigned)to);
    return keep_own(rule, field);
}

static int read_type(struct firewall_rule *rule, enum firewall_field field, struct span value,
                     struct fault *why)
{
    uint64_t type;
    if (value.len > 3 || text_number(value, 0, 255, &type) < 0)
        return bad(why, field, value, "write a number from 0 to 255");
    snprintf(rule->field[field].own, FIREWALL_OWN_TEXT, "%u", (unsigned)type);
    return keep_own(rule, field);
}

static int read_comment(struct firewall_rule *rule, enum firewall_field field, struct span value,
                        struct fault *why)
{
    if (value.len == 0)
        return 0; /* as if there were none: in a line nobody could tell the two apart */
    if (!is_made_of(value, ":;,./-_[] ", true))
        return bad(why, field, value, "a comment consists of letters, digits, spaces and :;,./-_[]");
    return keep(rule, field, value);
}

static const struct row {
    const char *name;
    read_field *read;
    int qubesdb, xml;
} rows[FIREWALL_FIELDS] = {
#define FIELD(name_, reader, qubesdb_, xml_, meaning) [FIREWALL_##name_] = {#name_, reader, qubesdb_, xml_},
#include "model/firewall.def"
};

const char *firewall_field_name(enum firewall_field field)
{
    return (unsigned)field < FIREWALL_FIELDS ? rows[field].name : "unknown";
}

int firewall_field_find(struct span name, enum firewall_field *field)
{
    for (unsigned i = 0; i < FIREWALL_FIELDS; i++) {
        if (span_is(name, rows[i].name)) {
            *field = (enum firewall_field)i;
            return 0;
        }
    }
    return -ERR_UNKNOWN;
}

enum firewall_field firewall_xml_field(int place)
{
    for (unsigned i = 0; i < FIREWALL_FIELDS; i++)
        if (rows[i].xml == place)
            return (enum firewall_field)i;
    return FIREWALL_FIELDS;
}

int firewall_rule_set(struct firewall_rule *rule, enum firewall_field field, struct span value,
                      struct fault *why)
{
    if (value.at == NULL)
        value = SPAN_LITERAL("");
    if (field != FIREWALL_comment && !is_made_of(value, ":;,./-_[]", true))
        return bad(why, field, value, "only letters, digits and :;,./-_[] stand in a rule");
    return rows[field].read(rule, field, value, why);
}

static bool is_value(const struct firewall_rule *rule, enum firewall_field field, const char *text)
{
    return rule->field[field].there && span_is(firewall_rule_value(rule, field), text);
}

int firewall_rule_check(const struct firewall_rule *rule, struct fault *why)
{
    if (!rule->field[FIREWALL_action].there)
        return fault_set(why, ERR_VALUE, "firewall rule: say action=accept or action=drop");
    if (rule->field[FIREWALL_dstports].there && !is_value(rule, FIREWALL_proto, "tcp") &&
        !is_value(rule, FIREWALL_proto, "udp"))
        return fault_set(why, ERR_VALUE, "firewall rule: dstports needs proto=tcp or proto=udp");
    if (rule->field[FIREWALL_icmptype].there && !is_value(rule, FIREWALL_proto, "icmp"))
        return fault_set(why, ERR_VALUE, "firewall rule: icmptype needs proto=icmp");
    return 0;
}

/* The destination goes by four names. */
static int find_key(struct span key, enum firewall_field *field)
{
    if (!span_is(key, "dst4") && !span_is(key, "dst6") && !span_is(key, "dstname"))
        return firewall_field_find(key, field);
    *field = FIREWALL_dsthost;
    return 0;
}

static int parse_word(struct firewall_rule *rule, struct span word, struct fault *why)
{
    enum firewall_field field;
    struct span value, key = span_split(word, '=', &value);
    int shown = key.len > 60 ? 60 : (int)key.len;
    if (value.at == NULL)
        return fault_set(why, ERR_VALUE,
                         "firewall rule: it consists of key=value words with one space between");
    if (find_key(key, &field) < 0)
        return fault_set(why, ERR_VALUE, "firewall rule: there is no field '%.*s'", shown, key.at);
    if (rule->field[field].there)
        return fault_set(why, ERR_VALUE, "firewall rule: '%.*s' is said twice", shown, key.at);
    return firewall_rule_set(rule, field, value, why);
}

/* What follows the first "comment=", wherever that stands, is the comment. */
static struct span cut_comment(struct span *line)
{
    static const char mark[] = "comment=";
    const char *at = line->len > 0 ? memmem(line->at, line->len, mark, sizeof mark - 1) : NULL;
    if (at == NULL)
        return (struct span){NULL, 0};
    struct span comment = {at + sizeof mark - 1, line->len - (size_t)(at - line->at) - (sizeof mark - 1)};
    line->len = (size_t)(at - line->at);
    return comment;
}

int firewall_rule_parse(struct span line, struct firewall_rule *rule, struct fault *why)
{
    struct firewall_rule found = {0};
    struct span comment = cut_comment(&line), rest = span_trim(line);
    int r = comment.len > 0 ? firewall_rule_set(&found, FIREWALL_comment, comment, why) : 0;
    do {
        struct span word = span_split(rest, ' ', &rest);
        if (r >= 0)
            r = parse_word(&found, word, why);
    } while (r >= 0 && rest.at != NULL);
    if (r >= 0)
        r = firewall_rule_check(&found, why);
    if (r >= 0)
        *rule = found;
    return r;
}

struct span firewall_rule_value(const struct firewall_rule *rule, enum firewall_field field)
{
    if (!rule->field[field].there)
        return (struct span){NULL, 0};
    return rule->field[field].given.at != NULL ? rule->field[field].given : span_of(rule->field[field].own);
}

uint64_t firewall_rule_expire(const struct firewall_rule *rule)
{
    uint64_t second = 0;
    if (rule->field[FIREWALL_expire].there)
        (void)text_number(firewall_rule_value(rule, FIREWALL_expire), 0, EXPIRE_MAX, &second);
    return second;
}

/* "key=value" behind a space, unless it is the first. */
static void print_field(const struct firewall_rule *rule, enum firewall_field field, size_t begin,
                        struct text *to)
{
    struct span value = firewall_rule_value(rule, field);
    const char *key = rows[field].name;
    if (!rule->field[field].there)
        return;
    if (field == FIREWALL_dsthost && rule->host != 'n')
        key = rule->host == '6' ? "dst6" : "dst4";
    if (to->len > begin)
        text_byte(to, ' ');
    text_format(to, "%s=%.*s", key, (int)value.len, value.at);
    if (field == FIREWALL_dstports && memchr(value.at, '-', value.len) == NULL)
        text_format(to, "-%.*s", (int)value.len, value.at);
}

void firewall_rule_print(const struct firewall_rule *rule, struct text *to)
{
    size_t begin = to->len;
    for (unsigned i = 0; i < FIREWALL_FIELDS; i++)
        print_field(rule, (enum firewall_field)i, begin, to);
}

bool firewall_rule_qubesdb(const struct firewall_rule *rule, char family, struct text *to)
{
    size_t begin = to->len;
    if (rule->field[FIREWALL_dsthost].there && rule->host != 'n' && rule->host != family)
        return false;
    for (int place = 1; place <= FIREWALL_FIELDS; place++)
        for (unsigned i = 0; i < FIREWALL_FIELDS; i++)
            if (rows[i].qubesdb == place)
                print_field(rule, (enum firewall_field)i, begin, to);
    return true;
}
