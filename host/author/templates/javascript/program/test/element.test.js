// The element on a host in memory.

import assert from "node:assert/strict";
import test from "node:test";

import { TestHost } from "dibhost-element-sdk";
import element from "../element.js";

test("the program is run once", () => {
  for (const [verbose, command] of [[false, ["ldconfig"]], [true, ["ldconfig", "-v"]]]) {
    const ran = new TestHost().parameter("verbose", verbose).run(element, "post-install");
    assert.deepEqual(ran.commands, [command]);
  }
});
