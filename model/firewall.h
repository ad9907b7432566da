/* SPDX-License-Identifier: MIT
 * Firewall rules: their grammar, their texts, and the list of a VM. Pure; nothing allocates but the texts
 * that are appended to. Spec: net 5.2, 5.3, 5.5; admin-api-methods 7.1. */
#ifndef MODEL_FIREWALL_H
#define MODEL_FIREWALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "model/model.h"

enum firewall_field {
#define FIELD(name, reader, qubesdb, xml, meaning) FIREWALL_##name,
#include "model/firewall.def"
    FIREWALL_FIELDS
};

enum { FIREWALL_OWN_TEXT = 64 };

/* A rule in its normal form. Zero-initialised is empty. A value that had to be rewritten is in `own`,
 * any other points into what was read and lives as long as that. */
struct firewall_rule {
    struct {
        bool there;
        struct span given;
        char own[FIREWALL_OWN_TEXT];
    } field[FIREWALL_FIELDS];
    char host; /* '4', '6' or 'n' (a name), where there is a dsthost */
};

/* A line of the Admin API. 0, or -ERR_VALUE with what is wrong in it. */
int firewall_rule_parse(struct span line, struct firewall_rule *rule, struct fault *why);
/* One field at a time, as firewall.xml has them: -ERR_VALUE. Then the whole: fields that need another. */
int firewall_rule_set(struct firewall_rule *rule, enum firewall_field field, struct span value,
                      struct fault *why);
int firewall_rule_check(const struct firewall_rule *rule, struct fault *why);
int firewall_field_find(struct span name, enum firewall_field *field); /* 0 or -ERR_UNKNOWN */
const char *firewall_field_name(enum firewall_field field);
/* The field that stands at this place (from 1) in firewall.xml; FIREWALL_FIELDS past the last. */
enum firewall_field firewall_xml_field(int place);

/* Its value as firewall.xml has it; at NULL when the rule does not have the field. */
struct span firewall_rule_value(const struct firewall_rule *rule, enum firewall_field field);
uint64_t firewall_rule_expire(const struct firewall_rule *rule); /* 0: never */

/* Appends the Admin API's line, without LF. Two rules are the same when these texts are. */
void firewall_rule_print(const struct firewall_rule *rule, struct text *to);

/* What the netvm's QubesDB holds of it below /qubes-firewall/<address>/ (net 5.3, 5.5). `family` is '4' or
 * '6'. Appends nothing and returns false for a rule that is not meant for that family. */
bool firewall_rule_qubesdb(const struct firewall_rule *rule, char family, struct text *to);

/* ---- the list of a VM ----
 * Its text is what the model keeps (CHANGE_FIREWALL): one line per rule, in which an expired rule is the
 * word FIREWALL_EXPIRED, so that those behind it keep their numbers. */
#define FIREWALL_EXPIRED "expired"

/* The payload of admin.vm.firewall.Set, at `now` (Unix time), appended to *list. -ERR_PROTOCOL for what is
 * not ASCII, -ERR_VALUE with the number of the line. */
int firewall_list_parse(struct span payload, uint64_t now, struct text *list, struct fault *why);
/* The next rule of a list that is being walked: 1 with the rule and its place from 0; 0 at the end.
 * Expired ones are left out. *rest begins as the list; *place as 0. */
int firewall_list_next(struct span *rest, unsigned *place, unsigned *at, struct firewall_rule *rule);
/* Appends the list as it is at `now`; returns the nearest expiry in it, 0 for none. *changed is set when
 * a rule expired. */
uint64_t firewall_list_expire(struct span list, uint64_t now, struct text *to, bool *changed);
/* The key below /qubes-firewall/<address>/ and the value of each rule for that family, in order; stops at
 * the first negative result and returns it. */
int firewall_list_qubesdb(struct span list, char family,
                          int (*each)(void *arg, const char *key, const char *value), void *arg);

/* The list of a VM as known: appended to *to; 1 when it has one of its own, else 0 and the rule that
 * stands for none, action=accept. */
int firewall_known(const struct known *k, uint32_t qid, struct text *to);

#endif
