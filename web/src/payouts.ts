// The contract's arithmetic of a settlement, in whole numbers: contracts/lib/PayoutMath.sol.

const PPM = 1_000_000n;
const LANE = (1n << 64n) - 1n;

export interface Terms {
  payoutFactor: bigint;
  cap: bigint;
  reserved: bigint;
  totalPayout: bigint;
}

export interface Outcome {
  position: bigint;
  score: bigint;
  payout: bigint;
  burn: bigint;
}

/** Returns the four positions of a slot's word. */
export const lanes = (word: bigint): bigint[] => [0n, 64n, 128n, 192n].map((shift) => (word >> shift) & LANE);

/** Returns the four scores of a slot, three bytes each, from a chunk's bytes in hex. */
export function scoresAt(hex: string, slot: number): bigint[] {
  const word = BigInt(`0x${hex.slice(2 + 24 * slot, 26 + 24 * slot) || "0"}`);
  return [0n, 24n, 48n, 72n].map((shift) => BigInt.asIntN(24, (word >> shift) & 0xffffffn));
}

/** Returns what a position earns whose model was to show its predictions and did not: it comes back whole. */
export const returned = (position: bigint, score: bigint): Outcome => ({ position, score, payout: 0n, burn: 0n });

/** Returns what a position earns or loses by its score. */
export function outcome(position: bigint, score: bigint, terms: Terms): Outcome {
  const magnitude = score < 0n ? -score : score;
  let rate = (magnitude * terms.payoutFactor) / PPM;
  if (rate > terms.cap) rate = terms.cap;
  const amount = (position * rate) / PPM;
  if (score < 0n) return { position, score, payout: 0n, burn: amount };
  const isShort = terms.reserved < terms.totalPayout;
  return { position, score, payout: isShort ? (amount * terms.reserved) / terms.totalPayout : amount, burn: 0n };
}
