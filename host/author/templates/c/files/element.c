// Greets every guest in a file of the image, and is a guest itself.
//
// It provides a fact in its first step and reads all of them in the second: those of other elements
// too, in whatever language they are written.

#include <string.h>

#include "element-facts.h"

typedef struct {
    char *greeting;
    bool hello;
} parameters;

static const dib_field PARAMETERS[] = {
    DIB_PARAMETER(parameters, greeting, "greeting", "\"Welcome\"", "What every guest is told."),
    DIB_PARAMETER(parameters, hello, "hello", "false", "Whether the package `hello` is installed as well."),
};

static const dib_field GUEST_FIELDS[] = {
    DIB_FIELD(guest, name, "What it is called."),
    DIB_FIELD(guest, seats, "How many seats it wants."),
};

// A slot is a name and a schema: put your own publisher before the `:`.
const dib_fact GUEST = {
    "example:guests/guest@1", DIB_MANY, DIB_PLANNED, "Somebody who is greeted.", sizeof(guest), DIB_LIST(GUEST_FIELDS),
};

static const dib_fact *const GUESTS[] = {&GUEST};

static const dib_step STEPS[] = {
    {.name = "arrive", .phase = TYPES_PHASE_INSTALL, .provides = GUESTS, .provides_count = 1, .plan_only = true},
    {.name = "greet", .phase = TYPES_PHASE_INSTALL, .consumes = GUESTS, .consumes_count = 1},
};

static const dib_request REQUESTS[] = {
    {"packages", "hello", "where it is asked for"},
    {"rootfs", "write /etc/guests", "to write the greetings"},
};

static bool plan(dib_call *call, const void *given) {
    const parameters *set = given;
    if (strcmp(dib_step_name(call), "arrive") != 0) return true;
    guest me = {.name = "{{name}}", .seats = 1};
    if (!dib_provide(call, &GUEST, "me", &me)) return false;
    return !set->hello || dib_package(call, "hello", "it greets too");
}

static bool run(dib_call *call, const void *given) {
    const parameters *set = given;
    dib_provided_list guests;
    if (!dib_consume(call, &GUEST, &guests)) return false;
    char *text = "";
    for (size_t i = 0; i < guests.count; i++) {
        const guest *one = guests.items[i].value;
        text = dib_format(call, "%s%s, %s (%u)\n", text, set->greeting, one->name, (unsigned)one->seats);
    }
    return dib_make_directory(call, "/etc/guests") && dib_write(call, "/etc/guests/{{name}}", text, 0);
}

const dib_element dib_this = {
    .name = "{{name}}",
    .version = "0.1.0",
    .license = "Apache-2.0",
    .summary = "{{summary}}",
    .parameters = PARAMETERS,
    .parameters_count = sizeof PARAMETERS / sizeof *PARAMETERS,
    .parameters_size = sizeof(parameters),
    .steps = STEPS,
    .steps_count = sizeof STEPS / sizeof *STEPS,
    .requests = REQUESTS,
    .requests_count = sizeof REQUESTS / sizeof *REQUESTS,
    .plan = plan,
    .run = run,
};
