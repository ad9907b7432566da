/* SPDX-License-Identifier: MIT
 * Connections over real sockets: a process serves the small system of api_scene.h, this one is its client.
 * With a number of calls as argument it measures instead: "api_clients_test 20000". */
#include "tests/unit/api/api_scene.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#include "actors/api/api_clients.h"
#include "actors/api/api_request.h"
#include "base/log.h"

struct server {
    pid_t pid;
    int control;
    struct sockaddr_un address;
};

/* The snapshot as the registry would answer the first question. */
static void know_the_scene(struct api *api, struct out *out)
{
    struct scene s = {.api = api, .out = *out};
    api_actor.hello(api, out, 7, 0);
    s.ask[0].tag = 1;
    scene_snapshot(&s, 0, 10);
}

static void listener_ready(void *arg, struct shell *shell, int fd, uint32_t events)
{
    struct server *at = arg;
    (void)events;
    (void)shell_watch(shell, fd, 0, NULL, NULL);
    close(fd);
    know_the_scene(shell_core(shell), shell_out(shell));
    at->pid = 0;
}

static void serve(struct server *at, int listener, int control)
{
    struct fault why;
    struct shell *shell;
    struct shell_parts parts = {.actor = &api_actor, .life = {.self = {KIND_API, 0}}, .control = control};
    int wake[2];
    log_open("test", LOG_ERROR);
    if (shell_new(&parts, &shell, &why) < 0 || pipe(wake) < 0 || write(wake[1], "", 1) != 1)
        _exit(1);
    struct clients *clients = clients_new(shell_core(shell), shell, NULL);
    if (clients == NULL || clients_listen(clients, SOCKET_ADMIN, listener) < 0)
        _exit(1);
    (void)shell_watch(shell, control, 1, NULL, NULL);
    (void)shell_watch(shell, wake[0], 1, listener_ready, at);
    (void)shell_serve(shell);
    clients_free(clients);
    shell_free(shell);
    exit(0);
}

static void start(struct server *at)
{
    int ends[2];
    *at = (struct server){.address = {.sun_family = AF_UNIX}};
    snprintf(at->address.sun_path, sizeof at->address.sun_path, "/tmp/api-clients-test.%ld", (long)getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at->address, sizeof at->address), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(control_pair(ends), 0);
    at->pid = fork();
    if (at->pid == 0) {
        close(ends[0]);
        serve(at, fd, ends[1]);
    }
    close(fd);
    close(ends[1]);
    at->control = ends[0];
}

/* The server ends when its control line does. */
static void stop(struct server *at)
{
    int status = -1;
    close(at->control);
    assert_int_equal(waitpid(at->pid, &status, 0), at->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    unlink(at->address.sun_path);
}

static int dial(const struct server *at)
{
    struct timeval patience = {10, 0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at->address, sizeof at->address), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

/* Everything until the server closes; its length, or -1 for an error. */
static ssize_t read_all(int fd, char *to, size_t room)
{
    size_t len = 0;
    ssize_t n;
    while (len < room && (n = read(fd, to + len, room - len)) != 0) {
        if (n < 0)
            return -1;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static const char tag_get[] = "admin.vm.tag.Get+one dom0 name work";

static void call_once(const struct server *at)
{
    char got[64];
    int fd = dial(at);
    assert_int_equal(write(fd, tag_get, sizeof tag_get), sizeof tag_get);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_int_equal(read_all(fd, got, sizeof got), 3);
    assert_memory_equal(got, "0\0001", 3);
    close(fd);
}

static void a_call_is_answered_and_closed(void **state)
{
    struct server at;
    (void)state;
    start(&at);
    for (int i = 0; i < 100; i++)
        call_once(&at);
    stop(&at);
}

static void a_request_may_come_byte_by_byte_while_others_are_served(void **state)
{
    struct server at;
    char got[64];
    (void)state;
    start(&at);
    int fd = dial(&at);
    for (size_t i = 0; i < sizeof tag_get; i++) {
        assert_int_equal(write(fd, tag_get + i, 1), 1);
        call_once(&at);
    }
    shutdown(fd, SHUT_WR);
    assert_int_equal(read_all(fd, got, sizeof got), 3);
    close(fd);
    stop(&at);
}

static void an_oversize_request_is_told_so_and_its_sender_not_reset(void **state)
{
    static const char start_of_it[] = "admin.vm.feature.Get+x dom0 name work";
    static char bytes[200000], got[200];
    struct server at;
    (void)state;
    start(&at);
    memcpy(bytes, start_of_it, sizeof start_of_it);
    for (size_t size = REQUEST_MAX; size <= REQUEST_MAX + 100000; size += 50000) {
        int fd = dial(&at);
        assert_int_equal(write(fd, bytes, size), size);
        shutdown(fd, SHUT_WR);
        assert_true(read_all(fd, got, sizeof got) > 20);
        assert_string_equal(got, "2");
        assert_string_equal(got + 2, "ProtocolError");
        assert_int_equal(size == REQUEST_MAX, strcmp(got + 17, "unexpected payload") == 0);
        close(fd);
    }
    stop(&at);
}

static void a_stream_stays_open_and_a_client_that_leaves_is_noticed(void **state)
{
    static const char events[] = "admin.Events dom0 name dom0", expected[] = "1\0\0connection-established\0";
    struct server at;
    char got[64];
    (void)state;
    start(&at);
    for (int i = 0; i < 300; i++) { /* more than may listen at once */
        int fd = dial(&at);
        assert_int_equal(write(fd, events, sizeof events), sizeof events);
        shutdown(fd, SHUT_WR);
        assert_int_equal(read(fd, got, sizeof got), sizeof expected);
        assert_memory_equal(got, expected, sizeof expected);
        close(fd);
    }
    call_once(&at);
    stop(&at);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The least that any server does: accept, read to the end, write, close. */
static void serve_bare(int listener)
{
    char buffer[4096];
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        while (fd >= 0 && read(fd, buffer, sizeof buffer) > 0)
            continue;
        if (fd < 0 || write(fd, "0\0001", 3) != 3)
            _exit(1);
        close(fd);
    }
}

static void start_bare(struct server *at)
{
    *at = (struct server){.address = {.sun_family = AF_UNIX}};
    snprintf(at->address.sun_path, sizeof at->address.sun_path, "/tmp/api-bare-test.%ld", (long)getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at->address, sizeof at->address), 0);
    assert_int_equal(listen(fd, 128), 0);
    at->pid = fork();
    if (at->pid == 0)
        serve_bare(fd);
    close(fd);
}

static double median_of(const struct server *at, int calls)
{
    AUTO_MEMORY double *took = calloc((size_t)calls, sizeof *took);
    if (took == NULL)
        abort();
    for (int i = 0; i < calls; i++) {
        double from = now_us();
        call_once(at);
        took[i] = now_us() - from;
    }
    qsort(took, (size_t)calls, sizeof *took, by_value);
    return took[calls / 2];
}

static double rate_of(const struct server *at, int calls, int clients)
{
    int each = calls / clients;
    double from = now_us();
    for (int i = 0; i < clients; i++) {
        if (fork() != 0)
            continue;
        for (int n = 0; n < each; n++)
            call_once(at);
        _exit(0);
    }
    for (int i = 0; i < clients; i++)
        (void)wait(NULL);
    return (double)each * clients / (now_us() - from) * 1e6;
}

static void measure(int calls)
{
    struct server bare, at;
    start_bare(&bare);
    start(&at);
    call_once(&at);
    for (int i = 0; i < 3; i++) {
        double least = median_of(&bare, calls), ours = median_of(&at, calls);
        double most = rate_of(&bare, calls, 16), rate = rate_of(&at, calls, 16);
        printf("p50 bare %.1f us, api %.1f us (%.2fx); 16 clients: bare %.0f/s, api %.0f/s (%.0f %%)\n",
               least, ours, ours / least, most, rate, 100 * rate / most);
    }
    kill(bare.pid, SIGKILL);
    (void)waitpid(bare.pid, NULL, 0);
    unlink(bare.address.sun_path);
    stop(&at);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered_and_closed),
        cmocka_unit_test(a_request_may_come_byte_by_byte_while_others_are_served),
        cmocka_unit_test(an_oversize_request_is_told_so_and_its_sender_not_reset),
        cmocka_unit_test(a_stream_stays_open_and_a_client_that_leaves_is_noticed),
    };
    if (argc > 1) {
        measure(atoi(argv[1]));
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
