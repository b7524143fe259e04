import { realDisk } from "#broker/trail/real-disk.ts";
import { type SetVerification, verifyTrails } from "#broker/trail/verify-set.ts";
import type { Finding, Verification, VerifyOptions } from "#broker/trail/verify.ts";
import { DIRECTORY, SOURCE_OPTIONS, openSource } from "./audit/source.ts";
import { type CommandResult, command } from "./frame/command.ts";
import type { Io } from "./frame/io.ts";
import { writeJson } from "./frame/json.ts";
import { painter, printable } from "./frame/paint.ts";
import { count } from "./frame/text.ts";

export const auditVerify = command({
  summary: "check that nothing in a trail was changed, dropped or reordered",
  description: [
    "Checks every checksum, that each file continues the one before it, that each session's events follow each other " +
      "without a gap from its opening to its end, and, where the keys can be read, that each text is the one that was " +
      "decided on. Exit code 1 when something is wrong; sessions that were lost are facts, not faults.",
    "Whoever can write the files can also write them anew from the beginning. So note the last line somewhere else, and " +
      "give it back with --expect: the trail must then have grown from what was noted.",
    "In a cluster each replica of the broker has a log of its own, and a session that loses one goes on in another. Give the " +
      "others too, each by --with, and it is checked that what went on continues what was there.",
  ],
  positionals: [DIRECTORY],
  options: {
    ...SOURCE_OPTIONS,
    expect: { type: "string", value: "LEAVES:ROOT", help: "what an earlier check printed" },
    with: {
      type: "string",
      value: "DIR",
      multiple: true,
      help: "the log of another replica, with its keys beside it",
    },
    output: { type: "string", choices: ["human", "json"], default: "human", help: "how to print" },
  },
  examples: [
    "sallyport audit verify /var/lib/sallyport/trail",
    "sallyport audit verify trail/ --expect 12:5f3c… --output json",
  ],
  run: async ({ options, positionals: [directory = "."] }, io): Promise<CommandResult> => {
    const expect = readExpectation(options.expect);
    if (expect === "wrong") return { cannotRun: "--expect wants LEAVES:ROOT as an earlier check printed it" };
    const source = await openSource(directory, options.keys);
    if (!source.ok) return { cannotRun: source.message };
    const others: VerifyOptions[] = [];
    for (const other of options.with) {
      const opened = await openSource(other, undefined);
      if (!opened.ok) return { cannotRun: opened.message };
      others.push({ disk: realDisk, directory: other, texts: opened.value.texts });
    }
    const { texts, closedBecause } = source.value;
    const set = await verifyTrails([{ disk: realDisk, directory, texts, expect }, ...others]);
    if (options.output === "json") printJson(set, io);
    else printForPeople(set, [directory, ...options.with], closedBecause, io);
    return allFindings(set).length === 0 ? 0 : 1;
  },
});

function readExpectation(
  text: string | undefined,
): { leaves: number; root: Uint8Array } | undefined | "wrong" {
  if (text === undefined) return undefined;
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
  return match === null ? "wrong" : { leaves: Number(match[1]), root: Buffer.from(match[2] ?? "", "hex") };
}

function mark({ leaves, root }: Verification): string {
  return `${leaves}:${Buffer.from(root).toString("hex")}`;
}

function allFindings({ trails, findings }: SetVerification): readonly Finding[] {
  return [...trails.flatMap((trail) => trail.findings), ...findings];
}

function printJson({ trails, findings, notices, moved }: SetVerification, io: Io): void {
  const [first = {}, ...others] = trails.map(jsonOf);
  const between = { findings, notices, moved };
  writeJson(io, others.length === 0 && notices.length === 0 ? first : { ...first, others, between });
}

function jsonOf({ leaves, root, sessions, texts, findings, notices }: Verification): object {
  return { leaves, root: Buffer.from(root).toString("hex"), sessions, texts, findings, notices };
}

function printForPeople(
  { trails, findings, notices, moved }: SetVerification,
  directories: readonly string[],
  closedBecause: string | undefined,
  io: Io,
): void {
  const paint = painter(io.out.colour);
  for (const [index, trail] of trails.entries()) {
    if (trails.length > 1) io.out.write(`${paint("bold", printable(directories[index] ?? ""))}\n`);
    // Only the first one's keys can be elsewhere than beside it.
    printTrail(trail, index === 0 ? closedBecause : undefined, io);
  }
  printFindings(findings, notices, io);
  if (trails.length === 1) return;
  const verdict =
    findings.length === 0 ? paint("green", "whole together") : paint("red", "NOT WHOLE TOGETHER");
  io.out.write(`${verdict}  ${count(moved, "session")} went on in another log\n`);
}

function printFindings(findings: readonly Finding[], notices: readonly Finding[], io: Io): void {
  const paint = painter(io.out.colour);
  for (const { code, where, text } of findings)
    io.out.write(`${paint("red", code)}  ${printable(where)}: ${text}\n`);
  for (const { code, where, text } of notices)
    io.out.write(`${paint("yellow", code)}  ${printable(where)}: ${text}\n`);
}

function printTrail(result: Verification, closedBecause: string | undefined, io: Io): void {
  const paint = painter(io.out.colour);
  printFindings(result.findings, result.notices, io);
  const { ended, lost, unfinished } = result.sessions;
  io.out.write(
    `${count(result.leaves, "event")}; ${count(ended + lost + unfinished, "session")}: ${ended} ended, ` +
      `${lost} lost, ${unfinished} unfinished\n`,
  );
  const { opened, closed } = result.texts;
  if (closedBecause === undefined)
    io.out.write(`${count(opened, "text")} opened and compared, ${closed} sealed\n`);
  else io.out.write(`${count(closed, "text")} not looked at: ${closedBecause}\n`);
  const verdict = result.findings.length === 0 ? paint("green", "whole") : paint("red", "NOT WHOLE");
  io.out.write(`${verdict}  ${mark(result)}\n`);
}
