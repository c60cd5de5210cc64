// Greets every guest in a file of the image, and is a guest itself.
//
// It provides a fact in its first step and reads all of them in the second: those of other elements
// too, in whatever language they are written.

import { boolean, element, fact, request, step, text, uint32 } from "dibhost-element-sdk";

// A slot is a name and a schema: put your own publisher before the `:`.
export const guest = fact("example:guests/guest@1", {
  arity: "many",
  timing: "planned",
  doc: "Somebody who is greeted.",
  fields: { name: text(), seats: uint32() },
});

const folder = "/etc/guests";

export default element({
  name: "{{name}}",
  version: "0.1.0",
  license: "Apache-2.0",
  summary: "{{summary}}",
  parameters: {
    greeting: text({ default: "Welcome", doc: "What every guest is told." }),
    hello: boolean({ default: false, doc: "Whether the package `hello` is installed as well." }),
  },
  steps: [
    step("install", { name: "arrive", provides: [guest], planOnly: true }),
    step("install", { name: "greet", consumes: [guest] }),
  ],
  requests: [
    request("packages", "hello", "where it is asked for"),
    request("rootfs", `write ${folder}`, "to write the greetings"),
  ],

  planInstall(plan, { hello }) {
    if (plan.step !== "arrive") return;
    plan.provide(guest, "me", { name: "{{name}}", seats: 1 });
    if (hello) plan.package("hello", "it greets too");
  },

  runInstall(run, { greeting }) {
    const lines = run.consume(guest).map(({ value }) => `${greeting}, ${value.name} (${value.seats})\n`);
    run.rootfs.directory(folder);
    run.rootfs.write(`${folder}/{{name}}`, lines.join(""));
  },
});
