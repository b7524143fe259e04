/** Reads the directory that a command was given, and says so when there is nothing a command could work with. */
import { loadKinds } from "#core/api/load.ts";
import { readConfigFile, readConfigFiles } from "#runtime/config-files.ts";
import { type Configuration, configurationOf } from "./configuration.ts";
import type { Io } from "./frame/io.ts";
import { painter } from "./frame/paint.ts";
import { count } from "./frame/text.ts";
import { renderDiagnostic } from "./linting/render.ts";

export type Reading =
  | { readonly ok: true; readonly value: Configuration }
  | { readonly ok: false; readonly message: string };

/** A single file may be named instead of a directory. */
export function readConfiguration(path: string): Reading {
  const files = /\.(ya?ml|json)$/.test(path) ? [readConfigFile(path)] : readConfigFiles(path);
  const [first] = files;
  if (first === undefined)
    return { ok: false, message: `there is no .yaml, .yml or .json file below ${path}` };
  if (first.path === path && "problem" in first)
    return { ok: false, message: `${path} cannot be read: ${first.problem}` };
  return { ok: true, value: configurationOf(files, loadKinds(files)) };
}

/** For commands that make sense only when every file is good: what is wrong goes to standard error. */
export function readFaultless(path: string, io: Io): Reading {
  const reading = readConfiguration(path);
  if (!reading.ok) return reading;
  const errors = reading.value.loaded.diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return reading;
  const paint = painter(io.err.colour);
  for (const error of errors) io.err.write(renderDiagnostic(error, reading.value.textOf, paint));
  return { ok: false, message: `${count(errors.length, "error")} in ${path}; mend them first` };
}
