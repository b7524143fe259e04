/**
 * A copy that nothing else hangs on. Whatever is kept for long is to be one: a small Buffer is a view of a slab that it shares with
 * others or of a whole read, and keeps that in memory for as long as it is there itself.
 */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
