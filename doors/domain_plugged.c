/* SPDX-License-Identifier: MIT
 * See domain_plugged.h: in vm/<qid>, on its worker thread. */
#include "doors/domain_plugged.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"
#include "base/text.h"

#define PLUGGED_URI "urn:bulkhead:attached"
enum { WORDS_MAX = 16 << 10, WORD_TEXT = 512 };

static int read_number(const char *xml, const char *name, unsigned *value)
{
    const char *at = strstr(xml, name);
    return at != NULL && sscanf(at + strlen(name), "0x%x", value) == 1 ? 0 : -ERR_RANGE;
}

static int address_of(const char *xml, char sbdf[WORD_TEXT], struct fault *why)
{
    unsigned segment, bus, slot, function;
    const char *address = strstr(xml, "<address ");
    if (address == NULL || read_number(address, " domain=\"", &segment) < 0 ||
        read_number(address, " bus=\"", &bus) < 0 || read_number(address, " slot=\"", &slot) < 0 ||
        read_number(address, " function=\"", &function) < 0)
        return fault_set(why, ERR_RANGE, "a PCI device without an address");
    snprintf(sbdf, WORD_TEXT, "%04x:%02x:%02x.%x", segment & 0xffff, bus & 0xff, slot & 0x1f, function & 7);
    return 0;
}

/* The attribute behind this text in our own XML, which quotes nothing in these; "" is not there. */
static void attribute(const char *xml, const char *before, char *to, size_t size)
{
    const char *at = strstr(xml, before), *end = at == NULL ? NULL : strchr(at + strlen(before), '"');
    to[0] = '\0';
    if (end != NULL)
        (void)text_copy(to, size, (struct span){at + strlen(before), (size_t)(end - at) - strlen(before)});
}

static int disk_of(const char *xml, char word[WORD_TEXT], struct fault *why)
{
    char source[256], target[16], devtype[16], backend[32];
    attribute(xml, "<source dev=\"", source, sizeof source);
    attribute(xml, "<target dev=\"", target, sizeof target);
    attribute(xml, " device=\"", devtype, sizeof devtype);
    attribute(xml, "<backenddomain name=\"", backend, sizeof backend);
    if (source[0] == '\0' || target[0] == '\0' || strchr(source, ' ') != NULL)
        return fault_set(why, ERR_RANGE, "a disk without a source or a target");
    snprintf(word, WORD_TEXT, "disk:%s:%s:%c:%s:%s", backend[0] != '\0' ? backend : "dom0", target,
             strstr(xml, "<readonly") != NULL ? 'r' : 'w', devtype[0] != '\0' ? devtype : "disk", source);
    return 0;
}

/* What is between the tags of the element that we once wrote. */
static struct span words_of(char *element)
{
    char *begin = strchr(element, '>'), *end = begin == NULL ? NULL : strrchr(begin, '<');
    return end == NULL ? (struct span){NULL, 0} : (struct span){begin + 1, (size_t)(end - begin - 1)};
}

/* The words without those about this device, then what it did last. */
static void rewrite(struct text *to, struct span words, const char *sbdf, bool comes)
{
    bool was_at_start = true, had_left = false;
    while (words.len > 0) {
        struct span word = span_trim(span_split(words, ' ', &words));
        bool went = span_starts(word, "-");
        struct span name = went ? (struct span){word.at + 1, word.len - 1} : word;
        if (span_is(name, sbdf)) {
            was_at_start = went;
            had_left = went;
        } else if (word.len > 0)
            text_format(to, "%.*s ", (int)word.len, word.at);
    }
    if (comes && !had_left)
        text_add(to, sbdf);
    else if (!comes && was_at_start)
        text_format(to, "-%s", sbdf);
}

static void say_once(void)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&said))
        log_line(LOG_WARN, "libvirt's driver has no hot-plug: devices come and go in its words only");
}

int domain_plug(virDomainPtr domain, const char *xml, bool comes, struct fault *why)
{
    char word[WORD_TEXT];
    AUTO_TEXT element = TEXT_WITH_LIMIT(WORDS_MAX);
    int r = strncmp(xml, "<disk", 5) == 0 ? disk_of(xml, word, why) : address_of(xml, word, why);
    if (r < 0)
        return r;
    say_once();
    AUTO_MEMORY char *before =
        virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, PLUGGED_URI, VIR_DOMAIN_AFFECT_LIVE);
    text_add(&element, "<attached>");
    rewrite(&element, before != NULL ? words_of(before) : (struct span){NULL, 0}, word, comes);
    text_add(&element, "</attached>");
    if (element.failed < 0)
        return fault_set(why, ERR_TOO_BIG, "too many devices came and went");
    if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, element.at, "bulkhead", PLUGGED_URI,
                             VIR_DOMAIN_AFFECT_LIVE) < 0)
        return virt_fault(why, "write down the device");
    return 0;
}
