/* SPDX-License-Identifier: MIT
 * What the numbers in fields of record.def mean. */
#ifndef PROTO_RECORD_VALUES_H
#define PROTO_RECORD_VALUES_H

/* sample_item: what a domain says of itself; bits. */
enum sample_has { SAMPLE_HAS_MEMORY = 1, SAMPLE_HAS_SWAP = 2 };

/* pool_volume: who may use the volume. */
enum volume_state {
    VOLUME_RESTS,    /* its VM is halted */
    VOLUME_LIVES,    /* it lives */
    VOLUME_HALF_MADE /* it was being made or removed, and nobody is at that any more */
};

/* view_device: whether a device is attached once its VM and its backend both run. */
enum view_automatic { VIEW_NOT_BY_ITSELF, VIEW_BY_ITSELF, VIEW_AFTER_ASKING /* if a person says so */ };

/* vm_view: where a refusal is told. */
enum view_vetoed {
    VETO_NONE,
    VETO_BEGUN, /* it is one of domain-pre-start, which is told then */
    VETO_UNTOLD /* nobody is told of it */
};

/* vm_view: whether the word nomodeset goes from the kernel's common options. */
enum view_modeset { NOMODESET_STAYS, NOMODESET_GOES, NOMODESET_GOES_FOR_A_SCREEN };

/* vm_view: what the start of a preloaded disposable waits for in its guest; bits. */
enum view_preload_waits { PRELOAD_WAITS_FOR_SYSTEM = 1, PRELOAD_WAITS_FOR_SESSION = 2 };

#endif
