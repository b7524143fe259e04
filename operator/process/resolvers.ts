/** The name servers that gateways ask, when the configuration names none: those of the cluster's own DNS Service. */
import type { Call, Kube } from "../kube/client.ts";
import { SERVICES, objectKey } from "../kube/resource.ts";

/** By this name wherever kubeadm, a cloud or a distribution has set a cluster up: clients outside of pods rely on it. */
const DNS_SERVICE = objectKey("kube-system", "kube-dns");

export async function clusterResolvers(kube: Kube, call: Call): Promise<readonly string[]> {
  const service = await kube.get(SERVICES, DNS_SERVICE, call);
  const addresses = (service?.spec?.clusterIPs ?? []).filter(
    (address) => address !== "None" && address !== "",
  );
  if (addresses.length === 0)
    throw new Error(
      `Service ${DNS_SERVICE} has no address: name the cluster's DNS servers in injection.resolvers`,
    );
  return addresses;
}
