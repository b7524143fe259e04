/** Runs the table of denials in a world, each with its allowed twin: the same pod, by the same way, a moment before. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  POD_DENIALS,
  type PodDenial,
  type Subject,
  TOKEN_DENIALS,
  type TokenDenial,
  type World,
} from "./denials.ts";

export function deniedIn<Of extends Subject>(world: () => World<Of>): void {
  describe("whatever becomes of a pod counts at once, however it asks", () => {
    for (const [reason, { code, over, ...more }] of Object.entries(POD_DENIALS)) {
      test(reason, async () => {
        const { pods } = world();
        await using subject = await world().subject();
        await denied(subject, { code, over, ...more }, () => pods[reason as PodDenial](subject));
      });
    }
  });
  describe("a token is taken only where it was made for", () => {
    let subject: Of;
    before(async () => {
      subject = await world().subject();
    });
    after(() => subject[Symbol.asyncDispose]());
    for (const [reason, { code }] of Object.entries(TOKEN_DENIALS)) {
      test(reason, async () => {
        assert.equal(await subject.ask.token(), "granted");
        const token = await world().tokens[reason as TokenDenial](subject);
        assert.equal(await subject.ask.token(token), code);
        assert.equal(await subject.ask.token(), "granted");
      });
    }
  });
}

type Row = (typeof POD_DENIALS)[PodDenial] | { code: string; over: readonly (keyof Subject["ask"])[] };

export async function denied(
  subject: Subject,
  { code, over, ...more }: Row,
  happen: () => Promise<(() => Promise<void>) | undefined>,
): Promise<void> {
  for (const carrier of over) assert.equal(await subject.ask[carrier](), "granted", `${carrier} before`);
  const undo = await happen();
  try {
    for (const carrier of over) assert.equal(await subject.ask[carrier](), code, carrier);
    assert.equal(await subject.isLeased(), "keepsLease" in more, "the lease afterwards");
  } finally {
    await undo?.();
  }
}
