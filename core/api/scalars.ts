/**
 * What a scalar's text means. YAML 1.2 decides, and what a YAML 1.1 reader such as kubectl would take for something
 * else is pointed out: the same file must mean the same to both.
 */

export type ScalarType = "null" | "boolean" | "integer" | "number" | "text";

export interface PlainScalar {
  readonly type: ScalarType;
  /** What a YAML 1.1 reader takes it for, where that differs. */
  readonly elsewhere?: "boolean" | "number" | "date";
}

export function plainType(text: string): PlainScalar {
  if (/^(~|null|Null|NULL|)$/.test(text)) return { type: "null" };
  if (/^(true|True|TRUE|false|False|FALSE)$/.test(text)) return { type: "boolean" };
  if (/^[-+]?0[0-9]+$/.test(text)) return { type: "number", elsewhere: "number" };
  if (/^[-+]?[0-9]+$/.test(text)) return { type: "integer" };
  if (/^0o[0-7]+$/.test(text)) return { type: "number", elsewhere: "number" };
  if (/^[-+]?0x[0-9a-fA-F]+$/.test(text)) return { type: "number" };
  if (/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(text)) return { type: "number" };
  if (/^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/.test(text)) return { type: "number" };
  if (/^(y|n|yes|no|on|off)$/i.test(text)) return { type: "text", elsewhere: "boolean" };
  if (/^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(\.[0-9_]*)?)$/.test(text))
    return { type: "text", elsewhere: "number" };
  if (/^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?$/.test(text)) return { type: "text", elsewhere: "date" };
  return { type: "text" };
}

/** RFC 3339, with days that the month has. The pattern in the schema has checked the form. */
export function isDateTime(text: string): boolean {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T/.exec(text);
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day >= 1 && day <= days;
}
