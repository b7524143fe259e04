/** Checks that need more than one object: a name that means nothing, a rule that can never hold. */
import type { ReadDocument } from "./document.ts";
import type {
  ClusterSecretAccessPolicy,
  Connection,
  Gateway,
  PolicyTest,
  SecretAccessPolicy,
} from "./kinds.gen.ts";
import { PROTOCOLS } from "./kinds.gen.ts";
import type { Policy } from "./loaded.ts";
import { offsetOf, type Path, quoted } from "./located.ts";
import { nearest } from "./nearest.ts";

interface Known {
  /** Every connection that a document names, broken ones too: of those it cannot be said that they do not exist. */
  readonly named: ReadonlyMap<string, ReadonlySet<string>>;
  readonly connections: readonly NamedConnection[];
  readonly providers: ReadonlySet<string>;
}

/** What a Connection is to a policy that names it. */
export type NamedConnection = Pick<Connection, "metadata"> & {
  readonly spec: Pick<Connection["spec"], "protocol">;
};

/** Good objects that are there besides the documents that are read. */
export interface Neighbours {
  readonly connections: readonly NamedConnection[];
  /** Names of identity providers. */
  readonly identityProviders: readonly string[];
}

export const NO_NEIGHBOURS: Neighbours = { connections: [], identityProviders: [] };

/** Adds the findings; gives back the policies that are broken by them. */
export function crossCheck(
  documents: readonly ReadDocument[],
  neighbours: Neighbours = NO_NEIGHBOURS,
): ReadonlySet<ReadDocument> {
  const known = knownObjects(documents, neighbours);
  const broken = new Set<ReadDocument>();
  for (const document of documents) {
    const { object } = document;
    if (object === undefined) continue;
    if (object.kind === "PolicyTest") checkTest(document, object, known);
    if (object.kind === "Gateway") checkGateway(document, object, known);
    if (object.kind !== "SecretAccessPolicy" && object.kind !== "ClusterSecretAccessPolicy") continue;
    checkConnectionNames(document, object, known);
    checkProviders(document, object, known);
    if (checkProtocols(document, object, known)) broken.add(document);
  }
  return broken;
}

function knownObjects(documents: readonly ReadDocument[], neighbours: Neighbours): Known {
  const named = new Map<string, Set<string>>();
  const providers = new Set<string>(neighbours.identityProviders);
  const add = (namespace: string | undefined, name: string | undefined): void => {
    if (namespace === undefined || name === undefined) return;
    const siblings = named.get(namespace) ?? new Set();
    named.set(namespace, siblings.add(name));
  };
  for (const { metadata } of neighbours.connections) add(metadata.namespace, metadata.name);
  for (const { kind, namespace, name } of documents) {
    if (kind === "IdentityProvider" && name !== undefined) providers.add(name);
    if (kind === "Connection") add(namespace, name);
  }
  const read = documents.flatMap(({ object }) => (object?.kind === "Connection" ? [object] : []));
  return { named, connections: [...neighbours.connections, ...read], providers };
}

function warn(document: ReadDocument, code: string, path: Path, message: string): void {
  const { root, findings } = document;
  if (root === undefined) return;
  findings.add({ code, severity: "warning", start: offsetOf(root, path), path, message });
}

function checkConnectionNames(document: ReadDocument, policy: Policy, { named }: Known): void {
  const namespaces =
    policy.kind === "SecretAccessPolicy"
      ? [policy.metadata.namespace ?? ""]
      : (policy.spec.connections?.namespaces ?? [...named.keys()]);
  const there = new Set(namespaces.flatMap((namespace) => [...(named.get(namespace) ?? [])]));
  for (const [index, name] of (policy.spec.connections?.names ?? []).entries()) {
    if (there.has(name)) continue;
    const path = ["spec", "connections", "names", index];
    warn(document, "UNKNOWN_CONNECTION", path, unknown("Connection", name, there, placeOf(policy)));
  }
}

function placeOf(policy: Policy): string {
  return policy.kind === "SecretAccessPolicy"
    ? ` in namespace ${policy.metadata.namespace}`
    : " in the namespaces selected";
}

function unknown(what: string, name: string, known: ReadonlySet<string>, where: string): string {
  const near = nearest(name, known);
  return `there is no ${what} ${quoted(name)}${where}${near === undefined ? "" : `; did you mean ${quoted(near)}?`}`;
}

function checkProviders(document: ReadDocument, { spec }: Policy, { providers }: Known): void {
  for (const [index, subject] of (spec.subjects ?? []).entries()) {
    const at = ["spec", "subjects", index];
    const places: readonly (readonly [Path, string | undefined])[] = [
      [[...at, "oidc", "provider"], subject.oidc?.provider],
      [[...at, "descendantsOf", "oidc", "provider"], subject.descendantsOf?.oidc?.provider],
      [[...at, "launchedBy", "oidc", "provider"], subject.launchedBy?.oidc?.provider],
    ];
    for (const [path, provider] of places) {
      if (provider === undefined || providers.has(provider)) continue;
      warn(document, "UNKNOWN_PROVIDER", path, unknown("IdentityProvider", provider, providers, ""));
    }
  }
}

function checkTest(document: ReadDocument, { spec }: PolicyTest, { named }: Known): void {
  for (const [index, { connection, expect }] of spec.cases.entries()) {
    const there = named.get(connection.namespace) ?? new Set<string>();
    if (there.has(connection.name) || expect.code === "DENY_UNKNOWN_CONNECTION") continue;
    const path = ["spec", "cases", index, "connection", "name"];
    const where = ` in namespace ${connection.namespace}`;
    warn(document, "UNKNOWN_CONNECTION", path, unknown("Connection", connection.name, there, where));
  }
}

/** A listener that leads nowhere, or that no token opens, refuses everybody. */
function checkGateway(document: ReadDocument, { spec }: Gateway, { named, providers }: Known): void {
  for (const [index, { connection, identity }] of spec.listeners.entries()) {
    const at = ["spec", "listeners", index];
    const there = named.get(connection.namespace) ?? new Set<string>();
    if (!there.has(connection.name)) {
      const where = ` in namespace ${connection.namespace}`;
      const message = unknown("Connection", connection.name, there, where);
      warn(document, "UNKNOWN_CONNECTION", [...at, "connection", "name"], message);
    }
    for (const [number, provider] of (identity.perClient?.providers ?? []).entries()) {
      if (providers.has(provider)) continue;
      const path = [...at, "identity", "perClient", "providers", number];
      warn(document, "UNKNOWN_PROVIDER", path, unknown("IdentityProvider", provider, providers, ""));
    }
  }
}

function checkProtocols(document: ReadDocument, policy: Policy, { connections }: Known): boolean {
  const { root, findings } = document;
  if (root === undefined) return false;
  const mismatches = protocolMismatches(policy, connections);
  for (const { path, message } of mismatches)
    findings.add({ code: "PROTOCOL_MISMATCH", start: offsetOf(root, path), path, message });
  return mismatches.length > 0;
}

export interface Mismatch {
  readonly path: Path;
  readonly message: string;
}

/** A rule for a protocol that none of the policy's connections speaks can never hold: its author meant something else. */
export function protocolMismatches(
  policy: Policy,
  connections: readonly NamedConnection[],
): readonly Mismatch[] {
  const selected = selectedConnections(policy, connections);
  if (selected === undefined) return [];
  const spoken = new Set<string>(selected.map(({ spec }) => spec.protocol));
  return protocolBlocks(policy)
    .filter(([, , protocol]) => !spoken.has(protocol))
    .map(([list, index, protocol]) => ({
      path: ["spec", list, index, protocol],
      message: `this rule is about ${protocol}, but the policy's connections speak ${[...spoken].join(", ")}`,
    }));
}

/** Undefined where it is not known which they are: by label others may join, and a name may yet be created. */
function selectedConnections(
  policy: Policy,
  connections: readonly NamedConnection[],
): readonly NamedConnection[] | undefined {
  if (policy.kind !== "SecretAccessPolicy") return undefined;
  const { names } = policy.spec.connections;
  const { namespace } = policy.metadata;
  const found = names?.flatMap((name) => {
    return connections.filter(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
  });
  return found !== undefined && found.length === names?.length ? found : undefined;
}

type RuleList = "allow" | "deny" | "ask" | "mask";

function protocolBlocks({ spec }: Policy): readonly (readonly [RuleList, number, string])[] {
  const held: SecretAccessPolicy["spec"] | ClusterSecretAccessPolicy["spec"] = spec;
  const lists = {
    allow: "allow" in held ? held.allow : undefined,
    deny: held.deny,
    ask: held.ask,
    mask: held.mask,
  } satisfies Record<RuleList, readonly object[] | undefined>;
  return (["allow", "deny", "ask", "mask"] as const).flatMap((list) => {
    return (lists[list] ?? []).flatMap((rule, index) => {
      return PROTOCOLS.filter((protocol) => protocol in rule).map(
        (protocol) => [list, index, protocol] as const,
      );
    });
  });
}
