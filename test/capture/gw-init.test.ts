/** What gw-init installs, what it proves, and what it says when it cannot. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CAPTURE_PORT, DNS_PORT, HEALTH_PORT } from "#sidecar/pod/ports.ts";
import { GATEWAY_UIDS, INIT_UID, PORTS, PORTS_RESERVED } from "#operator/names.ts";
import { serve } from "./support/attempts.ts";
import { ARGUMENTS, type GwInit, INIT, RULES_FILE, openGwInit, runGwInit } from "./support/gw-init.ts";
import {
  GATEWAY,
  type Network,
  type Place,
  captureProblem,
  openNetwork,
  outputIn,
  startIn,
} from "./support/network.ts";

const NO_NETLINK = fileURLToPath(new URL("programs/no-netlink.py", import.meta.url));

test("operator, gateway and rules mean the same ports and users", () => {
  assert.deepEqual(PORTS, { capture: CAPTURE_PORT, dns: DNS_PORT, health: HEALTH_PORT });
  assert.deepEqual(ARGUMENTS.slice(1), [
    `--capture=${PORTS.capture}`,
    `--dns=${PORTS.dns}`,
    `--reserved=${PORTS_RESERVED.first}-${PORTS_RESERVED.last}`,
  ]);
  assert.equal(INIT.uid, INIT_UID);
});

describe("gw-init", { skip: captureProblem() ?? false }, () => {
  const stack = new AsyncDisposableStack();
  let network: Network;
  let init: GwInit;
  before(async () => {
    network = stack.use(await openNetwork());
    init = stack.use(await openGwInit());
  });
  after(() => stack.disposeAsync());

  const words = (uid: number): readonly string[] => [`--uid=${uid}`, ...ARGUMENTS.slice(1)];

  /** Every expression as the kernel has it, without the numbers that it gives to rules and sets. */
  async function expressions(place: Place): Promise<string> {
    const listing = await outputIn(place, undefined, "nft", "--debug=netlink", "list", "ruleset");
    return listing
      .replaceAll(/^(inet sallyport \w+)(?: \d+)+\s*$/gm, "$1")
      .replaceAll(/(pkts|packets) \d+ bytes \d+/g, "$1 0 bytes 0");
  }

  test("its rules are those of the text, expression by expression, for whatever uid", async () => {
    for (const uid of [GATEWAY_UIDS.first, GATEWAY.uid, GATEWAY_UIDS.last]) {
      await outputIn(network.bare, undefined, "nft", "--define", `GATEWAY=${uid}`, "-f", RULES_FILE);
      assert.equal(runGwInit(init.file, network.pod, { words: words(uid) }).status, 0);
      const [ofText, ofProgram] = [await expressions(network.bare), await expressions(network.pod)];
      const [text, program] = [ofText, ofProgram].map((listing) => listing.split("\n"));
      assert.ok(text !== undefined && text.length > 100);
      assert.deepEqual(program, text);
    }
    await outputIn(network.bare, undefined, "nft", "flush", "ruleset");
  });

  test("it proves itself in both families, and again where rules are already", (t) => {
    for (const _ of [1, 2]) {
      const startMs = performance.now();
      const said = runGwInit(init.file, network.pod);
      assert.equal(said.outcome, "captured");
      assert.equal(said.proved?.filter((line) => line.startsWith("ipv4: ")).length, 6);
      assert.equal(said.proved?.filter((line) => line.startsWith("ipv6: ")).length, 6);
      t.diagnostic(`figure capture.gw_init_ms=${Math.round(performance.now() - startMs)}`);
    }
  });

  test("a pod without IPv6 is captured, and says so", async () => {
    await using other = await openNetwork();
    await outputIn(other.pod, undefined, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6");
    const said = runGwInit(init.file, other.pod);
    assert.equal(said.status, 0);
    assert.ok(said.proved?.includes("ipv6: no way out"));
  });

  test("without NET_ADMIN it names the namespace's label as the remedy", () => {
    const said = runGwInit(init.file, network.pod, { as: { uid: INIT.uid } });
    assert.deepEqual([said.status, said.cause], [10, "NO_NET_ADMIN"]);
    assert.match(said.remedy ?? "", /pod-security\.kubernetes\.io\/enforce=privileged/);
  });

  test("an image that lost the file's capability is told from a container without the right", () => {
    const said = runGwInit(init.plainFile, network.pod);
    assert.deepEqual([said.status, said.cause], [11, "NO_FILE_CAPABILITY"]);
  });

  test("a runtime without nftables is named as the cause", () => {
    const before = ["/usr/bin/python3", NO_NETLINK];
    const said = runGwInit(init.file, network.pod, { before });
    assert.deepEqual([said.status, said.cause], [12, "NO_NFTABLES"]);
    assert.match(said.remedy ?? "", /gVisor/);
  });

  test("rules of somebody else that lead away are found out", async () => {
    await using other = await openNetwork();
    const mesh =
      "table ip mesh { chain out { type nat hook output priority -150; tcp dport 443 redirect to :15090; }; }";
    await outputIn(other.pod, undefined, "nft", mesh);
    const said = runGwInit(init.file, other.pod);
    assert.deepEqual([said.status, said.cause], [15, "NOT_CAPTURED"]);
    assert.match(said.detail ?? "", /ipv4: it does not hold that tcp is captured/);
  });

  test("a captor at the gateway's port is found out", async () => {
    await using other = await openNetwork();
    await using _captor = await serve(
      other.pod,
      { uid: 10_001 },
      { name: "X", tcp: [15_001], addresses: ["::1"] },
    );
    const said = runGwInit(init.file, other.pod);
    assert.deepEqual([said.status, said.cause], [14, "PORTS_TAKEN"]);
  });

  test("a pod that has no route proves nothing", async () => {
    await using lonely = await startIn(network.pod, undefined, [
      "unshare",
      "--net",
      "sh",
      "-c",
      "ip link set lo up; echo up; exec sleep 60",
    ]);
    await lonely.line(/^up$/m);
    const said = runGwInit(init.file, { ...network.pod, pid: lonely.pid });
    assert.deepEqual([said.status, said.cause], [16, "NO_ROUTE"]);
  });

  test("it does not run as root, nor as the gateway, whose traffic proves nothing", () => {
    for (const uid of [0, GATEWAY.uid]) {
      const said = runGwInit(init.file, network.pod, { as: { uid, capabilities: ["net_admin"] } });
      assert.deepEqual([said.status, said.cause], [65, "USER"]);
    }
  });

  test("an operator that means other ports, users or words is told", () => {
    const [uid, capture, dns, reserved] = ARGUMENTS;
    for (const wrong of [
      [],
      [capture, dns, reserved],
      [uid, capture, dns],
      [`--uid=${GATEWAY_UIDS.first - 1}`, capture, dns, reserved],
      [`--uid=${GATEWAY_UIDS.last + 1}`, capture, dns, reserved],
      ["--uid=0", capture, dns, reserved],
      ["--uid=-1", capture, dns, reserved],
      ["--uid=20000x", capture, dns, reserved],
      [uid, uid, capture, dns, reserved],
      [uid, "--capture=15002", dns, reserved],
      [uid, capture, dns, "--reserved=15001-15099"],
      [uid, capture, dns, reserved, "--skip"],
    ]) {
      const said = runGwInit(init.file, network.pod, { words: wrong });
      assert.deepEqual([said.status, said.cause], [64, "USAGE"], wrong.join(" "));
    }
  });

  test("its source is formatted, and the compiler's own checks find nothing", () => {
    const options = {
      cwd: dirname(RULES_FILE),
      encoding: "utf8",
      env: { ...process.env, CGO_ENABLED: "0" },
    } as const;
    assert.equal(execFileSync("gofmt", ["-l", "."], options), "");
    execFileSync("go", ["vet", "."], options);
  });
});
