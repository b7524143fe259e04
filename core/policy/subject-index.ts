/**
 * Finds the policies that can select a subject without asking all of them. Each selector is filed under the one of its
 * conditions that the fewest other selectors share, so that a thousand policies that differ only in a claim, or only in
 * whose descendants they mean, cost as little as a thousand that differ in the account.
 */
import type { Ancestor, Identity } from "./facts.ts";
import {
  type IdentityMatcher,
  type RootMatcher,
  type SubjectMatcher,
  claimTexts,
  matchesSubject,
} from "./subject.ts";

export interface SubjectIndex {
  /** Orders of policies without subjects: they select everyone. */
  readonly everyone: readonly number[];
  readonly self: Shelf;
  readonly agentAbove: Shelf;
  readonly rootAbove: Shelf;
}

/** The selectors filed under conditions on one identity: the subject itself, or one above it. */
interface Shelf {
  /** Keys are paths such as account/shop/deployer or claim/github/repository/org/app, one map for each part. */
  readonly root: Node;
  isEmpty: boolean;
}

interface Node {
  readonly next: Map<string, Node>;
  readonly filed: Filed[];
}

interface Filed {
  readonly matcher: SubjectMatcher;
  readonly order: number;
}

interface Key {
  readonly shelf: "self" | "agentAbove" | "rootAbove";
  readonly path: readonly string[];
}

export interface Indexed {
  readonly order: number;
  readonly subjects: readonly SubjectMatcher[] | undefined;
}

export function indexSubjects(policies: readonly Indexed[]): SubjectIndex {
  const index = { everyone: [] as number[], self: shelf(), agentAbove: shelf(), rootAbove: shelf() };
  const entries: { filed: Filed; keys: readonly Key[] }[] = [];
  const popularity = new Map<string, number>();
  for (const { order, subjects } of policies) {
    if (subjects === undefined) index.everyone.push(order);
    for (const matcher of subjects ?? []) {
      const keys = keysOf(matcher);
      entries.push({ filed: { matcher, order }, keys });
      for (const key of keys) popularity.set(nameOf(key), (popularity.get(nameOf(key)) ?? 0) + 1);
    }
  }
  for (const { filed, keys } of entries) file(index, filed, rarest(keys, popularity));
  return index;
}

/** Adds the orders of every policy that selects the subject. */
export function collectSelecting(
  index: SubjectIndex,
  identity: Identity,
  above: readonly Ancestor[],
  orders: Set<number>,
): void {
  for (const order of index.everyone) orders.add(order);
  const take = (filed: readonly Filed[]): void => {
    for (const { matcher, order } of filed) {
      if (!orders.has(order) && matchesSubject(matcher, identity, above)) orders.add(order);
    }
  };
  visit(index.self, identity, undefined, take);
  for (const ancestor of above) {
    visit(
      ancestor.kind === "agent" ? index.agentAbove : index.rootAbove,
      ancestor.identity,
      ancestor.kind,
      take,
    );
  }
}

/** Every condition that a selector sets, each enough on its own to find it. */
function keysOf({ self, descendantsOf, launchedBy }: SubjectMatcher): readonly Key[] {
  const keys = [
    ...identityPaths(self).map((path): Key => ({ shelf: "self", path })),
    ...(descendantsOf ? identityPaths(descendantsOf) : []).map(
      (path): Key => ({ shelf: "agentAbove", path }),
    ),
    ...(launchedBy ? rootPaths(launchedBy) : []).map((path): Key => ({ shelf: "rootAbove", path })),
  ];
  return keys;
}

function identityPaths({
  account,
  podUid,
  namespace,
  oidc,
}: IdentityMatcher): readonly (readonly string[])[] {
  const paths: string[][] = [];
  if (podUid !== undefined) paths.push(["pod", podUid]);
  if (account) {
    paths.push(
      account.namespace === undefined ? ["name", account.name] : ["account", account.namespace, account.name],
    );
  }
  if (namespace !== undefined) paths.push(["namespace", namespace]);
  if (oidc) paths.push(["provider", oidc.provider]);
  for (const [name, value] of oidc?.claims ?? []) paths.push(["claim", oidc?.provider ?? "", name, value]);
  return paths;
}

function rootPaths(root: RootMatcher): readonly (readonly string[])[] {
  const paths = [...identityPaths(root)];
  if (root.kind !== undefined) paths.push(["kind", root.kind]);
  if (root.user !== undefined) paths.push(["user", root.user]);
  if (root.group !== undefined) paths.push(["group", root.group]);
  return paths;
}

/** Walks to every node under which a selector that matches this identity can be filed. */
function visit(
  { root, isEmpty }: Shelf,
  { serviceAccount, pod, oidc, user }: Identity,
  kind: string | undefined,
  take: (filed: readonly Filed[]) => void,
): void {
  if (isEmpty) return;
  if (serviceAccount) {
    takeAt(root, take, "account", serviceAccount.namespace, serviceAccount.name);
    takeAt(root, take, "name", serviceAccount.name);
    takeAt(root, take, "namespace", serviceAccount.namespace);
  }
  if (pod) takeAt(root, take, "pod", pod.uid);
  if (oidc) {
    takeAt(root, take, "provider", oidc.provider);
    const claims = root.next.get("claim")?.next.get(oidc.provider);
    for (const name of claims === undefined ? [] : Object.keys(oidc.claims)) {
      const values = claims?.next.get(name);
      if (values === undefined) continue;
      for (const text of claimTexts(oidc.claims, name)) takeAt(values, take, text);
    }
  }
  if (kind !== undefined) takeAt(root, take, "kind", kind);
  if (user) {
    takeAt(root, take, "user", user.name);
    for (const group of user.groups) takeAt(root, take, "group", group);
  }
}

function takeAt(from: Node, take: (filed: readonly Filed[]) => void, ...path: readonly string[]): void {
  let node: Node | undefined = from;
  for (const part of path) node = node?.next.get(part);
  if (node !== undefined) take(node.filed);
}

function file(index: Record<Key["shelf"], Shelf>, filed: Filed, { shelf, path }: Key): void {
  let node = index[shelf].root;
  for (const part of path) {
    let next = node.next.get(part);
    if (next === undefined) {
      next = { next: new Map(), filed: [] };
      node.next.set(part, next);
    }
    node = next;
  }
  node.filed.push(filed);
  index[shelf].isEmpty = false;
}

function rarest(keys: readonly Key[], popularity: ReadonlyMap<string, number>): Key {
  const [first, ...others] = keys;
  // A selector without a condition does not compile.
  if (first === undefined) throw new RangeError("a subject selector without a condition cannot be filed");
  const count = (key: Key): number => popularity.get(nameOf(key)) ?? 0;
  return others.reduce((best, key) => (count(key) < count(best) ? key : best), first);
}

function nameOf({ shelf, path }: Key): string {
  return JSON.stringify([shelf, path]);
}

function shelf(): Shelf {
  return { root: { next: new Map(), filed: [] }, isEmpty: true };
}
