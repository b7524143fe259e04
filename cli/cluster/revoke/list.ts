import type { Policy } from "#core/api/loaded.ts";
import { REVOCATION, revocationIn } from "#core/policy/revocation.ts";
import { GUARDRAILS } from "#operator/kube/resource.ts";
import { command } from "../../frame/command.ts";
import { writeJson } from "../../frame/json.ts";
import { printRevocations } from "../../revoking/order.ts";
import { PLACE_OPTIONS } from "../place.ts";
import { withPlace } from "./writing.ts";

const NEVER = new AbortController().signal;

export const revokeList = command({
  summary: "list who is revoked, until when, by whom and why",
  description: [
    "One revocation a line. Those that are over refuse nothing any more; they stay until somebody lifts them.",
    "It takes the right to list clustersecretaccesspolicies.sallyport.dev: role sallyport-view or sallyport-revoke.",
  ],
  positionals: [],
  options: {
    ...PLACE_OPTIONS,
    output: {
      type: "string",
      short: "o",
      choices: ["human", "json"],
      default: "human",
      help: "how to print",
    },
  },
  examples: ["kubectl sallyport revoke list"],
  run: ({ options }, io) =>
    withPlace(options, async ({ kube }) => {
      const { items } = await kube.list(GUARDRAILS, { labelSelector: REVOCATION.label, signal: NEVER });
      // The API server has held them to the schema, and another version of it than ours leaves out what we do not know.
      const found = items.flatMap((item) => revocationIn(item as unknown as Policy) ?? []);
      if (options.output === "json") writeJson(io, { revocations: found });
      else printRevocations(found, io);
      return 0;
    }),
});
