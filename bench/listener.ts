/** The one listener of the gateways that are measured: whoever connects is the agent of one token. */
export function gatewayKind(tokenFile: string): string {
  return `
apiVersion: sallyport.dev/v1alpha1
kind: Gateway
metadata: { name: bench }
spec:
  listeners:
    - name: bench
      connection: { namespace: bench, name: bench }
      address: { host: 127.0.0.1, port: 0 }
      identity: { ambient: { tokenFile: ${tokenFile} } }
`;
}
