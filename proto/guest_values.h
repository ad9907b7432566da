/* SPDX-License-Identifier: MIT
 * What the numbers in fields of guest.def mean. */
#ifndef PROTO_GUEST_VALUES_H
#define PROTO_GUEST_VALUES_H

/* guest_request, and registry's guest_words: what of its QubesDB the guest wants to be heard. */
enum guest_word_kind {
    GUEST_FEATURES, /* its feature requests */
    GUEST_TOOLS,    /* its tools */
    GUEST_WORD_KINDS
};

/* guest_mic: what is written about a VM that may hear the microphone, or may not. */
enum guest_mic_allowed {
    MIC_REFUSED,
    MIC_ALLOWED,
    MIC_UNSAID /* nothing is left of it */
};

#endif
