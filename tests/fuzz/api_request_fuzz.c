/* SPDX-License-Identifier: MIT
 * Fuzzes what clients send, against a core that knows a small system: the first byte chooses the
 * socket. Every request ends in one answer, in a question to somebody, or in a stream. */
#include "tests/unit/api/api_scene.h"

#include <assert.h>

#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_is_well_formed(const struct text *got)
{
    assert(got->len >= 2 && got->at[1] == '\0');
    assert(got->at[0] == '0' || got->at[0] == '1' || got->at[0] == '2');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct scene s;
    if (s.api == NULL) {
        log_open("fuzz", LOG_ERROR);
        scene_open(&s, 0);
    }
    if (size == 0)
        return 0;
    uint64_t conn = scene_request(&s, (enum client_socket)(data[0] % SOCKETS),
                                  (struct span){(const char *)data + 1, size - 1});
    assert(s.finished[conn % SCENE_CONNS] != (s.stream[conn % SCENE_CONNS] || s.asks == 1));
    if (s.asks == 1)
        scene_answer(&s, 0, -ERR_QUBES, "no", NULL);
    if (s.finished[conn % SCENE_CONNS])
        answer_is_well_formed(&s.got[conn % SCENE_CONNS]);
    else
        api_client_gone(s.api, &s.out, conn);
    scene_forget_asks(&s);
    return 0;
}
