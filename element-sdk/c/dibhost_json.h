// JSON of flat objects, for dibhost.c: values of facts and of parameters.
#ifndef DIBHOST_JSON_H
#define DIBHOST_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char *text;
    size_t length, room;
} dib_text;

static inline void dib_text_add(dib_text *made, const char *bytes, size_t length) {
    if (made->room - made->length <= length) {
        made->room = (made->room + length + 64) * 2;
        made->text = realloc(made->text, made->room);
        if (!made->text) abort();
    }
    memcpy(made->text + made->length, bytes, length);
    made->length += length;
    made->text[made->length] = 0;
}

static inline void dib_text_say(dib_text *made, const char *text) {
    dib_text_add(made, text, strlen(text));
}

static inline void dib_text_number(dib_text *made, int64_t number) {
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (number < 0) digits[--at] = '-';
    dib_text_add(made, digits + at, sizeof digits - at);
}

static inline void dib_json_text(dib_text *made, const char *text) {
    dib_text_say(made, "\"");
    for (const char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at;
        static const char hex[] = "0123456789abcdef";
        if (c == '"' || c == '\\') {
            char both[2] = {'\\', (char)c};
            dib_text_add(made, both, 2);
        } else if (c < 0x20) {
            char escaped[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            dib_text_add(made, escaped, 6);
        } else {
            dib_text_add(made, at, 1);
        }
    }
    dib_text_say(made, "\"");
}

typedef struct {
    const char *at, *end;
} dib_json;

static inline void dib_json_space(dib_json *json) {
    while (json->at < json->end && strchr(" \t\r\n", *json->at) && *json->at) json->at++;
}

static inline bool dib_json_take(dib_json *json, char c) {
    dib_json_space(json);
    if (json->at >= json->end || *json->at != c) return false;
    json->at++;
    return true;
}

static inline bool dib_json_hex(dib_json *json, unsigned *value) {
    if (json->end - json->at < 4) return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char c = *json->at++;
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10) : 16;
        if (digit == 16) return false;
        *value = *value * 16 + digit;
    }
    return true;
}

static inline void dib_json_point(dib_text *made, unsigned point) {
    char bytes[4];
    if (point < 0x80) {
        bytes[0] = (char)point;
        dib_text_add(made, bytes, 1);
    } else if (point < 0x800) {
        bytes[0] = (char)(0xc0 | point >> 6), bytes[1] = (char)(0x80 | (point & 63));
        dib_text_add(made, bytes, 2);
    } else if (point < 0x10000) {
        bytes[0] = (char)(0xe0 | point >> 12), bytes[1] = (char)(0x80 | (point >> 6 & 63));
        bytes[2] = (char)(0x80 | (point & 63));
        dib_text_add(made, bytes, 3);
    } else {
        bytes[0] = (char)(0xf0 | point >> 18), bytes[1] = (char)(0x80 | (point >> 12 & 63));
        bytes[2] = (char)(0x80 | (point >> 6 & 63)), bytes[3] = (char)(0x80 | (point & 63));
        dib_text_add(made, bytes, 4);
    }
}

// Reads a string; NULL where there is none.
static inline char *dib_json_string(dib_json *json) {
    if (!dib_json_take(json, '"')) return NULL;
    dib_text made = {0};
    dib_text_add(&made, "", 0);
    while (json->at < json->end) {
        char c = *json->at++;
        if (c == '"') return made.text;
        if (c != '\\') {
            dib_text_add(&made, &c, 1);
            continue;
        }
        if (json->at >= json->end) return NULL;
        c = *json->at++;
        unsigned point, low;
        switch (c) {
        case 'b': c = '\b'; break;
        case 'f': c = '\f'; break;
        case 'n': c = '\n'; break;
        case 'r': c = '\r'; break;
        case 't': c = '\t'; break;
        case '"': case '\\': case '/': break;
        case 'u':
            if (!dib_json_hex(json, &point)) return NULL;
            if (point >= 0xd800 && point < 0xdc00) {
                if (json->end - json->at < 6 || json->at[0] != '\\' || json->at[1] != 'u') return NULL;
                json->at += 2;
                if (!dib_json_hex(json, &low) || low < 0xdc00 || low > 0xdfff) return NULL;
                point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
            } else if (point == 0 || (point >= 0xdc00 && point < 0xe000)) {
                return NULL; // a text of C ends there
            }
            dib_json_point(&made, point);
            continue;
        default: return NULL;
        }
        dib_text_add(&made, &c, 1);
    }
    return NULL;
}

// Passes over any value.
static inline bool dib_json_skip(dib_json *json, int depth) {
    dib_json_space(json);
    if (json->at >= json->end || depth > 64) return false;
    char c = *json->at;
    if (c == '"') return dib_json_string(json) != NULL;
    if (c == '{' || c == '[') {
        char close = c == '{' ? '}' : ']';
        json->at++;
        if (dib_json_take(json, close)) return true;
        do {
            if (c == '{' && (!dib_json_string(json) || !dib_json_take(json, ':'))) return false;
            if (!dib_json_skip(json, depth + 1)) return false;
        } while (dib_json_take(json, ','));
        return dib_json_take(json, close);
    }
    const char *from = json->at;
    while (json->at < json->end && !strchr(",]} \t\r\n", *json->at)) json->at++;
    return json->at > from;
}

static inline bool dib_json_word(dib_json *json, const char *word) {
    dib_json_space(json);
    size_t length = strlen(word);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0) return false;
    json->at += length;
    return true;
}

static inline bool dib_json_integer(dib_json *json, int64_t *number) {
    dib_json_space(json);
    bool minus = json->at < json->end && *json->at == '-';
    if (minus) json->at++;
    const char *from = json->at;
    uint64_t value = 0;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9') {
        unsigned digit = (unsigned)(*json->at++ - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    uint64_t most = (uint64_t)INT64_MAX + (minus ? 1 : 0);
    if (json->at == from || value > most) return false;
    if (json->at < json->end && strchr(".eE", *json->at)) return false;
    *number = minus ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

#endif
