/** The trail that a command reads, and the keys to its texts: the options and the opening that all of them share. */
import { join, resolve } from "node:path";
import { realDisk } from "#broker/trail/real-disk.ts";
import { segmentNumbers } from "#broker/trail/layout.ts";
import { type Texts, openTexts } from "#broker/trail/texts.ts";
import type { OptionSpec } from "../frame/command.ts";

export const DIRECTORY = { name: "DIR", help: "directory of the trail" } as const;

export const SOURCE_OPTIONS = {
  keys: {
    type: "string",
    value: "DIR",
    help: "directory of the keys to the texts; left out: keys beside the trail",
  },
} as const satisfies Record<string, OptionSpec>;

export const OUTPUT_OPTION = {
  output: {
    type: "string",
    choices: ["human", "json"],
    default: "human",
    help: "how to print; json: an object a line",
  },
} as const satisfies Record<string, OptionSpec>;

export interface Source {
  readonly directory: string;
  readonly texts: Texts | undefined;
  /** Why texts are not shown. */
  readonly closedBecause: string | undefined;
}

export type SourceOpened =
  | { readonly ok: true; readonly value: Source }
  | { readonly ok: false; readonly message: string };

export async function openSource(directory: string, keys: string | undefined): Promise<SourceOpened> {
  try {
    if ((await segmentNumbers(realDisk, directory)).length === 0)
      return { ok: false, message: `${directory} holds no trail` };
  } catch (error) {
    return { ok: false, message: `${directory} cannot be read: ${messageOf(error)}` };
  }
  try {
    const texts = await openTexts(realDisk, sessionKeysOf(directory), keysDirectory(directory, keys));
    return { ok: true, value: { directory, texts, closedBecause: undefined } };
  } catch (error) {
    // Whoever asks for keys by name wants texts; everyone else gets what can be had without.
    if (keys !== undefined) return { ok: false, message: `the keys cannot be read: ${messageOf(error)}` };
    return { ok: true, value: { directory, texts: undefined, closedBecause: messageOf(error) } };
  }
}

export function keysDirectory(directory: string, keys: string | undefined): string {
  return keys ?? join(resolve(directory), "..", "keys");
}

export function sessionKeysOf(directory: string): string {
  return join(directory, "session-keys");
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
