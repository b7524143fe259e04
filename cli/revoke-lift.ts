import type { LiftRequest, Lifted } from "#broker/revoking/asked.ts";
import { DATA_OPTION, adminPath, askBroker } from "./admin/client.ts";
import { type CommandResult, command } from "./frame/command.ts";
import { printable } from "./frame/paint.ts";
import { personName } from "./revoking/host.ts";

export const revokeLift = command({
  summary: "lift a revocation of a running gateway before it expires",
  description: [
    "Whoever was revoked may do again what other policies allow, in new sessions. Who lifted it is put on record.",
    "Exit code 1 when there is no such revocation.",
  ],
  positionals: [{ name: "NAME", help: "as `sallyport revoke list` shows it" }],
  options: DATA_OPTION,
  examples: ["sallyport revoke lift revoked-reporter-3f9a2c"],
  run: async ({ options, positionals: [name = ""] }, io): Promise<CommandResult> => {
    const request: LiftRequest = { guardrail: name, name: personName() };
    const asked = await askBroker<Lifted>(adminPath(options.data), ["POST", "/lift"], request);
    if (!asked.ok) return { cannotRun: asked.message };
    const { lifted } = asked.value;
    io.out.write(
      lifted === undefined
        ? `there is no revocation ${printable(name)}\n`
        : `lifted    ${printable(lifted.whom)}\n`,
    );
    return lifted === undefined ? 1 : 0;
  },
});
