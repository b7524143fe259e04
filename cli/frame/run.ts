/** The dispatcher: finds the command, reads its arguments, and turns every way of failing into an exit code. */
import { readArguments } from "./arguments.ts";
import type { Command, ExitCode, Program } from "./command.ts";
import { commandHelp, overview, usageLine } from "./help.ts";
import type { Io } from "./io.ts";
import { nearest } from "#core/api/nearest.ts";
import { VERSION } from "../version.ts";
import { painter, printable } from "./paint.ts";

export type CommandTable = Readonly<Record<string, Command>>;

export interface Called {
  readonly program: Program;
  readonly commands: CommandTable;
}

export async function run(called: Called, words: readonly string[], io: Io): Promise<ExitCode> {
  const { program, commands } = called;
  const { name, rest } = named(commands, words);
  if (name === undefined) {
    io.err.write(overview(program, commands, painter(io.err.colour)));
    return 2;
  }
  if (name === "--version" || name === "version") {
    io.out.write(`${program.name} ${VERSION}\n`);
    return 0;
  }
  if (name === "help" || name === "--help" || name === "-h") return help(called, rest, io);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined)
    return unknown(program, ["command", name], [...Object.keys(commands), "help"], io);
  return runCommand([program, name], command, rest, io);
}

async function runCommand(
  [program, name]: readonly [Program, string],
  command: Command,
  words: string[],
  io: Io,
): Promise<ExitCode> {
  const whole = `${program.name} ${name}`;
  const given = readArguments(command, words);
  if (given.kind === "help") {
    io.out.write(commandHelp(whole, command, painter(io.out.colour)));
    return 0;
  }
  if (given.kind === "wrong") {
    complain(program, io, given.message);
    io.err.write(`\nUsage: ${usageLine(whole, command)}\nMore:  ${program.name} help ${name}\n`);
    return 2;
  }
  const result = await command.run(
    // readArguments filled every row of this command's own table, by the row's own type.
    { options: given.options as Parameters<Command["run"]>[0]["options"], positionals: given.positionals },
    io,
  );
  if (typeof result === "number") return result;
  complain(program, io, result.cannotRun);
  return 2;
}

/** Some commands are two words, such as `audit verify`. */
function named(
  commands: CommandTable,
  [first, second, ...rest]: readonly string[],
): { readonly name: string | undefined; readonly rest: string[] } {
  const both = `${first} ${second}`;
  // With `audit` alone the second word is what is missing or mistyped: the guess is made over both.
  const isGroup = Object.keys(commands).some((name) => name.startsWith(`${first} `));
  if (second !== undefined && !second.startsWith("-") && isGroup) return { name: both, rest };
  return { name: first, rest: second === undefined ? [] : [second, ...rest] };
}

function help({ program, commands }: Called, words: readonly string[], io: Io): ExitCode {
  const { name } = named(commands, words);
  const paint = painter(io.out.colour);
  if (name === undefined) {
    io.out.write(overview(program, commands, paint));
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) {
    io.out.write(commandHelp(`${program.name} ${name}`, command, paint));
    return 0;
  }
  const topics = Object.assign({}, ...Object.values(commands).map((each) => each.topics ?? {})) as Topics;
  const topic = name.toUpperCase();
  const render = Object.hasOwn(topics, topic) ? topics[topic] : undefined;
  if (render === undefined)
    return unknown(
      program,
      ["command or topic", name],
      [...Object.keys(commands), ...Object.keys(topics)],
      io,
    );
  io.out.write(render(paint));
  return 0;
}

type Topics = NonNullable<Command["topics"]>;

function unknown(
  program: Program,
  [what, name]: readonly [string, string],
  known: readonly string[],
  io: Io,
): ExitCode {
  const group = known.filter((each) => each.startsWith(`${name} `));
  const guess = group.length > 0 ? group.join(", ") : nearest(name, known);
  const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
  complain(program, io, `there is no ${what} "${name}"${hint}`);
  io.err.write(`\nAll commands: ${program.name} --help\n`);
  return 2;
}

function complain(program: Program, io: Io, message: string): void {
  const paint = painter(io.err.colour);
  io.err.write(`${paint("red", `${program.name}:`)} ${message.split("\n").map(printable).join("\n")}\n`);
}
