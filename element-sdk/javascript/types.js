// Types of parameters and of the fields of facts: each knows its JSON Schema, and what is wrong with a value.

import { DescriptionError } from "./errors.js";

const shown = (value) => (value === undefined ? "undefined" : JSON.stringify(value));

/** A type. `about` may have `doc`, `default`, `aliases` where it is a parameter's. */
class Type {
  constructor(kind, schema, fault, about = {}) {
    this.kind = kind;
    this.schema = schema;
    this.fault = fault;
    this.about = about;
    this.isOptional = false;
  }
}

/** Whether something is a type. */
export const isType = (value) => value instanceof Type;

const simple = (kind, type, called) => (about) =>
  new Type({ tag: kind }, { type }, (v) => (typeof v === type ? null : `${shown(v)} is no ${called}`), about);

/** Text. */
export const text = simple("text", "string", "text");
/** `true` or `false`. */
export const boolean = simple("boolean", "boolean", "`true` or `false`");

function whole(schema, least, most, called) {
  return (about) =>
    new Type({ tag: "integer" }, { type: "integer", ...schema }, (v) =>
      Number.isInteger(v) && v >= least && v <= most ? null : `${shown(v)} is no ${called}`, about);
}

/** An integer. */
export const integer = whole({}, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, "integer");
/** An integer as Rust's `u32`: the schemas of both are then the same. */
export const uint32 = whole({ format: "uint32", minimum: 0 }, 0, 0xffffffff, "integer from 0 to 4294967295");
/** An integer as Rust's `u16`. */
export const uint16 = whole({ format: "uint16", minimum: 0, maximum: 65535 }, 0, 65535, "integer from 0 to 65535");

/** A number, whole or not. */
export const number = (about) =>
  new Type({ tag: "json", val: JSON.stringify({ type: "number" }) }, { type: "number" },
    (v) => (typeof v === "number" && Number.isFinite(v) ? null : `${shown(v)} is no number`), about);

/** One of these texts. */
export function choice(values, about) {
  if (!Array.isArray(values) || values.length === 0 || !values.every((v) => typeof v === "string")) {
    throw new DescriptionError("`choice` takes a list of texts, of which there is at least one");
  }
  return new Type({ tag: "choice", val: values }, { type: "string", enum: values },
    (v) => (values.includes(v) ? null : `${shown(v)} is none of ${values.join(", ")}`), about);
}

/** A list. */
export function list(of, about) {
  if (!isType(of)) throw new DescriptionError("`list` takes a type, as `list(text())`");
  const schema = { type: "array", items: of.schema };
  const kind = of.kind.tag === "text" ? { tag: "text-list" } : { tag: "json", val: JSON.stringify(schema) };
  return new Type(kind, schema, (v) => {
    if (!Array.isArray(v)) return `${shown(v)} is no list`;
    return v.map((item) => of.fault(item)).find((wrong) => wrong) ?? null;
  }, about);
}

/** An object with these fields. */
export function object(fields, about) {
  const names = Object.keys(fields);
  for (const name of names) {
    if (!isType(fields[name])) throw new DescriptionError(`the field \`${name}\` has no type: write \`${name}: text()\``);
  }
  const required = names.filter((name) => !fields[name].isOptional);
  const schema = {
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, fields[name].schema])),
    ...(required.length > 0 ? { required } : {}),
  };
  return new Type({ tag: "json", val: JSON.stringify(schema) }, schema, (v) => {
    if (typeof v !== "object" || v === null || Array.isArray(v)) return `${shown(v)} is no object`;
    for (const name of names) {
      if (v[name] === undefined && fields[name].isOptional) continue;
      const wrong = v[name] === undefined ? `it has no \`${name}\`` : fields[name].fault(v[name]);
      if (wrong) return v[name] === undefined ? wrong : `\`${name}\`: ${wrong}`;
    }
    const other = Object.keys(v).find((name) => !names.includes(name));
    return other === undefined ? null : `it has a field \`${other}\`, and there are ${names.join(", ")}`;
  }, about);
}

/** What may be left out: then it is `null`. */
export function optional(of) {
  const schema = typeof of.schema.type === "string" ? { ...of.schema, type: [of.schema.type, "null"] }
    : { anyOf: [of.schema, { type: "null" }] };
  const made = new Type(of.kind, schema, (v) => (v === null ? null : of.fault(v)), of.about);
  made.isOptional = true;
  return made;
}

/** A parameter that names a secret of the image definition: it is placed unread. */
export const secret = (about) => new Type({ tag: "secret" }, {}, () => null, about);
