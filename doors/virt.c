/* SPDX-License-Identifier: MIT
 * libvirt's event thread, connections and errors, for the doors of vm, host and
 * devbus-pci; see virt.h. */
#include "doors/virt.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/own.h"
#include "doors/virt_state.h"
#include "doors/virt_thread.h"

#define SAME(ours, theirs) static_assert((int)(ours) == (int)(theirs), #ours " is libvirt's number")
SAME(VIRT_NOSTATE, VIR_DOMAIN_NOSTATE);
SAME(VIRT_RUNNING, VIR_DOMAIN_RUNNING);
SAME(VIRT_BLOCKED, VIR_DOMAIN_BLOCKED);
SAME(VIRT_PAUSED, VIR_DOMAIN_PAUSED);
SAME(VIRT_SHUTDOWN, VIR_DOMAIN_SHUTDOWN);
SAME(VIRT_SHUTOFF, VIR_DOMAIN_SHUTOFF);
SAME(VIRT_CRASHED, VIR_DOMAIN_CRASHED);
SAME(VIRT_PMSUSPENDED, VIR_DOMAIN_PMSUSPENDED);
SAME(VIRT_EVENT_DEFINED, VIR_DOMAIN_EVENT_DEFINED);
SAME(VIRT_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED);
SAME(VIRT_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED);
SAME(VIRT_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED);
SAME(VIRT_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED);
SAME(VIRT_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED);
SAME(VIRT_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN);
SAME(VIRT_EVENT_PMSUSPENDED, VIR_DOMAIN_EVENT_PMSUSPENDED);
SAME(VIRT_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED);
SAME(VIRT_UUID_MAX + 1, VIR_UUID_STRING_BUFLEN);

/* How often libvirtd is asked whether it lives, and after how many silences it is taken for gone. Xen's
 * driver stops libvirtd's event loop while it builds a domain, whatever is asked by whomever: there only a
 * silence counts that is longer than any call may take, or one start would cut off everybody. */
static const struct patience {
    const char *scheme;
    int seconds;
    unsigned count;
} patience[] = {{"xen", 5, 15}, {"", 1, 3}};

/* libvirt keeps one event loop per process, whatever we would like. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool running;

/* In place of libvirt's habit of printing every error on standard error. */
static void say_nothing(void *user, virErrorPtr error)
{
    (void)user;
    (void)error;
}

static void *event_thread(void *unused)
{
    (void)unused;
    for (;;) {
        if (virEventRunDefaultImpl() < 0) {
            struct timespec pause = {.tv_nsec = 100000000}; /* a loop that fails must not spin */
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

static void start_thread(void)
{
    sigset_t all, before;
    pthread_t thread;
    virSetErrorFunc(NULL, say_nothing);
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the actor's, not this thread's */
    if (pthread_create(&thread, NULL, event_thread, NULL) == 0) {
        pthread_detach(thread);
        running = true;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int virt_thread_start(struct fault *why)
{
    pthread_once(&once, start_thread);
    if (!running)
        return fault_set(why, ERR_NO_CONNECTION,
                         "libvirt's event thread cannot be started; look at the process limits");
    return 0;
}

static enum err meaning_of(const virError *error)
{
    static const struct {
        int code;
        enum err meaning;
    } rows[] = {
        {VIR_ERR_NO_MEMORY, ERR_NOMEM},
        {VIR_ERR_NO_DOMAIN, ERR_NO_DOMAIN},
        {VIR_ERR_NO_NODE_DEVICE, ERR_UNKNOWN},
        {VIR_ERR_NO_SUPPORT, ERR_UNSUPPORTED},
        {VIR_ERR_OPERATION_UNSUPPORTED, ERR_UNSUPPORTED},
        {VIR_ERR_ARGUMENT_UNSUPPORTED, ERR_UNSUPPORTED},
        {VIR_ERR_OPERATION_INVALID, ERR_STATE},
        {VIR_ERR_OPERATION_TIMEOUT, ERR_TIMEOUT},
        {VIR_ERR_NO_CONNECT, ERR_NO_CONNECTION},
        {VIR_ERR_INVALID_CONN, ERR_NO_CONNECTION},
        {VIR_ERR_RPC, ERR_NO_CONNECTION},
    };
    if (error->domain == VIR_FROM_RPC || error->domain == VIR_FROM_REMOTE)
        return ERR_NO_CONNECTION; /* lost on the way, whatever the code says */
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].code == error->code)
            return rows[i].meaning;
    return ERR_HYPERVISOR;
}

/* What libvirt says may hold a guest's or a file's bytes: what reaches a client is plain. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~' || *text == '%')
            *text = '?';
}

/* libvirt names nothing but the type of guest that it does not find here. */
static bool lacks_hvm(const virError *error)
{
    return error->code == VIR_ERR_OS_TYPE && error->str2 != NULL && strcmp(error->str2, "hvm") == 0;
}

int virt_fault(struct fault *why, const char *what)
{
    const virError *error = virGetLastError();
    if (error == NULL)
        return fault_set(why, ERR_HYPERVISOR, "%s: libvirt failed without a reason", what);
    if (lacks_hvm(error))
        return fault_set(why, ERR_VM,
                         "%s: this machine cannot run HVM guests: switch VT-x or AMD-V on in its firmware",
                         what);
    int r = fault_set(why, meaning_of(error), "%s: %s", what,
                      error->message == NULL ? "no reason given" : error->message);
    if (why != NULL)
        make_plain(why->text);
    return r;
}

static const struct patience *patience_with(const char *uri)
{
    const struct patience *p = patience;
    while (strncmp(uri, p->scheme, strlen(p->scheme)) != 0)
        p++; /* the last one fits every URI */
    return p;
}

unsigned virt_silence_max(const char *uri)
{
    const struct patience *p = patience_with(uri);
    return (unsigned)p->seconds * (p->count + 1);
}

int virt_open(const char *uri, unsigned flags, virConnectPtr *ret, struct fault *why)
{
    int r = virt_thread_start(why);
    if (r < 0)
        return r;
    virConnectPtr link = virConnectOpenAuth(uri, NULL, flags);
    if (link == NULL) {
        virt_fault(why, "connect to libvirt");
        if (why != NULL)
            why->code = ERR_NO_CONNECTION;
        return -ERR_NO_CONNECTION;
    }
    const struct patience *p = patience_with(uri);
    if (virConnectSetKeepAlive(link, p->seconds, p->count) < 0 &&
        virGetLastErrorCode() != VIR_ERR_NO_SUPPORT) { /* in-process drivers have nothing to keep alive */
        r = virt_fault(why, "keepalive");
        virConnectClose(link);
        return r;
    }
    *ret = link;
    return 0;
}
