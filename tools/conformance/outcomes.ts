/** What a suite came to on one way: by the name of each of its tests, a text that is the same where the test went the same. */
export type Outcomes = ReadonlyMap<string, string>;

/** Names of tests that went otherwise, or are only in one of them. */
export function differing(direct: Outcomes, other: Outcomes): readonly string[] {
  const names = new Set([...direct.keys(), ...other.keys()]);
  return [...names].filter((name) => direct.get(name) !== other.get(name)).toSorted();
}
