import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { podAccess } from "#operator/kube/access.ts";
import { openKube, type Kube } from "#operator/kube/client.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { soon } from "./client.ts";

const SELF = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "selfsubjectreviews",
  kind: "SelfSubjectReview",
  namespaced: false,
};

export function accessTests(given: () => { readonly api: ApiTier }): void {
  test("a pod's own account is enough, and a token that the kubelet renews counts from the next request on", async () => {
    const { api } = given();
    const folder = await mkdtemp(join(tmpdir(), "sallyport-account-"));
    try {
      const { hostname, port } = new URL(api.url);
      const access = podAccess({ KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }, folder);
      assert.ok(access !== undefined);
      using kube = openKube(access);
      await assert.rejects(whoami(kube), /the pod's own account cannot be read/);
      await writeFile(
        join(folder, "ca.crt"),
        Buffer.from(api.config.getCurrentCluster()?.caData ?? "", "base64"),
      );
      for (const namespace of [await api.namespace(), await api.namespace()]) {
        const { token = "" } = (await api.asServiceAccount(namespace, "default")).getCurrentUser() ?? {};
        await writeFile(join(folder, "token"), `${token}\n`);
        assert.equal(await whoami(kube), `system:serviceaccount:${namespace}:default`);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("outside a pod there is none; an IPv6 address becomes an address of a URL", () => {
    assert.equal(podAccess({}), undefined);
    const access = podAccess({ KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" });
    assert.equal(access?.getCurrentCluster()?.server, "https://[fd00::1]:443");
  });
}

async function whoami(kube: Kube): Promise<string> {
  const review = await kube.post<{ status: { userInfo: { username: string } } }>(
    { resource: SELF },
    {},
    soon(),
  );
  return review.status.userInfo.username;
}
