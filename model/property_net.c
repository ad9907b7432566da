/* SPDX-License-Identifier: MIT
 * Defaults of network properties. Spec: net 2. */
#include "model/property_inside.h"

#include <stdio.h>

#include "model/model_inside.h"

static bool provides(const struct asking *a)
{
    return property_true(a->k, a->qid, PROPERTY_provides_network);
}

static bool is_networked(const struct known *k, uint32_t qid)
{
    return property_true(k, qid, PROPERTY_provides_network) || ask_netvm(k, qid) != NULL;
}

static bool has_ipv6(const struct asking *a)
{
    return ask_feature_true(a->k, a->qid, CHAIN_NETVM, "ipv6");
}

static unsigned number_of(const struct asking *a)
{
    if (a->vm->class != CLASS_DispVM)
        return a->qid;
    return (unsigned)property_number(a->k, a->qid, PROPERTY_dispid, 0) & 0xffff;
}

void dflt_dns(struct asking *a)
{
    if (is_networked(a->k, a->qid))
        say_text(a, "10.139.1.1 10.139.1.2");
    else
        say_none(a);
}

/* Two numbers in dotted form that skip .0 and .255 endings from the second block on. */
void dflt_ip(struct asking *a)
{
    unsigned n = number_of(a), high = n >> 8, low = n & 255;
    const char *prefix = a->vm->class == CLASS_DispVM ? "10.138" : "10.137";
    if (!is_networked(a->k, a->qid)) {
        say_none(a);
        return;
    }
    if (n >= 255) {
        high = (n - 1) / 254;
        low = (n - 1) % 254 + 1;
    }
    say_format(a, "%s.%u.%u", prefix, high, low);
}

void dflt_ip6(struct asking *a)
{
    if (is_networked(a->k, a->qid) && has_ipv6(a))
        say_format(a, "fd09:24ef:4179::%s:%x", a->vm->class == CLASS_DispVM ? "a8a" : "a89", number_of(a));
    else
        say_none(a);
}

void dflt_visible_ip(struct asking *a)
{
    if (!say_feature(a, CHAIN_TEMPLATE, "net.fake-ip"))
        say_property(a, a->qid, PROPERTY_ip);
}

void dflt_visible_ip6(struct asking *a)
{
    say_property(a, a->qid, PROPERTY_ip6);
}

void dflt_gateway(struct asking *a)
{
    if (provides(a))
        say_property(a, a->qid, PROPERTY_visible_ip);
    else
        say_none(a);
}

void dflt_gateway6(struct asking *a)
{
    if (provides(a) && has_ipv6(a))
        say_property(a, a->qid, PROPERTY_visible_ip6);
    else
        say_none(a);
}

void dflt_visible_gateway(struct asking *a)
{
    const struct vm *net = ask_netvm(a->k, a->qid);
    if (say_feature(a, CHAIN_TEMPLATE, "net.fake-gateway"))
        return;
    if (net != NULL && vm_is_qubes(net))
        say_property(a, net->qid, PROPERTY_gateway);
    else
        say_none(a);
}

void dflt_visible_gateway6(struct asking *a)
{
    const struct vm *net = ask_netvm(a->k, a->qid);
    if (net != NULL && vm_is_qubes(net) && has_ipv6(a))
        say_property(a, net->qid, PROPERTY_gateway6);
    else
        say_none(a);
}

void dflt_visible_netmask(struct asking *a)
{
    const struct vm *net = ask_netvm(a->k, a->qid);
    if (say_feature(a, CHAIN_TEMPLATE, "net.fake-netmask"))
        return;
    if (net != NULL && vm_is_qubes(net) && is_networked(a->k, net->qid))
        say_text(a, "255.255.255.255");
    else
        say_none(a);
}
