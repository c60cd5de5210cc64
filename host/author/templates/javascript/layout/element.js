// What is on the disk: a GPT with one filesystem.

import { disk, element, filesystem, mount, partition, request, size, step, table, text } from "dibhost-element-sdk";

export default element({
  name: "{{name}}",
  version: "0.1.0",
  license: "Apache-2.0",
  summary: "{{summary}}",
  parameters: { label: text({ default: "root", doc: "The label of the root filesystem." }) },
  standsInFor: ["layout"],
  steps: [step("block-device", { planOnly: true })],
  requests: [request("block-device", "", "it is what this element is for")],

  planBlockDevice(plan, { label }) {
    plan.addNodes([
      disk("disk"),
      table("table", "disk", "gpt"),
      partition("root", "table", "root-x86-64", size.content(64 << 20)),
      filesystem("root-fs", "root", "ext4", { label }),
      mount("root-mount", "root-fs", "/"),
    ]);
  },
});
