/** The protocols in whose own words a captured client can be refused; which one it speaks, its first bytes tell. */
import { http } from "./http.ts";
import { http2 } from "./http2.ts";
import { postgres } from "./postgres.ts";
import { tls } from "./tls.ts";
import type { Voice } from "./voice.ts";

export const voices = { postgres, http, http2, tls } as const satisfies Record<string, Voice>;

export type Spoken = keyof typeof voices;

/** Undefined while it cannot be told; `other` when it is none of them. */
export function spokenIn(bytes: Buffer): Spoken | "other" | undefined {
  let isOpen = false;
  for (const [name, voice] of Object.entries(voices)) {
    const recognised = voice.recognises(bytes);
    if (recognised === true) return name as Spoken;
    if (recognised === undefined) isOpen = true;
  }
  return isOpen ? undefined : "other";
}
