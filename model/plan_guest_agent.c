/* SPDX-License-Identifier: MIT
 * What a guest's agents may say about their VM: one row for each word. Spec: vm-model 5.2. */
#include "base/char.h"
#include "base/own.h"
#include "model/ask.h"
#include "model/plan_guest_inside.h"

static bool is_flag(struct span s)
{
    return span_is(s, "0") || span_is(s, "1");
}

static bool is_on(struct span s)
{
    return span_is(s, "1");
}

static bool is_text(struct span s)
{
    return s.len > 0;
}

static bool is_version(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_digit(s.at[i]) && s.at[i] != '.' && s.at[i] != '-')
            return false;
    return s.len > 0 && char_is_digit(s.at[0]);
}

static bool number_within(struct span s, size_t digits, uint64_t lo, uint64_t hi)
{
    uint64_t n;
    return s.len == digits && text_number(s, lo, hi, &n) == 0;
}

static unsigned days_of(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* YYYY-MM-DD, and there is such a day. */
static bool is_date(struct span s)
{
    if (s.len != 10 || s.at[4] != '-' || s.at[7] != '-')
        return false;
    struct span year = {s.at, 4}, month = {s.at + 5, 2}, day = {s.at + 8, 2};
    uint64_t y, m;
    if (text_number(year, 1, 9999, &y) < 0 || text_number(month, 1, 12, &m) < 0)
        return false;
    return number_within(day, 2, 1, days_of((unsigned)y, (unsigned)m));
}

/* N.N, of one to three digits each. */
static bool is_agent_version(struct span s)
{
    struct span minor, major = span_split(s, '.', &minor);
    uint64_t n;
    return minor.at != NULL && major.len <= 3 && minor.len <= 3 && text_number(major, 0, 999, &n) == 0 &&
           text_number(minor, 0, 999, &n) == 0;
}

static const struct row {
    const char *name;
    bool (*fits)(struct span value);
    bool flag;  /* stored as 1 or empty */
    bool first; /* only where nobody has said anything yet */
} rows[] = {
    {"os-distribution", is_text, false, false},
    {"os-distribution-like", is_text, false, false},
    {"os-version", is_version, false, false},
    {"os-eol", is_date, false, false},
    {"qrexec", is_flag, true, true},
    {"gui", is_flag, true, true},
    {"gui-emulated", is_flag, true, true},
    {"qubes-firewall", is_flag, true, false},
    {"vmexec", is_flag, true, false},
    {"qubes-agent-version", is_agent_version, false, false},
    {"anon-timezone", is_on, true, false},
};

static int take(struct doing *d, uint32_t qid, struct span lines, const struct row *row)
{
    struct span value, old;
    if (!word_find(lines, row->name, &value) || !row->fits(value) ||
        (row->first && has_feature(d, qid, span_of(row->name), &old)))
        return 0;
    if (row->flag)
        value = span_is(value, "1") ? SPAN_LITERAL("1") : SPAN_LITERAL("");
    return do_feature_set(d, qid, span_of(row->name), value);
}

static bool has_qrexec(const struct doing *d, uint32_t qid)
{
    struct span value;
    return has_feature(d, qid, SPAN_LITERAL("qrexec"), &value) && value.len > 0;
}

int take_agent_words(struct doing *d, uint32_t qid, struct span lines)
{
    bool before = has_qrexec(d, qid);
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT(rows); i++)
        r = take(d, qid, lines, &rows[i]);
    if (r >= 0)
        r = take_boot_modes(d, qid, lines);
    if (r >= 0 && !before && has_qrexec(d, qid)) /* its set-up can be finished now */
        plan_event(d->p, qid, "template-postinstall", SPAN_LITERAL(""), 0, NULL);
    return r;
}
