/** What a client may say, as data; and the bytes of it. */
import { serialize } from "pg-protocol";
import { B, C, D, E, H, P, Q, S } from "#test/postgres/support/wire.ts";

export type Step =
  | { readonly say: "query"; readonly text: string }
  | { readonly say: "parse"; readonly name: string; readonly text: string }
  | { readonly say: "bind"; readonly portal: string; readonly statement: string; readonly binary: boolean }
  | { readonly say: "describe"; readonly kind: "S" | "P"; readonly name: string }
  | { readonly say: "execute"; readonly portal: string; readonly rows: number }
  | { readonly say: "close"; readonly kind: "S" | "P"; readonly name: string }
  | { readonly say: "flush" | "sync" | "stray" }
  /** A COPY with its data behind it, in one step: a client that says anything else in between has lost its mind. */
  | {
      readonly say: "copy";
      readonly text: string;
      readonly extended: boolean;
      readonly data: readonly string[];
      readonly fails: boolean;
      /** Sync and Flush before the data, which a server reads over once it waits for that. */
      readonly noise: boolean;
    };

/** Sent in one go; what is refused changes between turns only, when nothing is on its way. */
export interface Turn {
  /** A text that holds one of these is refused. */
  readonly refuses: readonly string[];
  readonly steps: readonly Step[];
}

export const copyData = (text: string): Buffer => serialize.copyData(Buffer.from(text));

export function messagesOf(step: Step): Buffer[] {
  switch (step.say) {
    case "query":
      return [Q(step.text)];
    case "parse":
      return [P(step.text, step.name)];
    case "bind":
      return [B(step.portal, step.statement, [], step.binary)];
    case "describe":
      return [D(step.kind, step.name)];
    case "execute":
      return [E(step.portal, step.rows)];
    case "close":
      return [C(step.kind, step.name)];
    case "flush":
      return [H];
    case "sync":
      return [S];
    case "stray":
      return [serialize.copyDone()];
    case "copy":
      return copyMessages(step);
  }
}

const COPYING = "copying";

function copyMessages(step: Extract<Step, { say: "copy" }>): Buffer[] {
  // Under names of its own: nothing else executes them, without data for it.
  const extended = (): Buffer[] => [C("S", COPYING), P(step.text, COPYING), B(COPYING, COPYING), E(COPYING)];
  const opening = step.extended ? extended() : [Q(step.text)];
  const noise = step.noise ? [S, H] : [];
  const data = step.data.map(copyData);
  const ending = step.fails ? serialize.copyFail("no more") : serialize.copyDone();
  return [...opening, ...noise, ...data, ending];
}
