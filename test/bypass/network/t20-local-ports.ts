/** T20: what the gateway would tell whoever is beside it: its health, its metrics, a debugger. */
import { outputIn, startIn, AGENT, GATEWAY, type Place } from "#test/capture/support/network.ts";
import { serve } from "#test/capture/support/attempts.ts";
import { HEALTH_PORT } from "#sidecar/pod/ports.ts";
import { GATEWAY_FLAGS } from "#tools/images/gateway.ts";
import type { Duel, LiveThreat, Result } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { dial } from "./support/trying.ts";

const health = (name: string, hostOf: (place: Place) => string): Duel<NetworkField> => ({
  name,
  without: async ({ pod: { network } }) => {
    const { bare } = network;
    const addresses = ["127.0.0.1", bare.ipv4, bare.ipv6];
    await using _open = await serve(bare, GATEWAY, { name: "METRICS", tcp: [HEALTH_PORT], addresses });
    const [said = ""] = await dial(bare, [{ host: hostOf(bare), port: HEALTH_PORT }]);
    return { hasWorked: said.startsWith("METRICS"), said };
  },
  with: async ({ pod }) => {
    const [said = ""] = await dial(pod.network.pod, [
      { host: hostOf(pod.network.pod), port: HEALTH_PORT, say: "GET /metrics HTTP/1.0\r\n\r\n" },
    ]);
    // The node, whose probes they are for, has them.
    const isThere = (await pod.metrics()).includes("sallyport_");
    return { hasWorked: said !== "ECONNREFUSED", said: isThere ? said : "nobody has metrics" };
  },
  stopped: /^ECONNREFUSED$/,
});

/** Loopback is not captured, so whatever a debugger opens there is every container's. */
const debugger_: Duel<NetworkField> = {
  name: "a debugger's port, opened by a signal",
  without: ({ pod }) => debugged(pod.network.pod, []),
  with: ({ pod }) => debugged(pod.network.pod, GATEWAY_FLAGS),
  stopped: /^ECONNREFUSED$/,
};

async function debugged(place: Place, flags: readonly string[]): Promise<Result> {
  const program = 'process.title = "gateway"; setInterval(() => console.log("lives"), 100)';
  await using node = await startIn(place, GATEWAY, [process.execPath, ...flags, "-e", program]);
  await node.line(/^lives$/m);
  node.kill("SIGUSR1");
  const seen = node.output().length;
  // As long as it takes to open the port is as long as it takes to say so; whoever ignores the signal goes on.
  await Promise.race([node.line(/Debugger listening/).catch(() => undefined), goesOn()]);
  const say = "GET /json HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  const [said = ""] = await dial(place, [{ host: "127.0.0.1", port: 9_229, say, seconds: 0.5 }]);
  return { hasWorked: said.includes("webSocketDebuggerUrl"), said: said.split("\r\n")[0] ?? said };

  async function goesOn(): Promise<void> {
    await node.line(new RegExp(`^[^]{${seen + 30},}lives`));
  }
}

/** Sends the signal that opens it, and whatever else would end or stop it. */
const signals: Duel<NetworkField> = {
  name: "signals to the gateway's process",
  without: async ({ pod }) => {
    await using victim = await startIn(pod.network.pod, AGENT, ["sh", "-c", "echo up; exec sleep 60"]);
    // Before, it is not the agent's yet.
    await victim.line(/^up$/m);
    const said = await signalled(pod.network.pod, victim.pid);
    return { hasWorked: said.startsWith("sent"), said };
  },
  with: async ({ pod }) => {
    const said = await signalled(pod.network.pod, pod.gateway().pid);
    return { hasWorked: said.includes("sent"), said };
  },
  stopped: /^EPERM EPERM EPERM EPERM$/,
};

/** By somebody who sees the process, which in a pod nobody does. */
async function signalled(place: Place, pid: number): Promise<string> {
  const program = `
import errno, os, signal, sys
said = []
for each in (signal.SIGSTOP, signal.SIGUSR1, signal.SIGSEGV, signal.SIGKILL):
    try:
        os.kill(int(sys.argv[1]), each)
        said.append("sent")
    except OSError as problem:
        said.append(errno.errorcode[problem.errno])
print(*said)`;
  return (await outputIn(place, AGENT, "/usr/bin/python3", "-c", program, String(pid))).trim();
}

export const LOCAL_PORTS: LiveThreat<NetworkField> = {
  id: "T20",
  title: "what the gateway serves at loopback: metrics, a debugger",
  duels: [
    health("metrics by loopback", () => "127.0.0.1"),
    health("metrics by the pod's own address", ({ ipv4 }) => ipv4),
    health("metrics by its IPv6 address", ({ ipv6 }) => ipv6),
    debugger_,
    signals,
  ],
};
