/** The bytes of the model's answers, made apart from the code under test. */
import type { Column, Value } from "./statements.ts";

export function frame(type: string, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`);

function number(value: number, bytes: 2 | 4): Buffer {
  const out = Buffer.alloc(bytes);
  if (bytes === 2) out.writeInt16BE(value);
  else out.writeInt32BE(value);
  return out;
}

export const PARSE_COMPLETE: Buffer = frame("1");
export const BIND_COMPLETE: Buffer = frame("2");
export const CLOSE_COMPLETE: Buffer = frame("3");
export const NO_DATA: Buffer = frame("n");
export const EMPTY_QUERY: Buffer = frame("I");
export const SUSPENDED: Buffer = frame("s");
export const COPY_DONE: Buffer = frame("c");
export const NO_PARAMETERS: Buffer = frame("t", number(0, 2));
export const COPY_IN: Buffer = frame("G", Buffer.from([0, 0, 1, 0, 0]));
export const COPY_OUT: Buffer = frame("H", Buffer.from([0, 0, 1, 0, 0]));

export const complete = (tag: string): Buffer => frame("C", text(tag));
export const ready = (status: string): Buffer => frame("Z", Buffer.from(status));
export const copyLine = (line: string): Buffer => frame("d", Buffer.from(line));
export const parameter = (name: string, value: string): Buffer =>
  frame("S", Buffer.concat([text(name), text(value)]));
export const notification = (payload: string): Buffer =>
  frame("A", Buffer.concat([number(7, 4), text("ch"), text(payload)]));
export const error = (code: string): Buffer => notice("E", code, "ERROR");
export const warning = (code: string): Buffer => notice("N", code, "WARNING");

function notice(type: string, code: string, severity: string): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${code}`, "Mas the model has it"].map(text);
  return frame(type, Buffer.concat([...fields, Buffer.of(0)]));
}

export function description(columns: readonly Column[], binary: boolean): Buffer {
  const fields = columns.map(({ name, typeOid }, index) =>
    Buffer.concat([
      text(name),
      number(16_384, 4),
      number(index + 1, 2),
      number(typeOid, 4),
      number(-1, 2),
      number(-1, 4),
      number(binary ? 1 : 0, 2),
    ]),
  );
  return frame("T", Buffer.concat([number(columns.length, 2), ...fields]));
}

export function row(values: readonly Value[], binary: boolean): Buffer {
  const fields = values.flatMap((value) => {
    if (value === null) return [number(-1, 4)];
    const bytes = typeof value === "number" && binary ? number(value, 4) : Buffer.from(String(value));
    return [number(bytes.length, 4), bytes];
  });
  return frame("D", Buffer.concat([number(values.length, 2), ...fields]));
}

/** As the gateway masks: a text by a fixed one, anything else by NULL. */
export const masked = (values: readonly Value[], columns: readonly Column[]): Value[] =>
  values.map((value, index) => {
    if (columns[index]?.masked !== true) return value;
    return typeof value === "string" ? "***" : null;
  });
