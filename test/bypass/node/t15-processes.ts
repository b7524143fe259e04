/** T15: the gateway's process in the agent's sight: its environment, its files, its memory. */
import type { LiveThreat, Result } from "../support/duel.ts";
import { type NodeField, OUTSIDE, SHOP, VICTIMS } from "./support/field.ts";

/** Of everybody whom the agent sees; in brackets, so that the search does not find itself. */
const LOOK = `
for each in /proc/[0-9]*; do
  cat $each/environ 2>/dev/null | tr '\\0' '\\n' | grep -E '^(CREDENTIAL|GW_BROKER)[=]'
  ls -d $each/root/var/run/sallyport/token 2>/dev/null
  cat $each/cmdline 2>/dev/null | tr '\\0' ' ' | grep -oE 'gateway[.]js|launche[r]'
done | sort -u`;

async function seen({ inside }: NodeField, at: string, pod: string): Promise<Result> {
  const said = (await inside(at, pod, LOOK)).trim();
  return { hasWorked: said !== "", said: said || "nobody but itself" };
}

export const PROCESSES: LiveThreat<NodeField> = {
  id: "T15",
  title: "the gateway's process, in the agent's sight",
  duels: [
    {
      name: "environment, files and command line of other containers' processes",
      without: (field) => seen(field, OUTSIDE, "shared"),
      with: (field) => seen(field, SHOP, VICTIMS[0]),
      stopped: /^nobody but itself$/,
    },
  ],
};
