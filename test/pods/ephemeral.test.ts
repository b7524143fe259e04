import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { V1ContainerState, V1EphemeralContainer, V1Pod } from "@kubernetes/client-node";
import { check } from "#operator/admission/pod/check.ts";
import { checkEphemeral, injectEphemeral } from "#operator/admission/pod/ephemeral.ts";
import { FORCED_UID } from "#operator/names.ts";
import { exampleOf, FACTS, GATEWAY_UID, injected, SETTINGS } from "./surroundings.ts";

const DEBUG: V1EphemeralContainer = { name: "debugger", image: "busybox" };

/** An injected pod whose capture is in force, or is not yet. */
function livePod(state: V1ContainerState = { terminated: { exitCode: 0 } }): V1Pod {
  const pod = injected(exampleOf("spec: {}").pod);
  const status = { name: "gw-init", image: "", imageID: "", ready: true, restartCount: 0, state };
  return { ...pod, status: { initContainerStatuses: [status] } };
}

const withEphemeral = (pod: V1Pod, ...ephemeralContainers: V1EphemeralContainer[]): V1Pod => ({
  ...pod,
  spec: { containers: [], ...pod.spec, ephemeralContainers },
});

function rulesFor(ephemeral: V1EphemeralContainer, pod = livePod()): readonly string[] {
  const result = injectEphemeral(withEphemeral(pod, ephemeral), pod, FACTS);
  return result.outcome === "injected" ? [] : result.findings.map(({ rule }) => rule);
}

test("a debugger gets what every container gets, and the pod stays trusted", () => {
  const pod = livePod();
  const result = injectEphemeral(withEphemeral(pod, DEBUG), pod, FACTS);
  assert.ok(result.outcome === "injected");
  assert.deepEqual(result.pod.spec?.ephemeralContainers?.[0]?.securityContext, {
    runAsUser: FORCED_UID,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  });
  assert.deepEqual(check(result.pod, FACTS, SETTINGS), []);
  assert.deepEqual(checkEphemeral(result.pod, pod, FACTS), []);
});

test("it may target a container of the author's", () => {
  assert.deepEqual(rulesFor({ ...DEBUG, targetContainerName: "app" }), []);
});

describe("refused, with the rule that is named:", () => {
  const attacks: readonly (readonly [string, Partial<V1EphemeralContainer>, string])[] = [
    ["in the gateway's process namespace", { targetContainerName: "gw" }, "ephemeral-target"],
    ["in that of gw-init", { targetContainerName: "gw-init" }, "ephemeral-target"],
    ["kubectl debug --profile=sysadmin", { securityContext: { privileged: true } }, "privileged"],
    [
      "kubectl debug --profile=netadmin",
      { securityContext: { capabilities: { add: ["NET_ADMIN", "NET_RAW"] } } },
      "added-capability",
    ],
    [
      "kubectl debug --profile=general",
      { securityContext: { capabilities: { add: ["SYS_PTRACE"] } } },
      "added-capability",
    ],
    ["as the gateway", { securityContext: { runAsUser: GATEWAY_UID } }, "reserved-user"],
    ["as root", { securityContext: { runAsUser: 0 } }, "root"],
    [
      "with the gateway's token",
      { volumeMounts: [{ name: "gw-token", mountPath: "/t" }] },
      "reserved-volume",
    ],
    ["with the gateway's keys", { volumeMounts: [{ name: "gw-state", mountPath: "/s" }] }, "reserved-volume"],
    [
      "with a key as a variable",
      { env: [{ name: "K", valueFrom: { fileKeyRef: { key: "k", path: "f", volumeName: "gw-state" } } }] },
      "reserved-volume",
    ],
    ["called as the gateway", { name: "gw" }, "reserved-name"],
    ["with a field that nobody knows", { hostTime: true } as Partial<V1EphemeralContainer>, "unknown-field"],
  ];
  for (const [name, change, rule] of attacks) {
    test(name, () => {
      assert.ok(rulesFor({ ...DEBUG, ...change }).includes(rule), rulesFor({ ...DEBUG, ...change }).join());
    });
  }
});

describe("the kubelet does not let ephemeral containers wait for init containers, so they are refused", () => {
  test("while gw-init runs", () =>
    assert.deepEqual(rulesFor(DEBUG, livePod({ running: {} })), ["ephemeral-early"]));
  test("when it failed", () =>
    assert.deepEqual(rulesFor(DEBUG, livePod({ terminated: { exitCode: 1 } })), ["ephemeral-early"]));
  test("when nothing is known of it", () => {
    assert.deepEqual(rulesFor(DEBUG, { ...livePod(), status: {} }), ["ephemeral-early"]);
  });
  test("and let in when it ended well", () => assert.deepEqual(rulesFor(DEBUG, livePod()), []));
});

test("whoever asks for too much is told how to ask for less", () => {
  const pod = livePod();
  const securityContext = { capabilities: { add: ["SYS_PTRACE"] } };
  const [finding] = checkEphemeral(withEphemeral(pod, { ...DEBUG, securityContext }), pod, FACTS).filter(
    ({ rule }) => rule === "added-capability",
  );
  assert.match(finding?.fix ?? "", /--profile=restricted/);
});

test("what an earlier debugger was let in with is not held against the next", () => {
  const pod = withEphemeral(livePod(), { name: "old", image: "busybox" });
  const asked = withEphemeral(pod, { name: "old", image: "busybox" }, DEBUG);
  const result = injectEphemeral(asked, pod, FACTS);
  assert.ok(result.outcome === "injected");
  assert.deepEqual(result.pod.spec?.ephemeralContainers?.[0], { name: "old", image: "busybox" });
});

test("a pod from before its namespace was labelled can be debugged, under the same rules", () => {
  const { pod } = exampleOf("spec: {}");
  assert.deepEqual(rulesFor(DEBUG, pod), []);
  assert.deepEqual(rulesFor({ ...DEBUG, securityContext: { privileged: true } }, pod), ["privileged"]);
});

test("a namespace that wants users stated wants them of debuggers too", () => {
  const pod = livePod();
  const facts = { ...FACTS, rootless: "deny" } as const;
  const result = injectEphemeral(withEphemeral(pod, DEBUG), pod, facts);
  assert.ok(result.outcome === "refused");
  assert.deepEqual(
    result.findings.map(({ field, rule }) => [field, rule]),
    [["spec.ephemeralContainers[0].securityContext.runAsUser", "stated-user"]],
  );
});
