/* SPDX-License-Identifier: MIT
 * What the numbers in fields of registry.def mean. */
#ifndef PROTO_REGISTRY_VALUES_H
#define PROTO_REGISTRY_VALUES_H

/* claim: what a VM's process wants its view for. */
enum claim_purpose {
    CLAIM_TO_LIVE,
    CLAIM_TO_KNOW /* the VM need not live */
};

/* release: what has ended. */
enum release_after {
    RELEASE_AFTER_DOMAIN, /* the domain is gone */
    RELEASE_AFTER_LIFE,   /* nothing of its life is left either */
    RELEASE_AFTER_FAILURE /* the same, and the start has failed */
};

/* transfer: what is done with the store and the files beside it; and its flag. */
enum transfer_what { TRANSFER_CHECK, TRANSFER_IMPORT, TRANSFER_EXPORT, TRANSFER_DOCUMENT };
enum { TRANSFER_FORCE = 1 }; /* TRANSFER_EXPORT: also over what another program wrote */

/* qdb_entries: which of the entries that a QubesDB is to hold. */
enum qdb_entries_what {
    QDB_ALL,
    QDB_LIVING, /* those that change while the guest lives, and what a netvm is told of its clients */
    QDB_CLIENT  /* what it is told of one client */
};

/* devices_came: `only` of a device that goes to whoever has it assigned; no VM has that qid. */
enum { DEVICES_FOR_WHOEVER = 10001 };

#endif
