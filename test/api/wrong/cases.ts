/**
 * Reads the tables of wrong files beside this module. A case is a line `==== what is wrong`, the file's text, and behind
 * `>>>>` the exact findings, one a line: `line:column severity CODE path | message`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Diagnostic } from "#core/api/diagnostic.ts";

export interface WrongFile {
  readonly topic: string;
  readonly title: string;
  readonly text: string;
  readonly expected: string;
}

export function wrongFiles(): readonly WrongFile[] {
  const folder = import.meta.dirname;
  const names = readdirSync(folder).filter((name) => name.endsWith(".cases"));
  return names.toSorted().flatMap((name) => readTable(name, readFileSync(join(folder, name), "utf8")));
}

function readTable(name: string, table: string): WrongFile[] {
  const topic = name.replace(/\.cases$/, "");
  return table
    .split(/^==== /m)
    .slice(1)
    .map((part) => {
      const [, title, text, expected] = /^(.*)\n([\s\S]*?)^>>>>\n([\s\S]*)$/m.exec(part) ?? [];
      if (title === undefined || text === undefined || expected === undefined) {
        throw new Error(`${name}: a case lacks its >>>>:\n${part}`);
      }
      return { topic, title, text, expected: expected.trim() };
    });
}

export function findingLine({ line, column, severity, code, path, message }: Diagnostic): string {
  return `${line}:${column} ${severity} ${code} ${path === "" ? "(document)" : path} | ${message}`;
}
