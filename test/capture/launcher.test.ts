/** The first process of the gateway's container: whatever happens to the gateway, its ports are never anybody else's. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bundled } from "#tools/images/bundles.ts";
import { compiled } from "#tools/images/c-program.ts";
import { gatewayCommand } from "#tools/images/gateway.ts";
import type { Child } from "#tools/world/child.ts";
import { ENVIRONMENT, READY, startGateway } from "./support/gateway.ts";
import { openGwInit, runGwInit } from "./support/gw-init.ts";
import {
  AGENT,
  type As,
  GATEWAY,
  type Network,
  WORLD,
  captureProblem,
  openNetwork,
  outputIn,
  startIn,
} from "./support/network.ts";

interface Starting {
  readonly environment?: Readonly<Record<string, string>>;
  readonly node?: string;
  readonly first?: string;
}

const metricsAt = ({ pod }: Network): string => `http://${pod.ipv4}:15021/metrics`;
const KILLS = 20;
const PORTS_PROGRAM = fileURLToPath(new URL("programs/take-ports.py", import.meta.url));

describe("the launcher", { skip: captureProblem() ?? false }, () => {
  const stack = new AsyncDisposableStack();
  let network: Network;
  let folder: string;
  let launcher: string;
  /** The same, which does not pause for longer when a gateway fails often. */
  let hasty: string;
  before(async () => {
    network = stack.use(await openNetwork());
    using init = await openGwInit();
    assert.equal(runGwInit(init.file, network.pod).status, 0);
    folder = mkdtempSync(join(tmpdir(), "sallyport-launcher-"));
    stack.defer(() => rmSync(folder, { recursive: true }));
    chmodSync(folder, 0o755);
    launcher = join(folder, "launcher");
    copyFileSync(await compiled("launcher"), launcher);
    hasty = join(folder, "hasty");
    copyFileSync(await compiled("launcher", { PAUSE_MS_MAX: 100 }), hasty);
    for (const file of [launcher, hasty]) chmodSync(file, 0o755);
    cpSync(await bundled(["gateway"]), folder, { recursive: true });
  });
  after(() => stack.disposeAsync());

  const start = ({ environment = ENVIRONMENT, node = process.execPath, first = launcher }: Starting = {}) =>
    startGateway(network.pod, gatewayCommand(first, node, join(folder, "gateway.js")), environment);
  const run = (words: readonly string[]) => spawnSync(launcher, words, { encoding: "utf8", timeout: 10_000 });
  /** The nth start of the gateway, which says that it is ready each time. */
  const ready = (child: Child, times = 1) => child.line(new RegExp(`(?:${READY.source}[^]*?){${times}}`));
  const gatewayOf = (child: Child): number => childrenOf(child.pid)[0] ?? assert.fail("there is no gateway");

  test("without it, whoever comes first has the port", async () => {
    const outcomes = await whileTaking(AGENT, () => Promise.resolve());
    for (const at of ["127.0.0.1 15001", "::1 15001", "127.0.0.1 15053", "::1 15053", "::1 15021"])
      assert.ok((outcomes[`bound ${at}`] ?? 0) > 0, at);
  });

  test("while the gateway dies and comes again, nobody gets its ports for a moment", async (t) => {
    await using child = start({ first: hasty });
    await ready(child);
    const outcomes = await whileTaking(AGENT, async () => {
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const gateway = gatewayOf(child);
        // Now and then before it has come to listening, too.
        process.kill(gateway, "SIGKILL");
        await child.line(new RegExp(`(?:is started again[^]*?){${kill}}`));
        await newGateway(child, gateway);
      }
    });
    assert.deepEqual(Object.keys(outcomes), ["EADDRINUSE"]);
    await ready(child);
    const counted = new RegExp(`^sallyport_gateway_restarts ${KILLS}$`, "m");
    assert.match(
      await outputIn(network.world, undefined, "/usr/bin/curl", "--silent", metricsAt(network)),
      counted,
    );
    assert.ok((outcomes["EADDRINUSE"] ?? 0) > 1_000);
    t.diagnostic(`figure launcher.attempts_at_ports=${outcomes["EADDRINUSE"]}`);
  });

  test("who connects while the gateway is down is answered by the next, and so are probes and questions", async () => {
    await using child = start();
    await ready(child);
    const down = gatewayOf(child);
    process.kill(down, "SIGSTOP");
    const asking = outputIn(network.pod, AGENT, "/usr/bin/python3", "-c", ASKING);
    await queued(network.pod.pid, 15_001);
    process.kill(down, "SIGKILL");
    await ready(child, 2);
    assert.equal(childrenOf(child.pid).includes(down), false);
    // The launcher's own socket at the port is there as well, and takes none of the questions.
    const { ipv4, ipv6, pid } = network.pod;
    const held = readFileSync(`/proc/${pid}/net/udp`, "utf8").match(/: 0100007F:3ACD /g) ?? [];
    assert.equal(held.length, 2);
    const questions = outputIn(network.pod, AGENT, "/usr/bin/python3", "-c", QUESTIONS);
    for (const host of [ipv4, `[${ipv6}]`]) {
      const probe = `fetch("http://${host}:15021/startz").then(async (r) => console.log(r.status, await r.text()))`;
      assert.match(await outputIn(network.world, undefined, process.execPath, "-e", probe), /^200 ok/);
    }
    // Without a broker it is a while until they are told.
    assert.match(await asking, /^HTTP\/1\.1 503 /);
    assert.equal((await questions).trim(), "50 answers");
  });

  test("told to stop it tells the gateway, keeps the ports until that has ended, and ends as it did", async () => {
    const command = [launcher, "tcp:127.0.0.1:15001", "--", process.execPath, "-e", LINGERING] as const;
    await using child = await startIn(network.pod, GATEWAY, command);
    await child.line(/^up$/m);
    const gateway = gatewayOf(child);
    child.kill("SIGTERM");
    await child.line(/^stopping$/m);
    const taken = await whileTaking(AGENT, () => Promise.resolve());
    assert.equal(taken["bound 127.0.0.1 15001"], undefined);
    assert.ok((taken["bound ::1 15001"] ?? 0) > 0, "what nobody holds is free");
    process.kill(gateway, "SIGUSR2");
    assert.deepEqual(await child.exited, { code: 3, signal: null });
  });

  test("a gateway that cannot be configured is not started again, and the kubelet sees why", async () => {
    await using child = start({ environment: { ...ENVIRONMENT, GW_BROKER: "" } });
    assert.equal((await child.exited).code, 78);
    assert.doesNotMatch(child.output(), /started again/);
  });

  test("told to stop between two gateways it ends at once", async () => {
    await using child = await startIn(network.pod, GATEWAY, [launcher, "--", "/bin/false"]);
    await child.line(/"message":"the gateway ended and is started again","code":1,"inMs":[1-9]/);
    child.kill("SIGTERM");
    assert.deepEqual(await child.exited, { code: 0, signal: null });
  });

  test("one that fails at once is started ever more seldom", async () => {
    await using child = await startIn(network.pod, GATEWAY, [launcher, "--", "/bin/false"]);
    await child.line(/"inMs":100\}[^]*"inMs":200\}[^]*"inMs":400\}/);
  });

  test("when it dies itself, the gateway dies with it", async () => {
    await using child = start();
    await ready(child);
    const gateway = gatewayOf(child);
    child.kill("SIGKILL");
    await child.exited;
    await until(() => !isThere(gateway));
  });

  test("what it cannot do, it says: no words, no program, a port that is taken, an address that is none", async () => {
    for (const words of [[], ["--"], ["tcp:127.0.0.1:1"], ["sctp:127.0.0.1:1", "--", "/bin/true"]])
      assert.equal(run(words).status, 64);
    for (const at of ["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:1x", "[::1:1", "localhost:1", "1"])
      assert.equal(run([`tcp:${at}`, "--", "/bin/true"]).status, 64, at);
    assert.equal(run(["--", join(folder, "absent")]).status, 127);
    await using child = start();
    await ready(child);
    await using second = start();
    assert.equal((await second.exited).code, 69);
    assert.match(second.output(), /"message":"tcp:127\.0\.0\.1:15001","error":"Address already in use"/);
  });

  test("the gateway has limits, nothing that was inherited but its listeners, and no way to more rights", async () => {
    const script =
      'grep "core file" /proc/self/limits; ulimit -Hn; grep NoNewPrivs /proc/self/status; ls /proc/self/fd; echo "$LISTEN_FDNAMES"';
    const listen = ["tcp:127.0.0.1:15001", "udp:127.0.0.1:15053", "tcp:[::]:15021"];
    const command = [launcher, ...listen, "--", "/bin/sh", "-c", `${script}; exit 78`];
    const output = spawnSync("sh", ["-c", 'exec 9</dev/null; exec "$@"', "sh", ...command], {
      encoding: "utf8",
    });
    const [cores, files, rights, ...rest] = output.stdout.trim().split("\n");
    // None where the machine allows none.
    assert.match(cores ?? "", /size +([01]) +\1 +bytes/);
    assert.ok(Number(files) <= 16_384);
    assert.match(rights ?? "", /\t1$/);
    // 5 is the listing's own folder.
    assert.deepEqual(rest, ["0", "1", "2", "3", "4", "5", "tcp4-15001:tcp-15021"]);
  });

  test("as the first process it reaps what others left behind", () => {
    // Whoever ended and was not reaped would be there to be signalled, for ever.
    const orphan =
      "orphan=$(sh -c 'sleep 0.01 >/dev/null & echo $!'); while kill -0 $orphan 2>/dev/null; do sleep 0.01; done";
    const words = ["--pid", "--fork", "--mount-proc", launcher, "--", "/bin/sh", "-c", `${orphan}; exit 78`];
    assert.equal(spawnSync("unshare", words, { timeout: 20_000 }).status, 78);
  });

  test("the same user cannot read a gateway whose program it cannot read (T15)", async () => {
    const peek = (pid: number) =>
      outputIn(network.pod, GATEWAY, "/usr/bin/python3", "-c", PEEK, String(pid)).then((text) => text.trim());
    await using open = start();
    await ready(open);
    assert.match(await peek(gatewayOf(open)), /^environ maps mem$/);
    await open[Symbol.asyncDispose]();
    const node = join(folder, "node");
    copyFileSync(process.execPath, node);
    // As in the image.
    chmodSync(node, 0o711);
    await using closed = start({ node });
    await ready(closed);
    assert.equal(await peek(gatewayOf(closed)), "");
  });

  async function whileTaking(as: As, act: () => Promise<void>): Promise<Record<string, number>> {
    await using taking = await startIn(network.pod, as, ["/usr/bin/python3", PORTS_PROGRAM]);
    await taking.line(/^trying$/m);
    await act();
    taking.kill("SIGTERM");
    assert.equal((await taking.exited).code, 0, taking.output());
    const [outcomes = ""] = await taking.line(/^\{.*\}$/m);
    return JSON.parse(outcomes) as Record<string, number>;
  }
});

/** One captured client that waits for its answer. */
const ASKING = `
import socket
client = socket.create_connection(("${WORLD.v4}", 80))
client.sendall(b"GET / HTTP/1.1\\r\\nHost: orders\\r\\n\\r\\n")
print(client.recv(4096).decode())`;

/** Asks from so many ports, so that no rule by ports would send all to one. */
const QUESTIONS = `
import socket
question = bytes.fromhex("beef01000001000000000000026462047368" + "6f700000010001")
askers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for each in range(50)]
for asker in askers:
    asker.settimeout(15)
    asker.sendto(question, ("${WORLD.resolver}", 53))
print(sum(asker.recv(512)[:2] == question[:2] for asker in askers), "answers")`;

/** Told to stop it goes on until it is told to end. */
const LINGERING = `
process.on("SIGTERM", () => console.log("stopping"));
process.on("SIGUSR2", () => process.exit(3));
setInterval(() => undefined, 60_000);
console.log("up");`;

/** Prints what of a process can be opened. */
const PEEK = `
import sys
for name in ("environ", "maps", "mem"):
    try:
        with open("/proc/%s/%s" % (sys.argv[1], name), "rb"):
            print(name, end=" ")
    except PermissionError:
        pass`;

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

async function newGateway(launcher: Child, old: number): Promise<void> {
  await until(() => childrenOf(launcher.pid).some((pid) => pid !== old));
}

/** Until a connection waits in the queue of that port's listener, where nobody accepts. */
function queued(pid: number, port: number): Promise<void> {
  const waiting = new RegExp(`:${port.toString(16).toUpperCase()} 00000000:0000 0A [0-9A-F]{8}:0*[1-9A-F]`);
  return until(() => waiting.test(readFileSync(`/proc/${pid}/net/tcp`, "utf8")));
}

const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);

async function until(isSo: () => boolean): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  while (!isSo()) await pause(5, undefined, { signal });
}
