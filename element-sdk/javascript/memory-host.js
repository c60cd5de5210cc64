// A host in memory: an element's own tests run natively, with no component, no root and no image.
// It holds the element to its own description, as a real host does.

import { planStep, runStep } from "./call.js";
import { ElementError } from "./errors.js";
import { decode, encode } from "./utf8.js";

const bytes = (content) => (typeof content === "string" ? encode(content) : content);
const refuse = (code, message, help = null) => {
  throw new ElementError(message, { code, help });
};
const matches = (scope, subject) =>
  new RegExp(`^${scope.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*")}$`).test(subject);

/** `new TestHost().parameter("text", "Hello").run(motd, "install")`. */
export class TestHost {
  constructor() {
    this.parameters = new Map();
    this.secrets = new Map();
    this.facts = [];
    this.tree = new Map([["/", { kind: "directory" }]]);
    this.inputs = new Map();
    this.answers = new Map();
    this.outside = new Map();
  }

  /** Sets a parameter, by its name. */
  parameter(name, value) {
    this.parameters.set(name, value);
    return this;
  }

  /** Sets the secret that a parameter names. */
  secret(parameter, value) {
    this.secrets.set(parameter, bytes(value));
    return this;
  }

  /** A fact that another element provided. */
  fact(fact, provider, key, value) {
    this.facts.push({ slot: fact.slot, provider, step: "install", phase: "install", key, value: JSON.stringify(value) });
    return this;
  }

  /** A file that is in the image. */
  file(path, content) {
    this.put(path, { kind: "file", content: bytes(content) });
    return this;
  }

  /** A file of an input that the definition names. */
  inputFile(name, path, content) {
    if (!this.inputs.has(name)) this.inputs.set(name, new Map());
    this.inputs.get(name).set(path, bytes(content));
    return this;
  }

  /** How a program of the image answers. */
  answer(program, { status = 0, stdout = "", stderr = "" } = {}) {
    this.answers.set(program, { status, stdout, stderr });
    return this;
  }

  /** What is outside at a URL. */
  outsideFile(url, digest, content) {
    this.outside.set(url, { digest, content: bytes(content) });
    return this;
  }

  /** Plans a step: findings, and what was wished for and provided. */
  plan(element, step) {
    const call = new Call(this, element, step, true);
    call.made.findings = planStep(element, call, step);
    return call.made;
  }

  /** Runs a step on the tree of this host. */
  run(element, step) {
    const call = new Call(this, element, step, false);
    call.made.skipped = runStep(element, call, step);
    return call.made;
  }

  /** A file of the tree as text. */
  text(path) {
    const found = this.tree.get(path);
    if (found?.kind !== "file") throw new Error(`\`${path}\` is no file of the tree`);
    return decode(found.content);
  }

  /** Whether anything is at a path. */
  exists(path) {
    return this.tree.has(path);
  }

  put(path, node) {
    const parts = path.split("/").filter(Boolean);
    for (let end = 1; end < parts.length; end += 1) {
      const above = `/${parts.slice(0, end).join("/")}`;
      if (!this.tree.has(above)) this.tree.set(above, { kind: "directory" });
      if (this.tree.get(above).kind !== "directory") refuse("os", `\`${above}\` is no directory`);
    }
    this.tree.set(path, node);
  }

  drop(path) {
    for (const found of [...this.tree.keys()]) {
      if (found !== "/" && (found === path || found.startsWith(`${path}/`))) this.tree.delete(found);
    }
  }
}

class Call {
  constructor(host, element, step, planning) {
    this.host = host;
    this.element = element;
    this.planning = planning;
    this.stepCalled = element.steps.find((s) => s.name === step);
    this.made = {
      findings: [], packages: [], files: [], services: {}, units: {}, users: {}, nodes: [], commands: [], outputs: {}, log: [],
      facts: [],
      provided: (fact) => this.made.facts.filter((f) => f.slot === fact.slot).map((f) => f.value),
      skipped: null,
    };
  }

  requested(capability, subject) {
    const found = this.element.requests.some((r) => r.capability === capability && matches(r.scope, subject));
    if (!found) {
      refuse("denied", `\`${capability}\` was not requested for \`${subject}\``,
        `Add \`request("${capability}", "${subject}", "why")\` to \`requests\`.`);
    }
  }

  wish(capability, subject) {
    if (!this.planning) refuse("denied", `\`${capability}\` is wished for while planning only`);
    this.requested(capability, subject);
  }

  effect(capability) {
    if (this.planning) refuse("denied", `\`${capability}\` has effects, and planning has none`);
  }

  within(path, write) {
    const fits = this.element.requests.some((r) => {
      const [verb, scope = ""] = r.scope.split(" ");
      const folder = scope.replace(/\/+$/, "");
      const below = path === folder || path.startsWith(`${folder}/`);
      return r.capability === "rootfs" && below && (verb === "write" || !write);
    });
    const verb = write ? "write" : "read";
    if (!fits) {
      refuse("denied", `\`rootfs\` was not requested for \`${verb} ${path}\``,
        `Add \`request("rootfs", "${verb} ${path}", "why")\` to \`requests\`.`);
    }
  }

  machine() {
    return { arch: "amd64", imageName: "image", sourceDateEpoch: 0 };
  }

  parameter(name) {
    const declared = this.element.parameters.find((p) => p.name === name);
    if (this.host.parameters.has(name)) return structuredClone(this.host.parameters.get(name));
    return declared.default === null ? null : JSON.parse(declared.default);
  }

  secret(name) {
    return this.host.secrets.has(name) ? { name } : null;
  }

  open({ name }) {
    this.effect("secret");
    this.requested("secret", `open ${name}`);
    return this.host.secrets.get(name);
  }

  provide(slot, key, value) {
    const fact = this.stepCalled.provides.find((f) => f.slot === slot);
    if (!fact) {
      refuse("undeclared", `the step does not declare that it provides \`${slot}\``, "Name the fact in `provides` of the step.");
    }
    if ((fact.timing === "planned") !== this.planning) {
      refuse("denied", `values of \`${slot}\` are provided while ${this.planning ? "running" : "planning"}`);
    }
    const provider = this.element.name;
    if (this.host.facts.some((f) => f.slot === slot && f.provider === provider && f.key === key && f.value !== value)) {
      refuse("conflict", `\`${slot}\` has another value with the key \`${key}\``);
    }
    this.made.facts.push({ slot, key, value: JSON.parse(value) });
    this.host.facts.push({ slot, provider, step: this.stepCalled.name, phase: this.stepCalled.phase, key, value });
  }

  consume(slot) {
    const { consumes, requires } = this.stepCalled;
    if (![...consumes, ...requires].some((f) => f.slot === slot)) {
      refuse("undeclared", `the step does not declare that it consumes \`${slot}\``, "Name the fact in `consumes` of the step.");
    }
    const order = (f) => `${f.provider}\0${f.key}`;
    return this.host.facts.filter((f) => f.slot === slot).sort((a, b) => (order(a) < order(b) ? -1 : 1));
  }

  log(level, message) {
    this.made.log.push([level, message]);
  }

  package(wish) {
    this.wish("packages", wish.name);
    this.made.packages.push([wish.name, wish.want]);
  }

  wishFile(kind, path, content, attributes) {
    if (!this.planning) refuse("denied", "files are wished for while planning only");
    if (!path.startsWith("/") || path.slice(1).split("/").some((part) => ["", ".", ".."].includes(part))) {
      refuse("invalid-argument", `\`${path}\` is no path of a file`);
    }
    this.within(path, true);
    this.made.files.push({ kind, path, content });
    if (kind === "removed") this.host.drop(path);
    else this.host.put(path, { kind, content, ...attributes });
  }

  service(unit, state) {
    if (!["enabled", "disabled", "masked"].includes(state)) refuse("invalid-argument", `\`${state}\` is no state of a unit`);
    this.wish("services", unit);
    this.made.services[unit] = state;
  }

  defineUnit(unit, content) {
    this.wish("services-define", unit);
    this.made.units[unit] = content;
  }

  user(name, about) {
    for (const account of [name, ...(about.groups ?? [])]) this.wish("accounts", account);
    if (["password", "nopasswd"].includes(about.sudo)) this.wish("accounts-sudo", name);
    this.made.users[name] = about;
  }

  addNodes(nodes) {
    this.wish("block-device", "");
    this.made.nodes.push(...nodes);
  }

  input(name) {
    const named = this.element.parameters.filter((p) => [this.parameter(p.name)].flat().includes(name)).map((p) => `parameter ${p.name}`);
    if (!this.element.requests.some((r) => r.capability === "inputs" && named.includes(r.scope))) this.requested("inputs", name);
    const files = this.host.inputs.get(name) ?? refuse("not-found", `the definition has no input \`${name}\``);
    const read = (path = "") => files.get(path) ?? refuse("not-found", `there is no \`${path}\` in the input`);
    return { read, readText: (path) => decode(read(path)), files: () => [...files.keys()].sort() };
  }

  read(path) {
    this.effect("rootfs");
    this.within(path, false);
    const found = this.host.tree.get(path) ?? refuse("not-found", `there is no \`${path}\``);
    return found.kind === "file" ? found.content : refuse("invalid-argument", `\`${path}\` is no file`);
  }

  kind(path) {
    this.effect("rootfs");
    this.within(path, false);
    return this.host.tree.get(path)?.kind ?? null;
  }

  walk(path, recursive) {
    this.effect("rootfs");
    this.within(path, false);
    const start = `${path.replace(/\/+$/, "")}/`;
    const below = [...this.host.tree.keys()].filter((p) => p.startsWith(start) && p !== start);
    return below.filter((p) => recursive || !p.slice(start.length).includes("/")).sort();
  }

  change(kind, path, content, attributes) {
    this.effect("rootfs");
    this.within(path, true);
    if (kind === "remove") this.host.drop(path);
    else if (kind === "append") this.host.put(path, { kind: "file", content: bytes(this.host.text(path) + decode(content)) });
    else this.host.put(path, { kind: kind === "write" ? "file" : kind, content, ...attributes });
  }

  writeSecret(path, secret, attributes) {
    if (!this.element.requests.some((r) => r.capability === "secret" && r.scope === `open ${secret.parameter}`)) {
      this.requested("secret", `place ${secret.parameter}`);
    }
    this.change("write", path, this.host.secrets.get(secret.parameter), attributes);
  }

  place(blob, path, attributes) {
    this.change("write", path, blob, attributes);
  }

  unpack() {
    refuse("unsupported", "this host in memory unpacks no archives");
  }

  exec(command) {
    this.effect("exec");
    this.requested("exec", command.program);
    if (command.settings.network) this.requested("exec", "network");
    this.made.commands.push([command.program, ...command.args]);
    const output = this.host.answers.get(command.program) ?? { status: 0, stdout: "", stderr: "" };
    if (output.status !== 0 && !command.settings.allowFailure) {
      throw new ElementError(`\`${command.program}\` ended with the status ${output.status}`, { code: "exit-status", detail: output.status });
    }
    return output;
  }

  fetch(url, digest) {
    this.effect("fetch");
    this.requested("fetch", url.split("/")[2] ?? url);
    const found = this.host.outside.get(url) ?? refuse("not-found", `there is nothing at \`${url}\``);
    return found.digest === digest ? found.content : refuse("integrity", `\`${url}\` is not what the digest says`);
  }

  emit(suffix, content) {
    this.effect("outputs");
    this.requested("outputs", suffix);
    this.made.outputs[suffix] = content;
  }
}
