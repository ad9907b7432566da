/* SPDX-License-Identifier: MIT
 * Changes in a guest's QubesDB, told as they come while they are few: a guest can change its database without
 * end, and must not make events without end of it. The core's half; guest_main_watch.c reads the socket. */
#include "actors/guest/guest.h"

#include <string.h>

#include "base/own.h"
#include "actors/guest/guest_inside.h"

/* So many changes at once, and so many a second; what is more is told as one of the watched path itself. */
enum { AT_ONCE = 32, A_SECOND = 16 };
/* A daemon that is not there is looked for again after this, then twice as long each time. */
#define AGAIN_FIRST (1 * SECONDS)
#define AGAIN_MOST  (64 * SECONDS)

enum { ONLY_HEARD, TOLD };
static const struct {
    const char *path;
    bool is_told;
} watched[] = {
#define WATCH(path, told, why) {path, told == TOLD},
#include "actors/guest/guest_watch.def"
};

const char *guest_watched(size_t i)
{
    return i < COUNT(watched) ? watched[i].path : NULL;
}

static bool covers(const char *watch, const char *path)
{
    size_t len = strlen(watch);
    return watch[len - 1] == '/' ? strncmp(path, watch, len) == 0 : strcmp(path, watch) == 0;
}

static void tell(struct guest *g, struct out *out, const char *watch, const char *path)
{
    struct context about = {.caller = g->subject.instance, .subject = g->subject};
    struct guest_changed m;
    if (text_copy(m.watch, sizeof m.watch, span_of(watch)) == 0 &&
        text_copy(m.path, sizeof m.path, span_of(path)) == 0)
        (void)EVENT(out, guest_changed, ((struct address){KIND_REGISTRY, 0}), &about, &m);
}

static bool may_tell(struct guest *g, uint64_t now)
{
    uint64_t earned = (now - g->tokens_at) / (SECONDS / A_SECOND);
    if (earned > 0) {
        g->tokens = earned >= AT_ONCE - g->tokens ? AT_ONCE : g->tokens + (uint32_t)earned;
        g->tokens_at = now;
    }
    if (g->tokens == 0)
        return false;
    g->tokens--;
    return true;
}

void guest_fired(struct guest *g, struct out *out, const char *path)
{
    for (size_t i = 0; i < COUNT(watched) && g->open; i++) {
        const char *watch = watched[i].path;
        enum guest_class class = guest_class_at(watch);
        bool is_ours = class == GUEST_CLASSES || guest_serves(g, class);
        if (!is_ours || !covers(watch, path))
            continue;
        if (class != GUEST_CLASSES)
            guest_expose_look(g, out, class, true);
        if (!watched[i].is_told)
            continue;
        if (g->untold == NULL && may_tell(g, out->now)) {
            tell(g, out, watch, path);
        } else if (g->untold == NULL) {
            g->untold = watch;
            out_timer(out, TIMER_UNTOLD, out->now + SECONDS / 2);
        }
    }
}

void guest_tell_untold(struct guest *g, struct out *out)
{
    const char *watch = g->untold;
    g->untold = NULL;
    out_timer(out, TIMER_UNTOLD, 0);
    if (watch != NULL && g->open && may_tell(g, out->now))
        tell(g, out, watch, watch);
}

void guest_watch_ask(struct guest *g, struct out *out)
{
    out_timer(out, TIMER_WATCH, 0);
    if (g->open && !g->watches)
        out_door(out, GUEST_DOOR_WATCH);
}

void guest_watch_begin(struct guest *g, struct out *out)
{
    g->watch_again = 0;
    guest_watch_ask(g, out);
}

void guest_watch_came(struct guest *g, struct out *out, bool there)
{
    g->watches = there;
    if (there) {
        g->watch_again = 0;
        guest_expose_look_all(g, out);
        return;
    }
    g->watch_again = g->watch_again == 0           ? AGAIN_FIRST
                     : g->watch_again < AGAIN_MOST ? 2 * g->watch_again
                                                   : AGAIN_MOST;
    if (g->open)
        out_timer(out, TIMER_WATCH, out->now + g->watch_again);
}

void guest_watch_ended(struct guest *g, struct out *out)
{
    guest_watch_came(g, out, false);
}
