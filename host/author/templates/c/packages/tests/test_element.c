// The element on a host in memory.

#include "dibhost_test.h"

int main(void) {
    for (int started = 0; started < 2; started++) {
        dib_test_begin();
        dib_test_boolean("started", started);
        DIB_CHECK(dib_test_plan("install"));
        DIB_CHECK(dib_test_did("package nginx"));
        DIB_CHECK(dib_test_did(started ? "service nginx.service enabled" : "service nginx.service disabled"));
    }
    return 0;
}
