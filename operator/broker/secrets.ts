/** Secrets of enforced namespaces, one by name at a time, and only where the Secret itself permits it. */
import type { NoSecret, SecretWanted } from "#broker/pods/pods.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { useOf } from "../credentials/usable-by.ts";
import type { Call, Kube } from "../kube/client.ts";
import { KubeError } from "../kube/error.ts";
import { SECRETS, objectKey } from "../kube/resource.ts";

const SECRET_BYTES_MAX = 4096;

export async function readSecret(
  kube: Pick<Kube, "get">,
  { connection, name, key }: SecretWanted,
  call: Call,
): Promise<SecretBytes | NoSecret> {
  const { namespace = "" } = connection.metadata;
  const place = `Secret ${namespace}/${name}`;
  const found = await getSecret(kube, objectKey(namespace, name), call);
  if (found instanceof KubeError) return unreadable(place, namespace, found);
  if (found === undefined) return { reason: "missing", why: `there is no ${place}` };
  const use = useOf({ namespace, name, annotations: found.metadata.annotations }, connection);
  if (!use.ok) return { reason: "not-permitted", why: use.why };
  const encoded = Object.hasOwn(found.data ?? {}, key) ? found.data?.[key] : undefined;
  if (encoded === undefined) return { reason: "missing", why: `${place} has no key ${key}` };
  const bytes = withoutLineBreak(Buffer.from(encoded, "base64"));
  if (bytes.length === 0 || bytes.length > SECRET_BYTES_MAX) {
    bytes.fill(0);
    return { reason: "unusable", why: `the key ${key} of ${place} must hold 1 to ${SECRET_BYTES_MAX} bytes` };
  }
  return new SecretBytes(bytes);
}

async function getSecret(kube: Pick<Kube, "get">, key: string, call: Call) {
  try {
    return await kube.get(SECRETS, key, call);
  } catch (error) {
    if (error instanceof KubeError) return error;
    throw error;
  }
}

function unreadable(place: string, namespace: string, error: KubeError): NoSecret {
  if (error.status !== 403)
    return { reason: "unavailable", why: `${place} cannot be read now: ${error.message}` };
  const why = `the broker may not read ${place}; it may in namespaces that bear the label sallyport.dev/enforce, so label ${namespace}`;
  return { reason: "not-permitted", why };
}

/** As with files: `kubectl create secret --from-file` keeps what an editor or `echo` puts at the end. */
function withoutLineBreak(bytes: Buffer): Buffer {
  const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? -2 : -1) : bytes.length;
  return bytes.subarray(0, end);
}
