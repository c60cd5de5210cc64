// `node describe.js FILE`: what the element of a module says about itself, as JSON. What is wrong with
// it is one sentence on standard error, and 1. `dibhost element build` calls it before it makes a
// component.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

try {
  const { default: element } = await import(pathToFileURL(resolve(process.argv[2])).href);
  if (!element?.isElement) {
    throw Object.assign(new Error("it exports no element: end it with `export default element({…})`"), { name: "DescriptionError" });
  }
  const { name, version, summary } = element;
  const requests = element.requests.map(({ capability, scope }) => ({ capability, scope }));
  process.stdout.write(`${JSON.stringify({ name, version, summary, requests })}\n`);
} catch (error) {
  const sdk = new URL(".", import.meta.url).href;
  const lines = (error.stack ?? "").split("\n").filter((line) => line.includes("file://"));
  const own = lines.find((line) => !line.includes(sdk));
  const at = own?.match(/([^/]+\.js:\d+)/)?.[1];
  const said = error.name === "DescriptionError" ? `${at ? `${at}: ` : ""}${error.message}` : error.stack ?? String(error);
  process.stderr.write(`${said}\n`);
  process.exitCode = 1;
}
