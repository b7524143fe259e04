/** Kubernetes quantities compared as amounts: the API server writes `1024Mi` back as `1Gi`. */

const QUANTITY = /^([+-]?)(\d*)(?:\.(\d*))?(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/;
const POWERS_OF_TEN: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const POWERS_OF_1024 = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/** Finer than any quantity that Kubernetes keeps. */
const SCALE = 40;
const TEXT_MAX = 64;

export function sameQuantity(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  const [left, right] = [amountOf(one), amountOf(other)];
  return left !== undefined && left === right;
}

/** As a quantity again, in thousandths where it is not whole; finer amounts are rounded up. */
export function quantityOf(amount: bigint): string {
  const whole = 10n ** BigInt(SCALE);
  if (amount % whole === 0n) return String(amount / whole);
  const thousandth = whole / 1000n;
  return `${(amount + thousandth - 1n) / thousandth}m`;
}

/** In units of 10^-SCALE; undefined where it is no quantity. */
export function amountOf(quantity: unknown): bigint | undefined {
  const text = typeof quantity === "number" ? String(quantity) : quantity;
  if (typeof text !== "string" || text.length > TEXT_MAX) return undefined;
  const parts = QUANTITY.exec(text);
  if (parts === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent, suffix = ""] = parts;
  if (whole === "" && fraction === "") return undefined;
  const binary = POWERS_OF_1024.indexOf(suffix) + 1;
  const power = exponent === undefined ? (POWERS_OF_TEN[suffix] ?? 0) : Number(exponent.slice(1));
  const shift = SCALE + (binary > 0 ? 0 : power) - fraction.length;
  if (shift < 0) return undefined;
  const digits = BigInt(`${sign}${whole}${fraction}`) * 1024n ** BigInt(binary);
  return digits * 10n ** BigInt(shift);
}
