// The SDK: what the contract calls, made of `dib_this`; and what an element calls, of the contract.
#include "dibhost.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dibhost_json.h"

struct dib_call {
    char *step;
    types_error_t error;
    bool failed;
    char *skipped;
    exports_lifecycle_list_finding_t findings;
};

static const char *const PHASES[] = {
    "root", "extra-data", "pre-install", "install", "post-install",
    "post-root", "block-device", "pre-finalise", "finalise", "cleanup",
};

// What an export returns is freed by the generated code, so it is a copy.
static element_string_t copy(const char *text) {
    element_string_t made;
    element_string_dup(&made, text ? text : "");
    return made;
}

// What an import is given is lent.
static element_string_t lend(const char *text) {
    element_string_t lent;
    element_string_set(&lent, text);
    return lent;
}

static void *zeroed(size_t count, size_t size) {
    void *made = calloc(count ? count : 1, size);
    if (!made) abort();
    return made;
}

static char *own(element_string_t text) {
    char *made = zeroed(text.len + 1, 1);
    if (text.len) memcpy(made, text.ptr, text.len);
    return made;
}

// ---- Describing ----

static void schema_of(dib_text *made, const dib_fact *fact) {
    static const char *const types[] = {
        [DIB_TEXT] = "{\"type\":\"string\"}",
        [DIB_BOOLEAN] = "{\"type\":\"boolean\"}",
        [DIB_INTEGER] = "{\"type\":\"integer\",\"format\":\"int64\"}",
        [DIB_UINT32] = "{\"type\":\"integer\",\"format\":\"uint32\",\"minimum\":0}",
        [DIB_SECRET] = "{}",
    };
    dib_text_say(made, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < fact->fields_count; i++) {
        if (i) dib_text_say(made, ",");
        dib_json_text(made, fact->fields[i].name);
        dib_text_say(made, ":");
        dib_text_say(made, types[fact->fields[i].kind]);
    }
    dib_text_say(made, "},\"required\":[");
    for (size_t i = 0; i < fact->fields_count; i++) {
        if (i) dib_text_say(made, ",");
        dib_json_text(made, fact->fields[i].name);
    }
    dib_text_say(made, "]}");
}

static exports_metadata_slot_t slot_of(const dib_fact *fact) {
    exports_metadata_slot_t slot = {
        .name = copy(fact->slot),
        .arity = (exports_metadata_arity_t)fact->arity,
        .timing = (exports_metadata_timing_t)fact->timing,
        .doc = copy(fact->doc),
    };
    // The schemas of `dib:` are the host's.
    if (strncmp(fact->slot, "dib:", 4) != 0) {
        dib_text schema = {0};
        schema_of(&schema, fact);
        slot.schema.is_some = true;
        slot.schema.val = copy(schema.text);
    }
    return slot;
}

static exports_metadata_step_t step_of(const dib_step *step) {
    exports_metadata_step_t made = {
        .name = copy(step->name ? step->name : PHASES[step->phase]),
        .phase = step->phase,
        .plan_only = step->plan_only,
    };
    made.provides.len = step->provides_count;
    made.provides.ptr = zeroed(step->provides_count, sizeof *made.provides.ptr);
    for (size_t i = 0; i < step->provides_count; i++) made.provides.ptr[i] = slot_of(step->provides[i]);
    made.consumes.len = step->consumes_count;
    made.consumes.ptr = zeroed(step->consumes_count, sizeof *made.consumes.ptr);
    for (size_t i = 0; i < step->consumes_count; i++) {
        made.consumes.ptr[i] = (exports_metadata_slot_use_t){
            .name = copy(step->consumes[i]->slot),
            .arity = (exports_metadata_arity_t)step->consumes[i]->arity,
        };
    }
    return made;
}

static exports_metadata_parameter_t parameter_of(const dib_field *field) {
    static const uint8_t kinds[] = {
        [DIB_TEXT] = EXPORTS_METADATA_PARAMETER_KIND_TEXT,
        [DIB_BOOLEAN] = EXPORTS_METADATA_PARAMETER_KIND_BOOLEAN,
        [DIB_INTEGER] = EXPORTS_METADATA_PARAMETER_KIND_INTEGER,
        [DIB_UINT32] = EXPORTS_METADATA_PARAMETER_KIND_INTEGER,
        [DIB_SECRET] = EXPORTS_METADATA_PARAMETER_KIND_SECRET,
    };
    exports_metadata_parameter_t made = {.name = copy(field->name), .doc = copy(field->doc)};
    made.kind.tag = kinds[field->kind];
    if (field->fallback) {
        made.default_.is_some = true;
        made.default_.val = copy(field->fallback);
    }
    return made;
}

void exports_metadata_describe(exports_metadata_description_t *made) {
    const dib_element *this = &dib_this;
    *made = (exports_metadata_description_t){
        .name = copy(this->name),
        .version = copy(this->version),
        .summary = copy(this->summary),
        .license = copy(this->license),
    };
    made->parameters.len = this->parameters_count;
    made->parameters.ptr = zeroed(this->parameters_count, sizeof *made->parameters.ptr);
    for (size_t i = 0; i < this->parameters_count; i++)
        made->parameters.ptr[i] = parameter_of(&this->parameters[i]);
    made->steps.len = this->steps_count;
    made->steps.ptr = zeroed(this->steps_count, sizeof *made->steps.ptr);
    for (size_t i = 0; i < this->steps_count; i++) made->steps.ptr[i] = step_of(&this->steps[i]);
    made->requests.len = this->requests_count;
    made->requests.ptr = zeroed(this->requests_count, sizeof *made->requests.ptr);
    for (size_t i = 0; i < this->requests_count; i++) {
        made->requests.ptr[i] = (exports_metadata_request_t){
            .capability = copy(this->requests[i].capability),
            .scope = copy(this->requests[i].scope),
            .reason = copy(this->requests[i].reason),
        };
    }
    made->stands_in_for.len = this->stands_in_for_count;
    made->stands_in_for.ptr = zeroed(this->stands_in_for_count, sizeof *made->stands_in_for.ptr);
    for (size_t i = 0; i < this->stands_in_for_count; i++)
        made->stands_in_for.ptr[i] = copy(this->stands_in_for[i]);
}

// ---- Failing ----

bool dib_fail(dib_call *call, const char *message, const char *help) {
    if (call->failed) return false;
    call->failed = true;
    call->error = (types_error_t){.message = copy(message)};
    call->error.code.tag = TYPES_ERROR_CODE_INVALID_ARGUMENT;
    if (help) {
        call->error.help.is_some = true;
        call->error.help.val = copy(help);
    }
    return false;
}

bool dib_while(dib_call *call, const char *doing) {
    if (!call->failed) return dib_fail(call, doing, NULL);
    element_list_string_t *context = &call->error.context;
    context->ptr = realloc(context->ptr, (context->len + 1) * sizeof *context->ptr);
    if (!context->ptr) abort();
    context->ptr[context->len++] = copy(doing);
    return false;
}

// The host's own failure, kept as it is.
static bool kept(dib_call *call, bool went_well, types_error_t *error) {
    if (!went_well && !call->failed) {
        call->failed = true;
        call->error = *error;
    }
    return went_well;
}

const char *dib_step_name(const dib_call *call) {
    return call->step;
}

// `vsnprintf` would bring all of the C library's output along.
char *dib_format(dib_call *call, const char *format, ...) {
    (void)call;
    dib_text made = {0};
    dib_text_add(&made, "", 0);
    va_list arguments;
    va_start(arguments, format);
    for (const char *at = format; *at; at++) {
        if (*at != '%') {
            dib_text_add(&made, at, 1);
            continue;
        }
        bool large = false;
        for (at++; *at == 'l' || *at == 'z'; at++) large = true;
        const char *text;
        switch (*at) {
        case 's':
            text = va_arg(arguments, const char *);
            dib_text_say(&made, text ? text : "(null)");
            break;
        case 'd': dib_text_number(&made, large ? va_arg(arguments, long) : va_arg(arguments, int)); break;
        case 'u':
            dib_text_number(&made, large ? (int64_t)va_arg(arguments, unsigned long)
                                         : (int64_t)va_arg(arguments, unsigned));
            break;
        case '%': dib_text_say(&made, "%"); break;
        default: abort(); // a conversion that it does not know
        }
    }
    va_end(arguments);
    return made.text;
}

void dib_log(dib_call *call, log_level_t level, const char *message) {
    (void)call;
    element_string_t text = lend(message);
    element_list_tuple2_string_string_t none = {0};
    log_write(level, &text, &none);
}

// ---- Facts ----

static void value_as_json(dib_text *made, const dib_field *field, const void *value) {
    const char *at = (const char *)value + field->offset;
    switch (field->kind) {
    case DIB_TEXT: {
        char *text = *(char *const *)at;
        text ? dib_json_text(made, text) : dib_text_say(made, "null");
        break;
    }
    case DIB_BOOLEAN: dib_text_say(made, *(const bool *)at ? "true" : "false"); break;
    case DIB_INTEGER: dib_text_number(made, *(const int64_t *)at); break;
    case DIB_UINT32: dib_text_number(made, (int64_t) * (const uint32_t *)at); break;
    case DIB_SECRET: dib_text_say(made, "null"); break;
    }
}

static bool value_of_json(dib_json *json, const dib_field *field, void *value) {
    char *at = (char *)value + field->offset;
    int64_t number;
    switch (field->kind) {
    case DIB_TEXT: return (*(char **)at = dib_json_string(json)) != NULL;
    case DIB_BOOLEAN:
        *(bool *)at = dib_json_word(json, "true");
        return *(bool *)at || dib_json_word(json, "false");
    case DIB_INTEGER: return dib_json_integer(json, (int64_t *)at);
    case DIB_UINT32:
        if (!dib_json_integer(json, &number) || number < 0 || number > UINT32_MAX) return false;
        *(uint32_t *)at = (uint32_t)number;
        return true;
    case DIB_SECRET: return false;
    }
    return false;
}

static bool object_of_json(element_string_t text, const dib_fact *fact, void *value) {
    dib_json json = {(const char *)text.ptr, (const char *)text.ptr + text.len};
    if (!dib_json_take(&json, '{')) return false;
    size_t seen = 0;
    if (!dib_json_take(&json, '}')) {
        do {
            char *name = dib_json_string(&json);
            if (!name || !dib_json_take(&json, ':')) return false;
            const dib_field *field = NULL;
            for (size_t i = 0; i < fact->fields_count; i++)
                if (strcmp(fact->fields[i].name, name) == 0) field = &fact->fields[i];
            if (!(field ? value_of_json(&json, field, value) : dib_json_skip(&json, 0))) return false;
            seen += field != NULL;
        } while (dib_json_take(&json, ','));
        if (!dib_json_take(&json, '}')) return false;
    }
    return seen == fact->fields_count;
}

bool dib_provide(dib_call *call, const dib_fact *fact, const char *key, const void *value) {
    dib_text json = {0};
    dib_text_say(&json, "{");
    for (size_t i = 0; i < fact->fields_count; i++) {
        if (i) dib_text_say(&json, ",");
        dib_json_text(&json, fact->fields[i].name);
        dib_text_say(&json, ":");
        value_as_json(&json, &fact->fields[i], value);
    }
    dib_text_say(&json, "}");
    element_string_t slot = lend(fact->slot), called = lend(key), text = lend(json.text);
    types_error_t error;
    return kept(call, facts_provide(&slot, &called, &text, &error), &error);
}

bool dib_consume(dib_call *call, const dib_fact *fact, dib_provided_list *found) {
    element_string_t slot = lend(fact->slot);
    facts_list_fact_t list;
    types_error_t error;
    if (!kept(call, facts_consume(&slot, &list, &error), &error)) return false;
    found->count = list.len;
    found->items = zeroed(list.len, sizeof *found->items);
    for (size_t i = 0; i < list.len; i++) {
        void *value = zeroed(1, fact->size);
        char *provider = own(list.ptr[i].provider);
        if (!object_of_json(list.ptr[i].value, fact, value))
            return dib_fail(call, dib_format(call, "a value of `%s` by `%s` is not as this element has it", fact->slot, provider), NULL);
        found->items[i] = (dib_provided){provider, own(list.ptr[i].step), own(list.ptr[i].key), value};
    }
    return true;
}

// ---- Wishes ----

bool dib_package(dib_call *call, const char *name, const char *reason) {
    packages_wish_t wish = {.name = lend(name), .want = lend("install"), .reason = lend(reason)};
    packages_list_wish_t list = {&wish, 1};
    types_error_t error;
    return kept(call, packages_request(&list, &error), &error);
}

bool dib_service(dib_call *call, const char *unit, const char *state) {
    element_string_t of = lend(unit), is = lend(state);
    types_error_t error;
    return kept(call, services_set(&of, &is, &error), &error);
}

bool dib_define_unit(dib_call *call, const char *unit, const char *content) {
    element_string_t of = lend(unit), text = lend(content);
    types_error_t error;
    return kept(call, services_define(&of, &text, &error), &error);
}

static types_attributes_t with_mode(uint32_t mode) {
    types_attributes_t attributes = {0};
    attributes.mode.is_some = mode != 0;
    attributes.mode.val = mode;
    return attributes;
}

static bool wish(dib_call *call, files_wish_t wish) {
    files_list_wish_t list = {&wish, 1};
    types_error_t error;
    return kept(call, files_request(&list, &error), &error);
}

bool dib_file(dib_call *call, const char *path, const char *content, uint32_t mode) {
    files_wish_t made = {.tag = FILES_WISH_FILE};
    made.val.file = (types_new_file_t){
        .path = lend(path), .content = {(uint8_t *)content, strlen(content)}, .attributes = with_mode(mode)};
    return wish(call, made);
}

bool dib_symlink(dib_call *call, const char *path, const char *to) {
    files_wish_t made = {.tag = FILES_WISH_SYMLINK};
    made.val.symlink = (types_new_link_t){.path = lend(path), .to = lend(to)};
    return wish(call, made);
}

bool dib_add_nodes(dib_call *call, block_device_node_t *nodes, size_t count) {
    block_device_list_node_t list = {nodes, count};
    types_error_t error;
    return kept(call, block_device_add(&list, &error), &error);
}

static block_device_node_t node(const char *name, const char *on, uint8_t tag) {
    block_device_node_t made = {.name = lend(name)};
    if (on) {
        made.on.ptr = zeroed(1, sizeof *made.on.ptr);
        made.on.ptr[0] = lend(on);
        made.on.len = 1;
    }
    made.kind.tag = tag;
    return made;
}

block_device_node_t dib_disk(dib_call *call, const char *name) {
    (void)call;
    block_device_node_t made = node(name, NULL, BLOCK_DEVICE_NODE_KIND_DISK);
    made.kind.val.disk.sector_size = 512;
    return made;
}

block_device_node_t dib_table(dib_call *call, const char *name, const char *on, const char *kind) {
    (void)call;
    block_device_node_t made = node(name, on, BLOCK_DEVICE_NODE_KIND_TABLE);
    made.kind.val.table.kind = lend(kind);
    return made;
}

block_device_node_t dib_partition(dib_call *call, const char *name, const char *on, const char *type_id,
                                  block_device_size_t size) {
    (void)call;
    block_device_node_t made = node(name, on, BLOCK_DEVICE_NODE_KIND_PARTITION);
    made.kind.val.partition =
        (block_device_partition_t){.label = lend(name), .type_id = lend(type_id), .size = size};
    return made;
}

block_device_node_t dib_filesystem(dib_call *call, const char *name, const char *on, const char *kind,
                                   const char *label) {
    (void)call;
    block_device_node_t made = node(name, on, BLOCK_DEVICE_NODE_KIND_FILESYSTEM);
    made.kind.val.filesystem.kind = lend(kind);
    if (label) {
        made.kind.val.filesystem.label.is_some = true;
        made.kind.val.filesystem.label.val = lend(label);
    }
    return made;
}

block_device_node_t dib_mount(dib_call *call, const char *name, const char *on, const char *at) {
    (void)call;
    block_device_node_t made = node(name, on, BLOCK_DEVICE_NODE_KIND_MOUNT);
    made.kind.val.mount = (block_device_mount_t){.at = lend(at), .in_fstab = true};
    return made;
}

static void find(dib_call *call, const char *message, const char *help, bool fatal) {
    exports_lifecycle_list_finding_t *all = &call->findings;
    all->ptr = realloc(all->ptr, (all->len + 1) * sizeof *all->ptr);
    if (!all->ptr) abort();
    exports_lifecycle_finding_t made = {.message = copy(message), .fatal = fatal};
    if (help) {
        made.help.is_some = true;
        made.help.val = copy(help);
    }
    all->ptr[all->len++] = made;
}

void dib_warn(dib_call *call, const char *message, const char *help) {
    find(call, message, help, false);
}

void dib_refuse(dib_call *call, const char *message, const char *help) {
    find(call, message, help, true);
}

// ---- Running ----

static bool tree(dib_call *call, rootfs_borrow_tree_t *made) {
    static rootfs_own_tree_t opened;
    static bool is_open;
    if (!is_open) {
        element_string_t path = lend("/");
        types_error_t error;
        if (!kept(call, rootfs_open(&path, &opened, &error), &error)) return false;
        is_open = true;
    }
    *made = rootfs_borrow_tree(opened);
    return true;
}

static bool change(dib_call *call, rootfs_change_t one) {
    rootfs_borrow_tree_t root;
    if (!tree(call, &root)) return false;
    rootfs_list_change_t list = {&one, 1};
    types_error_t error;
    return kept(call, rootfs_method_tree_apply(root, &list, &error), &error);
}

bool dib_make_directory(dib_call *call, const char *path) {
    rootfs_change_t made = {.tag = ROOTFS_CHANGE_MAKE_DIRECTORY};
    made.val.make_directory.path = lend(path);
    return change(call, made);
}

bool dib_write(dib_call *call, const char *path, const char *content, uint32_t mode) {
    rootfs_change_t made = {.tag = ROOTFS_CHANGE_WRITE};
    made.val.write = (types_new_file_t){
        .path = lend(path), .content = {(uint8_t *)content, strlen(content)}, .attributes = with_mode(mode)};
    return change(call, made);
}

bool dib_remove(dib_call *call, const char *path) {
    rootfs_change_t made = {.tag = ROOTFS_CHANGE_REMOVE};
    made.val.remove = lend(path);
    return change(call, made);
}

bool dib_read(dib_call *call, const char *path, char **content) {
    rootfs_borrow_tree_t root;
    if (!tree(call, &root)) return false;
    dib_text all = {0};
    dib_text_add(&all, "", 0);
    for (;;) {
        element_string_t of = lend(path);
        element_list_u8_t part;
        types_error_t error;
        bool went_well = rootfs_method_tree_read(root, &of, all.length, 0, &part, &error);
        if (!kept(call, went_well, &error)) return false;
        if (part.len == 0) break;
        dib_text_add(&all, (const char *)part.ptr, part.len);
    }
    *content = all.text;
    return true;
}

bool dib_exists(dib_call *call, const char *path, bool *exists) {
    rootfs_borrow_tree_t root;
    if (!tree(call, &root)) return false;
    element_string_t of = lend(path);
    rootfs_option_stat_t stat;
    types_error_t error;
    if (!kept(call, rootfs_method_tree_stat(root, &of, &stat, &error), &error)) return false;
    *exists = stat.is_some;
    return true;
}

bool dib_write_secret(dib_call *call, const char *path, dib_secret secret) {
    rootfs_borrow_tree_t root;
    if (!tree(call, &root)) return false;
    element_string_t of = lend(path);
    types_attributes_t attributes = with_mode(0600);
    types_error_t error;
    bool went_well =
        rootfs_method_tree_write_secret(root, &of, host_borrow_secret(secret.handle), &attributes, &error);
    return kept(call, went_well, &error);
}

bool dib_run(dib_call *call, const char *program, const char *const *arguments, char **output) {
    exec_command_t command = {.program = lend(program), .settings = EXEC_SETTINGS_CAPTURE};
    size_t count = 0;
    while (arguments && arguments[count]) count++;
    command.args.ptr = zeroed(count, sizeof *command.args.ptr);
    command.args.len = count;
    for (size_t i = 0; i < count; i++) command.args.ptr[i] = lend(arguments[i]);
    exec_output_t said;
    types_error_t error;
    if (!kept(call, exec_run(&command, &said, &error), &error)) return false;
    if (output) *output = own((element_string_t){said.stdout_.ptr, said.stdout_.len});
    return true;
}

void dib_skip(dib_call *call, const char *why) {
    call->skipped = dib_format(call, "%s", why);
}

// ---- Being called ----

static bool parameter(dib_call *call, host_borrow_build_t build, const dib_field *field, void *into) {
    element_string_t name = lend(field->name);
    types_error_t error;
    char *at = (char *)into + field->offset;
    const char *missing = dib_format(call, "the parameter `%s` is not set", field->name);
    bool may_miss = field->fallback && strcmp(field->fallback, "null") == 0;
    if (field->kind == DIB_SECRET) {
        host_option_own_secret_t secret;
        if (!kept(call, host_method_build_secret(build, &name, &secret, &error), &error)) return false;
        *(dib_secret *)at = (dib_secret){secret.val, secret.is_some};
        return secret.is_some || may_miss || dib_fail(call, missing, "Set it to the name of a secret.");
    }
    host_option_value_t found;
    if (!kept(call, host_method_build_parameter(build, &name, &found, &error), &error)) return false;
    uint8_t tag = found.is_some ? found.val.tag : HOST_VALUE_JSON;
    bool is_null = !found.is_some || (tag == HOST_VALUE_JSON && found.val.val.json.len == 4);
    if (is_null) return may_miss || dib_fail(call, missing, field->doc);
    if (field->kind == DIB_TEXT && tag == HOST_VALUE_TEXT) {
        *(char **)at = own(found.val.val.text);
    } else if (field->kind == DIB_BOOLEAN && tag == HOST_VALUE_BOOLEAN) {
        *(bool *)at = found.val.val.boolean;
    } else if (field->kind == DIB_INTEGER && tag == HOST_VALUE_INTEGER) {
        *(int64_t *)at = found.val.val.integer;
    } else if (field->kind == DIB_UINT32 && tag == HOST_VALUE_INTEGER && found.val.val.integer >= 0 &&
               found.val.val.integer <= UINT32_MAX) {
        *(uint32_t *)at = (uint32_t)found.val.val.integer;
    } else {
        static const char *const kinds[] = {"a text", "`true` or `false`", "an integer", "an integer from 0 to 4294967295", "a secret"};
        return dib_fail(call, dib_format(call, "the parameter `%s` is not %s", field->name, kinds[field->kind]), field->doc);
    }
    return true;
}

static bool called(dib_call *call, element_string_t *step, host_borrow_build_t build,
                   bool (*half)(dib_call *, const void *), types_error_t *error) {
    *call = (dib_call){.step = own(*step)};
    element_string_free(step);
    void *parameters = zeroed(1, dib_this.parameters_size);
    bool went_well = true;
    for (size_t i = 0; went_well && i < dib_this.parameters_count; i++)
        went_well = parameter(call, build, &dib_this.parameters[i], parameters);
    host_build_drop_borrow(build);
    went_well = went_well && (!half || half(call, parameters));
    // One that failed and was overlooked is one that failed.
    if (went_well && !call->failed) return true;
    if (!call->failed) dib_fail(call, "the step failed, and did not say why", NULL);
    *error = call->error;
    return false;
}

bool exports_lifecycle_plan(element_string_t *step, exports_lifecycle_borrow_build_t build,
                            exports_lifecycle_list_finding_t *findings, exports_lifecycle_error_t *error) {
    dib_call call;
    if (!called(&call, step, build, dib_this.plan, error)) return false;
    *findings = call.findings;
    return true;
}

bool exports_lifecycle_run(element_string_t *step, exports_lifecycle_borrow_build_t build,
                           exports_lifecycle_outcome_t *outcome, exports_lifecycle_error_t *error) {
    dib_call call;
    if (!called(&call, step, build, dib_this.run, error)) return false;
    outcome->tag = call.skipped ? EXPORTS_LIFECYCLE_OUTCOME_SKIPPED : EXPORTS_LIFECYCLE_OUTCOME_DONE;
    if (call.skipped) outcome->val.skipped = copy(call.skipped);
    return true;
}
