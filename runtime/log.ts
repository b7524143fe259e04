/** Structured logs: one JSON object a line, without payloads. What a field may hold is kept so small that no row, statement or secret fits by accident. */

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with fields that every line of it carries. */
  with(fields: LogFields): Log;
}

export interface LogOptions {
  readonly write: (line: string) => void;
  readonly nowMs: () => number;
  readonly level: LogLevel;
  readonly fields?: LogFields;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warn: 30, error: 40 };
const FIELD_CHARACTERS_MAX = 512;

export function openLog(options: LogOptions): Log {
  const line = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (RANK[level] < RANK[options.level]) return;
    const entry = {
      time: new Date(options.nowMs()).toISOString(),
      level,
      message,
      ...options.fields,
      ...fields,
    };
    options.write(`${JSON.stringify(entry, bounded)}\n`);
  };
  return {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    with: (fields) => openLog({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

/** What may be told of an error: its class, its code and its own words. A stack is for bugs and goes to debug. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { error: error.name, errorCode: code, errorText: error.message };
}

function bounded(_key: string, value: unknown): unknown {
  if (typeof value !== "string" || value.length <= FIELD_CHARACTERS_MAX) return value;
  return `${value.slice(0, FIELD_CHARACTERS_MAX)}…`;
}
