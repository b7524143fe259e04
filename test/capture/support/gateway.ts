/** The gateway's program as the operator starts it in a pod. */

export const ENVIRONMENT = {
  POD_NAME: "agent-1",
  POD_NAMESPACE: "shop",
  POD_UID: "0b7c3c9e-1b1f-4c55-9a1d-6d2f2b0a1e11",
  NODE_NAME: "node-1",
  GW_BROKER: "sallyport-broker.sallyport-system.svc:8443",
  GW_RESOLVERS: "10.96.0.10",
} as const;

/** What it says when it listens. */
export const READY = /"message":"started"/;
