import type { Path } from "../../api/located.ts";
import type { Connection } from "../../api/kinds.gen.ts";
import type { Policy } from "../../api/loaded.ts";
import type { Finding, Lint } from "./lint.ts";
import { idOf, rulesOf } from "./world.ts";

export const inlineCredential: Lint = {
  title: "text that looks like a credential stands in a file",
  why:
    "Credentials are referenced, never written down: a file is copied, committed, and read by every agent that may " +
    "list the kind. Put it into the Secret that the connection names, and change it, because it has been seen.",
  find: (world) => [...world.loaded.connections, ...world.policies].flatMap(credentialsIn),
  wrong: `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata:
  name: reporting
  namespace: shop
  annotations: { note: "was postgres://app:hunter2@orders.db.example/orders before" }
spec:
  subjects: [{ serviceAccount: { name: reporter } }]
  connections: { names: [orders-db] }
  limits: { rows: 1000 }
`,
  right: `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata:
  name: reporting
  namespace: shop
  annotations: { note: "was postgres://orders.db.example/orders before" }
spec:
  subjects: [{ serviceAccount: { name: reporter } }]
  connections: { names: [orders-db] }
  limits: { rows: 1000 }
`,
};

/** Only what leaves no room for guessing: a URL with a password in it, `password=…`, a private key. */
const CREDENTIALS = [
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i,
  /\b(?:password|passwd|pgpassword)\s*=\s*[^\s"'<>$*]{3,}/i,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
] as const;

function credentialsIn(object: Policy | Connection): Finding[] {
  return freeTexts(object)
    .filter(([, text]) => CREDENTIALS.some((pattern) => pattern.test(text)))
    .map(([path]) => ({
      object: idOf(object),
      path,
      message:
        "this text holds what looks like a credential; move it into the Secret that the connection names, and change it",
    }));
}

function freeTexts(object: Policy | Connection): (readonly [path: Path, text: string])[] {
  const annotations = Object.entries(object.metadata.annotations ?? {}).map(
    ([key, text]) => [["metadata", "annotations", key], text] as const,
  );
  if (object.kind === "Connection")
    return [...annotations, [["spec", "address", "host"], object.spec.address.host]];
  const reasons = rulesOf(object).map(({ rule, path }) => [[...path, "reason"], rule.reason ?? ""] as const);
  return [...annotations, ...reasons];
}
