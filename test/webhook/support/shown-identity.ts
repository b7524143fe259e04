/** A certificate that an API server shows to webhooks, and the file that tells it to: Kubernetes' own way, and the only one there is. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Certified, makeAuthority, makeClientCertificate } from "#runtime/certificate/make.ts";
import { DAY_MS } from "./admission-port.ts";

export interface ShownIdentity extends Disposable {
  readonly authority: Certified;
  /** For `--admission-control-config-file`. */
  readonly configFile: string;
  /** Whom the operator is to believe; may be written anew. */
  readonly caFile: string;
}

export const SHOWN_NAME = "kube-apiserver";

export function shownIdentity(): ShownIdentity {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-identity-"));
  const write = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const authority = makeAuthority("API servers", Date.now(), DAY_MS);
  const shown = makeClientCertificate(
    authority,
    { commonName: SHOWN_NAME, organizations: [] },
    Date.now(),
    DAY_MS,
  );
  const user = {
    "client-certificate": write("client.crt", shown.certificatePem),
    "client-key": write("client.key", shown.keyPem),
  };
  const kubeConfigFile = write(
    "kubeconfig",
    JSON.stringify({ apiVersion: "v1", kind: "Config", users: [{ name: "*", user }] }),
  );
  const configuration = {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "WebhookAdmissionConfiguration",
    kubeConfigFile,
  };
  const configFile = write(
    "admission.json",
    JSON.stringify({
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "AdmissionConfiguration",
      plugins: ["MutatingAdmissionWebhook", "ValidatingAdmissionWebhook"].map((name) => ({
        name,
        configuration,
      })),
    }),
  );
  return {
    authority,
    configFile,
    caFile: write("ca.crt", authority.certificatePem),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
