/** Which stamps an object is to have, for every way in which it may be made or changed. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type Attributed,
  attributionAfter,
  attributionOf,
  type AttributionOptions,
  type Made,
} from "#operator/admission/origin/attribution.ts";
import { authorOf, authorStamps } from "#operator/admission/origin/author.ts";
import { originOf, type UserInfo } from "#operator/admission/origin/origin.ts";
import {
  accountName,
  BUILT_IN_KINDS,
  type Controller,
  type OwnerKind,
  registryOf,
} from "#operator/admission/origin/registry.ts";
import { type Stamps, stampsOn } from "#operator/admission/origin/stamp.ts";
import type { KubeObject } from "#operator/kube/resource.ts";
import { AUTHOR, ORIGIN, RESTAMPED } from "#operator/names.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";
import { attributionWith, type ModelOwners, modelOwners } from "./support/owners.ts";

const signal = new AbortController().signal;
const NS = "shop";
const AGENT: UserInfo = {
  username: accountName(NS, "planner"),
  uid: "sa-1",
  groups: ["system:serviceaccounts", "system:authenticated"],
  extra: {
    "authentication.kubernetes.io/pod-uid": ["pod-1"],
    "authentication.kubernetes.io/pod-name": ["planner-0"],
  },
};
const BOB: UserInfo = { username: "bob", groups: ["dev"] };
const kube = (name: string): UserInfo => ({ username: accountName("kube-system", name) });

const originFor = (user: UserInfo): Stamps => {
  const read = originOf(user);
  assert.ok(read.outcome === "read");
  return read.origin;
};
const inherited = (user: UserInfo): Stamps =>
  authorStamps(authorOf({ metadata: { annotations: originFor(user) } }, registryOf([])));

const template = (image: string, annotations: Stamps = {}) => ({
  metadata: { labels: { app: "a" }, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
  spec: { containers: [{ name: "app", image }] },
});

function owner(
  kind: OwnerKind,
  annotations: Stamps,
  spec: object = { template: template("one") },
): KubeObject & { readonly spec: object } {
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  return {
    apiVersion,
    kind: kind.kind,
    metadata: { name: "owner", namespace: NS, uid: "uid-1", annotations },
    spec,
  };
}

const ownedBy = (
  { apiVersion, kind, metadata: { name, uid = "" } }: KubeObject,
  metadata: object = {},
): Made => ({
  metadata: { ownerReferences: [{ apiVersion, kind, name, uid, controller: true }], ...metadata },
});

interface Asked {
  readonly user: UserInfo;
  readonly object: Made;
  readonly of: Pick<OwnerKind, "group" | "plural">;
  readonly options: AttributionOptions;
}
const PODS = { group: "", plural: "pods" };
const made = ({ user, object, of, options }: Asked): Promise<Attributed> =>
  attributionOf(options, { ...of, namespace: NS, userInfo: user, object }, signal);
const changed = (
  { user, object, of, options }: Asked,
  oldObject: Made,
  determining = BUILT_IN_KINDS.Deployment.determining,
): Promise<Attributed> =>
  attributionAfter(options, { ...of, namespace: NS, userInfo: user, object, oldObject, determining }, signal);

function stampsIn(attributed: Attributed): Stamps {
  assert.ok(attributed.outcome === "stamps", JSON.stringify(attributed));
  return attributed.stamps;
}
function refusalIn(attributed: Attributed): string {
  assert.ok(attributed.outcome === "refused", JSON.stringify(attributed));
  return attributed.findings.map(({ message }) => message).join();
}
function world(more?: Parameters<typeof attributionWith>[1]): {
  owners: ModelOwners;
  options: AttributionOptions;
} {
  const owners = modelOwners();
  return { owners, options: attributionWith(owners, more) };
}

describe("a controller's pod is its owner's author's:", () => {
  for (const [kind, name] of [
    ["ReplicaSet", "replicaset-controller"],
    ["Job", "job-controller"],
    ["ReplicationController", "replication-controller"],
  ] as const)
    test(kind, async () => {
      const { owners, options } = world();
      const of = owner(BUILT_IN_KINDS[kind], originFor(AGENT));
      owners.put(BUILT_IN_KINDS[kind].plural, of);
      const stamps = stampsIn(await made({ user: kube(name), object: ownedBy(of), of: PODS, options }));
      assert.deepEqual(stamps, { ...originFor(kube(name)), ...inherited(AGENT) });
      assert.equal(stamps[AUTHOR.podUid], "pod-1");
      // Without accounts of their own all controllers are one.
      const whole = { username: "system:kube-controller-manager" };
      const same = stampsIn(await made({ user: whole, object: ownedBy(of), of: PODS, options }));
      assert.equal(same[AUTHOR.podUid], "pod-1");
    });

  for (const [kind, revision] of [
    ["StatefulSet", "owner-7"],
    ["DaemonSet", "7"],
  ] as const)
    test(`${kind}, by the revision that it is of`, async () => {
      const { owners, options } = world();
      const controller = kube(kind === "DaemonSet" ? "daemon-set-controller" : "statefulset-controller");
      const set = owner(BUILT_IN_KINDS[kind], originFor(BOB));
      owners.put(BUILT_IN_KINDS[kind].plural, set);
      const object = ownedBy(set, { labels: { "controller-revision-hash": revision } });
      const asked = { user: controller, object, of: PODS, options };
      assert.match(refusalIn(await made(asked)), /no revision owner-7/);
      const held = { ...ownedBy(set).metadata, name: "owner-7", namespace: NS };
      const stamped = { ...held, annotations: { ...originFor(controller), ...inherited(AGENT) } };
      owners.put("controllerrevisions", {
        apiVersion: "apps/v1",
        kind: "ControllerRevision",
        metadata: stamped,
      });
      assert.deepEqual(stampsIn(await made(asked)), { ...originFor(controller), ...inherited(AGENT) });
      const foreign = {
        ...stamped,
        ownerReferences: [{ ...(held.ownerReferences?.[0] ?? assert.fail()), uid: "uid-2" }],
      };
      owners.put("controllerrevisions", {
        apiVersion: "apps/v1",
        kind: "ControllerRevision",
        metadata: foreign,
      });
      assert.match(refusalIn(await made(asked)), /no revision/);
    });

  test("and not of another object by the owner's name, nor of one that is gone", async () => {
    const { owners, options } = world();
    const of = owner(BUILT_IN_KINDS.Job, originFor(AGENT));
    const asked = { user: kube("job-controller"), object: ownedBy(of), of: PODS, options };
    assert.match(refusalIn(await made(asked)), /is not there/);
    owners.put("jobs", { ...of, metadata: { ...of.metadata, uid: "uid-2" } });
    assert.match(refusalIn(await made(asked)), /is not there/);
  });

  test("nobody's, when nobody is known as the owner's, and when the controller makes none for such owners", async () => {
    const { owners, options } = world();
    const of = owner(BUILT_IN_KINDS.Job, {});
    owners.put("jobs", of);
    for (const user of [kube("job-controller"), kube("replicaset-controller")]) {
      const stamps = stampsIn(await made({ user, object: ownedBy(of), of: PODS, options }));
      assert.deepEqual(stamps, { ...originFor(user), [AUTHOR.from]: "Nobody" });
      assert.deepEqual(authorOf({ metadata: { annotations: stamps } }, registryOf([])).found, "nobody");
    }
  });
});

test("a template that has changed hands gives its new author nothing that was made of the old one", async () => {
  let nowMs = 0;
  const { owners, options } = world({ nowMs: () => nowMs });
  const deployment = owner(BUILT_IN_KINDS.Deployment, originFor(BOB), { template: template("two") });
  owners.put("deployments", deployment);
  const replicaSets = { group: "apps", plural: "replicasets" };
  const asked = { user: kube("deployment-controller"), of: replicaSets, options };
  const replicaSet = (image: string) => ({
    ...ownedBy(deployment),
    spec: {
      template: {
        ...template(image),
        metadata: { labels: { app: "a", "pod-template-hash": "x" }, creationTimestamp: null },
      },
    },
  });
  assert.match(refusalIn(await made({ ...asked, object: replicaSet("one") })), /just been changed/);
  assert.equal(stampsIn(await made({ ...asked, object: replicaSet("two") }))[AUTHOR.user], "bob");
  // Elsewhere the templates cannot be compared, and controllers are given time to hear of it.
  const at = { [RESTAMPED]: new Date(0).toISOString() };
  const cronJob = owner(
    BUILT_IN_KINDS.CronJob,
    { ...originFor(BOB), ...at },
    { jobTemplate: { spec: { template: template("two") } } },
  );
  owners.put("cronjobs", cronJob);
  const jobs = { user: kube("cronjob-controller"), of: { group: "batch", plural: "jobs" }, options };
  const job = (image: string) => ({ ...ownedBy(cronJob), spec: { template: template(image) } });
  const ofHand = owner(BUILT_IN_KINDS.ReplicaSet, { ...originFor(BOB), ...at });
  owners.put("replicasets", ofHand);
  const pods = { user: kube("replicaset-controller"), object: ownedBy(ofHand), of: PODS, options };
  nowMs = 9_000;
  assert.match(refusalIn(await made({ ...jobs, object: job("one") })), /just been changed/);
  assert.equal(stampsIn(await made({ ...jobs, object: job("two") }))[AUTHOR.user], "bob");
  assert.match(refusalIn(await made(pods)), /just been changed/);
  nowMs = 11_000;
  assert.equal(stampsIn(await made({ ...jobs, object: job("one") }))[AUTHOR.user], "bob");
  assert.equal(stampsIn(await made(pods))[AUTHOR.user], "bob");
});

describe("a change", () => {
  const { owners, options } = world({ nowMs: () => 5_000 });
  const of = BUILT_IN_KINDS.Deployment;
  const before = (
    annotations: Stamps,
    image = "one",
    inTemplate: Stamps = {},
  ): Made & { readonly spec: object } => ({
    metadata: { annotations },
    spec: { replicas: 1, template: template(image, inTemplate) },
  });
  const asked = (user: UserInfo, object: Made): Asked => ({ user, object, of, options });
  const RESTART = { "kubectl.kubernetes.io/restartedAt": "2026-11-26T05:00:00Z" };

  test("of the template makes it the requester's, and is noted when other hands have it", async () => {
    const stamps = stampsIn(await changed(asked(BOB, before({}, "two")), before(originFor(AGENT))));
    assert.deepEqual(stamps, { ...originFor(BOB), [RESTAMPED]: new Date(5_000).toISOString() });
    const again = stampsIn(await changed(asked(BOB, before({}, "three")), before(originFor(BOB), "two")));
    assert.deepEqual(again, originFor(BOB));
  });
  test("of anything else, and a restart, leave it whose it was, whatever is written", async () => {
    const scaled = {
      ...before({ [ORIGIN.user]: "admin", [AUTHOR.user]: "admin" }),
      spec: { replicas: 7, template: template("one") },
    };
    for (const object of [scaled, before({}, "one", RESTART)])
      assert.deepEqual(
        stampsIn(await changed(asked(BOB, object), before(originFor(AGENT)))),
        originFor(AGENT),
      );
    const restartedBefore = before(originFor(AGENT), "one", RESTART);
    assert.deepEqual(stampsIn(await changed(asked(BOB, before({})), restartedBefore)), originFor(AGENT));
  });
  test("by a restart takes what nobody is known for, and one that is more than a time is a change", async () => {
    const taken = stampsIn(await changed(asked(BOB, before({}, "one", RESTART)), before({})));
    assert.equal(taken[ORIGIN.user], "bob");
    const odd = { "kubectl.kubernetes.io/restartedAt": "$(reboot)" };
    const written = stampsIn(await changed(asked(BOB, before({}, "one", odd)), before(originFor(AGENT))));
    assert.equal(written[ORIGIN.user], "bob");
  });
  test("by nobody who can be told is refused, when it changes what pods are made from, and only then", async () => {
    const unbound: UserInfo = { username: accountName(NS, "planner") };
    const refusal = refusalIn(await changed(asked(unbound, before({}, "two")), before(originFor(AGENT))));
    assert.match(refusal, /bound to no pod/);
    assert.deepEqual(
      stampsIn(await changed(asked(unbound, before({})), before(originFor(AGENT)))),
      originFor(AGENT),
    );
  });
  test("of what a controller made by a person makes it the person's", async () => {
    const from = { ...originFor(kube("deployment-controller")), ...inherited(AGENT) };
    const stamps = stampsIn(await changed(asked(BOB, before({}, "two")), before(from)));
    assert.equal(stamps[AUTHOR.from], undefined);
    assert.equal(stamps[ORIGIN.user], "bob");
  });
  test("that takes an old ReplicaSet up again makes it whose the Deployment is; scaling it down does not", async () => {
    const deployment = owner(BUILT_IN_KINDS.Deployment, originFor(BOB), { template: template("one") });
    owners.put("deployments", deployment);
    const old = { ...originFor(kube("deployment-controller")), ...inherited(AGENT) };
    const replicaSet = (image: string): Made => ({
      ...before(old, image),
      ...ownedBy(deployment, { annotations: old }),
    });
    const touch = (image: string): Promise<Attributed> =>
      changed(
        { ...asked(kube("deployment-controller"), replicaSet(image)), of: BUILT_IN_KINDS.ReplicaSet },
        replicaSet(image),
      );
    assert.equal(stampsIn(await touch("one"))[AUTHOR.user], "bob");
    assert.deepEqual(stampsIn(await touch("zero")), old);
  });
});

describe("a program that is registered", () => {
  const registered = (more: Partial<Controller>): Controller => ({
    user: accountName("ops", "program"),
    owns: [],
    pods: "AtCreation",
    keepsAuthors: false,
    mayBeUnbound: true,
    ...more,
  });
  const before = { metadata: { annotations: originFor(AGENT) }, spec: { template: template("one") } };
  const object = { metadata: {}, spec: { template: template("two") } };
  const askedOf = (program: Controller): Asked => {
    const { options } = world({ registered: [program] });
    return { user: { username: program.user }, object, of: BUILT_IN_KINDS.Deployment, options };
  };

  test("to mend what others wrote leaves it theirs", async () => {
    const asked = askedOf(registered({ keepsAuthors: true }));
    assert.deepEqual(stampsIn(await changed(asked, before)), originFor(AGENT));
  });
  test("for its tokens alone is an author as others are", async () => {
    const asked = askedOf(registered({}));
    assert.equal(stampsIn(await changed(asked, before))[ORIGIN.user], asked.user.username);
    const own = stampsIn(await made({ ...asked, of: PODS, object: {} }));
    assert.deepEqual(own, originFor(asked.user));
    assert.equal(authorOf({ metadata: { annotations: own } }, asked.options.registry()).found, "author");
  });
  test("to make for others is no author of anything, before and after", async () => {
    const maker = registered({ owns: [{ ...BUILT_IN_KINDS.Job, group: "x", plural: "runs", kind: "Run" }] });
    const asked = askedOf(maker);
    assert.equal(stampsIn(await made({ ...asked, of: PODS, object: {} }))[AUTHOR.from], "Nobody");
    const older = { metadata: { annotations: originFor(asked.user) } };
    assert.equal(authorOf(older, registryOf([maker])).found, "nobody");
    const runs = { ...asked, of: { group: "x", plural: "runs" } };
    assert.deepEqual(stampsIn(await changed(runs, before, [["spec"]])), originFor(AGENT));
  });
});

test("whoever is no controller makes their own, whatever they write of owners and authors", async () => {
  const word = fc.constantFrom("a", "bob", "system:serviceaccount:kube-system:job-controller");
  const written = fc.dictionary(
    fc.constantFrom(...Object.values(AUTHOR), ...Object.values(ORIGIN), "note"),
    word,
  );
  const user: fc.Arbitrary<UserInfo> = fc.constantFrom(AGENT, BOB, {
    username: accountName("kube-system", "job-controllers"),
    extra: AGENT.extra ?? {},
  });
  const kinds = fc.constantFrom(...Object.values(BUILT_IN_KINDS));
  await fc.assert(
    fc.asyncProperty(user, kinds, written, async (userInfo, kind, annotations) => {
      const { owners, options } = world();
      const of = owner(kind, originFor({ username: "admin" }));
      owners.put(kind.plural, of);
      const object = ownedBy(of, { annotations });
      const stamps = stampsIn(await made({ user: userInfo, object, of: PODS, options }));
      assert.deepEqual(stamps, originFor(userInfo));
      assert.equal(owners.asked(), 0);
    }),
    { numRuns: fuzzRuns(300), ...fuzzSeed() },
  );
});

test("an author is handed on as they were, however long the chain", () => {
  const text = fc.string({ minLength: 1, maxLength: 8 }).filter((value) => !value.includes("\n"));
  const user: fc.Arbitrary<UserInfo> = fc.record({
    username: text.filter((name) => !registryOf([]).has(name)),
    uid: fc.oneof(fc.constant(""), text),
    groups: fc.array(text, { maxLength: 3 }),
    extra: fc.constantFrom({}, AGENT.extra ?? {}),
  });
  const registry = registryOf([]);
  fc.assert(
    fc.property(user, fc.nat(3), (userInfo, links) => {
      const first = authorOf({ metadata: { annotations: originFor(userInfo) } }, registry);
      let annotations: Stamps = originFor(userInfo);
      for (let link = 0; link < links; link += 1)
        annotations = {
          ...originFor(kube("job-controller")),
          ...authorStamps(authorOf({ metadata: { annotations } }, registry)),
        };
      assert.deepEqual(authorOf({ metadata: { annotations } }, registry), first);
      assert.deepEqual(stampsOn({ metadata: { annotations } }), annotations);
    }),
    { numRuns: fuzzRuns(300), ...fuzzSeed() },
  );
});
