/** How the two containers are that make a pod's gateway. Pure. */
import type { Pod } from "#operator/kube/resource.ts";
import { CONTAINERS } from "#operator/names.ts";
import type { Finding } from "./judge.ts";

type Status = NonNullable<NonNullable<Pod["status"]>["initContainerStatuses"]>[number];

interface Patient {
  /** What kubectl needs to find the pod. */
  readonly of: string;
  readonly name: string;
}

const about = "gateway";

export function containersOf({ metadata, spec, status }: Pod): readonly Finding[] {
  const { namespace = "", name } = metadata;
  const patient = { of: `kubectl -n ${namespace}`, name };
  const names = spec?.initContainers?.map((each) => each.name) ?? [];
  if (!Object.values(CONTAINERS).every((each) => names.includes(each))) {
    const text = "the pod has no gateway: it was made before its namespace was labelled";
    return [{ state: "wrong", about, text, next: `Make it again: ${patient.of} delete pod ${name}` }];
  }
  const statusOf = (container: string): Status | undefined =>
    status?.initContainerStatuses?.find((each) => each.name === container);
  const [init, gateway] = [statusOf(CONTAINERS.init), statusOf(CONTAINERS.gateway)];
  return [failed(init, patient) ?? waits(init, patient) ?? waits(gateway, patient) ?? runs(gateway, patient)];
}

function failed(init: Status | undefined, { of, name }: Patient): Finding | undefined {
  const last = init?.state?.terminated ?? init?.lastState?.terminated;
  if (last === undefined || last.exitCode === 0 || init?.state?.running !== undefined) return undefined;
  const text = `${CONTAINERS.init} ended with ${last.exitCode}: the pod's rules are not in place`;
  return { state: "wrong", about, text, next: `${of} logs ${name} -c ${CONTAINERS.init}` };
}

function waits(status: Status | undefined, { of, name }: Patient): Finding | undefined {
  const reason = status?.state?.waiting?.reason;
  if (status === undefined || reason === undefined || reason === "PodInitializing") return undefined;
  const text = `${status.name} waits: ${reason}`;
  return { state: "wrong", about, text, next: `${of} describe pod ${name}` };
}

function runs(gateway: Status | undefined, { of, name }: Patient): Finding {
  if (gateway?.state?.running === undefined) return { state: "wrong", about, text: "it does not run yet" };
  const restarts = gateway.restartCount === 0 ? "" : `, started again ${gateway.restartCount} times`;
  if (gateway.ready) return { state: "ok", about, text: `it runs and is ready${restarts}` };
  const next = `${of} logs ${name} -c ${CONTAINERS.gateway}`;
  return { state: "wrong", about, text: `it runs and is not ready${restarts}`, next };
}
