// Write dibhost elements in JavaScript.

export { element, fact, family, request, step } from "./element.js";
export { DescriptionError, ElementError } from "./errors.js";
export { disk, filesystem, mount, partition, size, table } from "./nodes.js";
export { TestHost } from "./memory-host.js";
export { boolean, choice, integer, list, number, object, optional, secret, text, uint16, uint32 } from "./types.js";
