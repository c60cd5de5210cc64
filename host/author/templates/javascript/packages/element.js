// Installs nginx, and says whether it is started.

import { boolean, element, request, step } from "dibhost-element-sdk";

export default element({
  name: "{{name}}",
  version: "0.1.0",
  license: "Apache-2.0",
  summary: "{{summary}}",
  parameters: { started: boolean({ default: true, doc: "Whether it is started with the machine." }) },
  steps: [step("install", { planOnly: true })],
  requests: [
    request("packages", "nginx", "the server"),
    request("services", "nginx.service", "it is started, or not"),
  ],

  planInstall(plan, { started }) {
    plan.package("nginx", "the server");
    plan.service("nginx.service", started ? "enabled" : "disabled");
  },
});
