/** How the API server calls itself as an audience: the audiences of the token that it has given our own pod. */
import { readFile } from "node:fs/promises";

const TOKEN_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** None outside a cluster, where there is no such file; then only the names that are usual are known. */
export async function apiAudiences(tokenFile = TOKEN_FILE): Promise<readonly string[]> {
  try {
    return audiencesOf(await readFile(tokenFile, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** Read, not verified: the kubelet wrote the file. */
export function audiencesOf(token: string): readonly string[] {
  const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  const { aud } = JSON.parse(payload) as { readonly aud?: unknown };
  return [aud].flat().filter((audience) => typeof audience === "string");
}
