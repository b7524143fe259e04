/** Every name that the operator, the chart and an injected pod agree on. A test holds the chart's own copies to these. */

export const GROUP = "sallyport.dev";

export const LABELS = {
  /** On a namespace, with any value: every pod made there gets the gateway or is refused. */
  enforce: `${GROUP}/enforce`,
  /** On a namespace: what becomes of containers that do not say as whom they run. See `Rootless`. */
  rootless: `${GROUP}/rootless`,
} as const;

export const ANNOTATIONS = {
  /** On an injected pod, for people: which version of the shape it has. Decides nothing. */
  injected: `${GROUP}/injected`,
  /** On a Secret: which Connection may use it and for which host, `<connection>@<host>`, comma-separated. */
  usableBy: `${GROUP}/usable-by`,
} as const;

/**
 * On pods and workloads: who made them, as the API server knew it. Set by us, equal to the request, never changed. One annotation
 * for each fact, since a policy in CEL can compare strings and cannot read JSON. What the request did not say has none.
 */
export const ORIGIN = {
  user: `${GROUP}/origin-user`,
  uid: `${GROUP}/origin-uid`,
  /** In the order of the request, joined by newlines. */
  groups: `${GROUP}/origin-groups`,
  podName: `${GROUP}/origin-pod-name`,
  podUid: `${GROUP}/origin-pod-uid`,
  nodeName: `${GROUP}/origin-node-name`,
  credential: `${GROUP}/origin-credential`,
} as const;

/**
 * Beside the origin, on what a controller made for somebody: the origin of whoever wrote what it was made from. `from` says how that was
 * found (see `AuthorFrom`), and stands on everything that a registered controller makes, so that a controller is never taken for an author.
 */
export const AUTHOR = {
  from: `${GROUP}/author-from`,
  user: `${GROUP}/author-user`,
  uid: `${GROUP}/author-uid`,
  groups: `${GROUP}/author-groups`,
  podName: `${GROUP}/author-pod-name`,
  podUid: `${GROUP}/author-pod-uid`,
  nodeName: `${GROUP}/author-node-name`,
  credential: `${GROUP}/author-credential`,
} as const satisfies Record<keyof typeof ORIGIN | "from", string>;

/** When what makes pods last changed hands, as ISO 8601. Whoever makes something from it may not have heard of it yet. */
export const RESTAMPED = `${GROUP}/restamped-at`;

/** Everything in a pod with one of these names is ours. */
export const CONTAINERS = { init: "gw-init", gateway: "gw" } as const;
export const VOLUMES = { token: "gw-token", state: "gw-state", ca: "gw-ca" } as const;
export const PATHS = {
  token: "/var/run/sallyport/token",
  state: "/var/run/sallyport/state",
  ca: "/var/run/sallyport/ca",
} as const;

/**
 * Whom gateways trust as the broker: written by the broker beside itself, copied by the operator into each enforced namespace, and
 * mounted beside the token.
 */
export const AUTHORITY_CONFIG_MAP = { name: "sallyport-authority", member: "ca.pem" } as const;

/** Its StatefulSet and what stands before it; the port is that for whatever is asked once. */
export const BROKER = { service: "sallyport-broker", requestsPort: 8_444 } as const;

/**
 * Where clients of Kubernetes look for whom to trust, which namespace they are in and a token. What they find there is of the gateway,
 * beside the bundle, and the token is none.
 */
export const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Whom to trust in a pod: what its gateway writes, and the variables of its other containers name. */
export const CA_FILE = `${PATHS.ca}/ca.pem`;

/** Ports of the gateway in the pod. The whole range is refused to the agent by `gw-init`'s rules. */
export const PORTS = { capture: 15_001, dns: 15_053, health: 15_021 } as const;
export const PORTS_RESERVED = { first: 15_000, last: 15_099 } as const;

/** The gateway's uid is chosen for each pod out of these; below 65536 for the sake of user namespaces. */
export const GATEWAY_UIDS = { first: 20_000, last: 59_999 } as const;
/**
 * `gw-init` runs as somebody who is not the gateway, so that its own test traffic is captured, and as nobody else in the pod. Not as
 * `nobody` (65534): too many images run as that.
 */
export const INIT_UID = 65_533;
/**
 * Containers that say nothing get this uid where a namespace says `rootless: force`. It is `nobody` in nearly every image: a uid
 * without an account breaks programs that ask for their own name, psql among them.
 */
export const FORCED_UID = 65_534;

/** Tokens for it are projected into gateways alone; everything below the prefix is reserved. */
export const AUDIENCE_PREFIX = `${GROUP}/`;
export const BROKER_AUDIENCE = `${AUDIENCE_PREFIX}broker`;
export const TOKEN_SECONDS = 600;
