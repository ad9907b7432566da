/* SPDX-License-Identifier: MIT
 * Import, export and the comparison of the store with the files beside it: what the worker does of it, and
 * the report's form, a line each: severity, TAB, whom it concerns, TAB, line, TAB, column, TAB, text. */
#ifndef ACTORS_REGISTRY_TRANSFER_H
#define ACTORS_REGISTRY_TRANSFER_H

#include "actors/registry/registry_store.h"
#include "proto/registry_values.h"

/* Another flag of an export, besides TRANSFER_FORCE: an import comes first. */
enum { TRANSFER_IMPORTED = 2 };

/* `severity`: note, warning, disabled, question, error. Line and column 0: not known. */
void transfer_report(struct text *report, const char *severity, struct span whom, unsigned line,
                     unsigned column, const char *text);

/* What the model itself knows to be wrong: VMs that may not start, and what their import left out. */
struct model;
void transfer_report_model(const struct model *m, struct text *report);

/* What the store's opening asks: was a file changed by another program? */
void transfer_look(struct store *s, struct store_task *t);

/* The file that is there is taken for the one that the store holds. */
int transfer_adopt(struct store *s, struct fault *why);

/* The tasks. STORE_EXPORT: writes what must be; t->more: call again. STORE_CHECK: only reports. STORE_READ:
 * the folder t->path (empty: the one beside the store) as changes. STORE_DOCUMENT: all files of the model,
 * appended to t->document as "path LF length LF bytes". */
int transfer_export(struct store *s, struct store_task *t, struct fault *why);
int transfer_check(struct store *s, struct store_task *t, struct fault *why);
int transfer_read(struct store *s, struct store_task *t, struct fault *why);
int transfer_document(struct store *s, struct store_task *t, struct fault *why);

/* qubes.xml and what lies beside it in a directory, as changes; *beside learns the files. Without qubes.xml:
 * -ERR_UNKNOWN. */
int transfer_take_in(int dir, struct change_list *list, struct beside *beside, struct text *report,
                     struct fault *why);

/* A qubes.xml alone, by its path. */
int transfer_take_file(const char *path, struct change_list *list, struct text *report, struct fault *why);

#endif
