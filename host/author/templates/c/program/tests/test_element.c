// The element on a host in memory.

#include "dibhost_test.h"

int main(void) {
    for (int verbose = 0; verbose < 2; verbose++) {
        dib_test_begin();
        dib_test_boolean("verbose", verbose);
        DIB_CHECK(dib_test_run("post-install"));
        DIB_CHECK(dib_test_did(verbose ? "exec ldconfig -v" : "exec ldconfig"));
        DIB_CHECK(dib_test_count("exec") == 1);
    }
    return 0;
}
