/** What masks a result is found once, and again as soon as anything that it was found from is another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ColumnMask } from "#core/policy/decision.ts";
import { gathering } from "#core/statements/postgres/gathering.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { cstring, int16, int32, message } from "#core/wire/postgres/fields.ts";
import type { SessionCore } from "#sidecar/protocols/postgres/core.ts";
import type { ColumnActions } from "#sidecar/protocols/postgres/masking.ts";
import { maskOf } from "#sidecar/protocols/postgres/results.ts";

const column = (name: string): Buffer =>
  Buffer.concat([cstring(name), int32(16_384), int16(1), int32(25), int16(-1), int32(-1), int16(0)]);
const describing = (...names: readonly string[]): Buffer =>
  message("T", int16(names.length), ...names.map(column));

test("a mask that was found is asked for again when description, masks, catalog or statement are others", async () => {
  let asked = 0;
  let answer: ColumnActions | Refusal | Promise<ColumnActions | Refusal> = ["redact"];
  const catalog = {
    version: 1,
    columns: {
      actions: () => {
        asked += 1;
        return answer;
      },
    },
  };
  const core = {
    masks: [] as readonly ColumnMask[],
    foundMasks: new WeakMap(),
    parts: { catalog },
  };
  const found = (description: Buffer, facts = one) =>
    maskOf(core as unknown as SessionCore, description, facts);
  const one = gathering().finish(0, 0);
  const asks = async (times: number, what: string, find: () => unknown): Promise<void> => {
    const before = asked;
    await find();
    assert.equal(asked - before, times, what);
  };
  await asks(1, "the first time", () => found(describing("email")));
  await asks(0, "the same again", () => found(describing("email")));
  await asks(1, "another description", () => found(describing("mail")));
  await asks(1, "other masks", () => {
    core.masks = [];
    return found(describing("mail"));
  });
  await asks(1, "another catalog", () => {
    catalog.version += 1;
    return found(describing("mail"));
  });
  await asks(1, "another statement", () => found(describing("mail"), gathering().finish(0, 0)));
  await asks(2, "a statement that nobody knows", () => {
    void maskOf(core as unknown as SessionCore, describing("mail"), undefined);
    return maskOf(core as unknown as SessionCore, describing("mail"), undefined);
  });
  answer = refusal("MASK_UNRESOLVED");
  await asks(2, "what was refused", () => {
    void found(describing("name"));
    return found(describing("name"));
  });
  answer = Promise.resolve<ColumnActions>(["nullify"]);
  await asks(2, "while the catalog became another", async () => {
    const waiting = found(describing("phone"));
    catalog.version += 1;
    await waiting;
    return found(describing("phone"));
  });
});
