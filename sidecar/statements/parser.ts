/** The parser's host: one instance on this thread, one on another for what is large or suspicious. */
import type { ParseOutcome, StatementParser } from "#core/statements/postgres/parser.ts";
import { type AsideLimits, ASIDE_LIMITS, openAside } from "./aside.ts";
import { openInstance, type ParserInstance } from "./instance.ts";
import { INSTANCE_BYTES_MAX, TREE_CHARS_MAX } from "./limits.ts";
import { BROKE, outcomeOf } from "./outcome.ts";

export interface ParserStats {
  readonly instances: number;
  readonly broken: number;
}
export interface ParserHost extends StatementParser {
  stats(): ParserStats;
}

/** Nothing is loaded before the first text. */
export function openParser(limits: Partial<AsideLimits> = {}, treeCharsMax = TREE_CHARS_MAX): ParserHost {
  const aside = openAside({ ...ASIDE_LIMITS, ...limits }, treeCharsMax);
  let instance: ParserInstance | undefined;
  let opening: Promise<void> | undefined;
  let instances = 0;
  let broken = 0;

  const openOne = async (): Promise<void> => {
    try {
      instance = await openInstance(treeCharsMax);
      instances++;
    } finally {
      opening = undefined;
    }
  };
  // One instance however many statements wait for it.
  const open = (): Promise<void> => (opening ??= openOne());

  const parseHere = (by: ParserInstance, bytes: Uint8Array): ParseOutcome => {
    try {
      const outcome = outcomeOf(by.parse(bytes));
      if (by.memoryBytes() > INSTANCE_BYTES_MAX) instance = undefined;
      return outcome;
    } catch {
      // Whatever it threw, the instance is spent. The statement that did it is refused, the next one gets a new one.
      instance = undefined;
      broken++;
      return BROKE;
    }
  };

  const parseWhenOpen = async (bytes: Uint8Array): Promise<ParseOutcome> => {
    for (;;) {
      if (instance !== undefined) return parseHere(instance, bytes);
      await open();
    }
  };

  return {
    parse: (bytes, isAside) => {
      if (isAside) return aside.parse(bytes);
      // The bytes may lie in a socket's buffer, which is not ours while the text waits.
      return instance === undefined ? parseWhenOpen(Uint8Array.from(bytes)) : parseHere(instance, bytes);
    },
    stats: () => ({ instances, broken }),
    async [Symbol.asyncDispose]() {
      await opening?.catch(() => undefined);
      instance = undefined;
      await aside[Symbol.asyncDispose]();
    },
  };
}
