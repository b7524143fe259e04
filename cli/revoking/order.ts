/** What `revoke` has in common, wherever the guardrail is kept. */
import { randomBytes } from "node:crypto";
import { BECAUSE_CHARS_MAX, REVOCATION_MS_MAX, type Revocation } from "#core/policy/revocation.ts";
import { readDuration } from "../frame/duration.ts";
import type { Io } from "../frame/io.ts";
import { printable } from "../frame/paint.ts";
import { columns, count } from "../frame/text.ts";
import { instantText } from "../frame/time.ts";

export const REVOKE_OPTIONS = {
  for: { type: "string", value: "TIME", required: true, help: "how long: 30m, 1h, 7d; 30d at most" },
  reason: {
    type: "string",
    value: "TEXT",
    required: true,
    help: "for people and the trail, which keeps it; agents are not told",
  },
} as const;

const MARK_BYTES = 3;

export interface Terms {
  readonly because: string;
  readonly untilMs: number;
  readonly mark: string;
}

export function termsOf(
  given: { readonly for: string; readonly reason: string },
  io: Io,
): Terms | { readonly cannotRun: string } {
  const because = given.reason.trim();
  if (because === "" || because.length > BECAUSE_CHARS_MAX)
    return { cannotRun: `--reason takes 1 to ${BECAUSE_CHARS_MAX} characters` };
  const lasting = readDuration(given.for, "--for", REVOCATION_MS_MAX);
  if (!lasting.ok) return { cannotRun: lasting.message };
  const nowMs = Math.floor(io.nowMs() / 1_000) * 1_000;
  return { because, untilMs: nowMs + lasting.ms, mark: randomBytes(MARK_BYTES).toString("hex") };
}

/** `lift`: the command that does. */
export function printRevoked({ name, whom, by, because, untilMs }: Revocation, lift: string, io: Io): void {
  io.out.write(`revoked   ${printable(whom)}\n`);
  io.out.write(`until     ${instantText(untilMs)}\n`);
  io.out.write(`by        ${printable(by)}\n`);
  io.out.write(`because   ${printable(because)}\n`);
  io.out.write(`lift it   ${lift} ${printable(name)}\n`);
}

export function printRevocations(all: readonly Revocation[], io: Io): void {
  if (all.length > 0) {
    const rows = all
      .toSorted((one, other) => one.untilMs - other.untilMs)
      .map((one) => [one.name, untilText(one, io), one.by, one.because, one.whom].map(printable));
    for (const line of columns([["name", "until", "by", "because", "whom"], ...rows]))
      io.out.write(`${line}\n`);
  }
  io.out.write(`${count(all.length, "revocation")}\n`);
}

function untilText({ untilMs }: Revocation, io: Io): string {
  if (!Number.isFinite(untilMs)) return "for good";
  return `${instantText(untilMs)}${untilMs <= io.nowMs() ? " (over)" : ""}`;
}
