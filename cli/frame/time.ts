import { parseInstantMs } from "#core/policy/instant.ts";
import type { Io } from "./io.ts";

export type Instant =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly message: string };

/** The time that an option names, or now. */
export function readInstant(text: string | undefined, io: Io): Instant {
  if (text === undefined) return { ok: true, value: io.nowMs() };
  const value = parseInstantMs(text);
  if (value !== undefined) return { ok: true, value };
  return { ok: false, message: `--at "${text}" is not a time; write it as 2026-12-31T18:00:00Z` };
}

/** In UTC, without the milliseconds when there are none. */
export function instantText(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
