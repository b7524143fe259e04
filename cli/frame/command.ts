/** What a command is: a row that says how it is called, and a function that runs it. */
import type { Io } from "./io.ts";
import type { Paint } from "./paint.ts";

/** 0: fine. 1: it ran and found something. 2: it was called wrongly or could not run. */
export type ExitCode = 0 | 1 | 2;

export interface OptionSpec {
  readonly type: "string" | "boolean";
  /** The word that stands for the value in the help: `--config DIR`. */
  readonly value?: string;
  /** Closed sets are checked here, so that a command never sees another word. */
  readonly choices?: readonly string[];
  readonly default?: string;
  /** One letter: `-n`. */
  readonly short?: string;
  readonly multiple?: true;
  readonly required?: true;
  readonly help: string;
}

/** What the commands are called by. */
export interface Program {
  /** As people type it: `sallyport`, `kubectl sallyport`. */
  readonly name: string;
  readonly summary: string;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** Absent strings stay absent, unless the row has a default or demands a value. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends { type: "boolean" }
    ? boolean
    : Table[Name] extends { multiple: true }
      ? readonly string[]
      :
          | (Table[Name] extends { choices: readonly (infer Choice)[] } ? Choice : string)
          | (Table[Name] extends { default: string } | { required: true } ? never : undefined);
};

interface PositionalSpec {
  /** Upper case, as the usage line prints it. */
  readonly name: string;
  readonly help: string;
  /** Only the last ones may be. */
  readonly optional?: true;
}

export interface CommandSpec<Table extends OptionTable> {
  readonly summary: string;
  /** Paragraphs for `sallyport help NAME`. */
  readonly description: readonly string[];
  readonly positionals: readonly PositionalSpec[];
  readonly options: Table;
  readonly examples: readonly string[];
  /** What else `sallyport help` knows by a word of this command's output, such as a warning's code. */
  readonly topics?: Readonly<Record<string, (paint: Paint) => string>>;
  readonly run: (input: CommandInput<Table>, io: Io) => Promise<CommandResult>;
}

export interface CommandInput<Table extends OptionTable> {
  readonly options: OptionValues<Table>;
  /** As many as the command's row names, without optional ones that were not given. */
  readonly positionals: readonly string[];
}

/** `cannotRun` is for the person who called: it goes to standard error, and the exit code is 2. */
export type CommandResult = ExitCode | { readonly cannotRun: string };

/** A command with its option types forgotten: what the dispatcher's table holds. */
export type Command = CommandSpec<OptionTable>;

/** Ties `run` to the option table of the same row, then forgets the types: arguments.ts keeps that promise at run time. */
export function command<const Table extends OptionTable>(spec: CommandSpec<Table>): Command {
  return { ...spec, run: (input, io) => spec.run(input as CommandInput<Table>, io) };
}
