// Puts two dishes and a special on the menu, in JavaScript.
//
// Its readers (`waiter-rust`, `waiter-python`) run in the same phase, after it: the host sees to
// that, because of the slots.

import { provide } from "dib:element/facts@0.1.0";

const dish = {
  name: "example:menu/dish@1",
  arity: "many",
  timing: "planned",
  schema: JSON.stringify({
    type: "object",
    properties: { name: { type: "string" }, vegetarian: { type: "boolean" } },
    required: ["name", "vegetarian"],
  }),
  doc: "A dish of the menu: known before anything is built.",
  extensions: [],
};

const special = {
  name: "example:menu/special@1",
  arity: "many",
  timing: "observed",
  schema: JSON.stringify({
    type: "object",
    properties: { name: { type: "string" } },
    required: ["name"],
  }),
  doc: "What there is today only: known while the image is built.",
  extensions: [],
};

export const metadata = {
  describe() {
    return {
      name: "cook-javascript",
      version: "1.0.0",
      summary: "Puts two dishes and a special on the menu, in JavaScript.",
      license: "Apache-2.0",
      requires: [],
      standsInFor: [],
      conflictsWith: [],
      parameters: [],
      steps: [
        {
          name: "install",
          phase: "install",
          provides: [dish, special],
          consumes: [],
          after: [],
          before: [],
          planOnly: false,
          extensions: [],
        },
      ],
      requests: [],
      extensions: [],
    };
  },
};

export const lifecycle = {
  plan(step, build) {
    provide(dish.name, "1", JSON.stringify({ name: "callback burger", vegetarian: false }));
    provide(dish.name, "2", JSON.stringify({ name: "undefined salad", vegetarian: true }));
    return [];
  },
  run(step, build) {
    provide(special.name, "today", JSON.stringify({ name: "promised pudding" }));
    return { tag: "done" };
  },
};
