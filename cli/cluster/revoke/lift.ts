import type { Policy } from "#core/api/loaded.ts";
import { revocationIn } from "#core/policy/revocation.ts";
import { GUARDRAILS } from "#operator/kube/resource.ts";
import { command } from "../../frame/command.ts";
import { printable } from "../../frame/paint.ts";
import { PLACE_OPTIONS } from "../place.ts";
import { withPlace } from "./writing.ts";

const NEVER = new AbortController().signal;

export const revokeLift = command({
  summary: "lift a revocation before it expires",
  description: [
    "Deletes the guardrail. Whoever was revoked may do again what other policies allow, in new sessions.",
    "It takes role sallyport-revoke. Exit code 1 when there is no such revocation.",
  ],
  positionals: [{ name: "NAME", help: "as `kubectl sallyport revoke list` shows it" }],
  options: PLACE_OPTIONS,
  examples: ["kubectl sallyport revoke lift revoked-planner-x7k2p-3f9a2c"],
  run: ({ options, positionals: [name = ""] }, io) =>
    withPlace(options, async ({ kube }) => {
      const found = await kube.get(GUARDRAILS, name, { signal: NEVER });
      const revocation = found && revocationIn(found as unknown as Policy);
      if (found !== undefined && revocation === undefined)
        return { cannotRun: `${name} is a guardrail, and no revocation; kubectl delete takes it away` };
      const { uid } = found?.metadata ?? {};
      const isLifted =
        found !== undefined &&
        uid !== undefined &&
        (await kube.delete(GUARDRAILS, name, { uid, signal: NEVER }));
      io.out.write(
        isLifted
          ? `lifted    ${printable(revocation?.whom ?? name)}\n`
          : `there is no revocation ${printable(name)}\n`,
      );
      return isLifted ? 0 : 1;
    }),
});
