// Runs a program of the image: the linker's cache is made anew.

#include "dibhost.h"

typedef struct {
    bool verbose;
} parameters;

static const dib_field PARAMETERS[] = {
    DIB_PARAMETER(parameters, verbose, "verbose", "false", "Whether the program says what it does."),
};

static const dib_step STEPS[] = {
    {.phase = TYPES_PHASE_POST_INSTALL},
};

static const dib_request REQUESTS[] = {
    {"exec", "ldconfig", "to make the linker's cache"},
};

static bool run(dib_call *call, const void *given) {
    const parameters *set = given;
    const char *const loud[] = {"-v", NULL};
    return dib_run(call, "ldconfig", set->verbose ? loud : NULL, NULL);
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
    .run = run,
};
