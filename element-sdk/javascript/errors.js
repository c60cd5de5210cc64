// Failures: one sentence, the trail that led to it, and what to do.

const CODES = [
  "denied", "undeclared", "not-found", "conflict", "invalid-argument", "unsupported", "integrity",
  "exit-status", "killed", "cancelled", "os", "other",
];

/** A failure of an element, or of the host on its behalf. */
export class ElementError extends Error {
  /**
   * @param {string} message one sentence, for people
   * @param {{code?: string, help?: string | null, context?: string[], detail?: any}} [about] `code` is for
   *   programs (`not-found`), `help` what the reader could do, `context` what was being done, innermost first
   */
  constructor(message, { code = "other", help = null, context = [], detail = null } = {}) {
    super(message);
    this.name = "ElementError";
    if (!CODES.includes(code)) throw new TypeError(`\`${code}\` is no code of an error; there are ${CODES.join(", ")}`);
    this.code = code;
    this.help = help;
    this.context = [...context];
    this.detail = detail;
  }
}

/** What an element says about itself is wrong: found when its module is imported. */
export class DescriptionError extends Error {
  constructor(message) {
    super(message);
    this.name = "DescriptionError";
  }
}

/** Anything that was thrown as the contract's failure: its text, and the lines that it came from. */
export function told(thrown) {
  if (thrown instanceof ElementError) return thrown;
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  const stack = thrown instanceof Error ? String(thrown.stack ?? "") : "";
  const context = stack.split("\n").map((line) => line.trim()).filter((line) => /^at |@/.test(line));
  return new ElementError(text, { context, help: "This is a mistake in the element: its author can mend it." });
}
