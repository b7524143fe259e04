/** What docs/limits.md says that admission does not see: each of these pods is let in. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { check } from "#operator/admission/pod/check.ts";
import { injectEphemeral } from "#operator/admission/pod/ephemeral.ts";
import { exampleOf, FACTS, injected, SETTINGS } from "./surroundings.ts";

const LET_IN: Readonly<Record<string, string>> = {
  "any Secret of the namespace, whatever is in it": `
    spec:
      containers: [{ name: app, image: app, volumeMounts: [{ name: token, mountPath: /token }] }]
      volumes: [{ name: token, secret: { secretName: default-token } }]`,
  "a network card from a device plugin": `
    spec: { containers: [{ name: app, image: app, resources: { limits: { vendor.example/sriov: "1" } } }] }`,
  "a device by a claim": `
    spec:
      resourceClaims: [{ name: nic, resourceClaimName: nic }]
      containers: [{ name: app, image: app, resources: { claims: [{ name: nic }] } }]`,
  "a profile that the node has, whatever it allows": `
    spec: { securityContext: { seccompProfile: { type: Localhost, localhostProfile: everything.json } } }`,
  "an image whose name says something to its registry": `
    spec: { containers: [{ name: app, image: "registry.example/secret-is-swordfish:1" }] }`,
  "a port of the node": `
    spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 8443, hostPort: 8443 }] }] }`,
};

describe("admission lets in", () => {
  for (const [name, text] of Object.entries(LET_IN)) {
    test(name, () => assert.deepEqual(check(injected(exampleOf(text).pod), FACTS, SETTINGS), []));
  }

  test("an ephemeral container by a status that may be old", () => {
    const made = injected(exampleOf("{}").pod);
    const ended = {
      name: "gw-init",
      image: "",
      imageID: "",
      ready: true,
      restartCount: 0,
      state: { terminated: { exitCode: 0 } },
    };
    const pod = { ...made, status: { initContainerStatuses: [ended] } };
    const spec = {
      containers: [],
      ...pod.spec,
      ephemeralContainers: [{ name: "debugger", image: "busybox" }],
    };
    assert.equal(injectEphemeral({ ...pod, spec }, pod, FACTS).outcome, "injected");
  });
});
