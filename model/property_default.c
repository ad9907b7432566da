/* SPDX-License-Identifier: MIT
 * Defaults that are constants, inherited, or read off facts. Spec: vm-model 4. */
#include "model/property_inside.h"

#include <stdio.h>
#include <string.h>

#include "model/model_inside.h"

void dflt_unset(struct asking *a)
{
    (void)a; /* nobody said anything: that is what unset means */
}

void dflt_none(struct asking *a)
{
    say_none(a);
}

void dflt_empty(struct asking *a)
{
    say_text(a, "");
}

void dflt_false(struct asking *a)
{
    say_bool(a, false);
}

void dflt_true(struct asking *a)
{
    say_bool(a, true);
}

void dflt_60(struct asking *a)
{
    say_text(a, "60");
}

void dflt_3(struct asking *a)
{
    say_text(a, "3");
}

void dflt_mac(struct asking *a)
{
    say_text(a, "00:16:3e:5e:6c:00");
}

void dflt_dom0(struct asking *a)
{
    say_vm(a, model_vm(a->k->model, 0));
}

void dflt_user(struct asking *a)
{
    if (!say_template(a))
        say_text(a, "user");
}

void dflt_memory(struct asking *a)
{
    if (!say_template(a))
        say_text(a, "400");
}

void dflt_vcpus(struct asking *a)
{
    if (!say_template(a))
        say_text(a, "2");
}

void dflt_kernel(struct asking *a)
{
    if (!say_template(a))
        say_property(a, QID_GLOBAL, PROPERTY_app_default_kernel);
}

void dflt_qrexec_timeout(struct asking *a)
{
    if (!say_template(a))
        say_property(a, QID_GLOBAL, PROPERTY_app_default_qrexec_timeout);
}

void dflt_shutdown_timeout(struct asking *a)
{
    if (!say_template(a))
        say_property(a, QID_GLOBAL, PROPERTY_app_default_shutdown_timeout);
}

void dflt_management_dispvm(struct asking *a)
{
    if (!say_template(a))
        say_property(a, QID_GLOBAL, PROPERTY_app_management_dispvm);
}

void dflt_audiovm(struct asking *a)
{
    say_property(a, QID_GLOBAL, PROPERTY_app_default_audiovm);
}

void dflt_guivm(struct asking *a)
{
    say_property(a, QID_GLOBAL, PROPERTY_app_default_guivm);
}

void dflt_default_dispvm(struct asking *a)
{
    if (a->vm->class == CLASS_DispVM)
        say_vm(a, ask_template(a->k, a->qid));
    else
        say_property(a, QID_GLOBAL, PROPERTY_app_default_dispvm);
}

void dflt_netvm(struct asking *a)
{
    if (a->vm->class == CLASS_TemplateVM)
        say_none(a);
    else
        say_property(a, QID_GLOBAL, PROPERTY_app_default_netvm);
}

void dflt_include_in_backups(struct asking *a)
{
    if (a->vm->class == CLASS_DispVM)
        say_bool(a, !property_true(a->k, a->qid, PROPERTY_auto_cleanup));
    else
        say_bool(a, a->vm->class != CLASS_RemoteVM);
}

void dflt_klass(struct asking *a)
{
    say_text(a, class_name(a->vm->class));
}

void dflt_name(struct asking *a)
{
    if (a->vm->class == CLASS_AdminVM)
        say_text(a, ADMIN_NAME);
}

void dflt_uuid(struct asking *a)
{
    if (a->vm->class == CLASS_AdminVM)
        say_text(a, ADMIN_UUID);
}

void dflt_qid(struct asking *a)
{
    if (a->vm->class == CLASS_AdminVM)
        say_text(a, "0");
}

void dflt_updateable(struct asking *a)
{
    say_bool(a, !class_has_template(a->vm->class));
}

/* Which picture stands for a class; a disposable template looks like a template. */
static const char *icon_kind(const struct asking *a)
{
    static const char *const kinds[VM_CLASSES] = {
        [CLASS_AdminVM] = "adminvm", [CLASS_TemplateVM] = "templatevm",
        [CLASS_AppVM] = "appvm",     [CLASS_StandaloneVM] = "standalonevm",
        [CLASS_DispVM] = "dispvm",   [CLASS_RemoteVM] = "remotevm",
    };
    if (a->vm->class == CLASS_AppVM && property_true(a->k, a->qid, PROPERTY_template_for_dispvms))
        return kinds[CLASS_TemplateVM];
    if (a->vm->class != CLASS_TemplateVM && ask_feature_true(a->k, a->qid, CHAIN_OWN, "servicevm"))
        return "servicevm";
    return kinds[a->vm->class];
}

void dflt_icon(struct asking *a)
{
    struct property_value label;
    property_get(a->k, a->qid, PROPERTY_label, &label);
    if (a->vm->class == CLASS_AdminVM)
        say_text(a, "adminvm-black");
    else if (label.is_set)
        say_format(a, "%s-%.*s", icon_kind(a), (int)label.text.len, label.text.at);
}

enum { LAYOUT_HOPS_MOST = 32 };

/* The GUI VM's layout; GUI VMs may show each other's windows, so the walk is bounded. */
void dflt_keyboard_layout(struct asking *a)
{
    uint32_t qid = a->qid;
    for (int i = 0; i < LAYOUT_HOPS_MOST; i++) {
        const struct vm *vm = ask_vm(a->k, qid);
        const struct vm *gui = vm_is_qubes(vm) ? property_vm(a->k, qid, PROPERTY_guivm) : NULL;
        if (gui == NULL || !property_applies(PROPERTY_keyboard_layout, gui->class))
            break;
        qid = gui->qid;
        struct span stored = property_stored(a->k, qid, PROPERTY_keyboard_layout);
        if (stored.at != NULL) {
            say_span(a, stored);
            return;
        }
    }
    say_text(a, "us++");
}

static void say_fact(struct asking *a, enum fact fact, const char *unknown)
{
    const char *text = world_fact(a->k->world, a->qid, fact);
    say_text(a, text != NULL && text[0] != '\0' ? text : unknown);
}

void dflt_xid(struct asking *a)
{
    say_fact(a, FACT_xid, "-1");
}

/* Only hvm has a device model in a domain of its own. */
void dflt_stubdom_xid(struct asking *a)
{
    if (property_text_is(a->k, a->qid, PROPERTY_virt_mode, "hvm"))
        say_fact(a, FACT_stubdom_xid, "-1");
    else
        say_text(a, "-1");
}

void dflt_stubdom_uuid(struct asking *a)
{
    if (property_text_is(a->k, a->qid, PROPERTY_stubdom_xid, "-1"))
        say_text(a, "");
    else
        say_fact(a, FACT_stubdom_uuid, "");
}

void dflt_start_time(struct asking *a)
{
    const char *text = world_fact(a->k->world, a->qid, FACT_start_time);
    if (text == NULL || text[0] == '\0')
        say_none(a);
    else
        say_format(a, "%s%s", text, strchr(text, '.') != NULL ? "" : ".0");
}

void dflt_is_preload(struct asking *a)
{
    const struct vm *template = ask_template(a->k, a->qid);
    const char *requested = world_fact(a->k->world, a->qid, FACT_preload_requested);
    struct span list;
    bool found = requested != NULL && strcmp(requested, "1") == 0;
    if (template != NULL && ask_feature(a->k, template->qid, CHAIN_OWN, span_of("preload-dispvm"), &list))
        while (list.len > 0)
            found = span_is(span_split(list, ' ', &list), vm_name(a->vm)) || found;
    say_bool(a, found);
}

void dflt_host_memory(struct asking *a)
{
    uint64_t kib = UINT64_MAX;
    const char *text = world_fact(a->k->world, QID_GLOBAL, FACT_host_memory_kib);
    if (text != NULL)
        text_number(span_of(text), 0, UINT64_MAX, &kib);
    say_format(a, "%llu", (unsigned long long)(kib / 1024));
}

void dflt_host_cpus(struct asking *a)
{
    const char *text = world_fact(a->k->world, QID_GLOBAL, FACT_host_cpus);
    say_text(a, text != NULL ? text : "42");
}

void dflt_pool_of_app(struct asking *a)
{
    say_property(a, QID_GLOBAL, PROPERTY_app_default_pool);
}

static bool is_file_pool_at(const struct item *pool, const char *dir)
{
    struct span driver, path, lines = {pool->value, pool->value_len};
    return ask_attribute(lines, "driver", &driver) &&
           (span_is(driver, "file") || span_is(driver, "file-reflink")) &&
           ask_attribute(lines, "dir_path", &path) && span_is(path, dir);
}

void dflt_default_pool(struct asking *a)
{
    const char *root = world_fact(a->k->world, QID_GLOBAL, FACT_host_root_pool);
    const char *dir = world_fact(a->k->world, QID_GLOBAL, FACT_host_qubes_dir);
    const struct item *pools = model_items(a->k->model, QID_GLOBAL, CHANGE_POOL);
    const struct item *named = model_item(a->k->model, QID_GLOBAL, CHANGE_POOL, span_of("default"));
    if (named == NULL && root != NULL)
        named = model_item(a->k->model, QID_GLOBAL, CHANGE_POOL, span_of(root));
    for (; named == NULL && pools != NULL; pools = pools->next)
        if (is_file_pool_at(pools, dir != NULL ? dir : "/var/lib/qubes"))
            named = pools;
    if (named != NULL)
        say_text(a, named->key);
}
