/** What may differ between two pods that are both trusted, and what others may do to an injected one. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { check } from "#operator/admission/pod/check.ts";
import { sameQuantity } from "#operator/admission/pod/quantity.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { apiAudiences, audiencesOf } from "#operator/process/api-audiences.ts";
import { exampleOf, FACTS, GATEWAY_UID, injected, SETTINGS } from "./surroundings.ts";

const { pod } = exampleOf("spec: {}");

const withGateway = (change: Partial<V1Container>): V1Pod => {
  const made = injected(pod);
  const [init, gateway, ...others] = made.spec?.initContainers ?? [];
  const initContainers = [init as V1Container, { ...(gateway as V1Container), ...change }, ...others];
  return { ...made, spec: { containers: [], ...made.spec, initContainers } };
};

const gatewayOf = (made: V1Pod): V1Container | undefined => made.spec?.initContainers?.[1];

describe("after an upgrade", () => {
  const next = {
    ...SETTINGS,
    images: { ...SETTINGS.images, gateway: "sallyport/gateway:next" },
    resolvers: ["10.96.0.11"],
  };

  test("a running pod is trusted as long as its version is among the former ones", () => {
    assert.notDeepEqual(check(injected(pod), FACTS, next), []);
    assert.deepEqual(check(injected(pod), FACTS, { ...next, former: [SETTINGS] }), []);
  });

  test("it cannot have a part of each", () => {
    const mixed = withGateway({ image: next.images.gateway });
    assert.notDeepEqual(check(mixed, FACTS, { ...next, former: [SETTINGS] }), []);
  });

  test("a pod that is made again from a copy gets the present gateway", () => {
    const again = inject(injected(pod), FACTS, { ...next, former: [SETTINGS] }, 30_000);
    assert.ok(again.outcome === "injected");
    assert.equal(gatewayOf(again.pod)?.image, "sallyport/gateway:next");
    assert.equal(again.pod.spec?.initContainers?.length, 2);
    assert.equal(gatewayOf(again.pod)?.securityContext?.runAsUser, 30_000);
  });
});

describe("LimitRange may add to the gateway's resources", () => {
  const resources = {
    requests: { ...SETTINGS.resources.gateway.requests, "ephemeral-storage": "10Mi" },
    limits: { ...SETTINGS.resources.gateway.limits, cpu: "500m" },
  };

  test("and the pod is trusted, and left so when we are asked again", () => {
    const limited = withGateway({ resources });
    assert.deepEqual(check(limited, FACTS, SETTINGS), []);
    assert.deepEqual(inject(limited, FACTS, SETTINGS, 30_000), { outcome: "injected", pod: limited });
  });

  test("but not take from them", () => {
    assert.notDeepEqual(check(withGateway({ resources: { limits: { cpu: "500m" } } }), FACTS, SETTINGS), []);
  });

  test("nor hand it devices", () => {
    const limits = { ...resources.limits, "vendor.example/nic": "1" };
    assert.notDeepEqual(check(withGateway({ resources: { ...resources, limits } }), FACTS, SETTINGS), []);
    assert.notDeepEqual(
      check(withGateway({ resources: { ...resources, claims: [{ name: "nic" }] } }), FACTS, SETTINGS),
      [],
    );
  });
});

test("the AlwaysPullImages plugin may have its way, others may not", () => {
  assert.deepEqual(check(withGateway({ imagePullPolicy: "Always" }), FACTS, SETTINGS), []);
  assert.notDeepEqual(check(withGateway({ imagePullPolicy: "Never" }), FACTS, SETTINGS), []);
});

test("what another webhook did to the gateway is mended when we are asked again", () => {
  const env = [...(gatewayOf(injected(pod))?.env ?? []), { name: "NODE_OPTIONS", value: "--require=/x" }];
  const meddled = withGateway({ env });
  assert.notDeepEqual(check(meddled, FACTS, SETTINGS), []);
  const result = inject(meddled, FACTS, SETTINGS, 30_000);
  assert.ok(result.outcome === "injected");
  assert.deepEqual(check(result.pod, FACTS, SETTINGS), []);
});

describe("annotations that runtimes and their plugins read for one container", () => {
  const rulesFor = (key: string): readonly string[] => {
    const annotated = { ...pod, metadata: { ...pod.metadata, annotations: { [key]: "x" } } };
    const result = inject(annotated, FACTS, SETTINGS, GATEWAY_UID);
    return result.outcome === "refused" ? result.findings.map(({ rule }) => rule) : [];
  };
  for (const key of [
    "container.apparmor.security.beta.kubernetes.io/gw",
    "devices.nri.io/container.gw",
    "mounts.nri.io/container.gw-init",
  ]) {
    test(`${key} is refused`, () => assert.deepEqual(rulesFor(key), ["reserved-metadata"]));
  }
  for (const key of ["devices.nri.io/container.app", "example.com/agw", "gw"]) {
    test(`${key} may stay`, () => assert.deepEqual(rulesFor(key), []));
  }
});

test("a token for the API is known by what the API server calls itself", () => {
  const audience = "https://container.example/v1/clusters/agents";
  const { pod: asking } = exampleOf(`
    spec: { volumes: [{ name: t, projected: { sources: [{ serviceAccountToken: { audience: "${audience}", path: t } }] } }] }
  `);
  assert.equal(inject(asking, FACTS, SETTINGS, GATEWAY_UID).outcome, "injected");
  const settings = { ...SETTINGS, apiAudiences: [audience] };
  assert.equal(inject(asking, FACTS, settings, GATEWAY_UID).outcome, "refused");
});

test("the operator's own token tells, and where there is none nothing does", async () => {
  const token = ["{}", '{"aud":["https://a.example","b"]}', ""].map((part) =>
    Buffer.from(part).toString("base64url"),
  );
  assert.deepEqual(audiencesOf(token.join(".")), ["https://a.example", "b"]);
  assert.deepEqual(await apiAudiences("/nowhere/token"), []);
  assert.throws(() => audiencesOf("no token"));
});

test("the gateway takes the next user when the pod uses that number itself, as user or as group", () => {
  const { pod: taken } = exampleOf(`
    spec:
      securityContext: { fsGroup: ${GATEWAY_UID + 1}, supplementalGroups: [${GATEWAY_UID + 2}] }
      containers: [{ name: app, image: app, securityContext: { runAsUser: ${GATEWAY_UID} } }]
  `);
  assert.equal(gatewayOf(injected(taken))?.securityContext?.runAsUser, GATEWAY_UID + 3);
  const last = exampleOf("spec: { securityContext: { runAsUser: 59999 } }").pod;
  assert.equal(gatewayOf(injected(last, FACTS, SETTINGS, 59_999))?.securityContext?.runAsUser, 20_000);
});

describe("quantities are compared as amounts", () => {
  const equals = [
    ["1Gi", "1024Mi"],
    ["0.1", "100m"],
    ["1e3", "1k"],
    ["1500m", "1.5"],
    ["0.5Gi", "512Mi"],
    [1, "1"],
    ["100E-2", "1"],
  ] as const;
  const unequals = [
    ["1G", "1Gi"],
    ["1m", "1M"],
    ["1", "2"],
    ["", "0"],
    ["x", "y"],
    ["1e99", "1e98"],
    [undefined, "1"],
  ] as const;
  for (const [one, other] of equals) test(`${one} is ${other}`, () => assert.ok(sameQuantity(one, other)));
  for (const [one, other] of unequals)
    test(`${one} is not ${other}`, () => assert.ok(!sameQuantity(one, other)));
});

test("a pod without containers, or without anything, is judged and not stumbled over", () => {
  for (const empty of [{}, { spec: null }, { spec: { containers: null } }, { metadata: null, spec: {} }]) {
    const result = inject(empty as unknown as V1Pod, FACTS, SETTINGS, GATEWAY_UID);
    assert.equal(result.outcome, "injected");
    assert.notDeepEqual(check(empty as unknown as V1Pod, FACTS, SETTINGS), []);
  }
});
