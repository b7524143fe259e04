/** What each part of a run has to tell at its end. */
export interface LaneReport {
  readonly name: string;
  readonly executions: number;
  /** What else is worth knowing of it. */
  readonly told?: string;
  readonly findings: readonly LaneFinding[];
}

export interface LaneFinding {
  readonly what: string;
  /** The command that has it again. */
  readonly replay: string;
}

/** The last lines of a run; true when nothing was found. */
export function conclude(seed: number, seconds: number, lanes: readonly LaneReport[]): boolean {
  console.log(`fuzz: seed ${seed}, ${seconds.toFixed(0)} seconds`);
  for (const { name, executions, told, findings } of lanes) {
    const found = findings.length === 0 ? "nothing found" : `${findings.length} FOUND`;
    console.log(
      `fuzz: ${name.padEnd(12)} ${String(executions).padStart(9)} executions, ${found}${told === undefined ? "" : `; ${told}`}`,
    );
  }
  const findings = lanes.flatMap((lane) => lane.findings);
  for (const { what, replay } of findings) console.log(`fuzz: FOUND ${what}; again with: ${replay}`);
  return findings.length === 0;
}
