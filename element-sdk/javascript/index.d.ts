/** Types for editors: what `index.js` exports. */

export type Arity = "one" | "optional" | "many";
export type PhaseName =
  | "root" | "extra-data" | "pre-install" | "install" | "post-install" | "post-root" | "block-device"
  | "pre-finalise" | "finalise" | "cleanup";
export interface About<T> { doc?: string; default?: T; aliases?: string[] }
export interface Type<T> { readonly __type?: T }
export interface Fact<T> { readonly slot: string; readonly __value?: T }
export interface Step { readonly name: string; readonly phase: PhaseName }
export interface Request { readonly capability: string; readonly scope: string; readonly reason: string }
export interface Attributes { mode?: number; owner?: string; group?: string }
export interface Secret { readonly parameter: string; read(): Uint8Array }
export interface Provided<T> { provider: string; step: string; phase: PhaseName; key: string; value: T }
type Of<F> = { [K in keyof F]: F[K] extends Type<infer T> ? T : never };

export function text(about?: About<string>): Type<string>;
export function boolean(about?: About<boolean>): Type<boolean>;
export function integer(about?: About<number>): Type<number>;
export function uint16(about?: About<number>): Type<number>;
export function uint32(about?: About<number>): Type<number>;
export function number(about?: About<number>): Type<number>;
export function choice<C extends string>(values: C[], about?: About<C>): Type<C>;
export function list<T>(of: Type<T>, about?: About<T[]>): Type<T[]>;
export function object<F extends Record<string, Type<unknown>>>(fields: F, about?: About<Of<F>>): Type<Of<F>>;
export function optional<T>(of: Type<T>): Type<T | null>;
export function secret(about?: About<never>): Type<Secret>;

export function fact<F extends Record<string, Type<unknown>>>(
  slot: string, about: { arity?: Arity; timing?: "planned" | "observed"; doc?: string; fields: F },
): Fact<Of<F>>;
export function step(phase: PhaseName, about?: {
  name?: string; provides?: Fact<unknown>[]; consumes?: Fact<unknown>[]; requires?: Fact<unknown>[];
  after?: string[]; before?: string[]; planOnly?: boolean;
}): Step;
export function request(capability: string, scope: string, reason: string, when?: object[]): Request;
export function family(...families: string[]): object;

export interface Both {
  readonly step: string;
  readonly machine: { arch: string; imageName: string; sourceDateEpoch: number };
  provide<T>(fact: Fact<T>, key: string, value: T): void;
  consume<T>(fact: Fact<T>): Provided<T>[];
  input(name: string): { files(): string[]; read(path?: string): Uint8Array; readText(path?: string): string };
  log(message: string, level?: "trace" | "debug" | "info" | "warn" | "error"): void;
}
export interface Plan extends Both {
  package(name: string, reason: string, about?: { want?: "install" | "build-only" | "remove" | "hold"; version?: string }): void;
  file(path: string, content: string | Uint8Array, attributes?: Attributes): void;
  directory(path: string, attributes?: Attributes): void;
  symlink(path: string, to: string): void;
  remove(path: string): void;
  service(unit: string, state?: "enabled" | "disabled" | "masked"): void;
  defineUnit(unit: string, content: string): void;
  user(name: string, about?: object): void;
  addNodes(nodes: object[]): void;
  warn(message: string, about?: { parameter?: string; help?: string }): void;
  refuse(message: string, about?: { parameter?: string; help?: string }): void;
}
export interface Run extends Both {
  readonly rootfs: {
    read(path: string): Uint8Array; readText(path: string): string; exists(path: string): boolean;
    kind(path: string): string | null; list(path: string, about?: { recursive?: boolean }): string[];
    write(path: string, content: string | Uint8Array, attributes?: Attributes): void;
    append(path: string, content: string | Uint8Array): void;
    directory(path: string, attributes?: Attributes): void; symlink(path: string, to: string): void;
    remove(path: string): void; writeSecret(path: string, secret: Secret, attributes?: Attributes): void;
    place(blob: object, path: string, attributes?: Attributes): void; unpack(blob: object, path: string, strip?: number): void;
  };
  exec(program: string, args?: string[], about?: {
    env?: Record<string, string>; workdir?: string; stdin?: string | Uint8Array; network?: boolean;
    allowFailure?: boolean; timeoutSeconds?: number;
  }): { status: number; stdout: string; stderr: string };
  fetch(url: string, digest: string): object;
  emit(suffix: string, content: string | Uint8Array): void;
}
export interface Element { readonly name: string }
export function element<P extends Record<string, Type<unknown>>>(about: {
  name: string; version: string; license: string; summary: string; parameters?: P; steps: Step[]; requests?: Request[];
  requires?: { name: string; version?: string; optional?: boolean }[]; standsInFor?: string[]; conflictsWith?: string[];
  planInstall?(plan: Plan, parameters: Of<P>): void; runInstall?(run: Run, parameters: Of<P>): void | { skipped: string };
  [method: string]: unknown;
}): Element;

export const size: Record<"bytes" | "share" | "shareOfRest" | "rest" | "content", (count?: number) => object>;
export function disk(name: string, about?: { size?: number; sectorSize?: number }): object;
export function table(name: string, on: string, kind?: "gpt" | "mbr", alignment?: number): object;
export function partition(name: string, on: string, typeId: string, size: object, about?: object): object;
export function filesystem(name: string, on: string, kind: string, about?: object): object;
export function mount(name: string, on: string, at: string, about?: object): object;

export class ElementError extends Error {
  constructor(message: string, about?: { code?: string; help?: string; context?: string[]; detail?: unknown });
  code: string; help: string | null; context: string[];
}
export class DescriptionError extends Error {}

export interface Made {
  findings: object[]; packages: [string, string][]; files: object[]; services: Record<string, string>;
  units: Record<string, string>; users: Record<string, object>; nodes: object[]; commands: string[][];
  outputs: Record<string, Uint8Array>; log: [string, string][]; skipped: string | null; provided<T>(fact: Fact<T>): T[];
}
export class TestHost {
  parameter(name: string, value: unknown): this;
  secret(parameter: string, value: string | Uint8Array): this;
  fact<T>(fact: Fact<T>, provider: string, key: string, value: T): this;
  file(path: string, content: string | Uint8Array): this;
  inputFile(name: string, path: string, content: string | Uint8Array): this;
  answer(program: string, output?: { status?: number; stdout?: string; stderr?: string }): this;
  outsideFile(url: string, digest: string, content: string | Uint8Array): this;
  plan(element: Element, step: string): Made;
  run(element: Element, step: string): Made;
  text(path: string): string;
  exists(path: string): boolean;
}
