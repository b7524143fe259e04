/**
 * What there is only so much of, for all who reach the port. No address gets more than half of it: whoever else is on the network may
 * keep it, and the API server is to be answered all the same.
 */
export interface Shares {
  readonly taken: number;
  /** Gives it back when called; undefined when there is not that much left, for this address or at all. */
  take(address: string, amount: number): (() => void) | undefined;
}

const PART = 0.5;

export function openShares(total: number): Shares {
  const byAddress = new Map<string, number>();
  const most = Math.max(1, Math.floor(total * PART));
  let taken = 0;
  const add = (address: string, amount: number): void => {
    taken += amount;
    const now = (byAddress.get(address) ?? 0) + amount;
    if (now === 0) byAddress.delete(address);
    else byAddress.set(address, now);
  };
  return {
    get taken() {
      return taken;
    },
    take(address, amount) {
      if (taken + amount > total || (byAddress.get(address) ?? 0) + amount > most) return undefined;
      add(address, amount);
      return () => add(address, -amount);
    },
  };
}
