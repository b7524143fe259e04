import type { Read } from "./subject.ts";

/** `app, public, "Odd, Name"`: as one would write it behind SET search_path. */
export function readSearchPath(text: string): Read<readonly string[]> {
  const schemas: string[] = [];
  for (const part of text.trim() === "" ? [] : splitAtCommas(text)) {
    const schema = readSchema(part.trim());
    if (!schema.ok) return schema;
    schemas.push(schema.value);
  }
  return { ok: true, value: schemas };
}

const QUOTED = /^"(?:[^"]|"")+"$/;
const BARE = /^[\p{L}_][\p{L}\p{N}_$]*$/u;

function readSchema(part: string): Read<string> {
  if (/^"?\$user"?$/.test(part)) {
    const message =
      "$user in the search path is the schema named like the role; write that schema, or leave it out";
    return { ok: false, message };
  }
  if (QUOTED.test(part)) return { ok: true, value: part.slice(1, -1).replaceAll('""', '"') };
  if (BARE.test(part)) return { ok: true, value: part.toLowerCase() };
  return {
    ok: false,
    message: `"${part}" in the search path is not a schema; separate schemas by commas: app,public`,
  };
}

function splitAtCommas(text: string): string[] {
  const parts = [""];
  let isQuoted = false;
  for (const character of text) {
    if (character === '"') isQuoted = !isQuoted;
    if (character === "," && !isQuoted) parts.push("");
    else parts.push(`${parts.pop() ?? ""}${character}`);
  }
  return parts;
}
