// Makes the component: node build.js WIT OUT.wasm

import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const [wit, out] = process.argv.slice(2);
const source = await readFile(new URL("element.js", import.meta.url), "utf8");
const { component } = await componentize(source, {
  witPath: wit,
  worldName: "base",
  // What the host does not offer, or offers inert.
  disableFeatures: ["random", "clocks", "http", "stdio", "fetch-event"],
});
await writeFile(out, component);
