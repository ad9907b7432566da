/* SPDX-License-Identifier: MIT
 * What a bus on the bench says and asks, kept as short texts. Part of devbus_bench.h. */
#ifndef TESTS_UNIT_DEVBUS_DEVBUS_BENCH_SAYS_H
#define TESTS_UNIT_DEVBUS_DEVBUS_BENCH_SAYS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/devbus/devbus_bus.h"
#include "base/own.h"
#include "proto/rules.h"

enum { BACK = 4, FRONT = 7, OTHER = 8, GENERATION = 3, BENCH_MOST = 64 };

struct reply {
    uint64_t correlation;
    int r;
    char text[512], options[256];
    size_t devices;
    struct device_item first; /* of them */
};

struct asked {
    uint16_t type;
    uint64_t tag;
    uint32_t to, subject;
    char words[96]; /* what is asked, in the order of its fields */
};

struct bench {
    const struct actor *actor;
    void *core;
    struct out out;
    char note[DEVBUS_NOTE_MAX + 1];
    struct reply reply[BENCH_MOST];
    unsigned replies;
    uint64_t correlation, request; /* of the last message, and of the last that is owed an answer */
    char events[1024];             /* "4 device-added:usb back:1-1:id;" with each argument's value */
    char attached[512];            /* "7 back+1-1;" of each VM that api was told of */
    char shown[512];               /* "back+1-1+id options;" of the last of them */
    char sent[512];                /* "lose 7 sda;", "came 4 sda;", "only 7 8;" */
    struct asked ask[BENCH_MOST];
    size_t asks;
    uint64_t timer[8];
    uint64_t came_tag;     /* of the last question whose devices are to be */
    uint32_t came_only;    /* and which VM alone may get them */
    unsigned guests_asked; /* all of them, at once */
    uint32_t told_again;   /* the guest whose process is to say once more what it exposes */
    bool retired;
};

/* ---- what the core says ---- */

static inline void bench_add(char *to, size_t size, const char *line)
{
    strncat(to, line, size - strlen(to) - 1);
}

static inline void bench_take_event(struct bench *b, const struct envelope *e)
{
    struct happened m;
    struct event_item item;
    struct event_argument argument;
    char line[256];
    bool any = false;
    assert_int_equal(happened_decode(&m, e->body), 0);
    struct reader in = list_reader(&m.events);
    assert_int_equal(event_item_next(&in, &item), 1);
    struct reader arguments = list_reader(&item.arguments);
    snprintf(line, sizeof line, "%u %.*s", item.qid, (int)item.name.len, item.name.at);
    bench_add(b->events, sizeof b->events, line);
    while (event_argument_next(&arguments, &argument) == 1) {
        snprintf(line, sizeof line, " %.*s", (int)argument.value.len, argument.value.at);
        bench_add(b->events, sizeof b->events, line);
        any = true;
    }
    bench_add(b->events, sizeof b->events, any ? ";" : " ;");
}

static inline void bench_take_attached(struct bench *b, const struct envelope *e)
{
    struct attached m;
    struct attached_item item;
    char line[300];
    assert_int_equal(attached_decode(&m, e->body), 0);
    assert_string_equal(m.device_class, ((struct devbus *)b->core)->kind->device_class);
    struct reader in = list_reader(&m.devices);
    snprintf(line, sizeof line, "%u", e->subject_instance);
    bench_add(b->attached, sizeof b->attached, line);
    b->shown[0] = '\0';
    while (attached_item_next(&in, &item) == 1) {
        snprintf(line, sizeof line, " %s+%.40s", item.backend, item.port);
        bench_add(b->attached, sizeof b->attached, line);
        snprintf(line, sizeof line, "%s+%.40s+%.60s %.*s;", item.backend, item.port, item.device_id,
                 (int)item.options.len, item.options.at != NULL ? item.options.at : "");
        bench_add(b->shown, sizeof b->shown, line);
    }
    bench_add(b->attached, sizeof b->attached, ";");
}

static inline void bench_take_only(struct bench *b, const struct envelope *e)
{
    struct attached_only m;
    struct attached_vm vm;
    char line[16];
    assert_int_equal(attached_only_decode(&m, e->body), 0);
    struct reader in = list_reader(&m.vms);
    bench_add(b->sent, sizeof b->sent, "only");
    while (attached_vm_next(&in, &vm) == 1) {
        snprintf(line, sizeof line, " %u", vm.qid);
        bench_add(b->sent, sizeof b->sent, line);
    }
    bench_add(b->sent, sizeof b->sent, ";");
}

static inline void bench_take_reply(struct bench *b, const struct envelope *e)
{
    struct bus_prepare_reply prepared;
    struct bus_list_reply listed;
    struct error error;
    assert_true(b->replies < BENCH_MOST);
    struct reply *reply = &b->reply[b->replies++];
    *reply = (struct reply){.correlation = e->correlation};
    if (e->type == MESSAGE_error && error_decode(&error, e->body) == 0) {
        reply->r = -(int)error.code;
        memcpy(reply->text, error.text, sizeof reply->text);
    } else if (e->type == MESSAGE_bus_prepare) {
        assert_int_equal(bus_prepare_reply_decode(&prepared, e->body), 0);
        (void)text_copy(reply->options, sizeof reply->options, prepared.options);
    } else if (e->type == MESSAGE_bus_list) {
        assert_int_equal(bus_list_reply_decode(&listed, e->body), 0);
        struct reader in = list_reader(&listed.devices);
        reply->devices = listed.devices.count;
        (void)device_item_next(&in, &reply->first);
    }
}

static inline int bench_take(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct vm_lose lost;
    char line[300] = "";
    assert_int_equal(envelope_permitted(e, (struct address){b->actor->kind, 0}), 0);
    if (e->class == CLASS_REPLY)
        bench_take_reply(b, e);
    else if (e->type == MESSAGE_happened)
        bench_take_event(b, e);
    else if (e->type == MESSAGE_attached)
        bench_take_attached(b, e);
    else if (e->type == MESSAGE_attached_only)
        bench_take_only(b, e);
    else if (e->type == MESSAGE_guest_tell && e->to_instance == EVERY_INSTANCE)
        b->guests_asked++;
    else if (e->type == MESSAGE_guest_tell)
        b->told_again = e->to_instance;
    else if (e->type == MESSAGE_vm_lose && vm_lose_decode(&lost, e->body) == 0)
        snprintf(line, sizeof line, "lose %u %.200s;", e->to_instance, lost.port);
    bench_add(b->sent, sizeof b->sent, line);
    return 0;
}

static inline void bench_words(struct asked *a, const struct envelope *e)
{
    struct usb_call usb;
    struct mic_call mic;
    struct vm_named named;
    struct vm_sound sound;
    struct guest_devices devices;
    struct guest_mic word;
    struct device_chosen chosen;
    if (e->type == MESSAGE_device_chosen && device_chosen_decode(&chosen, e->body) == 0)
        snprintf(a->words, sizeof a->words, "%.40s>%u", chosen.port, chosen.qid);
    else if (e->type == MESSAGE_usb_call && usb_call_decode(&usb, e->body) == 0)
        snprintf(a->words, sizeof a->words, "%u %s %.40s", usb.attach, usb.backend, usb.port);
    else if (e->type == MESSAGE_mic_call && mic_call_decode(&mic, e->body) == 0)
        snprintf(a->words, sizeof a->words, "%u %s", mic.enable, mic.name);
    else if (e->type == MESSAGE_vm_named && vm_named_decode(&named, e->body) == 0)
        snprintf(a->words, sizeof a->words, "%s", named.name);
    else if (e->type == MESSAGE_vm_sound && vm_sound_decode(&sound, e->body) == 0)
        snprintf(a->words, sizeof a->words, "%s %u", sound.name, sound.enables);
    else if (e->type == MESSAGE_guest_devices && guest_devices_decode(&devices, e->body) == 0)
        snprintf(a->words, sizeof a->words, "%s", devices.device_class);
    else if (e->type == MESSAGE_guest_mic && guest_mic_decode(&word, e->body) == 0)
        snprintf(a->words, sizeof a->words, "%s %u", word.name, word.allowed);
}

/* Registry is asked whose devices are to be. */
static inline uint32_t bench_came(struct bench *b, const struct envelope *e)
{
    struct devices_came came;
    struct came_device device;
    char line[300];
    assert_int_equal(devices_came_decode(&came, e->body), 0);
    struct reader in = list_reader(&came.devices);
    while (came_device_next(&in, &device) == 1) {
        snprintf(line, sizeof line, "came %u %.200s;", e->subject_instance, device.port);
        bench_add(b->sent, sizeof b->sent, line);
    }
    return came.only;
}

static inline int bench_take_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    assert_int_equal(envelope_permitted(e, (struct address){b->actor->kind, 0}), 0);
    if (e->type == MESSAGE_devices_came) {
        b->came_tag = tag;
        b->came_only = bench_came(b, e);
        return 0;
    }
    assert_true(b->asks < BENCH_MOST);
    struct asked *a = &b->ask[b->asks++];
    *a = (struct asked){.type = e->type, .tag = tag, .to = e->to_instance, .subject = e->subject_instance};
    bench_words(a, e);
    return 0;
}

static inline void bench_take_timer(void *shell, uint64_t timer, uint64_t at)
{
    struct bench *b = shell;
    assert_true(timer < COUNT(b->timer));
    b->timer[timer] = at;
}

static inline void bench_take_note(void *shell, struct span note)
{
    assert_int_equal(text_copy(((struct bench *)shell)->note, DEVBUS_NOTE_MAX + 1, note), 0);
}

static inline void bench_take_ready(void *shell)
{
    (void)shell;
}

static inline void bench_take_retire(void *shell)
{
    ((struct bench *)shell)->retired = true;
}

#endif
