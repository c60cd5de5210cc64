// The element on a host in memory.

import assert from "node:assert/strict";
import test from "node:test";

import { TestHost } from "dibhost-element-sdk";
import element from "../element.js";

test("the server is installed and started, unless it is not to be", () => {
  for (const [started, state] of [[true, "enabled"], [false, "disabled"]]) {
    const planned = new TestHost().parameter("started", started).plan(element, "install");
    assert.deepEqual(planned.packages, [["nginx", "install"]]);
    assert.deepEqual(planned.services, { "nginx.service": state });
  }
});
