// What the element provides and reads: for its own test too.
#ifndef ELEMENT_FACTS_H
#define ELEMENT_FACTS_H

#include "dibhost.h"

// Somebody who is greeted.
typedef struct {
    char *name;
    uint32_t seats;
} guest;

extern const dib_fact GUEST;

#endif
