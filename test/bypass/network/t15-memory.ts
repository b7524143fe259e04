/** T15: the gateway's process is read: by the agent, and in whole by root of its node, as a core. */
import { execFileSync } from "node:child_process";
import { AGENT, type As, type Place, outputIn, startIn } from "#test/capture/support/network.ts";
import { UPSTREAM_PASSWORD } from "#test/gateway/support/kinds.ts";
import type { LiveThreat, Result } from "../support/duel.ts";
import { type NetworkField, programOf } from "./support/field.ts";
import { served } from "./support/psql.ts";

const PEEK = `
import os, sys
said = []
for name in ("environ", "maps", "mem", "root/", "fd/", "cwd/"):
    try:
        path = "/proc/%s/%s" % (sys.argv[1], name)
        os.listdir(path) if name.endswith("/") else open(path, "rb").read(1 if name != "mem" else 0)
        said.append(name)
    except OSError:
        pass
print(*said or ["nothing"])`;

async function peek(place: Place, as: As, pid: number): Promise<Result> {
  const said = (await outputIn(place, as, "/usr/bin/python3", "-c", PEEK, String(pid))).trim();
  return { hasWorked: said !== "nothing", said };
}

/** Which of the words are anywhere that the process could write to. */
const holds = (pid: number, words: readonly string[]): readonly string[] => {
  const input = words.join("\n");
  const numbers = execFileSync("/usr/bin/python3", [programOf("memory.py"), String(pid)], {
    input,
    encoding: "utf8",
  });
  return words.filter((_, number) => numbers.trim().split(" ").includes(String(number)));
};

/** Of every gateway, and therefore found where the search works. */
const CONTROL = "sallyport_captured_total";

export const MEMORY: LiveThreat<NetworkField> = {
  id: "T15",
  title: "the memory of the gateway's process",
  duels: [
    {
      name: "read by the agent, who sees the process",
      without: async ({ pod }) => {
        await using own = await startIn(pod.network.pod, AGENT, ["sh", "-c", "echo up; exec sleep 60"]);
        // Before, it is not the agent's yet.
        await own.line(/^up$/m);
        return await peek(pod.network.pod, AGENT, own.pid);
      },
      with: ({ pod }) => peek(pod.network.pod, AGENT, pod.gateway().pid),
      stopped: /^nothing$/,
    },
    {
      name: "looked through by root of its node for the upstream's credential, as a core",
      // A program that signs in by itself.
      without: async ({ pod }) => {
        const program = `const held = "${CONTROL}"; setInterval(() => held, 60_000); console.log("up")`;
        const words = [process.execPath, "-e", program];
        await using holder = await startIn(pod.network.bare, AGENT, words, { PGPASSWORD: UPSTREAM_PASSWORD });
        await holder.line(/^up$/m);
        const found = holds(holder.pid, [UPSTREAM_PASSWORD, CONTROL]);
        return {
          hasWorked: found.includes(UPSTREAM_PASSWORD),
          said: found.length === 2 ? "it is there" : found.join(),
        };
      },
      with: async ({ pod }) => {
        await using client = await pod.start([
          "psql",
          "--no-psqlrc",
          "-h",
          "orders",
          "-c",
          "select 1",
          "-c",
          "\\watch 0.2",
        ]);
        await client.line(/\(1 row\)/);
        const said = await served(pod);
        const found = holds(pod.gateway().pid, [UPSTREAM_PASSWORD, CONTROL]);
        if (!found.includes(CONTROL)) return { hasWorked: true, said: `the search finds nothing: ${said}` };
        return { hasWorked: found.includes(UPSTREAM_PASSWORD), said: `not there while it is ${said}` };
      },
      stopped: /^not there while it is served$/,
    },
  ],
};
