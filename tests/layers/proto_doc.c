/* SPDX-License-Identifier: MIT
 * Prints docs/messages.md: every message and record, made from the rows of proto/. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "proto/rules.h"
#include "proto/who.h"

/* One field as its row spells it, with bounds as numbers; *count is how many came before it. */
static void put(int *count, const char *type, const char *name, const char *of, unsigned long long lo,
                unsigned long long hi)
{
    printf("%s`%s` %s ", (*count)++ > 0 ? ", " : "", name, type);
    if (strcmp(type, "list") == 0)
        printf("of at most %llu [%s](#%s)", hi, of, of);
    else if (strcmp(type, "one") == 0)
        printf("[%s](#%s)", of, of);
    else
        printf("%llu to %llu%s", lo, hi, type[0] == 'u' ? "" : " bytes");
}

#define U32(f, lo, hi)   put(&count, "u32", #f, "", lo, hi);
#define U64(f, lo, hi)   put(&count, "u64", #f, "", lo, hi);
#define STR(f, lo, hi)   put(&count, "text", #f, "", lo, hi);
#define BYTES(f, hi)     put(&count, "bytes", #f, "", 0, hi);
#define LIST(f, rec, hi) put(&count, "list", #f, #rec, 0, hi);
#define ONE(f, rec)      put(&count, "one", #f, #rec, 0, 0);
#define NOTHING          ;
#define FIELDS(name, fields)                                                                                 \
    static void name(const char *title)                                                                      \
    {                                                                                                        \
        int count = 0;                                                                                       \
        printf("%s", title);                                                                                 \
        fields puts(count == 0 ? "nothing" : "");                                                            \
    }
#define REC(name, fields) FIELDS(fields_##name, fields)
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    FIELDS(fields_##name, fields)                                                                            \
    FIELDS(reply_##name, reply)
#include "proto/mailboxes.def"
#include "proto/no_fields.h"

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

static void print_message(const struct message_rule *row, void fields(const char *), void reply(const char *))
{
    static const char *const about[] = {"nobody", "the sender's own VM", "the receiver's VM", "any VM"};
    printf("\n### %s\n\n0x%04x, %s from ", row->name, row->type, message_class_name(row->class));
    print_kinds(row->from, "whoever was asked");
    printf(" to ");
    print_kinds(row->to, "every kind");
    printf("; about %s%s.\n\n", about[row->about],
           row->wake == WAKES ? "; it starts a receiver that does not run" : "");
    fields("- fields: ");
    if (row->class == CLASS_REQUEST)
        reply("- reply: ");
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
    fields_##name("- fields: ");
#include "proto/record.def"
    return 0;
}
