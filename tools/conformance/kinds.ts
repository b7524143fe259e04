/** What the gateway of a run is told: whoever comes may do everything, as whom they say, and all of it is put on record. */
const kind = (name: string, metadata: object, spec: object): object => ({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: name,
  metadata,
  spec,
});

const HERE = { namespace: "conformance", name: "postgres" };

export const providerKind = (issuer: string): object =>
  kind("IdentityProvider", { name: "suites" }, { issuer, audiences: ["urn:sallyport:conformance"] });

export const connectionKind = (port: number): object =>
  kind("Connection", HERE, {
    protocol: "postgres",
    address: { host: "127.0.0.1", port },
    tls: { mode: "disable" },
    credential: { mode: "none" },
    postgres: { user: "asRequested" },
  });

export const policyKind = (): object =>
  kind(
    "SecretAccessPolicy",
    { namespace: HERE.namespace, name: "suites" },
    {
      subjects: [{ oidc: { provider: "suites" } }],
      connections: { names: [HERE.name] },
      allow: [{ name: "everything", postgres: { statements: ["any"] } }],
    },
  );

/** A listener for each account whose programs come, by its uid. */
export const gatewayKind = (tokenFile: string, uids: readonly number[]): object =>
  kind(
    "Gateway",
    { name: "conformance" },
    {
      listeners: uids.map((uid) => ({
        name: `uid-${uid}`,
        connection: HERE,
        address: { host: "127.0.0.1", port: 0 },
        identity: { ambient: { tokenFile, uid } },
      })),
    },
  );
