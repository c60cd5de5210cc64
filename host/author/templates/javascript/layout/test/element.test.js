// The element on a host in memory.

import assert from "node:assert/strict";
import test from "node:test";

import { TestHost } from "dibhost-element-sdk";
import element from "../element.js";

test("the disk has one filesystem", () => {
  const planned = new TestHost().plan(element, "block-device");
  assert.deepEqual(planned.nodes.map((node) => node.name), ["disk", "table", "root", "root-fs", "root-mount"]);
});
