// Installs nginx, and says whether it is started.

#include "dibhost.h"

typedef struct {
    bool started;
} parameters;

static const dib_field PARAMETERS[] = {
    DIB_PARAMETER(parameters, started, "started", "true", "Whether it is started with the machine."),
};

static const dib_step STEPS[] = {
    {.phase = TYPES_PHASE_INSTALL, .plan_only = true},
};

static const dib_request REQUESTS[] = {
    {"packages", "nginx", "the server"},
    {"services", "nginx.service", "it is started, or not"},
};

static bool plan(dib_call *call, const void *given) {
    const parameters *set = given;
    return dib_package(call, "nginx", "the server") &&
           dib_service(call, "nginx.service", set->started ? "enabled" : "disabled");
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
};
