/** Many small questions to one server: a few at a time. */
const AT_ONCE = 8;

export async function atOnce<Item>(
  items: readonly Item[],
  each: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await each(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
