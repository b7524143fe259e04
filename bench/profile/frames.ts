/** The frames of a profile in which the time itself was spent. Pure. */

/** As the inspector gives it. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Frame {
  readonly name: string;
  readonly place: string;
  readonly selfUs: number;
}

const IDLE = "(idle)";

/** By their own time, the longest first; waiting is none. */
function framesOf({ nodes, samples, timeDeltas }: CpuProfile): Frame[] {
  const callFrames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const frames = new Map<string, Frame>();
  for (const [index, id] of samples.entries()) {
    const frame = callFrames.get(id);
    if (frame === undefined || frame.functionName === IDLE) continue;
    const place = placeOf(frame.url, frame.lineNumber);
    const name = frame.functionName === "" ? "(anonymous)" : frame.functionName;
    const key = `${name} ${place}`;
    // A delta is the time up to its sample.
    const selfUs = (frames.get(key)?.selfUs ?? 0) + (timeDeltas[index + 1] ?? 0);
    frames.set(key, { name, place, selfUs });
  }
  return [...frames.values()].toSorted((a, b) => b.selfUs - a.selfUs);
}

/** Without the folders that this checkout stands in. */
function placeOf(url: string, line: number): string {
  const path = url
    .replace(/^file:\/\//, "")
    .replace(/^.*?\/(?=(core|runtime|sidecar|broker|cli|node_modules)\/)/, "");
  return path === "" ? "" : `${path}:${line + 1}`;
}

/** The busiest frames, and what they are parts of. */
export interface Profile {
  readonly busyUs: number;
  /** Of whatever was done meanwhile: transactions, or large results. */
  readonly done: number;
  readonly frames: readonly Frame[];
}

const FRAMES_MAX = 60;

export function profileOf(profile: CpuProfile, done: number): Profile {
  const frames = framesOf(profile);
  const busyUs = frames.reduce((total, { selfUs }) => total + selfUs, 0);
  return { busyUs, done, frames: frames.slice(0, FRAMES_MAX) };
}

export function printProfile({ busyUs, done, frames }: Profile, top: number): string {
  const lines = frames.slice(0, top).map(({ name, place, selfUs }) => {
    const part = ((selfUs / busyUs) * 100).toFixed(1).padStart(6);
    return `${part} % ${(selfUs / done).toFixed(1).padStart(9)} µs  ${name}  ${place}\n`;
  });
  return `busy ${(busyUs / 1_000).toFixed(0)} ms, ${done} of them; own time in all, and for each\n${lines.join("")}`;
}
