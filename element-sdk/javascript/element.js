// What an element says about itself, checked when its module is imported.

import { DescriptionError } from "./errors.js";
import { isType, object } from "./types.js";

export const PHASES = [
  "root", "extra-data", "pre-install", "install", "post-install", "post-root", "block-device",
  "pre-finalise", "finalise", "cleanup",
];
const CAPABILITIES = [
  "packages", "repositories", "services", "services-define", "accounts", "accounts-sudo", "block-device",
  "bootstrap", "builder", "rootfs", "exec", "facts", "elements", "fetch", "outputs", "secret", "inputs", "cache",
];
const SLOT = /^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*(\/[a-z][a-z0-9-]*)+@[1-9][0-9]*$/;
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const VERSION = /^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/;

function need(holds, sentence) {
  if (!holds) throw new DescriptionError(sentence);
}

function keys(what, value, known) {
  const other = Object.keys(value).find((key) => !known.includes(key));
  need(other === undefined, `${what} has \`${other}\`, which is nothing that it can have: there are ${known.join(", ")}`);
}

/** `planInstall` of `install`. */
export const methodOf = (half, phase) =>
  half + phase.split("-").map((word) => word[0].toUpperCase() + word.slice(1)).join("");

/**
 * A fact: a slot, and the fields of its values.
 * @param {string} slot `acme:proxy/upstream@1`
 * @param {{arity?: "one" | "optional" | "many", timing?: "planned" | "observed", doc: string, fields: object}} about
 */
export function fact(slot, about) {
  need(typeof slot === "string" && SLOT.test(slot),
    `\`${slot}\` is no name of a slot: write \`PUBLISHER:TOPIC/NAME@VERSION\`, as \`acme:proxy/upstream@1\``);
  const { arity = "many", timing = "planned", doc = "", fields = {} } = about;
  keys(`the fact \`${slot}\``, about, ["arity", "timing", "doc", "fields"]);
  need(["one", "optional", "many"].includes(arity), `\`${slot}\` has the arity \`${arity}\`: it is one of one, optional, many`);
  need(["planned", "observed"].includes(timing), `\`${slot}\` has the timing \`${timing}\`: it is one of planned, observed`);
  const type = object(fields);
  return Object.freeze({ isFact: true, slot, arity, timing, doc, type });
}

/**
 * One thing that an element does in one phase.
 * @param {string} phase
 * @param {{name?: string, provides?: object[], consumes?: object[], requires?: object[], after?: string[],
 *   before?: string[], planOnly?: boolean}} [about] `requires` are facts without which there is no build
 */
export function step(phase, about = {}) {
  need(PHASES.includes(phase), `a step is in the phase \`${phase}\`: there are ${PHASES.join(", ")}`);
  keys(`the step of \`${phase}\``, about, ["name", "provides", "consumes", "requires", "after", "before", "planOnly"]);
  const made = { name: phase, provides: [], consumes: [], requires: [], after: [], before: [], planOnly: false, ...about, phase };
  for (const field of ["provides", "consumes", "requires", "after", "before"]) {
    need(Array.isArray(made[field]), `\`${field}\` of the step \`${made.name}\` is no list`);
  }
  for (const one of [...made.provides, ...made.consumes, ...made.requires]) {
    need(one?.isFact, `the step \`${made.name}\` names what is no fact: make one by \`fact("acme:topic/name@1", {…})\``);
  }
  return Object.freeze({ ...made, isStep: true });
}

/** Something that the image definition is asked to grant, and why; `when`: conditions of `family(…)`. */
export function request(capability, scope, reason, when = []) {
  need(CAPABILITIES.includes(capability),
    `a request is for \`${capability}\`, which is no capability: there are ${CAPABILITIES.join(", ")}`);
  need(typeof scope === "string", `the request \`${capability}\` has the scope ${JSON.stringify(scope)}, which is no text`);
  need(typeof reason === "string" && reason.trim() !== "",
    `the request \`${capability}\` of \`${scope}\` has no reason: a person reads it before granting`);
  return Object.freeze({ isRequest: true, capability, scope, reason, when });
}

/** A condition of a request: the system is of one of these families of packages. */
export const family = (...families) => ({ slot: "dib:os/distribution@1", field: "family", oneOf: families });

/**
 * An element, checked: throws a `DescriptionError` with what is wrong with it.
 * @param {object} about name, version, license, summary, parameters, steps, requests, and a method
 *   `planPHASE(plan, parameters)` or `runPHASE(run, parameters)` for each half of a step
 */
export function element(about) {
  const name = about?.name;
  const methods = Object.keys(about ?? {}).filter((key) => typeof about[key] === "function");
  const fields = Object.keys(about ?? {}).filter((key) => !methods.includes(key));
  keys("the element", Object.fromEntries(fields.map((f) => [f, 0])),
    ["name", "version", "license", "summary", "requires", "standsInFor", "conflictsWith", "parameters", "steps", "requests"]);
  for (const field of ["name", "version", "license", "summary"]) {
    need(typeof about[field] === "string" && about[field].trim() !== "",
      `the element has no \`${field}\`: write \`${field}: "…"\` in it`);
  }
  need(NAME.test(name), `the element is called \`${name}\`: names are lower case, with \`-\` between words, as \`nginx-site\``);
  need(VERSION.test(about.version), `\`${name}\` has the version \`${about.version}\`: write three numbers, as \`1.0.0\``);
  const made = { requires: [], standsInFor: [], conflictsWith: [], parameters: {}, steps: [], requests: [], ...about };
  need(Array.isArray(made.steps) && made.steps.length > 0 && made.steps.every((s) => s?.isStep),
    `\`${name}\` has no steps: write \`steps: [step("install")]\``);
  need(Array.isArray(made.requests) && made.requests.every((r) => r?.isRequest),
    `\`requests\` of \`${name}\` is no list of \`request(capability, scope, reason)\``);
  const called = made.steps.map((s) => s.name);
  const twice = called.find((one, at) => called.indexOf(one) !== at);
  need(twice === undefined, `\`${name}\` has two steps called \`${twice}\`: give them names`);
  const wanted = made.steps.flatMap((s) => [methodOf("plan", s.phase), methodOf("run", s.phase)]);
  const unused = methods.find((method) => !wanted.includes(method));
  need(unused === undefined,
    `\`${unused}\` of \`${name}\` would never be called: its steps call ${[...new Set(wanted)].join(", ")}`);
  for (const s of made.steps) {
    need(methods.includes(methodOf("plan", s.phase)) || methods.includes(methodOf("run", s.phase)),
      `\`${name}\` has a step in \`${s.phase}\` and neither \`${methodOf("plan", s.phase)}\` nor \`${methodOf("run", s.phase)}\``);
  }
  made.parameters = Object.entries(made.parameters).map(([field, type]) => parameter(name, field, type));
  return Object.freeze({ ...made, isElement: true });
}

function parameter(element, field, type) {
  const called = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const where = `the parameter \`${field}\` of \`${element}\``;
  need(isType(type), `${where} has no type: write \`${field}: text({ doc: "…" })\``);
  need(NAME.test(called), `${where} is called \`${called}\`: names are words in lower case`);
  const { doc, default: default_, aliases = [] } = type.about ?? {};
  keys(where, type.about ?? {}, ["doc", "default", "aliases"]);
  need(typeof doc === "string" && doc.trim() !== "", `${where} has no \`doc\`: write one line about what it is`);
  if (default_ !== undefined) {
    const wrong = type.fault(default_);
    need(!wrong, `the default of ${where} is wrong: ${wrong}`);
  }
  const json = default_ !== undefined ? JSON.stringify(default_) : type.isOptional ? "null" : null;
  return { field, name: called, type, doc, aliases, default: json };
}
