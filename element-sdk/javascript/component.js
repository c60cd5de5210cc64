// The component's exports, made of an element. `wit` has the interfaces that the component imports.

import { planStep, runStep } from "./call.js";
import { DescriptionError, ElementError } from "./errors.js";
import { decode } from "./utf8.js";

const kebab = (word) => word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** A failure of the host as the SDK has it. */
function ask(call) {
  try {
    return call();
  } catch (thrown) {
    const error = thrown?.payload ?? thrown;
    if (typeof error?.message === "string" && error?.code?.tag) {
      throw new ElementError(error.message, {
        code: kebab(error.code.tag), help: error.help ?? null, context: error.context ?? [], detail: error.code.val ?? null,
      });
    }
    throw thrown;
  }
}

/** A failure of the element as the contract has it. */
function failure(thrown) {
  const error = thrown instanceof ElementError ? thrown
    : new ElementError(String(thrown?.message ?? thrown), { context: [String(thrown?.stack ?? "")] });
  const code = { tag: error.code };
  if (["exit-status", "killed"].includes(error.code)) code.val = error.detail ?? 1;
  if (error.code === "os") code.val = String(error.detail ?? "");
  if (error.code === "other") code.val = error.detail ?? null;
  return { code, message: error.message, context: error.context.map(String), help: error.help ?? null, extensions: [] };
}

function described(element) {
  const use = (fact, required) => ({ name: fact.slot, arity: fact.arity, required, extensions: [] });
  return {
    name: element.name,
    version: element.version,
    summary: element.summary,
    license: element.license,
    requires: element.requires.map((r) => ({ version: "*", optional: false, ...r, extensions: [] })),
    standsInFor: element.standsInFor,
    conflictsWith: element.conflictsWith,
    parameters: element.parameters.map((p) => ({
      name: p.name, kind: p.type.kind, default: p.default, doc: p.doc, aliases: p.aliases, extensions: [],
    })),
    steps: element.steps.map((s) => ({
      name: s.name,
      phase: s.phase,
      provides: s.provides.map((f) => ({
        name: f.slot, arity: f.arity, timing: f.timing, doc: f.doc, extensions: [],
        schema: f.slot.startsWith("dib:") ? null : JSON.stringify(f.type.schema),
      })),
      consumes: [...s.consumes.map((f) => use(f, false)), ...s.requires.map((f) => use(f, true))],
      after: s.after,
      before: s.before,
      planOnly: s.planOnly,
      extensions: [],
    })),
    requests: element.requests.map((r) => ({
      capability: r.capability, scope: r.scope, reason: r.reason,
      when: r.when.map((c) => ({ ...c, extensions: [] })), extensions: [],
    })),
    extensions: [],
  };
}

/** The host of one call. */
class Host {
  constructor(wit, build) {
    this.wit = wit;
    this.build = build;
    this.tree = null;
  }

  have(name, capability) {
    if (this.wit[name]) return this.wit[name];
    throw new ElementError(`this element asks for nothing of \`${name}\`, and its component cannot call it`, {
      code: "denied", help: `Add a \`request("${capability}", …)\` to its \`requests\` and build it again.`,
    });
  }

  machine() {
    return this.build.target();
  }

  parameter(name) {
    const value = ask(() => this.build.parameter(name));
    if (value === null || value === undefined) return null;
    if (value.tag === "json") return JSON.parse(value.val);
    return value.tag === "integer" ? Number(value.val) : value.val;
  }

  secret(name) {
    return ask(() => this.build.secret(name)) ?? null;
  }

  open(handle) {
    return Uint8Array.from(ask(() => handle.open()));
  }

  provide(slot, key, value) {
    ask(() => this.wit.facts.provide(slot, key, value));
  }

  consume(slot) {
    return ask(() => this.wit.facts.consume(slot));
  }

  log(level, message) {
    this.wit.log.write(level, message, []);
  }

  package(wish) {
    const packages = this.have("packages", "packages");
    ask(() => packages.request([{ ...wish, extensions: [] }]));
  }

  wishFile(kind, path, content, attributes) {
    const files = this.have("files", "rootfs");
    const full = { ...attributes, xattrs: [], extensions: [] };
    const val = {
      file: { path, content, attributes: full },
      directory: { path, attributes: full },
      symlink: { path, to: content, extensions: [] },
      removed: path,
    }[kind];
    ask(() => files.request([{ tag: kind, val }]));
  }

  service(unit, state) {
    const services = this.have("services", "services");
    ask(() => services.set(unit, state));
  }

  defineUnit(unit, content) {
    const services = this.have("services", "services-define");
    ask(() => services.define(unit, content));
  }

  user(name, about) {
    const accounts = this.have("accounts", "accounts");
    const unset = {
      uid: null, gid: null, home: null, shell: null, groups: [], system: false, authorizedKeys: [], comment: null,
      sudo: null, passwordHash: null, expires: null, changePassword: false,
    };
    ask(() => accounts.ensureUser({ name, ...unset, ...about, extensions: [] }));
  }

  addNodes(nodes) {
    const device = this.have("blockDevice", "block-device");
    ask(() => device.add(nodes));
  }

  input(name) {
    const inputs = this.have("inputs", "inputs");
    const handle = ask(() => inputs.open(name));
    const read = (path = "") => {
      const made = [];
      for (;;) {
        const part = ask(() => handle.read(path, made.length, 0));
        if (part.length === 0) return Uint8Array.from(made);
        for (const byte of part) made.push(byte);
      }
    };
    return {
      read,
      readText: (path) => decode(read(path)),
      files: () => ask(() => handle.nodes(null)).filter((node) => node.kind === "file").map((node) => node.path),
    };
  }

  get root() {
    const rootfs = this.have("rootfs", "rootfs");
    this.tree ??= ask(() => rootfs.open("/"));
    return this.tree;
  }

  read(path) {
    const made = [];
    for (;;) {
      const part = ask(() => this.root.read(path, made.length, 0));
      if (part.length === 0) return Uint8Array.from(made);
      for (const byte of part) made.push(byte);
    }
  }

  kind(path) {
    return ask(() => this.root.stat(path))?.kind ?? null;
  }

  walk(path, recursive) {
    const made = [];
    for (let after = null; ; after = made[made.length - 1]) {
      const entries = ask(() => this.root.walk(path, { recursive }, after));
      if (entries.length === 0) return made;
      made.push(...entries.map((entry) => entry.path));
    }
  }

  change(kind, path, content, attributes) {
    const full = { ...attributes, xattrs: [], extensions: [] };
    const change = {
      write: { tag: "write", val: { path, content, attributes: full } },
      append: { tag: "append", val: { path, content, extensions: [] } },
      directory: { tag: "make-directory", val: { path, attributes: full } },
      symlink: { tag: "symlink", val: { path, to: content, extensions: [] } },
      remove: { tag: "remove", val: path },
    }[kind];
    ask(() => this.root.apply([change]));
  }

  writeSecret(path, secret, attributes) {
    ask(() => this.root.writeSecret(path, secret.handle, { ...attributes, xattrs: [], extensions: [] }));
  }

  place(blob, path, attributes) {
    ask(() => this.root.place(blob, path, { ...attributes, xattrs: [], extensions: [] }));
  }

  unpack(blob, path, strip) {
    ask(() => this.root.unpack(blob, path, strip));
  }

  exec(command) {
    const exec = this.have("exec", "exec");
    return ask(() => exec.run(command));
  }

  fetch(url, digest) {
    const fetch = this.have("fetch", "fetch");
    return ask(() => fetch.get(url, digest));
  }

  emit(suffix, content) {
    const outputs = this.have("outputs", "outputs");
    ask(() => outputs.emit(suffix, this.wit.blobs.fromBytes(content)));
  }
}

/** `metadata` and `lifecycle` of the contract. */
export function bind(element, wit) {
  if (!element?.isElement) {
    throw new DescriptionError("the module exports no element: end it with `export default element({…})`");
  }
  // Made now, while the component is made: what is wrong with it is wrong then.
  const description = described(element);
  const guarded = (call) => {
    try {
      return call();
    } catch (thrown) {
      throw failure(thrown);
    }
  };
  return {
    metadata: { describe: () => description },
    lifecycle: {
      plan: (step, build) => guarded(() =>
        planStep(element, new Host(wit, build), step).map((finding) => ({ ...finding, extensions: [] }))),
      run: (step, build) => guarded(() => {
        const skipped = runStep(element, new Host(wit, build), step);
        return skipped === null ? { tag: "done" } : { tag: "skipped", val: skipped };
      }),
    },
  };
}
