/** How the demo looks: few colours, one column for who speaks, nothing that moves. */
import { type Paint, colourWanted, painter, printable } from "#cli/frame/paint.ts";
import { columns, wrap } from "#cli/frame/text.ts";

export interface Narrator {
  readonly paint: Paint;
  title(text: string, facts: readonly string[]): void;
  step(title: string): void;
  /** What is to be noticed, in a sentence or two. */
  say(text: string): void;
  agent(statement: string): void;
  /** What somebody types who looks after the agent. */
  you(command: string): void;
  got(lines: readonly string[]): void;
  refused(lines: readonly string[]): void;
  recorded(lines: readonly string[]): void;
  line(text?: string): void;
}

const WIDTH = 96;
const LABEL_WIDTH = 10;

export function narrator(
  write: (text: string) => void = (text) => void process.stdout.write(text),
  colour = colourWanted(process.stdout.isTTY === true, process.env),
): Narrator {
  const paint = painter(colour);
  const line = (text = ""): void => write(`${text}\n`.replace(/ +\n$/, "\n"));
  const labelled = (label: string, lines: readonly string[], style?: (text: string) => string): void => {
    lines.forEach((text, index) => {
      const who = paint("dim", (index === 0 ? label : "").padEnd(LABEL_WIDTH));
      line(`     ${who}${style === undefined ? printable(text) : style(printable(text))}`);
    });
  };
  let steps = 0;
  return {
    paint,
    line,
    title(text, facts) {
      line();
      line(`  ${paint("bold", text)}`);
      for (const fact of facts) line(`  ${paint("dim", fact)}`);
    },
    step(title) {
      steps += 1;
      line();
      line(`  ${paint("cyan", String(steps))}  ${paint("bold", title)}`);
    },
    say(text) {
      for (const part of wrap(text, WIDTH - 5)) line(`     ${paint("dim", part)}`);
    },
    agent: (statement) => labelled("agent", wrapped(statement)),
    you: (command) => labelled("you", wrapped(command)),
    got: (lines) => labelled("got", lines, (text) => paint("green", text)),
    refused: (lines) => labelled("refused", lines.flatMap(wrapped), (text) => paint("yellow", text)),
    recorded: (lines) => labelled("recorded", lines.flatMap(wrapped)),
  };
}

function wrapped(text: string): string[] {
  return wrap(text, WIDTH - 5 - LABEL_WIDTH);
}

/** Rows as a small table: at most so many, and how many more there are. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], rowsMax = 4): string[] {
  const shown = columns([head, ...rows.slice(0, rowsMax)]).map((text) => text.slice(2));
  const rest = rows.length - rowsMax;
  return rest > 0 ? [...shown, `… and ${rest} more`] : shown;
}
