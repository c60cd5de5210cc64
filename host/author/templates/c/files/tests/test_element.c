// The element on a host in memory.

#include "dibhost_test.h"
#include "element-facts.h"

static void every_guest_is_greeted(void) {
    dib_test_begin();
    dib_test_text("greeting", "Hello");
    dib_test_fact(&GUEST, "zebra", "1", "{\"name\": \"somebody\", \"seats\": 2}");
    DIB_CHECK(dib_test_plan("arrive"));
    DIB_CHECK(dib_test_did("fact example:guests/guest@1 me {\"name\":\"{{name}}\",\"seats\":1}"));
    DIB_CHECK(dib_test_run("greet"));
    DIB_CHECK(strcmp(dib_test_content("/etc/guests/{{name}}"), "Hello, {{name}} (1)\nHello, somebody (2)\n") == 0);
}

static void a_greeting_is_a_text(void) {
    dib_test_begin();
    dib_test_integer("greeting", 7);
    DIB_CHECK(!dib_test_plan("arrive"));
    DIB_CHECK(strstr(dib_test_error(), "`greeting` is not a text"));
}

int main(void) {
    every_guest_is_greeted();
    a_greeting_is_a_text();
    return 0;
}
