/** From words on the command line to the values of one command's option table. */
import { parseArgs } from "node:util";
import { nearest } from "#core/api/nearest.ts";
import type { Command, OptionSpec } from "./command.ts";

export type Arguments =
  | { readonly kind: "values"; readonly options: Record<string, unknown>; readonly positionals: string[] }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly message: string };

type Token = NonNullable<ReturnType<typeof parseArgs>["tokens"]>[number];
type OptionToken = Extract<Token, { kind: "option" }>;

const HELP = { type: "boolean", help: "show this help" } as const satisfies OptionSpec;

export function readArguments(command: Command, words: readonly string[]): Arguments {
  const specs = { ...command.options, help: HELP };
  const { tokens } = parseArgs({
    args: [...words],
    options: parserOptions(specs),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const options = initialValues(command);
  const given = new Set<string>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    if (token.name === "help" || token.rawName === "-h") return { kind: "help" };
    const problem = takeOption(specs, token, options, given);
    if (problem !== undefined) return { kind: "wrong", message: problem };
  }
  const problem = missing(command, options) ?? miscounted(command, positionals);
  return problem === undefined
    ? { kind: "values", options, positionals }
    : { kind: "wrong", message: problem };
}

function parserOptions(specs: Record<string, OptionSpec>) {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { type, short }]) => [
      name,
      { type, multiple: true, ...(short !== undefined && { short }) },
    ]),
  );
}

function initialValues(command: Command): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(command.options).map(([name, spec]) => {
      if (spec.type === "boolean") return [name, false];
      return [name, spec.multiple ? [] : spec.default];
    }),
  );
}

/** Puts the token's value in place, or says what is wrong with it. */
function takeOption(
  specs: Record<string, OptionSpec>,
  token: OptionToken,
  options: Record<string, unknown>,
  given: Set<string>,
): string | undefined {
  const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
  if (spec === undefined) return unknownOption(specs, token);
  if (spec.type === "boolean") {
    if (token.value !== undefined) return `--${token.name} takes no value`;
    options[token.name] = true;
    return undefined;
  }
  const wanted = `--${token.name} ${spec.value ?? "VALUE"}`;
  if (token.value === undefined) return `${wanted}: the value is missing`;
  if (!token.inlineValue && token.value.startsWith("-") && token.value !== "-") {
    return `${wanted}: "${token.value}" looks like another option; write --${token.name}="${token.value}" if it is the value`;
  }
  if (spec.choices !== undefined && !spec.choices.includes(token.value)) {
    return `--${token.name} must be ${orList(spec.choices)}, not "${token.value}"`;
  }
  if (spec.multiple) {
    options[token.name] = [...(options[token.name] as string[]), token.value];
    return undefined;
  }
  if (given.has(token.name)) return `--${token.name} is given twice`;
  given.add(token.name);
  options[token.name] = token.value;
  return undefined;
}

function unknownOption(specs: Record<string, OptionSpec>, token: OptionToken): string {
  const guess = nearest(token.name, Object.keys(specs));
  const hint = guess === undefined ? "" : `; did you mean --${guess}?`;
  return `there is no option ${token.rawName}${hint}`;
}

function missing(command: Command, options: Record<string, unknown>): string | undefined {
  const absent = Object.entries(command.options).filter(
    ([name, spec]) => spec.required && options[name] === undefined,
  );
  if (absent.length === 0) return undefined;
  return `${absent.map(([name, spec]) => `--${name} ${spec.value ?? "VALUE"}`).join(", ")} must be given`;
}

function miscounted(command: Command, positionals: readonly string[]): string | undefined {
  const wanted = command.positionals;
  const absent = wanted[positionals.length];
  if (absent !== undefined && absent.optional !== true) return `${absent.name} is missing: ${absent.help}`;
  const surplus = positionals[wanted.length];
  return surplus === undefined ? undefined : `"${surplus}" is one argument too many`;
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
