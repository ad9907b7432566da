/* SPDX-License-Identifier: MIT
 * The life of one device as a table; in devbus-pci. */
#include "actors/devbus-pci/devbus_pci_device.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    char letter;
    const char *name;
} states[] = {
#define PCI_STATE(name, letter, meaning) {letter, meaning},
#include "actors/devbus-pci/devbus_pci_state.def"
};

const char *pci_state_name(enum pci_state state)
{
    return states[state].name;
}

/* Every cell is written: what it becomes, and what is to be done. */
static const struct {
    enum pci_state next;
    enum pci_act act;
} life[PCI_STATES][PCI_EVENTS] = {
    [PCI_FREE] =
        {
            [PCI_WANTED] = {PCI_BINDING, PCI_BIND},
            [PCI_WANTED_ELSE] = {PCI_BINDING, PCI_BIND},
            [PCI_BOUND] = {PCI_FREE, PCI_REST},
            [PCI_NOT_BOUND] = {PCI_FREE, PCI_REST},
            [PCI_THERE] = {PCI_ATTACHED, PCI_REST},
            [PCI_NOT_THERE] = {PCI_FREE, PCI_REST},
            [PCI_GIVEN_UP] = {PCI_FREE, PCI_REST},
            [PCI_RETURNED] = {PCI_FREE, PCI_REST},
        },
    [PCI_BINDING] =
        {
            [PCI_WANTED] = {PCI_BINDING, PCI_REFUSE},
            [PCI_WANTED_ELSE] = {PCI_BINDING, PCI_REFUSE},
            [PCI_BOUND] = {PCI_HELD, PCI_REST},
            [PCI_NOT_BOUND] = {PCI_FREE, PCI_REST},
            [PCI_THERE] = {PCI_ATTACHED, PCI_REST},
            [PCI_NOT_THERE] = {PCI_BINDING, PCI_REST},
            [PCI_GIVEN_UP] = {PCI_BINDING, PCI_REST},
            [PCI_RETURNED] = {PCI_BINDING, PCI_REST},
        },
    [PCI_HELD] =
        {
            [PCI_WANTED] = {PCI_HELD, PCI_REST},
            [PCI_WANTED_ELSE] = {PCI_HELD, PCI_REFUSE},
            [PCI_BOUND] = {PCI_HELD, PCI_REST},
            [PCI_NOT_BOUND] = {PCI_HELD, PCI_REST},
            [PCI_THERE] = {PCI_ATTACHED, PCI_REST},
            [PCI_NOT_THERE] = {PCI_HELD, PCI_REST},
            [PCI_GIVEN_UP] = {PCI_RETURNING, PCI_RETURN},
            [PCI_RETURNED] = {PCI_HELD, PCI_REST},
        },
    [PCI_ATTACHED] =
        {
            [PCI_WANTED] = {PCI_ATTACHED, PCI_REST},
            [PCI_WANTED_ELSE] = {PCI_ATTACHED, PCI_REFUSE},
            [PCI_BOUND] = {PCI_ATTACHED, PCI_REST},
            [PCI_NOT_BOUND] = {PCI_ATTACHED, PCI_REST},
            [PCI_THERE] = {PCI_ATTACHED, PCI_REST},
            [PCI_NOT_THERE] = {PCI_FREE, PCI_REST},
            [PCI_GIVEN_UP] = {PCI_ATTACHED, PCI_REST},
            [PCI_RETURNED] = {PCI_ATTACHED, PCI_REST},
        },
    [PCI_RETURNING] =
        {
            [PCI_WANTED] = {PCI_RETURNING, PCI_REFUSE},
            [PCI_WANTED_ELSE] = {PCI_RETURNING, PCI_REFUSE},
            [PCI_BOUND] = {PCI_RETURNING, PCI_REST},
            [PCI_NOT_BOUND] = {PCI_RETURNING, PCI_REST},
            [PCI_THERE] = {PCI_ATTACHED, PCI_REST},
            [PCI_NOT_THERE] = {PCI_RETURNING, PCI_REST},
            [PCI_GIVEN_UP] = {PCI_RETURNING, PCI_REST},
            [PCI_RETURNED] = {PCI_FREE, PCI_REST},
        },
};

static enum pci_act enter(struct pci_device *d, enum pci_state state, enum pci_act act)
{
    d->state = state;
    return act;
}

/* Three cells depend on more than the state: binding again what a crash left open, giving up what is being
 * bound, and giving back only what was taken by us. */
enum pci_act pci_device_step(struct pci_device *d, enum pci_event event)
{
    if (d->state == PCI_HELD && event == PCI_WANTED && d->unsure) {
        d->unsure = false;
        return enter(d, PCI_BINDING, PCI_BIND);
    }
    d->unwanted = d->state == PCI_BINDING && (d->unwanted || event == PCI_GIVEN_UP);
    if (d->unwanted && event == PCI_BOUND) {
        d->state = PCI_HELD;
        d->unwanted = false;
        event = PCI_GIVEN_UP;
    }
    if (d->state == PCI_HELD && event == PCI_GIVEN_UP && !d->mine)
        return enter(d, PCI_FREE, PCI_REST);
    return enter(d, life[d->state][event].next, life[d->state][event].act);
}

bool pci_device_is_on_its_way(const struct pci_device *d)
{
    return d->state == PCI_BINDING || d->state == PCI_HELD || d->state == PCI_RETURNING;
}

void pci_device_note(struct text *note, const struct pci_device *d)
{
    text_format(note, "%c%s %" PRIu32 " %" PRIu32 " %d;", states[d->state].letter, d->sbdf, d->qid,
                d->generation, d->mine);
}

static int read_state(char letter, enum pci_state *state)
{
    for (int i = 0; i < PCI_STATES; i++) {
        if (states[i].letter == letter) {
            *state = (enum pci_state)i;
            return 0;
        }
    }
    return -ERR_BAD;
}

static int read_number(struct span *words, uint64_t most, uint64_t *number)
{
    return text_number(span_split(*words, ' ', words), 0, most, number);
}

/* What was being bound may be bound or not: it is held, and whoever wants it binds it again. */
int pci_device_read(struct span *note, struct pci_device *d)
{
    struct pci_device read = {0};
    uint64_t qid, generation, mine;
    if (note->len == 0)
        return 0;
    struct span words = span_split(*note, ';', note);
    struct span name = span_split(words, ' ', &words);
    if (name.len != sizeof read.sbdf || read_state(name.at[0], &read.state) < 0 ||
        text_copy(read.sbdf, sizeof read.sbdf, (struct span){name.at + 1, name.len - 1}) < 0 ||
        read_number(&words, UINT32_MAX, &qid) < 0 || read_number(&words, UINT32_MAX, &generation) < 0 ||
        read_number(&words, 1, &mine) < 0 || words.len > 0)
        return -ERR_BAD;
    read.qid = (uint32_t)qid;
    read.generation = (uint32_t)generation;
    read.mine = mine == 1;
    read.unsure = read.state == PCI_BINDING;
    if (read.unsure)
        read.state = PCI_HELD;
    *d = read;
    return 1;
}
