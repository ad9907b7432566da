/* SPDX-License-Identifier: MIT
 * Prints docs/messages.md: every message and record, made from the rows of proto/. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "proto/rules.h"
#include "proto/who.h"

/* The fields of a row as the row spells them, with bounds as numbers. */
struct field {
    const char *type, *name, *of;
    unsigned long long lo, hi;
};

#define U32(f, lo, hi)   {"u32", #f, "", lo, hi},
#define U64(f, lo, hi)   {"u64", #f, "", lo, hi},
#define STR(f, lo, hi)   {"text", #f, "", lo, hi},
#define BYTES(f, hi)     {"bytes", #f, "", 0, hi},
#define LIST(f, rec, hi) {"list", #f, #rec, 0, hi},
#define ONE(f, rec)      {"one", #f, #rec, 0, 0},
#define NOTHING
#define END                                                                                                  \
    {                                                                                                        \
        NULL, NULL, NULL, 0, 0                                                                               \
    }
#define REC(name, fields) static const struct field fields_##name[] = {fields END};
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    static const struct field fields_##name[] = {fields END}, reply_##name[] = {reply END};
#include "proto/mailboxes.def"
#include "proto/no_fields.h"

static void print_field(const struct field *f)
{
    printf("`%s` %s ", f->name, f->type);
    if (strcmp(f->type, "list") == 0)
        printf("at most %llu [%s](#%s)", f->hi, f->of, f->of);
    else if (strcmp(f->type, "one") == 0)
        printf("[%s](#%s)", f->of, f->of);
    else if (strcmp(f->type, "text") == 0 || strcmp(f->type, "bytes") == 0)
        printf("%llu to %llu bytes", f->lo, f->hi);
    else
        printf("%llu to %llu", f->lo, f->hi);
}

static void print_fields(const char *title, const struct field *fields)
{
    printf("%s", title);
    for (size_t i = 0; fields[i].type != NULL; i++) {
        printf("%s", i > 0 ? ", " : "");
        print_field(&fields[i]);
    }
    puts(fields[0].type == NULL ? "nothing" : "");
}

static void print_kinds(uint32_t bits, const char *none)
{
    const char *separator = "";
    for (unsigned kind = 0; kind < KINDS; kind++)
        if ((bits & 1u << kind) != 0) {
            printf("%s%s", separator, kind_name(kind));
            separator = ", ";
        }
    printf("%s", bits == 0 ? none : "");
}

static void print_message(const struct message_rule *row, const struct field *fields,
                          const struct field *reply)
{
    static const char *const about[] = {"nobody", "the sender's own VM", "the receiver's VM", "any VM"};
    printf("\n### %s\n\n0x%04x, %s from ", row->name, row->type, message_class_name(row->class));
    print_kinds(row->from, "whoever was asked");
    printf(" to ");
    print_kinds(row->to, "every kind");
    printf("; about %s%s.\n\n", about[row->about],
           row->wake == WAKES ? "; it starts a receiver that does not run" : "");
    print_fields("- fields: ", fields);
    if (row->class == CLASS_REQUEST)
        print_fields("- reply: ", reply);
}

int main(void)
{
    puts("# Messages\n\n"
         "Made by `tools/reference` from the rows of `proto/*.def`; do not edit. A message's body is a "
         "msgpack array of its\n"
         "fields in this order, in an envelope (`proto/envelope.def`). What is outside its bounds is refused "
         "by the\n"
         "decoder. In place of its reply a request may get [error](#error).\n\n"
         "## The envelope\n");
#define FIELD(name, bits, meaning)                                                                           \
    printf("- `%s` u%d%s%s\n", #name, bits, meaning[0] != '\0' ? ": " : "", meaning);
#include "proto/envelope.def"
    puts("\n## Messages");
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    print_message(message_rule(id), fields_##name, reply_##name);
#include "proto/mailboxes.def"
    puts("\n## Records");
#define REC(name, fields)                                                                                    \
    printf("\n### %s\n\n", #name);                                                                           \
    print_fields("- fields: ", fields_##name);
#include "proto/record.def"
    return 0;
}
