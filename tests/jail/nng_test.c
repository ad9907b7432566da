/* SPDX-License-Identifier: MIT
 * The bus works in a sealed jail: nng dials before the filter is loaded, answers after it, and
 * kinds that may connect dial again. The listener stands outside, in a process of its own. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <nng/nng.h>
#include <nng/protocol/pair1/pair.h>

#include "base/own.h"
#include "tests/jail/prison.h"

enum { PATIENCE_MS = 60000, MESSAGE_MAX = 65536 };

struct bus {
    struct prison prison;
    pid_t listener[2];
    char url[2][160];
    char fresh[160]; /* the router's, made when it is sealed */
};

static int open_pair(nng_socket *s)
{
    int r = nng_pair1_open(s);
    if (r == 0)
        r = nng_socket_set_ms(*s, NNG_OPT_RECVTIMEO, PATIENCE_MS);
    if (r == 0)
        r = nng_socket_set_ms(*s, NNG_OPT_SENDTIMEO, PATIENCE_MS);
    if (r == 0)
        r = nng_socket_set_size(*s, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
    return r;
}

static int round_trip(nng_socket s)
{
    char answer[8] = "";
    size_t size = sizeof answer;
    char ping[] = "ping";
    if (nng_send(s, ping, sizeof ping, 0) != 0 || nng_recv(s, answer, &size, 0) != 0)
        return -1;
    return size == sizeof ping && strcmp(answer, "ping") == 0 ? 0 : -1;
}

/* Returns what it hears, peer after peer; killed by the test. */
static void echo(const char *url)
{
    nng_socket s;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (open_pair(&s) != 0 || nng_listen(s, url, NULL, 0) != 0 || chmod(url + strlen("ipc://"), 0666) != 0)
        _exit(1);
    for (;;) {
        char bytes[64];
        size_t size = sizeof bytes;
        if (nng_recv(s, bytes, &size, 0) == 0)
            nng_send(s, bytes, size, 0);
    }
}

/* nng counts the processors that it may use when it first starts: with one, fewer threads. */
static int first_dial(const struct bus *bus, nng_socket *s)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof all, &all) < 0)
        return -1;
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0)
        return -1;
    int r = open_pair(s);
    if (r == 0)
        r = nng_dial(*s, bus->url[0], NULL, 0);
    return sched_setaffinity(0, sizeof all, &all) < 0 ? -1 : r;
}

static void dial(const struct inmate *me)
{
    if (first_dial(me->argument, me->shared) != 0)
        _exit(3);
}

/* Thread ids of a pid namespace start at 1, and a signal 0 to one of ours is allowed. */
static int thread_count(void)
{
    int count = 0;
    for (int id = 1; id < 256; id++)
        count += tgkill(getpid(), id, 0) == 0;
    return count;
}

/* 0, or below: the threads, counted, when it was heard. */
static int talk(const struct inmate *me)
{
    return round_trip(*(nng_socket *)me->shared) < 0 ? -1 : -1000 - thread_count();
}

static int talk_and_dial_again(const struct inmate *me)
{
    const struct bus *bus = me->argument;
    nng_socket again;
    if (round_trip(*(nng_socket *)me->shared) < 0)
        return -1;
    nng_close(*(nng_socket *)me->shared);
    int r = open_pair(&again);
    if (r == 0)
        r = nng_dial(again, bus->url[1], NULL, 0);
    return r == 0 ? round_trip(again) : -r;
}

static struct outcome live_as(const struct bus *bus, const char *kind, int (*act)(const struct inmate *))
{
    const struct jail_order order = prison_order(&bus->prison, kind);
    nng_socket s;
    const struct inmate inmate = {.prison = &bus->prison,
                                  .order = &order,
                                  .depth = SEALED,
                                  .extra = -1,
                                  .before_seal = dial,
                                  .act = act,
                                  .argument = bus,
                                  .shared = &s};
    return prison_run(&inmate);
}

static void a_sealed_actor_is_heard_on_the_bus(void **state)
{
    const char *kind;
    for (size_t n = 0; (kind = effects_kind(effects_table(), n)) != NULL; n++) {
        if (strcmp(kind, "router") == 0)
            continue;
        struct outcome out = live_as(*state, kind, talk);
        if (!out.ran || out.value > -1000)
            fail_msg("%s: ran %d, value %d, %s, signal %d %s", kind, out.ran, out.value, strerror(out.error),
                     out.signal, out.why.text);
        print_message("# %s: %d threads\n", kind, -1000 - out.value);
        assert_in_range(-1000 - out.value, 2, 14);
    }
}

static void a_sealed_actor_that_may_connect_dials_again(void **state)
{
    struct outcome out = live_as(*state, "vm", talk_and_dial_again);
    if (!out.ran || out.value != 0)
        fail_msg("ran %d, value %d (%s), signal %d %s", out.ran, out.value, nng_strerror(-out.value),
                 out.signal, out.why.text);
}

/* The router's own part: a fresh socket for a child that starts while it is sealed. */
static void note_end(nng_pipe pipe, nng_pipe_ev event, void *left)
{
    (void)pipe, (void)event;
    atomic_store((atomic_int *)left, 1);
}

static int listen_and_answer(const struct inmate *me)
{
    static atomic_int left; /* whoever has its answer goes */
    const struct bus *bus = me->argument;
    nng_socket s;
    char bytes[64];
    size_t size = sizeof bytes;
    if (open_pair(&s) != 0 || nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, note_end, &left) != 0)
        return -1;
    nng_listener at;
    if (nng_listener_create(&at, s, bus->fresh) != 0 ||
        nng_listener_set_int(at, NNG_OPT_IPC_PERMISSIONS, 0666) != 0 || nng_listener_start(at, 0) != 0)
        return -2;
    if (nng_recv(s, bytes, &size, 0) != 0 || nng_send(s, bytes, size, 0) != 0)
        return -3;
    for (int i = 0; i < 60000 && atomic_load(&left) == 0; i++) /* the answer leaves by a thread of nng's */
        usleep(1000);
    return nng_listener_close(at) == 0 ? 0 : -4;
}

static void open_router_part(const struct inmate *me)
{
    if (open_pair(me->shared) != 0)
        _exit(3);
}

static void call_router(const struct bus *bus)
{
    nng_socket s;
    if (open_pair(&s) != 0 || nng_dial(s, bus->fresh, NULL, NNG_FLAG_NONBLOCK) != 0)
        _exit(1);
    _exit(round_trip(s) == 0 ? 0 : 2);
}

static void a_sealed_router_makes_a_socket_for_a_new_child(void **state)
{
    const struct bus *bus = *state;
    const struct jail_order order = prison_order(&bus->prison, "router");
    nng_socket s;
    const struct inmate inmate = {.prison = &bus->prison,
                                  .order = &order,
                                  .depth = SEALED,
                                  .extra = -1,
                                  .before_seal = open_router_part,
                                  .act = listen_and_answer,
                                  .argument = bus,
                                  .shared = &s};
    pid_t caller = fork();
    if (caller == 0)
        call_router(bus);
    struct outcome out = prison_run(&inmate);
    int status = -1;
    assert_int_equal(waitpid(caller, &status, 0), caller);
    if (!out.ran || out.value != 0)
        fail_msg("ran %d, value %d, signal %d %s", out.ran, out.value, out.signal, out.why.text);
    assert_int_equal(status, 0);
}

static int open_bus(void **state)
{
    static struct bus bus;
    prison_open(&bus.prison);
    snprintf(bus.fresh, sizeof bus.fresh, "ipc://%s/fresh.sock", bus.prison.places[PLACE_BUS]);
    for (size_t i = 0; i < COUNT(bus.url); i++) {
        snprintf(bus.url[i], sizeof bus.url[i], "ipc://%s/%zu.sock", bus.prison.places[PLACE_BUS], i);
        if ((bus.listener[i] = fork()) == 0)
            echo(bus.url[i]);
        while (access(bus.url[i] + strlen("ipc://"), F_OK) < 0)
            usleep(1000);
    }
    *state = &bus;
    return 0;
}

static int close_bus(void **state)
{
    struct bus *bus = *state;
    for (size_t i = 0; i < COUNT(bus->listener); i++) {
        kill(bus->listener[i], SIGKILL);
        waitpid(bus->listener[i], NULL, 0);
    }
    prison_close(&bus->prison);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_actor_is_heard_on_the_bus),
        cmocka_unit_test(a_sealed_actor_that_may_connect_dials_again),
        cmocka_unit_test(a_sealed_router_makes_a_socket_for_a_new_child),
    };
    if (!prison_is_possible())
        return 77;
    return cmocka_run_group_tests_name("the bus in a jail", tests, open_bus, close_bus);
}
