// The host in memory: what the contract's imports do natively. See dibhost_test.h.
#include "dibhost_test.h"

#include "dibhost_json.h"

typedef struct {
    char *name;
    host_value_t value;
} test_parameter;

typedef struct {
    char *slot, *provider, *step, *key, *json;
} test_fact;

typedef struct {
    char *path, *content; // NULL: a directory
} test_node;

typedef struct {
    char *program, *output;
    int status;
} test_answer;

static struct {
    test_parameter parameters[64];
    size_t parameters_count;
    test_parameter secrets[16];
    size_t secrets_count;
    test_fact facts[256];
    size_t facts_count;
    test_node nodes[1024];
    size_t nodes_count;
    test_answer answers[64];
    size_t answers_count;
    char *did[1024];
    size_t did_count;
    char *error, *help;
    exports_metadata_description_t about;
    exports_metadata_step_t *step;
    bool planning;
} host;

static char *same(const char *text) {
    char *made = malloc(strlen(text) + 1);
    if (!made) abort();
    return strcpy(made, text);
}

static char *taken(element_string_t text) {
    char *made = calloc(text.len + 1, 1);
    if (!made) abort();
    if (text.len) memcpy(made, text.ptr, text.len);
    return made;
}

static bool is(element_string_t text, const char *word) {
    return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

static void full(bool fits) {
    if (fits) return;
    fprintf(stderr, "the host in memory is full\n");
    exit(2);
}

static void did(const char *what, const char *one, const char *two) {
    dib_text line = {0};
    dib_text_say(&line, what);
    if (one) dib_text_say(&line, " "), dib_text_say(&line, one);
    if (two) dib_text_say(&line, " "), dib_text_say(&line, two);
    full(host.did_count < 1024);
    host.did[host.did_count++] = line.text;
}

static bool refuse(types_error_t *error, uint8_t code, const char *before, const char *subject, const char *after) {
    dib_text text = {0};
    dib_text_say(&text, before);
    dib_text_say(&text, subject);
    dib_text_say(&text, after);
    *error = (types_error_t){.code = {.tag = code}};
    element_string_dup(&error->message, text.text);
    return false;
}

void dib_test_begin(void) {
    memset(&host, 0, sizeof host);
    exports_metadata_describe(&host.about);
}

static host_value_t *parameter(test_parameter *all, size_t *count, size_t most, const char *name) {
    full(*count < most);
    all[*count].name = same(name);
    return &all[(*count)++].value;
}

void dib_test_text(const char *name, const char *value) {
    host_value_t *made = parameter(host.parameters, &host.parameters_count, 64, name);
    made->tag = HOST_VALUE_TEXT;
    element_string_dup(&made->val.text, value);
}

void dib_test_boolean(const char *name, bool value) {
    host_value_t *made = parameter(host.parameters, &host.parameters_count, 64, name);
    made->tag = HOST_VALUE_BOOLEAN;
    made->val.boolean = value;
}

void dib_test_integer(const char *name, int64_t value) {
    host_value_t *made = parameter(host.parameters, &host.parameters_count, 64, name);
    made->tag = HOST_VALUE_INTEGER;
    made->val.integer = value;
}

void dib_test_secret(const char *name, const char *value) {
    host_value_t *made = parameter(host.secrets, &host.secrets_count, 16, name);
    element_string_dup(&made->val.text, value);
}

static void add_fact(const char *slot, const char *provider, const char *step, const char *key, const char *json) {
    full(host.facts_count < 256);
    // By provider and key, as a host has them.
    size_t at = host.facts_count++;
    for (; at > 0; at--) {
        int order = strcmp(host.facts[at - 1].provider, provider);
        if (order < 0 || (order == 0 && strcmp(host.facts[at - 1].key, key) <= 0)) break;
        host.facts[at] = host.facts[at - 1];
    }
    host.facts[at] = (test_fact){same(slot), same(provider), same(step), same(key), same(json)};
}

void dib_test_fact(const dib_fact *fact, const char *provider, const char *key, const char *json) {
    add_fact(fact->slot, provider, "install", key, json);
}

static test_node *node_at(const char *path) {
    for (size_t i = 0; i < host.nodes_count; i++)
        if (host.nodes[i].path && strcmp(host.nodes[i].path, path) == 0) return &host.nodes[i];
    return NULL;
}

static void put(const char *path, const char *content) {
    test_node *node = node_at(path);
    if (!node) {
        full(host.nodes_count < 1024);
        node = &host.nodes[host.nodes_count++];
        node->path = same(path);
    }
    node->content = content ? same(content) : NULL;
}

void dib_test_file(const char *path, const char *content) {
    put(path, content);
}

void dib_test_answer(const char *program, int status, const char *output) {
    full(host.answers_count < 64);
    host.answers[host.answers_count++] = (test_answer){same(program), same(output), status};
}

static bool begin(const char *name, bool planning) {
    host.planning = planning;
    host.error = host.help = NULL;
    for (size_t i = 0; i < host.about.steps.len; i++) {
        if (is(host.about.steps.ptr[i].name, name)) {
            host.step = &host.about.steps.ptr[i];
            return true;
        }
    }
    fprintf(stderr, "`%s` is no step of the element\n", name);
    exit(2);
}

static bool ended(bool went_well, types_error_t *error) {
    if (went_well) return true;
    host.error = taken(error->message);
    host.help = error->help.is_some ? taken(error->help.val) : NULL;
    return false;
}

bool dib_test_plan(const char *name) {
    begin(name, true);
    element_string_t step;
    element_string_dup(&step, name);
    exports_lifecycle_list_finding_t findings;
    types_error_t error;
    if (!ended(exports_lifecycle_plan(&step, (host_borrow_build_t){1}, &findings, &error), &error)) return false;
    for (size_t i = 0; i < findings.len; i++)
        did(findings.ptr[i].fatal ? "refusal" : "warning", taken(findings.ptr[i].message), NULL);
    return true;
}

bool dib_test_run(const char *name) {
    begin(name, false);
    element_string_t step;
    element_string_dup(&step, name);
    exports_lifecycle_outcome_t outcome;
    types_error_t error;
    if (!ended(exports_lifecycle_run(&step, (host_borrow_build_t){1}, &outcome, &error), &error)) return false;
    if (outcome.tag == EXPORTS_LIFECYCLE_OUTCOME_SKIPPED) did("skipped", taken(outcome.val.skipped), NULL);
    return true;
}

const char *dib_test_error(void) {
    return host.error ? host.error : "";
}

const char *dib_test_help(void) {
    return host.help ? host.help : "";
}

const char *dib_test_content(const char *path) {
    test_node *node = node_at(path);
    return node ? node->content : NULL;
}

bool dib_test_exists(const char *path) {
    return node_at(path) != NULL;
}

bool dib_test_did(const char *line) {
    for (size_t i = 0; i < host.did_count; i++)
        if (strcmp(host.did[i], line) == 0) return true;
    return false;
}

size_t dib_test_count(const char *beginning) {
    size_t count = 0;
    for (size_t i = 0; i < host.did_count; i++)
        count += strncmp(host.did[i], beginning, strlen(beginning)) == 0;
    return count;
}

// ---- The rules ----

// Whether a scope, in which `*` stands for any run of characters, fits.
static bool fits(const char *scope, const char *subject) {
    if (*scope == '*') return fits(scope + 1, subject) || (*subject && fits(scope, subject + 1));
    return *scope == *subject && (!*scope || fits(scope + 1, subject + 1));
}

static bool requested(const char *capability, const char *subject, types_error_t *error) {
    for (size_t i = 0; i < host.about.requests.len; i++) {
        exports_metadata_request_t *request = &host.about.requests.ptr[i];
        if (is(request->capability, capability) && fits(taken(request->scope), subject)) return true;
    }
    dib_text before = {0};
    dib_text_say(&before, "`");
    dib_text_say(&before, capability);
    dib_text_say(&before, "` was not requested for `");
    return refuse(error, TYPES_ERROR_CODE_DENIED, before.text, subject, "`");
}

static bool wished(const char *capability, const char *subject, types_error_t *error) {
    if (!host.planning)
        return refuse(error, TYPES_ERROR_CODE_DENIED, "`", capability, "` is wished for while planning only");
    return requested(capability, subject, error);
}

static bool effect(const char *capability, types_error_t *error) {
    if (host.planning)
        return refuse(error, TYPES_ERROR_CODE_DENIED, "`", capability, "` has effects, and planning has none");
    return true;
}

static bool within(const char *path, bool write, types_error_t *error) {
    for (size_t i = 0; i < host.about.requests.len; i++) {
        exports_metadata_request_t *request = &host.about.requests.ptr[i];
        if (!is(request->capability, "rootfs")) continue;
        char *scope = taken(request->scope), *folder = strchr(scope, ' ');
        if (!folder) continue;
        *folder++ = 0;
        size_t length = strlen(folder);
        while (length && folder[length - 1] == '/') folder[--length] = 0;
        bool below = strncmp(path, folder, length) == 0 && (path[length] == 0 || path[length] == '/');
        if (below && (strcmp(scope, "write") == 0 || !write)) return true;
    }
    return refuse(error, TYPES_ERROR_CODE_DENIED,
                  write ? "`rootfs` was not requested for `write " : "`rootfs` was not requested for `read ", path, "`");
}

// ---- What the bindings define in a component ----

void element_string_set(element_string_t *made, const char *text) {
    made->ptr = (uint8_t *)text;
    made->len = strlen(text);
}

void element_string_dup(element_string_t *made, const char *text) {
    made->len = strlen(text);
    made->ptr = (uint8_t *)same(text);
}

void element_string_free(element_string_t *text) {
    free(text->ptr);
    *text = (element_string_t){0};
}

void host_build_drop_borrow(host_borrow_build_t handle) {
    (void)handle;
}

host_borrow_secret_t host_borrow_secret(host_own_secret_t handle) {
    return (host_borrow_secret_t){handle.__handle};
}

rootfs_borrow_tree_t rootfs_borrow_tree(rootfs_own_tree_t handle) {
    return (rootfs_borrow_tree_t){handle.__handle};
}

bool host_method_build_parameter(host_borrow_build_t self, element_string_t *name, host_option_value_t *found,
                                 host_error_t *error) {
    (void)self;
    *found = (host_option_value_t){0};
    for (size_t i = 0; i < host.parameters_count; i++) {
        if (is(*name, host.parameters[i].name)) {
            found->is_some = true;
            found->val = host.parameters[i].value;
            return true;
        }
    }
    for (size_t i = 0; i < host.about.parameters.len; i++) {
        exports_metadata_parameter_t *declared = &host.about.parameters.ptr[i];
        if (!is(declared->name, taken(*name))) continue;
        if (!declared->default_.is_some) return true;
        found->is_some = true;
        dib_json json = {(char *)declared->default_.val.ptr,
                         (char *)declared->default_.val.ptr + declared->default_.val.len};
        char *text = dib_json_string(&json);
        int64_t number;
        if (text) {
            found->val.tag = HOST_VALUE_TEXT;
            element_string_dup(&found->val.val.text, text);
        } else if (is(declared->default_.val, "true") || is(declared->default_.val, "false")) {
            found->val.tag = HOST_VALUE_BOOLEAN;
            found->val.val.boolean = is(declared->default_.val, "true");
        } else if (dib_json_integer(&json, &number)) {
            found->val.tag = HOST_VALUE_INTEGER;
            found->val.val.integer = number;
        } else {
            found->val.tag = HOST_VALUE_JSON;
            found->val.val.json = declared->default_.val;
        }
        return true;
    }
    return refuse(error, TYPES_ERROR_CODE_UNDECLARED, "the parameter `", taken(*name), "` was not declared");
}

bool host_method_build_secret(host_borrow_build_t self, element_string_t *name, host_option_own_secret_t *found,
                              host_error_t *error) {
    (void)self, (void)error;
    *found = (host_option_own_secret_t){0};
    for (size_t i = 0; i < host.secrets_count; i++) {
        if (is(*name, host.secrets[i].name)) *found = (host_option_own_secret_t){true, {(int32_t)i}};
    }
    return true;
}

void log_write(log_level_t level, element_string_t *message, element_list_tuple2_string_string_t *fields) {
    (void)level, (void)fields;
    did("log", taken(*message), NULL);
}

bool facts_provide(element_string_t *slot, element_string_t *key, facts_json_t *value, facts_error_t *error) {
    exports_metadata_slot_t *declared = NULL;
    for (size_t i = 0; i < host.step->provides.len; i++)
        if (is(*slot, taken(host.step->provides.ptr[i].name))) declared = &host.step->provides.ptr[i];
    char *name = taken(*slot), *called = taken(*key), *json = taken(*value);
    if (!declared)
        return refuse(error, TYPES_ERROR_CODE_UNDECLARED, "the step does not declare that it provides `", name, "`");
    if ((declared->timing == EXPORTS_METADATA_TIMING_PLANNED) != host.planning)
        return refuse(error, TYPES_ERROR_CODE_DENIED, "values of `", name,
                      host.planning ? "` are provided while running" : "` are provided while planning");
    add_fact(name, taken(host.about.name), taken(host.step->name), called, json);
    dib_text line = {0};
    dib_text_say(&line, called);
    dib_text_say(&line, " ");
    dib_text_say(&line, json);
    did("fact", name, line.text);
    return true;
}

bool facts_consume(element_string_t *slot, facts_list_fact_t *found, facts_error_t *error) {
    bool declared = false;
    char *name = taken(*slot);
    for (size_t i = 0; i < host.step->consumes.len; i++) declared |= is(host.step->consumes.ptr[i].name, name);
    if (!declared)
        return refuse(error, TYPES_ERROR_CODE_UNDECLARED, "the step does not declare that it consumes `", name, "`");
    found->ptr = calloc(host.facts_count + 1, sizeof *found->ptr);
    found->len = 0;
    for (size_t i = 0; i < host.facts_count; i++) {
        if (strcmp(host.facts[i].slot, name) != 0) continue;
        facts_fact_t *fact = &found->ptr[found->len++];
        element_string_dup(&fact->provider, host.facts[i].provider);
        element_string_dup(&fact->step, host.facts[i].step);
        element_string_dup(&fact->key, host.facts[i].key);
        element_string_dup(&fact->value, host.facts[i].json);
    }
    return true;
}

bool packages_request(packages_list_wish_t *wishes, packages_error_t *error) {
    for (size_t i = 0; i < wishes->len; i++) {
        char *name = taken(wishes->ptr[i].name);
        if (!wished("packages", name, error)) return false;
        did("package", name, NULL);
    }
    return true;
}

bool services_set(element_string_t *unit, element_string_t *state, services_error_t *error) {
    char *name = taken(*unit);
    if (!is(*state, "enabled") && !is(*state, "disabled") && !is(*state, "masked"))
        return refuse(error, TYPES_ERROR_CODE_INVALID_ARGUMENT, "`", taken(*state), "` is no state of a unit");
    if (!wished("services", name, error)) return false;
    did("service", name, taken(*state));
    return true;
}

bool services_define(element_string_t *unit, element_string_t *content, services_error_t *error) {
    char *name = taken(*unit);
    if (!wished("services-define", name, error)) return false;
    did("unit", name, taken(*content));
    return true;
}

bool files_request(files_list_wish_t *wishes, files_error_t *error) {
    if (!host.planning)
        return refuse(error, TYPES_ERROR_CODE_DENIED, "files", "", " are wished for while planning only");
    for (size_t i = 0; i < wishes->len; i++) {
        files_wish_t *wish = &wishes->ptr[i];
        element_string_t of = wish->tag == FILES_WISH_FILE        ? wish->val.file.path
                              : wish->tag == FILES_WISH_DIRECTORY ? wish->val.directory.path
                              : wish->tag == FILES_WISH_SYMLINK   ? wish->val.symlink.path
                                                                  : wish->val.removed;
        char *path = taken(of);
        if (!within(path, true, error)) return false;
        element_string_t content = {0};
        if (wish->tag == FILES_WISH_FILE)
            content = (element_string_t){wish->val.file.content.ptr, wish->val.file.content.len};
        if (wish->tag == FILES_WISH_SYMLINK) content = wish->val.symlink.to;
        put(path, wish->tag == FILES_WISH_DIRECTORY ? NULL : taken(content));
        did("file", path, NULL);
    }
    return true;
}

bool block_device_add(block_device_list_node_t *nodes, block_device_error_t *error) {
    static const char *const kinds[] = {
        "disk", "table", "partition", "encryption", "physical-volume",
        "volume-group", "logical-volume", "filesystem", "mount", "driver",
    };
    if (!wished("block-device", "", error)) return false;
    for (size_t i = 0; i < nodes->len; i++)
        did("node", taken(nodes->ptr[i].name), kinds[nodes->ptr[i].kind.tag]);
    return true;
}

bool rootfs_open(rootfs_target_path_t *path, rootfs_own_tree_t *made, rootfs_error_t *error) {
    (void)path;
    made->__handle = 1;
    return effect("rootfs", error);
}

bool rootfs_method_tree_apply(rootfs_borrow_tree_t self, rootfs_list_change_t *changes, rootfs_error_t *error) {
    (void)self;
    if (!effect("rootfs", error)) return false;
    for (size_t i = 0; i < changes->len; i++) {
        rootfs_change_t *change = &changes->ptr[i];
        element_string_t of = change->tag == ROOTFS_CHANGE_WRITE            ? change->val.write.path
                              : change->tag == ROOTFS_CHANGE_MAKE_DIRECTORY ? change->val.make_directory.path
                              : change->tag == ROOTFS_CHANGE_REMOVE         ? change->val.remove
                                                                            : (element_string_t){0};
        char *path = taken(of);
        if (!within(path, true, error)) return false;
        if (change->tag == ROOTFS_CHANGE_WRITE) {
            put(path, taken((element_string_t){change->val.write.content.ptr, change->val.write.content.len}));
        } else if (change->tag == ROOTFS_CHANGE_MAKE_DIRECTORY) {
            put(path, NULL);
        } else if (change->tag == ROOTFS_CHANGE_REMOVE) {
            test_node *node = node_at(path);
            if (node) node->path = NULL;
        } else {
            return refuse(error, TYPES_ERROR_CODE_UNSUPPORTED, "the host in memory", "", " has no such change");
        }
    }
    return true;
}

bool rootfs_method_tree_read(rootfs_borrow_tree_t self, rootfs_target_path_t *path, uint64_t offset, uint64_t length,
                             element_list_u8_t *made, rootfs_error_t *error) {
    (void)self, (void)length;
    char *of = taken(*path);
    if (!effect("rootfs", error) || !within(of, false, error)) return false;
    test_node *node = node_at(of);
    if (!node || !node->content) return refuse(error, TYPES_ERROR_CODE_NOT_FOUND, "there is no `", of, "`");
    size_t size = strlen(node->content);
    size_t from = offset < size ? (size_t)offset : size;
    *made = (element_list_u8_t){(uint8_t *)same(node->content + from), size - from};
    return true;
}

bool rootfs_method_tree_stat(rootfs_borrow_tree_t self, rootfs_target_path_t *path, rootfs_option_stat_t *made,
                             rootfs_error_t *error) {
    (void)self;
    char *of = taken(*path);
    if (!effect("rootfs", error) || !within(of, false, error)) return false;
    *made = (rootfs_option_stat_t){.is_some = node_at(of) != NULL};
    return true;
}

bool rootfs_method_tree_write_secret(rootfs_borrow_tree_t self, rootfs_target_path_t *path, rootfs_borrow_secret_t secret,
                                     rootfs_attributes_t *attributes, rootfs_error_t *error) {
    (void)self, (void)attributes;
    char *of = taken(*path);
    test_parameter *held = &host.secrets[secret.__handle];
    dib_text place = {0};
    dib_text_say(&place, "place ");
    dib_text_say(&place, held->name);
    if (!effect("rootfs", error) || !within(of, true, error) || !requested("secret", place.text, error)) return false;
    put(of, taken(held->value.val.text));
    return true;
}

bool exec_run(exec_command_t *command, exec_output_t *made, exec_error_t *error) {
    char *program = taken(command->program);
    if (!effect("exec", error) || !requested("exec", program, error)) return false;
    dib_text line = {0};
    dib_text_say(&line, program);
    for (size_t i = 0; i < command->args.len; i++) {
        dib_text_say(&line, " ");
        dib_text_say(&line, taken(command->args.ptr[i]));
    }
    did("exec", line.text, NULL);
    *made = (exec_output_t){0};
    for (size_t i = 0; i < host.answers_count; i++) {
        test_answer *answer = &host.answers[i];
        if (strcmp(answer->program, program) != 0) continue;
        made->status = answer->status;
        made->stdout_.ptr = (uint8_t *)same(answer->output);
        made->stdout_.len = strlen(answer->output);
    }
    if (made->status != 0) return refuse(error, TYPES_ERROR_CODE_EXIT_STATUS, "`", program, "` failed");
    return true;
}
