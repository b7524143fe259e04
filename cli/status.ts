import type { AdminStatus } from "#broker/api/administration.ts";
import { DATA_OPTION, adminPath, askBroker } from "./admin/client.ts";
import { type CommandResult, command } from "./frame/command.ts";
import type { Io } from "./frame/io.ts";
import { writeJson } from "./frame/json.ts";
import { type Paint, painter, printable } from "./frame/paint.ts";
import { columns, count } from "./frame/text.ts";
import { instantText } from "./frame/time.ts";

export const status = command({
  summary: "show what a running gateway has in force",
  description: [
    "Shows the plan that the broker made from the files, which worker has put it in force, whether the trail can be written, " +
      "and what in the files cannot be used.",
    "Exit code 1 when something is not as it should be: a worker that has not applied the plan, a trail that cannot be " +
      "written, a Connection or identity provider that cannot be used.",
  ],
  positionals: [],
  options: {
    ...DATA_OPTION,
    output: { type: "string", choices: ["human", "json"], default: "human", help: "how to print" },
  },
  examples: ["sallyport status", "sallyport status --data ./state --output json"],
  run: async ({ options }, io): Promise<CommandResult> => {
    const asked = await askBroker<AdminStatus>(adminPath(options.data), ["GET", "/status"]);
    if (!asked.ok) return { cannotRun: asked.message };
    if (options.output === "json") writeJson(io, asked.value);
    else print(asked.value, io);
    return isWell(asked.value) ? 0 : 1;
  },
});

function isWell({ planVersion, workers, missing }: AdminStatus): boolean {
  const applied = workers.every(
    ({ isAttached, appliedVersion }) => isAttached && appliedVersion === planVersion,
  );
  return workers.length > 0 && applied && missing.length === 0;
}

function print(status: AdminStatus, io: Io): void {
  const paint = painter(io.out.colour);
  const { planVersion = "none yet", leases, missing } = status;
  io.out.write(`plan    ${planVersion}\n`);
  io.out.write(`trail   ${trailText(status, paint)}\n`);
  io.out.write(`leases  ${leases}\n\n`);
  const rows = status.workers.map((worker) => workerRow(worker, status));
  for (const line of columns([["worker", "applied", "sessions"], ...rows])) io.out.write(`${line}\n`);
  if (missing.length === 0) return;
  io.out.write(`\n${paint("red", count(missing.length, "problem"))}\n`);
  for (const what of missing) io.out.write(`  ${printable(what)}\n`);
}

export function trailText({ trail }: Pick<AdminStatus, "trail">, paint: Paint): string {
  if (trail.state === "ready") return "can be written";
  return paint("red", `cannot be written since ${instantText(trail.sinceMs)}: ${trail.cause}`);
}

function workerRow(
  { worker, isAttached, appliedVersion, sessions }: AdminStatus["workers"][number],
  { planVersion }: AdminStatus,
): readonly string[] {
  if (!isAttached) return [worker, "is away", ""];
  const applied = appliedVersion === planVersion ? "yes" : `no, it has ${appliedVersion ?? "none"}`;
  return [worker, applied, String(sessions)];
}
