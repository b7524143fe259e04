/** A configuration file as the chart renders it, of the test's own making. */
export function operatorConfig(): Record<string, unknown> {
  const webhook = (name: string, path: string): object => ({
    name,
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    failurePolicy: "Fail",
    clientConfig: { service: { name: "sallyport-webhook", namespace: "sallyport-system", path, port: 443 } },
  });
  const configuration = (kind: string, ...webhooks: readonly object[]): object => ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind,
    metadata: { name: "sallyport" },
    webhooks,
  });
  const resources = { requests: { cpu: "10m", memory: "16Mi" }, limits: { memory: "64Mi" } };
  return {
    namespace: "sallyport-system",
    configMap: "sallyport-operator",
    logLevel: "info",
    webhook: {
      listen: { host: "127.0.0.1", port: 0 },
      names: ["sallyport-webhook.sallyport-system.svc", "127.0.0.1"],
      authoritySecret: "sallyport-webhook-ca",
      owner: "sallyport-operator",
      configurations: [
        configuration("MutatingWebhookConfiguration", webhook("pods.mutate.sallyport.dev", "/mutate/pods")),
        configuration(
          "ValidatingWebhookConfiguration",
          webhook("pods.validate.sallyport.dev", "/validate/pods"),
        ),
      ],
    },
    observability: { host: "127.0.0.1", port: 0 },
    lease: "sallyport-operator",
    drainSeconds: 0,
    injection: {
      images: { init: "sallyport/gw-init:0.1.0", gateway: "sallyport/gateway:0.1.0" },
      pullPolicy: "IfNotPresent",
      resolvers: ["10.96.0.10"],
      broker: "sallyport-broker.sallyport-system.svc:8443",
      resources: { init: resources, gateway: resources },
      rootless: "force",
    },
    networkPolicy: { enabled: true },
  };
}
