// Runs a program of the image: the linker's cache is made anew.

import { boolean, element, request, step } from "dibhost-element-sdk";

export default element({
  name: "{{name}}",
  version: "0.1.0",
  license: "Apache-2.0",
  summary: "{{summary}}",
  parameters: { verbose: boolean({ default: false, doc: "Whether the program says what it does." }) },
  steps: [step("post-install")],
  requests: [request("exec", "ldconfig", "to make the linker's cache")],

  runPostInstall(run, { verbose }) {
    run.exec("ldconfig", verbose ? ["-v"] : []);
  },
});
