// One call of an element on a host, real or in memory.

import { ElementError, told } from "./errors.js";
import { methodOf } from "./element.js";
import { decode, encode } from "./utf8.js";

const bytes = (content) => (typeof content === "string" ? encode(content) : content);
const who = ({ mode = null, owner = null, group = null } = {}) => ({ mode, owner, group });

/** What both halves of a step have. */
class Both {
  constructor(host, step) {
    this.host = host;
    /** The name of the step that is called. */
    this.step = step.name;
  }

  /** The machine that the image is for: `arch`, `imageName`, `sourceDateEpoch`. */
  get machine() {
    return this.host.machine();
  }

  /** Provides a fact; `key` tells the values of one element in a slot apart. */
  provide(fact, key, value) {
    if (!fact?.isFact) throw new ElementError("`provide` takes a fact, a key and a value", { code: "invalid-argument" });
    const wrong = fact.type.fault(value);
    if (wrong) throw new ElementError(`a value of \`${fact.slot}\` is not as it has to be: ${wrong}`, { code: "invalid-argument" });
    this.host.provide(fact.slot, String(key), JSON.stringify(value));
  }

  /** All values of a slot, each with who provided it: `{provider, step, phase, key, value}`. */
  consume(fact) {
    return this.host.consume(fact.slot).map((found) => {
      const value = JSON.parse(found.value);
      return { provider: found.provider, step: found.step, phase: found.phase, key: found.key, value };
    });
  }

  /** An input of the definition: `files()`, `read(path)`, `readText(path)`. */
  input(name) {
    return this.host.input(name);
  }

  /** One line in the log. */
  log(message, level = "info") {
    this.host.log(level, String(message));
  }
}

/** The planning half of a step: nothing here has effects. */
export class Plan extends Both {
  constructor(host, step) {
    super(host, step);
    this.findings = [];
  }

  /** Wishes for a package; `want` is `install`, `build-only`, `remove` or `hold`. */
  package(name, reason, { want = "install", version = null } = {}) {
    this.host.package({ name, version, want, reason });
  }

  /** Wishes for a file: text or bytes, root's and 0644 unless it is said. */
  file(path, content, attributes) {
    this.host.wishFile("file", path, bytes(content), who(attributes));
  }

  /** Wishes for a directory, and those above it. */
  directory(path, attributes) {
    this.host.wishFile("directory", path, null, who(attributes));
  }

  /** Wishes for a symbolic link that says `to`. */
  symlink(path, to) {
    this.host.wishFile("symlink", path, to, who());
  }

  /** Wishes for nothing at this path. */
  remove(path) {
    this.host.wishFile("removed", path, null, who());
  }

  /** Wishes for the state of a unit: `enabled`, `disabled` or `masked`. */
  service(unit, state = "enabled") {
    this.host.service(unit, state);
  }

  /** Writes `/etc/systemd/system/UNIT`. */
  defineUnit(unit, content) {
    this.host.defineUnit(unit, content);
  }

  /** Wishes for a user. */
  user(name, about = {}) {
    this.host.user(name, about);
  }

  /** Adds nodes of the block device: `disk(…)`, `table(…)`, `partition(…)`, … */
  addNodes(nodes) {
    this.host.addNodes(nodes);
  }

  /** A remark that the plan shows. */
  warn(message, { parameter = null, help = null } = {}) {
    this.findings.push({ parameter, message, help, fatal: false });
  }

  /** A remark that stops the build before anything is built. */
  refuse(message, { parameter = null, help = null } = {}) {
    this.findings.push({ parameter, message, help, fatal: true });
  }
}

/** The running half of a step. */
export class Run extends Both {
  /** The tree of the image, within what was granted. */
  get rootfs() {
    const { host } = this;
    return {
      read: (path) => host.read(path),
      readText: (path) => decode(host.read(path)),
      exists: (path) => host.kind(path) !== null,
      kind: (path) => host.kind(path),
      list: (path, { recursive = false } = {}) => host.walk(path, recursive),
      write: (path, content, attributes) => host.change("write", path, bytes(content), who(attributes)),
      append: (path, content) => host.change("append", path, bytes(content), who()),
      directory: (path, attributes) => host.change("directory", path, null, who(attributes)),
      symlink: (path, to) => host.change("symlink", path, to, who()),
      remove: (path) => host.change("remove", path, null, who()),
      writeSecret: (path, secret, attributes) => host.writeSecret(path, secret, who({ mode: 0o600, ...attributes })),
      place: (blob, path, attributes) => host.place(blob, path, who(attributes)),
      unpack: (blob, path, strip = 0) => host.unpack(blob, path, strip),
    };
  }

  /** Runs a program of the image and waits for it: no shell. Answers `{status, stdout, stderr}` as texts. */
  exec(program, args = [], { env = {}, workdir = null, stdin = null, network = false, allowFailure = false, timeoutSeconds = null } = {}) {
    const output = this.host.exec({
      program, args: args.map(String), env: Object.entries(env), workdir, stdin: stdin === null ? null : bytes(stdin),
      settings: { network, allowFailure, capture: true }, timeoutSeconds, extensions: [],
    });
    const said = (part) => (typeof part === "string" ? part : decode(part));
    return { status: output.status, stdout: said(output.stdout), stderr: said(output.stderr) };
  }

  /** The file of this digest from outside: a blob, for `place` and `unpack`. */
  fetch(url, digest) {
    return this.host.fetch(url, digest);
  }

  /** Puts bytes beside the image, under its name and `suffix`. */
  emit(suffix, content) {
    this.host.emit(suffix, bytes(content));
  }
}

/** The parameters that this build has, by field. */
function parametersFor(element, host) {
  return Object.fromEntries(element.parameters.map(({ field, name, type, doc }) => {
    if (type.kind.tag === "secret") {
      const handle = host.secret(name);
      if (handle === null && !type.isOptional) {
        throw new ElementError(`the parameter \`${name}\` is not set`, { code: "invalid-argument", help: "Set it to the name of a secret." });
      }
      return [field, handle === null ? null : { parameter: name, handle, read: () => host.open(handle) }];
    }
    const value = host.parameter(name);
    if (value === null || value === undefined) {
      if (type.isOptional) return [field, null];
      throw new ElementError(`the parameter \`${name}\` is not set`, { code: "invalid-argument", help: `Set it: ${doc}` });
    }
    const wrong = type.fault(value);
    if (wrong) throw new ElementError(`the parameter \`${name}\` is not as it has to be: ${wrong}`, { code: "invalid-argument", help: doc });
    return [field, value];
  }));
}

function stepNamed(element, name) {
  const found = element.steps.find((step) => step.name === String(name));
  if (!found) throw new ElementError(`\`${element.name}\` has no step \`${name}\``, { code: "undeclared" });
  return found;
}

/** Plans one step: its findings. */
export function planStep(element, host, name) {
  try {
    const step = stepNamed(element, name);
    const plan = new Plan(host, step);
    element[methodOf("plan", step.phase)]?.(plan, parametersFor(element, host));
    return plan.findings;
  } catch (thrown) {
    throw told(thrown);
  }
}

/** Runs one step: null, or why it was skipped. */
export function runStep(element, host, name) {
  try {
    const step = stepNamed(element, name);
    const ended = element[methodOf("run", step.phase)]?.(new Run(host, step), parametersFor(element, host));
    if (ended === undefined || ended === null) return null;
    if (typeof ended?.skipped === "string") return ended.skipped;
    throw new TypeError("`run…` returned something: return nothing, or `{ skipped: \"why\" }`");
  } catch (thrown) {
    throw told(thrown);
  }
}
