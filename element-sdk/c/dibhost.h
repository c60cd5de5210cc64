// Write dibhost elements in C. See README.md beside it, and `element.h` for all of the contract.
#ifndef DIBHOST_H
#define DIBHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "element.h"

// A list of a static array, with its length.
#define DIB_LIST(array) (array), sizeof(array) / sizeof(*(array))

// ---- Facts and parameters: structs whose fields are declared ----

typedef enum { DIB_TEXT, DIB_BOOLEAN, DIB_INTEGER, DIB_UINT32, DIB_SECRET } dib_kind;

// A parameter that names a secret of the image definition: it is placed unread.
typedef struct {
    host_own_secret_t handle;
    bool is_set;
} dib_secret;

// The kind of a member, by its type. One of another type does not compile.
#define DIB_KIND(type, member) \
    _Generic(((type *)0)->member, char *: DIB_TEXT, bool: DIB_BOOLEAN, int64_t: DIB_INTEGER, \
             uint32_t: DIB_UINT32, dib_secret: DIB_SECRET)

typedef struct {
    const char *name;
    dib_kind kind;
    size_t offset;
    const char *doc;
    // Of a parameter: its default as JSON; NULL: the definition must set it; "null": it may be left out.
    const char *fallback;
} dib_field;

// A field of a fact: `DIB_FIELD(guest, name, "What it is called.")`.
#define DIB_FIELD(type, member, about) \
    { .name = #member, .kind = DIB_KIND(type, member), .offset = offsetof(type, member), .doc = about }

// A parameter: `DIB_PARAMETER(parameters, greeting, "greeting", "\"Welcome\"", "What is said.")`.
#define DIB_PARAMETER(type, member, called, fallback_json, about) \
    { .name = called, .kind = DIB_KIND(type, member), .offset = offsetof(type, member), .doc = about, .fallback = fallback_json }

typedef enum { DIB_ONE, DIB_OPTIONAL, DIB_MANY } dib_arity;
typedef enum { DIB_PLANNED, DIB_OBSERVED } dib_timing;

// A fact: a slot, and a struct that is a value of it.
typedef struct {
    const char *slot; // `acme:proxy/upstream@1`
    dib_arity arity;
    dib_timing timing;
    const char *doc;
    size_t size;
    const dib_field *fields;
    size_t fields_count;
} dib_fact;

// A value that was read, and who provided it.
typedef struct {
    const char *provider;
    const char *step;
    const char *key;
    const void *value; // the fact's struct
} dib_provided;

typedef struct {
    dib_provided *items;
    size_t count;
} dib_provided_list;

// ---- What an element says about itself ----

typedef struct {
    const char *name; // NULL: as its phase
    types_phase_t phase; // TYPES_PHASE_INSTALL, …
    const dib_fact *const *provides;
    size_t provides_count;
    const dib_fact *const *consumes;
    size_t consumes_count;
    bool plan_only;
} dib_step;

typedef struct {
    const char *capability;
    const char *scope;
    const char *reason;
} dib_request;

typedef struct dib_call dib_call;

typedef struct {
    const char *name;
    const char *version;
    const char *license;
    const char *summary;
    const dib_field *parameters;
    size_t parameters_count;
    size_t parameters_size; // of the struct
    const dib_step *steps;
    size_t steps_count;
    const dib_request *requests;
    size_t requests_count;
    const char *const *stands_in_for;
    size_t stands_in_for_count;
    // The two halves of a step; NULL: there is nothing to do. `parameters` is the struct.
    bool (*plan)(dib_call *call, const void *parameters);
    bool (*run)(dib_call *call, const void *parameters);
} dib_element;

// The element: defined in one of its own files.
extern const dib_element dib_this;

// ---- What a step may do. Each answers whether it went well; why not is kept in the call ----

// The name of the step that is called.
const char *dib_step_name(const dib_call *call);

// Says why it went wrong: always false. `help` may be NULL.
bool dib_fail(dib_call *call, const char *message, const char *help);
// Adds what was being done: always false, to be returned.
bool dib_while(dib_call *call, const char *doing);
// A text as by printf (%s, %d, %u, %ld, %zu, %%), which lives until the call ends.
char *dib_format(dib_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

void dib_log(dib_call *call, log_level_t level, const char *message);

// While planning or running, as the fact's timing says.
bool dib_provide(dib_call *call, const dib_fact *fact, const char *key, const void *value);
bool dib_consume(dib_call *call, const dib_fact *fact, dib_provided_list *found);

// While planning.
bool dib_package(dib_call *call, const char *name, const char *reason);
bool dib_service(dib_call *call, const char *unit, const char *state);
bool dib_define_unit(dib_call *call, const char *unit, const char *content);
bool dib_file(dib_call *call, const char *path, const char *content, uint32_t mode);
bool dib_symlink(dib_call *call, const char *path, const char *to);
bool dib_add_nodes(dib_call *call, block_device_node_t *nodes, size_t count);
void dib_warn(dib_call *call, const char *message, const char *help);
void dib_refuse(dib_call *call, const char *message, const char *help);

// Nodes of the block device.
block_device_node_t dib_disk(dib_call *call, const char *name);
block_device_node_t dib_table(dib_call *call, const char *name, const char *on, const char *kind);
block_device_node_t dib_partition(dib_call *call, const char *name, const char *on, const char *type_id,
                                  block_device_size_t size);
block_device_node_t dib_filesystem(dib_call *call, const char *name, const char *on, const char *kind,
                                   const char *label);
block_device_node_t dib_mount(dib_call *call, const char *name, const char *on, const char *at);

// While running.
bool dib_make_directory(dib_call *call, const char *path);
bool dib_write(dib_call *call, const char *path, const char *content, uint32_t mode);
bool dib_read(dib_call *call, const char *path, char **content);
bool dib_exists(dib_call *call, const char *path, bool *exists);
bool dib_remove(dib_call *call, const char *path);
bool dib_write_secret(dib_call *call, const char *path, dib_secret secret);
// Runs a program of the image; `arguments` end with NULL. `output` (its standard output) may be NULL.
bool dib_run(dib_call *call, const char *program, const char *const *arguments, char **output);
void dib_skip(dib_call *call, const char *why);

#endif
