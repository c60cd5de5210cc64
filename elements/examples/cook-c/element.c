// Puts two dishes and a special on the menu, in C.
//
// Its readers (`waiter-rust`, `waiter-python`) run in the same phase, after it: the host sees to
// that, because of the slots.

#include <stdlib.h>
#include <string.h>

#include "base.h"

#define DISH "example:menu/dish@1"
#define SPECIAL "example:menu/special@1"

// What an export returns is freed by the generated code: texts and lists are copies. What an export
// is given is its own to free.
static base_string_t text(const char *literal) {
    base_string_t copy;
    base_string_dup(&copy, literal);
    return copy;
}

static void *copy(const void *items, size_t size) {
    return memcpy(malloc(size), items, size);
}

static exports_metadata_slot_t slot(const char *name, exports_metadata_timing_t timing, const char *schema,
                            const char *doc) {
    return (exports_metadata_slot_t){
        .name = text(name),
        .arity = EXPORTS_METADATA_ARITY_MANY,
        .timing = timing,
        .schema = {.is_some = true, .val = text(schema)},
        .doc = text(doc),
    };
}

void exports_metadata_describe(exports_metadata_description_t *description) {
    exports_metadata_slot_t slots[] = {
        slot(DISH, EXPORTS_METADATA_TIMING_PLANNED,
             "{\"type\": \"object\","
             " \"properties\": {\"name\": {\"type\": \"string\"}, \"vegetarian\": {\"type\": \"boolean\"}},"
             " \"required\": [\"name\", \"vegetarian\"]}",
             "A dish of the menu: known before anything is built."),
        slot(SPECIAL, EXPORTS_METADATA_TIMING_OBSERVED,
             "{\"type\": \"object\","
             " \"properties\": {\"name\": {\"type\": \"string\"}},"
             " \"required\": [\"name\"]}",
             "What there is today only: known while the image is built."),
    };
    exports_metadata_step_t step = {
        .name = text("install"),
        .phase = TYPES_PHASE_INSTALL,
        .provides = {copy(slots, sizeof slots), 2},
    };
    *description = (exports_metadata_description_t){
        .name = text("cook-c"),
        .version = text("1.0.0"),
        .summary = text("Puts two dishes and a special on the menu, in C."),
        .license = text("Apache-2.0"),
        .steps = {copy(&step, sizeof step), 1},
    };
}

// What an import is given is lent: no copy is made of it.
static bool provide(const char *slot, const char *key, const char *value, types_error_t *error) {
    base_string_t texts[3];
    base_string_set(&texts[0], slot);
    base_string_set(&texts[1], key);
    base_string_set(&texts[2], value);
    return facts_provide(&texts[0], &texts[1], &texts[2], error);
}

bool exports_lifecycle_plan(base_string_t *step, exports_lifecycle_borrow_build_t build,
                    exports_lifecycle_list_finding_t *findings, exports_lifecycle_error_t *error) {
    base_string_free(step);
    host_build_drop_borrow(build);
    *findings = (exports_lifecycle_list_finding_t){0};
    return provide(DISH, "1", "{\"name\": \"pointed peppers\", \"vegetarian\": true}", error) &&
           provide(DISH, "2", "{\"name\": \"void sausages\", \"vegetarian\": false}", error);
}

bool exports_lifecycle_run(base_string_t *step, exports_lifecycle_borrow_build_t build,
                   exports_lifecycle_outcome_t *outcome, exports_lifecycle_error_t *error) {
    base_string_free(step);
    host_build_drop_borrow(build);
    outcome->tag = EXPORTS_LIFECYCLE_OUTCOME_DONE;
    return provide(SPECIAL, "today", "{\"name\": \"dangling grapes\"}", error);
}
