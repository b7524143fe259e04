/** Points in time, as policies write them and as clocks tell them. */

const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-](\d{2}):(\d{2}))$/;

/** The last moment that a Date can hold. */
const INSTANT_MS_MAX = 8.64e15;

/** Undefined for anything but an RFC 3339 time that exists: the 30th of February is a mistake, not the 2nd of March. */
export function parseInstantMs(text: string): number | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second, zoneHour, zoneMinute] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  const daysInMonth = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate();
  const exists =
    inRange(month, 1, 12) &&
    inRange(day, 1, daysInMonth) &&
    inRange(hour, 0, 23) &&
    inRange(minute, 0, 59) &&
    inRange(second, 0, 59) &&
    inRange(zoneHour, 0, 23) &&
    inRange(zoneMinute, 0, 59);
  const ms = exists ? Date.parse(text.toUpperCase()) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** A clock that says NaN, Infinity or a time before 1970 is broken, and nothing can be judged by it. */
export function isInstantMs(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= INSTANT_MS_MAX;
}

function inRange(value: number | undefined, min: number, max: number): boolean {
  return value !== undefined && value >= min && value <= max;
}
