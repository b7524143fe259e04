/** What a test of a release looks at, and in which order it came. */
import assert from "node:assert/strict";
import type { V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import type { Release } from "./release.ts";

export const python = (program: string): string => `python3 - <<'PROGRAM'\n${program}\nPROGRAM`;

export const namesOf = (items: readonly { readonly name: string }[] = []): readonly string[] =>
  items.map(({ name }) => name);

export const whenReady = ({ kubectl }: Release, at: string, name: string): Promise<string> =>
  kubectl(`wait --namespace ${at} --for=condition=Ready pod/${name} --timeout=60s`);

export const read = async ({ kubectl }: Release, at: string, words: string): Promise<V1Pod> =>
  JSON.parse(await kubectl(`get --namespace ${at} ${words} --output=json`)) as V1Pod;

/** Of the pod `ordered`, whose first container tries to get out. */
export async function assertOrdered(release: Release, at: string): Promise<void> {
  await whenReady(release, at, "ordered");
  const { status } = await read(release, at, "pod ordered");
  const [gwInit, gw, first] = status?.initContainerStatuses ?? [];
  const [agent] = status?.containerStatuses ?? [];
  assert.deepEqual(namesOf(status?.initContainerStatuses), ["gw-init", "gw", "first"]);
  const times = [ended(gwInit), started(gw), started(first), ended(first), started(agent)];
  assert.deepEqual(times, times.toSorted(), "in this order");
  assert.ok(gw?.started === true && gwInit?.state?.terminated?.exitCode === 0);
  const said = await release.kubectl(`logs --namespace ${at} ordered --container=first`);
  assert.match(said, /DESTINATION_UNKNOWN/, "captured from its first init container on");
}

function started(status: V1ContainerStatus | undefined): string {
  const { running, terminated } = status?.state ?? {};
  return String(running?.startedAt ?? terminated?.startedAt);
}

const ended = (status: V1ContainerStatus | undefined): string =>
  String(status?.state?.terminated?.finishedAt);
