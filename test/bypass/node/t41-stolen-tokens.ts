/** T41: the token by which a pod's gateway becomes known, in other hands: sooner, later, from elsewhere, with another key. */
import type { LiveThreat, Result } from "../support/duel.ts";
import { type NodeField, OUTSIDE, SHOP, type Stolen, VICTIMS } from "./support/field.ts";

const [FIRST, LATER, WITHOUT_A_PIN] = VICTIMS;
const SYSTEM = "sallyport-system";

const certified = (said: string): Result => ({ hasWorked: said.startsWith("certified"), said });

/** What has to be so for a token to be enough: nobody's key is known for the pod, and the thief is where its gateway is. */
async function withoutAPin({ release, steal, enrol }: NodeField): Promise<Result> {
  const stolen = await steal(WITHOUT_A_PIN);
  await unpin(release, stolen);
  return certified(await enrol(stolen, stolen.pid, stolen.gatewayUid));
}

const pin = ({ uid }: Stolen): string => `lease/pod-${uid} --namespace ${SYSTEM}`;
const unpin = ({ kubectl }: NodeField["release"], stolen: Stolen): Promise<string> =>
  kubectl(`delete ${pin(stolen)} --ignore-not-found`);

/** What an agent would do with the text of it, if it came by it: at the broker's door, by its name and by its address. */
async function presented({ release, inside, steal }: NodeField, at: string, pod: string): Promise<Result> {
  const { token } = await steal(LATER);
  const broker = `get pod sallyport-broker-0 --namespace ${SYSTEM} --output=jsonpath={.status.podIP}`;
  const doors = [`sallyport-broker.${SYSTEM}.svc.cluster.local`, await release.kubectl(broker)];
  const body = `--header 'Content-Type: application/json' --data '${JSON.stringify({ token })}'`;
  const curl = "curl --silent --show-error --insecure --max-time 10";
  const said = await inside(
    at,
    pod,
    doors.map((door) => `${curl} ${body} https://${door}:8444/v1/enrol; echo`).join("\n"),
  );
  return { hasWorked: /"(?:problem|code|error)":/.test(said), said };
}

const brokersSay = ({ kubectl }: NodeField["release"]): Promise<string> =>
  kubectl(`logs --namespace ${SYSTEM} --selector=app.kubernetes.io/component=broker --tail=-1`);

export const STOLEN_TOKENS: LiveThreat<NodeField> = {
  id: "T41",
  title: "the gateway's token in other hands",
  duels: [
    {
      name: "looked for in the agent's container",
      without: async ({ inside }) => found(await inside(OUTSIDE, "loose", FIND)),
      with: async ({ inside }) => found(await inside(SHOP, FIRST, FIND)),
      stopped: /^no token$/,
    },
    {
      name: "first of all, from another pod: no key is known for it yet",
      without: withoutAPin,
      with: async ({ release, steal, enrol, processOf }) => {
        const stolen = await steal(FIRST);
        await unpin(release, stolen);
        const said = await enrol(stolen, await processOf(OUTSIDE, "loose"), 10_001);
        const pinned = await release.kubectl(`get ${pin(stolen)} --ignore-not-found --output=name`);
        return pinned === ""
          ? certified(said)
          : { hasWorked: true, said: "the thief's key is the pod's now" };
      },
      stopped: /IDENTITY_INVALID.*not its pod's/,
    },
    {
      name: "later, from another pod",
      without: withoutAPin,
      with: async ({ steal, enrol, processOf }) =>
        certified(await enrol(await steal(LATER), await processOf(OUTSIDE, "loose"), 10_001)),
      stopped: /IDENTITY_INVALID.*not its pod's/,
    },
    {
      name: "later, from the node itself",
      without: withoutAPin,
      with: async ({ steal, enrol }) => certified(await enrol(await steal(LATER), 1, 0)),
      stopped: /IDENTITY_INVALID.*not its pod's/,
    },
    {
      name: "from the pod's own address, as its gateway's user, with another key",
      without: withoutAPin,
      with: async ({ release, steal, enrol }) => {
        const stolen = await steal(LATER);
        const said = await enrol(stolen, stolen.pid, stolen.gatewayUid);
        const isTold = (await brokersSay(release)).includes("POD_KEY_REFUSED");
        return isTold ? certified(said) : { hasWorked: true, said: `nobody is told: ${said}` };
      },
      stopped: /POD_KEY_REFUSED/,
    },
    {
      name: "by the agent, from the pod's own address",
      // A container of a pod without rules is answered at the same doors.
      without: (field) => presented(field, OUTSIDE, "loose"),
      with: (field) => presented(field, SHOP, LATER),
      stopped: /Could not resolve host[^]*access denied/,
    },
    {
      name: "at the API server, for which it was not made",
      without: async ({ release }) => {
        const token = (await release.kubectl(`create token default --namespace ${SHOP}`)).trim();
        return atApiServer(release, token);
      },
      with: async ({ release, steal }) => atApiServer(release, (await steal(LATER)).token),
      stopped: /^401$/,
    },
  ],
};

const FIND = `
{ find / -xdev -name 'token*' -size +0 2>/dev/null; find /var/run /run -name 'token*' 2>/dev/null; } |
  while read -r file; do grep --quiet --extended-regexp '^eyJ[A-Za-z0-9_-]+\\.' "$file" 2>/dev/null && echo "$file"; done | sort -u
grep --text --only-matching --extended-regexp 'eyJ[A-Za-z0-9_-]{20,}\\.' /proc/[0-9]*/environ 2>/dev/null | head -1`;

const found = (said: string): Result => ({ hasWorked: said.trim() !== "", said: said.trim() || "no token" });

async function atApiServer({ node }: NodeField["release"], token: string): Promise<Result> {
  const ask = `curl --silent --insecure --output /dev/null --write-out '%{http_code}' --header 'Authorization: Bearer ${token}' ${node.url}/api/v1/namespaces/${SHOP}/pods`;
  const said = (await node.inNode(["sh", "-c", ask])).stdout.trim();
  // Whoever is known and may not is told 403.
  return { hasWorked: said !== "401", said };
}
