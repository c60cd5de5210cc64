// The element on a host in memory.

#include "dibhost_test.h"

int main(void) {
    dib_test_begin();
    DIB_CHECK(dib_test_plan("block-device"));
    DIB_CHECK(dib_test_count("node") == 5);
    DIB_CHECK(dib_test_did("node root-fs filesystem"));
    return 0;
}
