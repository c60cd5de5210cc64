// A host in memory: an element's own tests run natively, with no component, no root and no image.
// It holds the element to its own description, as a real host does.
#ifndef DIBHOST_TEST_H
#define DIBHOST_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dibhost.h"

// Begins anew: no parameters, no facts, an empty tree.
void dib_test_begin(void);

// What the image definition and the image have.
void dib_test_text(const char *parameter, const char *value);
void dib_test_boolean(const char *parameter, bool value);
void dib_test_integer(const char *parameter, int64_t value);
void dib_test_secret(const char *parameter, const char *value);
void dib_test_fact(const dib_fact *fact, const char *provider, const char *key, const char *json);
void dib_test_file(const char *path, const char *content);
// How a program of the image answers.
void dib_test_answer(const char *program, int status, const char *output);

// Calls a half of a step: whether it went well.
bool dib_test_plan(const char *step);
bool dib_test_run(const char *step);

// What came of it.
const char *dib_test_error(void); // the sentence of the failure; "" where there was none
const char *dib_test_help(void);
const char *dib_test_content(const char *path); // NULL: there is no such file
bool dib_test_exists(const char *path);
// What was wished for and done, a line for each, as `package hello`, `service nginx.service enabled`,
// `fact SLOT KEY JSON`, `exec ldconfig -v`, `node root partition`, `warning …`, `refusal …`.
bool dib_test_did(const char *line);
size_t dib_test_count(const char *beginning); // lines that begin so

// Ends the test with where it was and why.
#define DIB_CHECK(holds)                                                                       \
    do {                                                                                       \
        if (!(holds)) {                                                                        \
            fprintf(stderr, "%s:%d: `%s` does not hold (%s)\n", __FILE__, __LINE__, #holds,    \
                    dib_test_error());                                                         \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

#endif
