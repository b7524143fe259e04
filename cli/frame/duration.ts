export type Duration =
  | { readonly ok: true; readonly ms: number }
  | { readonly ok: false; readonly message: string };

const FORM = /^(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?$/;
const MINUTE_MS = 60_000;

/** `90m`, `1h30m`, `7d`: what `option` says, at least a minute. */
export function readDuration(text: string, option: string, maxMs: number): Duration {
  const [days = 0, hours = 0, minutes = 0] = (FORM.exec(text) ?? [])
    .slice(1)
    .map((part) => Number(part ?? 0));
  const ms = ((days * 24 + hours) * 60 + minutes) * MINUTE_MS;
  if (ms === 0) return { ok: false, message: `${option} "${text}" is not a time; write it as 30m, 1h or 7d` };
  if (ms <= maxMs) return { ok: true, ms };
  return { ok: false, message: `${option} "${text}" is more than ${maxMs / (24 * 60 * MINUTE_MS)} days` };
}
