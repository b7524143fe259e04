/** A gateway that is measured, with a listener for each Connection: whoever connects is the agent of one token. */
export function gatewayKind(tokenFile: string, connections: readonly string[]): string {
  const listeners = connections.map(
    (name) => `
    - name: ${name}
      connection: { namespace: bench, name: ${name} }
      address: { host: 127.0.0.1, port: 0 }
      identity: { ambient: { tokenFile: ${tokenFile} } }`,
  );
  return `
apiVersion: sallyport.dev/v1alpha1
kind: Gateway
metadata: { name: bench }
spec:
  listeners: ${listeners.join("")}
`;
}
