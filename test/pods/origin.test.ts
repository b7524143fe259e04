import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { originOf, ORIGIN_BYTES_MAX, type UserInfo } from "#operator/admission/origin/origin.ts";
import { checkStamps, stamp, type Stampable, stampsOn } from "#operator/admission/origin/stamp.ts";
import { ORIGIN } from "#operator/names.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";

const AGENT: UserInfo = {
  username: "system:serviceaccount:shop:planner",
  uid: "0b6c",
  groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
  extra: {
    "authentication.kubernetes.io/pod-name": ["planner-0"],
    "authentication.kubernetes.io/pod-uid": ["7d1f"],
    "authentication.kubernetes.io/node-name": ["node-1"],
    "authentication.kubernetes.io/credential-id": ["JTI=4a"],
    "example.com/other": ["x", "y"],
  },
};
const NEW: Stampable = {};
const PERSON: UserInfo = { username: "alice@example.com", groups: ["dev"] };

function originOfUser(userInfo: UserInfo): Readonly<Record<string, string>> {
  const read = originOf(userInfo);
  assert.ok(read.outcome === "read");
  return read.origin;
}

test("an agent's pod says which pod's token made it", () => {
  assert.deepEqual(originOfUser(AGENT), {
    "sallyport.dev/origin-user": "system:serviceaccount:shop:planner",
    "sallyport.dev/origin-uid": "0b6c",
    "sallyport.dev/origin-groups":
      "system:serviceaccounts\nsystem:serviceaccounts:shop\nsystem:authenticated",
    "sallyport.dev/origin-pod-name": "planner-0",
    "sallyport.dev/origin-pod-uid": "7d1f",
    "sallyport.dev/origin-node-name": "node-1",
    "sallyport.dev/origin-credential": "JTI=4a",
  });
});

test("what the request does not say is not there, whatever the author wrote", () => {
  const forged: Stampable = {
    metadata: { annotations: { note: "n", [ORIGIN.podUid]: "somebody-else", [ORIGIN.user]: "admin" } },
  };
  assert.deepEqual(stamp(forged, originOfUser(PERSON)).metadata?.annotations, {
    note: "n",
    [ORIGIN.user]: "alice@example.com",
    [ORIGIN.groups]: "dev",
  });
});

describe("on CREATE", () => {
  test("the requester's stamp passes", () => {
    assert.deepEqual(checkStamps(stamp(NEW, originOfUser(AGENT)), originOfUser(AGENT)), []);
  });
  test("another's does not, nor does one too many or too few", () => {
    const own = stamp(NEW, originOfUser(PERSON));
    assert.notDeepEqual(checkStamps(own, originOfUser(AGENT)), []);
    assert.notDeepEqual(checkStamps({}, originOfUser(PERSON)), []);
    const more = { metadata: { annotations: { ...own.metadata?.annotations, [ORIGIN.podUid]: "7d1f" } } };
    assert.deepEqual(
      checkStamps(more, originOfUser(PERSON)).map(({ field }) => field),
      [`metadata.annotations[${ORIGIN.podUid}]`],
    );
  });
});

describe("on UPDATE", () => {
  const made = stamp({ metadata: { annotations: { note: "n" } } }, originOfUser(AGENT));

  test("others may change their annotations", () => {
    const after = { metadata: { annotations: { ...made.metadata?.annotations, note: "m" } } };
    assert.deepEqual(checkStamps(after, stampsOn(made)), []);
  });

  test("a changed, added or removed stamp is found, and healed by keeping the old one", () => {
    const attempts: readonly Stampable[] = [
      {},
      { metadata: { annotations: {} } },
      stamp(made, originOfUser(PERSON)),
      { metadata: { annotations: { ...made.metadata?.annotations, [ORIGIN.user]: "admin" } } },
    ];
    for (const after of attempts) {
      assert.notDeepEqual(checkStamps(after, stampsOn(made)), []);
      assert.deepEqual(checkStamps(stamp(after, stampsOn(made)), stampsOn(made)), []);
    }
  });

  test("what was made before its namespace was labelled gets no origin by a change", () => {
    const old = { metadata: { annotations: { note: "n" } } };
    const claimed = stamp(old, originOfUser(PERSON));
    assert.notDeepEqual(checkStamps(claimed, stampsOn(old)), []);
    assert.deepEqual(stamp(claimed, stampsOn(old)), old);
  });

  test("a Deployment's annotations, copied onto its ReplicaSet by the controller, do not change whose that is", () => {
    const deployment = stamp<Stampable>(
      { metadata: { annotations: { "deployment.kubernetes.io/x": "1" } } },
      originOfUser(PERSON),
    );
    const replicaSet = stamp(
      NEW,
      originOfUser({ username: "system:serviceaccount:kube-system:deployment-controller" }),
    );
    const synced = {
      metadata: { annotations: { ...replicaSet.metadata?.annotations, ...deployment.metadata?.annotations } },
    };
    const kept = stamp<Stampable>(synced, stampsOn(replicaSet));
    assert.equal(
      kept.metadata?.annotations?.[ORIGIN.user],
      "system:serviceaccount:kube-system:deployment-controller",
    );
    assert.equal(kept.metadata?.annotations?.["deployment.kubernetes.io/x"], "1");
  });
});

describe("refused, since it could be read in two ways or does not fit:", () => {
  const reasons: readonly (readonly [string, UserInfo])[] = [
    ["a group with a newline", { username: "x", groups: ["dev\nsystem:masters"] }],
    ["two pods", { username: "x", extra: { "authentication.kubernetes.io/pod-uid": ["a", "b"] } }],
    [
      "too many groups",
      {
        username: "x",
        groups: Array.from({ length: 3000 }, (_, index) => `group-of-people-${index}-${"x".repeat(20)}`),
      },
    ],
  ];
  for (const [name, userInfo] of reasons) {
    test(name, () => {
      assert.equal(originOf(userInfo).outcome, "refused");
    });
  }
  test("and a thousand groups do fit", () => {
    const groups = Array.from({ length: 1000 }, (_, index) => `group-of-people-${index}-${"x".repeat(20)}`);
    assert.equal(originOf({ username: "x", groups }).outcome, "read");
  });
});

test("two requesters who differ have stamps that differ", () => {
  const word = fc.constantFrom("", "a", "b", "a,b", "a b");
  const user: fc.Arbitrary<UserInfo> = fc.record({
    username: word,
    uid: word,
    groups: fc.array(fc.constantFrom("a", "b", "ab"), { maxLength: 3 }),
    extra: fc.record({ "authentication.kubernetes.io/pod-uid": fc.constantFrom(["a"], ["b"]) }),
  });
  fc.assert(
    fc.property(user, user, (one, other) => {
      const same = JSON.stringify(one) === JSON.stringify(other);
      assert.equal(checkStamps(stamp(NEW, originOfUser(one)), originOfUser(other)).length === 0, same);
    }),
    { numRuns: fuzzRuns(500), ...fuzzSeed() },
  );
  assert.ok(ORIGIN_BYTES_MAX < 256 * 1024);
});
