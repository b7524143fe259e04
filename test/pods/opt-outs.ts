/**
 * What an author writes who wants no gateway: the words of other injectors, our own marks, names, and shapes that elsewhere are
 * passed over in silence. Each comes out with the gateway in it or does not come out; there is no third way.
 */
export interface OptOut {
  readonly name: string;
  /** YAML laid over the smallest pod. */
  readonly pod: string;
  readonly outcome: "injected" | "refused";
}

export const OPT_OUTS: readonly OptOut[] = [
  {
    name: "a label that says no",
    pod: `metadata: { labels: { sallyport.dev/inject: "false" } }`,
    outcome: "refused",
  },
  {
    name: "an annotation that says no",
    pod: `metadata: { annotations: { sallyport.dev/inject: "disabled" } }`,
    outcome: "refused",
  },
  {
    name: "the namespace's own label, on the pod",
    pod: `metadata: { labels: { sallyport.dev/enforce: "false" } }`,
    outcome: "refused",
  },
  {
    name: "a rootless mode of its own",
    pod: `metadata: { labels: { sallyport.dev/rootless: rootNoCaps } }`,
    outcome: "refused",
  },
  {
    name: "an annotation in other letters",
    pod: `metadata: { annotations: { SallyPort.dev/inject: "false" } }`,
    outcome: "refused",
  },
  {
    name: "an annotation of a subdomain",
    pod: `metadata: { annotations: { gateway.sallyport.dev/skip-outbound-ports: "443" } }`,
    outcome: "refused",
  },
  {
    name: "the mark of a pod that is injected already",
    pod: `metadata: { annotations: { sallyport.dev/injected: '{"v":1,"uid":41873}' } }`,
    outcome: "injected",
  },
  {
    name: "the opt-outs of other injectors",
    pod: `metadata:
  labels: { sidecar.istio.io/inject: "false", admission.datadoghq.com/enabled: "false" }
  annotations: { linkerd.io/inject: disabled, vault.hashicorp.com/agent-inject-status: injected, sidecar.istio.io/inject: "false" }`,
    outcome: "injected",
  },
  {
    name: "excluded addresses and ports, as meshes have them",
    pod: `metadata:
  annotations: { traffic.sidecar.istio.io/excludeOutboundIPRanges: 0.0.0.0/0, config.linkerd.io/skip-outbound-ports: 1-65535 }`,
    outcome: "injected",
  },
  {
    name: "the control plane's labels",
    pod: "metadata: { labels: { control-plane: controller-manager, k8s-app: kube-dns, openshift.io/run-level: '0' } }",
    outcome: "injected",
  },
  {
    name: "a container called as the gateway",
    pod: "spec: { containers: [{ name: gw, image: app }] }",
    outcome: "refused",
  },
  {
    name: "an init container called as gw-init",
    pod: "spec: { initContainers: [{ name: gw-init, image: app }] }",
    outcome: "refused",
  },
  {
    name: "a gateway of its own, in the right place and with the right image",
    pod: `spec:
  initContainers:
    - { name: gw-init, image: sallyport/gw-init, args: ["--uid=10001"] }
    - { name: gw, image: sallyport/gateway, restartPolicy: Always, env: [{ name: GW_BROKER, value: "evil.example:8443" }] }`,
    outcome: "injected",
  },
  {
    name: "the whole gateway, with capture for another user",
    pod: `spec:
  initContainers:
    - { name: gw-init, image: sallyport/gw-init, args: ["--uid=10001", --capture=15001, --dns=15053, --reserved=15000-15099] }
    - name: gw
      image: sallyport/gateway
      restartPolicy: Always
      env: [{ name: GW_BROKER, value: "sallyport-broker.sallyport-system.svc:8443" }]
      securityContext: { runAsUser: 10001 }
  volumes:
    - { name: gw-state, emptyDir: { medium: Memory, sizeLimit: 1Mi } }`,
    outcome: "injected",
  },
  {
    name: "volumes of the gateway, as its own",
    pod: "spec: { volumes: [{ name: gw-token, emptyDir: {} }] }",
    outcome: "refused",
  },
  {
    name: "the gateway's token, mounted",
    pod: "spec: { containers: [{ name: app, image: app, volumeMounts: [{ name: gw-token, mountPath: /t }] }] }",
    outcome: "refused",
  },
  {
    name: "a token like the gateway's",
    pod: `spec:
  volumes: [{ name: t, projected: { sources: [{ serviceAccountToken: { audience: sallyport.dev/broker, path: t } }] } }]`,
    outcome: "refused",
  },
  {
    name: "the gateway's keys as a variable",
    pod: `spec:
  containers:
    - name: app
      image: app
      env: [{ name: K, valueFrom: { fileKeyRef: { volumeName: gw-state, path: ca.key, key: k } } }]`,
    outcome: "refused",
  },
  { name: "the node's network", pod: "spec: { hostNetwork: true }", outcome: "refused" },
  { name: "the node's processes", pod: "spec: { hostPID: true }", outcome: "refused" },
  { name: "processes in common", pod: "spec: { shareProcessNamespace: true }", outcome: "refused" },
  {
    name: "a privileged container",
    pod: "spec: { containers: [{ name: app, image: app, securityContext: { privileged: true } }] }",
    outcome: "refused",
  },
  {
    name: "NET_ADMIN for an init container only",
    pod: "spec: { initContainers: [{ name: i, image: app, securityContext: { capabilities: { add: [NET_ADMIN] } } }] }",
    outcome: "refused",
  },
  {
    name: "the user of the gateway that comes",
    pod: "spec: { containers: [{ name: app, image: app, securityContext: { runAsUser: 41873, allowPrivilegeEscalation: true } }] }",
    outcome: "injected",
  },
  {
    name: "the user of gw-init",
    pod: "spec: { securityContext: { runAsUser: 65533 } }",
    outcome: "refused",
  },
  {
    name: "a user that the image chooses",
    pod: "spec: { securityContext: { runAsNonRoot: true } }",
    outcome: "injected",
  },
  {
    name: "a port of the gateway",
    pod: "spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 15001 }] }] }",
    outcome: "refused",
  },
  {
    name: "the broker under another address",
    pod: "spec: { hostAliases: [{ ip: 203.0.113.9, hostnames: [sallyport-broker.sallyport-system.svc] }] }",
    outcome: "refused",
  },
  {
    name: "names by another server",
    pod: "spec: { dnsPolicy: None, dnsConfig: { nameservers: [203.0.113.53] } }",
    outcome: "injected",
  },
  {
    name: "a probe that carries data out",
    pod: "spec: { containers: [{ name: app, image: app, readinessProbe: { httpGet: { host: out.example, path: /secret, port: 80 } } }] }",
    outcome: "refused",
  },
  {
    name: "a file server of its own",
    pod: "spec: { volumes: [{ name: out, nfs: { server: out.example, path: / } }] }",
    outcome: "refused",
  },
  {
    name: "an image for a volume",
    pod: "spec: { volumes: [{ name: out, image: { reference: out.example/x } }] }",
    outcome: "refused",
  },
  { name: "Windows", pod: "spec: { os: { name: windows } }", outcome: "refused" },
  {
    name: "the claim to be static",
    pod: `metadata: { annotations: { kubernetes.io/config.mirror: x, kubernetes.io/config.source: file } }`,
    outcome: "refused",
  },
  { name: "a node of its own choice", pod: "spec: { nodeName: node-1 }", outcome: "injected" },
  {
    name: "a token of the API after all",
    pod: "spec: { automountServiceAccountToken: true }",
    outcome: "injected",
  },
  {
    name: "somebody else's origin",
    pod: `metadata: { annotations: { sallyport.dev/origin-user: admin, sallyport.dev/origin-pod-uid: "7d1f" } }`,
    outcome: "injected",
  },
];
