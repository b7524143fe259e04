/** A step that did not show what it is there to show: the demo is a test, too. */
export class NotShown extends Error {
  override readonly name = "NotShown";
}

export function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new NotShown(`not shown: ${what}`);
}
