// The element on a host in memory.

import assert from "node:assert/strict";
import test from "node:test";

import { TestHost } from "dibhost-element-sdk";
import element, { guest } from "../element.js";

test("every guest is greeted", () => {
  const host = new TestHost().parameter("greeting", "Hello").fact(guest, "zebra", "1", { name: "somebody", seats: 2 });
  const planned = host.plan(element, "arrive");
  assert.deepEqual(planned.provided(guest), [{ name: "{{name}}", seats: 1 }]);
  host.run(element, "greet");
  assert.equal(host.text("/etc/guests/{{name}}"), "Hello, {{name}} (1)\nHello, somebody (2)\n");
});

test("a greeting is a text", () => {
  assert.throws(() => new TestHost().parameter("greeting", 7).plan(element, "arrive"), (error) => {
    assert.equal(error.code, "invalid-argument");
    assert.match(error.message, /`greeting`/);
    return true;
  });
});
