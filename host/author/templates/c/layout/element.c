// What is on the disk: a GPT with one filesystem.

#include "dibhost.h"

typedef struct {
    char *label;
} parameters;

static const dib_field PARAMETERS[] = {
    DIB_PARAMETER(parameters, label, "label", "\"root\"", "The label of the root filesystem."),
};

static const dib_step STEPS[] = {
    {.phase = TYPES_PHASE_BLOCK_DEVICE, .plan_only = true},
};

static const dib_request REQUESTS[] = {
    {"block-device", "", "it is what this element is for"},
};

static const char *const ROLES[] = {"layout"};

static bool plan(dib_call *call, const void *given) {
    const parameters *set = given;
    block_device_size_t size = {.tag = BLOCK_DEVICE_SIZE_CONTENT, .val.content = 64 << 20};
    block_device_node_t nodes[] = {
        dib_disk(call, "disk"),
        dib_table(call, "table", "disk", "gpt"),
        dib_partition(call, "root", "table", "root-x86-64", size),
        dib_filesystem(call, "root-fs", "root", "ext4", set->label),
        dib_mount(call, "root-mount", "root-fs", "/"),
    };
    return dib_add_nodes(call, nodes, sizeof nodes / sizeof *nodes);
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
    .stands_in_for = ROLES,
    .stands_in_for_count = 1,
    .plan = plan,
};
