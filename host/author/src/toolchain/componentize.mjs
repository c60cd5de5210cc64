// Makes a component of a module and all that it imports: node componentize.mjs ENTRY WIT WORLD OUT

import { writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

const [entry, wit, world, out] = process.argv.slice(2);
const { outputFiles } = await build({
  entryPoints: [entry],
  bundle: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  external: ["dib:*"],
  write: false,
  logLevel: "warning",
});
const { component } = await componentize(outputFiles[0].text, {
  witPath: wit,
  worldName: world,
  // What the host does not offer, or offers inert.
  disableFeatures: ["random", "clocks", "http", "stdio", "fetch-event"],
});
await writeFile(out, component);
