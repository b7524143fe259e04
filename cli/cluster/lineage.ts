import { PODS } from "#operator/kube/resource.ts";
import { KubeError } from "#operator/kube/error.ts";
import { type CommandResult, command } from "../frame/command.ts";
import type { Io } from "../frame/io.ts";
import { writeJson } from "../frame/json.ts";
import { printable } from "../frame/paint.ts";
import { columns, count } from "../frame/text.ts";
import { type Member, branchesOf, familiesOf } from "./lineage/tree.ts";
import { EVERYWHERE_OPTION, PLACE_OPTIONS, openPlace } from "./place.ts";

const NEVER = new AbortController().signal;

export const lineage = command({
  summary: "show which pod was launched by whom",
  description: [
    "Pods with a gateway, each below whoever launched it, as admission has put it on record: a pod, a user of the API server, or nobody " +
      "who is known. Beside a pod are its service account, its phase, and what a controller made it from. With a pod's name, its own " +
      "branch: everybody above it, and everybody below.",
    "It takes the right to list pods, in the namespace or everywhere. A pod above that is in another namespace, or has ended and is " +
      "removed, is `not there`; -A looks everywhere. One with `no agent` has no gateway, and withholds nothing.",
    "Exit code 1 when there is no such pod.",
  ],
  positionals: [{ name: "POD", optional: true, help: "name of a pod, or NAMESPACE/NAME" }],
  options: {
    ...PLACE_OPTIONS,
    ...EVERYWHERE_OPTION,
    output: {
      type: "string",
      short: "o",
      choices: ["human", "json"],
      default: "human",
      help: "how to print",
    },
  },
  examples: ["kubectl sallyport lineage -n shop", "kubectl sallyport lineage -A planner-x7k2p"],
  run: async ({ options, positionals: [pod] }, io): Promise<CommandResult> => {
    const place = openPlace(options);
    if ("cannotRun" in place) return place;
    using _place = place;
    const namespace = options["all-namespaces"] ? undefined : place.namespace;
    try {
      const { items } = await place.kube.list(PODS, { namespace, signal: NEVER });
      const families = familiesOf(items);
      const shown = pod === undefined ? families : branchesOf(families, fullName(pod, place.namespace));
      if (options.output === "json") writeJson(io, { families: shown });
      else print(shown, io);
      return pod !== undefined && shown.length === 0 ? 1 : 0;
    } catch (error) {
      if (error instanceof KubeError) return { cannotRun: `pods cannot be listed: ${error.message}` };
      throw error;
    }
  },
});

function fullName(pod: string, namespace: string): string {
  return pod.includes("/") ? pod : `${namespace}/${pod}`;
}

function print(families: readonly Member[], io: Io): void {
  const rows = families.flatMap((member) => [rowOf(member, ""), ...rowsBelow(member, "")]);
  if (rows.length > 0) {
    const head = ["launched by, and below it", "service account", "state", "made from"];
    for (const line of columns([head, ...rows])) io.out.write(`${line}\n`);
  }
  io.out.write(`${count(families.length, "family", "families")}\n`);
}

function rowsBelow({ children }: Member, indent: string): readonly (readonly string[])[] {
  return children.flatMap((child, at) => {
    const isLast = at === children.length - 1;
    const row = rowOf(child, `${indent}${isLast ? "└─ " : "├─ "}`);
    return [row, ...rowsBelow(child, `${indent}${isLast ? "   " : "│  "}`)];
  });
}

function rowOf({ name, account = "", state = "", by = "" }: Member, lead: string): readonly string[] {
  return [`${lead}${printable(name)}`, printable(account), printable(state), printable(by)];
}
