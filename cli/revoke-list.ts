import type { RevocationList } from "#broker/revoking/asked.ts";
import { DATA_OPTION, adminPath, askBroker } from "./admin/client.ts";
import { type CommandResult, command } from "./frame/command.ts";
import { writeJson } from "./frame/json.ts";
import { printRevocations } from "./revoking/order.ts";

export const revokeList = command({
  summary: "list who is revoked on a running gateway, until when, by whom and why",
  description: [
    "One revocation a line. Those that are over refuse nothing any more; they are forgotten a month later, or when somebody lifts them.",
  ],
  positionals: [],
  options: {
    ...DATA_OPTION,
    output: { type: "string", choices: ["human", "json"], default: "human", help: "how to print" },
  },
  examples: ["sallyport revoke list"],
  run: async ({ options }, io): Promise<CommandResult> => {
    const asked = await askBroker<RevocationList>(adminPath(options.data), ["GET", "/revocations"]);
    if (!asked.ok) return { cannotRun: asked.message };
    if (options.output === "json") writeJson(io, asked.value);
    else printRevocations(asked.value.revocations, io);
    return 0;
  },
});
