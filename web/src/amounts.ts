// Amounts: whole nano-NMR in BigInt, never a float.

export const WEI_PER_NANO = 10n ** 9n;
const NANO = 10n ** 9n;
export const SHARE_FLAG = 1n << 63n;
const SHARE_STEP = 5_000n;
const AMOUNT_STEP = 10n ** 6n;

/** Returns nano-NMR as NMR in plain decimals. */
export function nmr(nano: bigint): string {
  const sign = nano < 0n ? "−" : "";
  const size = nano < 0n ? -nano : nano;
  const rest = (size % NANO).toString().padStart(9, "0").replace(/0+$/, "");
  const whole = (size / NANO).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  return `${sign}${whole}${rest ? `.${rest}` : ""}`;
}

/** Reads NMR in plain decimals, at most nine of them. */
export function nanoFrom(text: string): bigint {
  const match = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text.trim());
  if (!match) throw new Error(`expected NMR in plain decimals, such as 12.5, found ${text.slice(0, 30) || "nothing"}`);
  const nano = BigInt(match[1] ?? "0") * NANO + BigInt((match[2] ?? "").padEnd(9, "0") || "0");
  if (nano === 0n) throw new Error("expected more than nothing, found 0 NMR");
  return nano;
}

/** Returns the largest allocation of an amount that the contract can hold, up to this one: two digits are kept. */
export function amountAllocation(nano: bigint): bigint {
  let digits = nano / AMOUNT_STEP;
  let power = AMOUNT_STEP;
  while (digits > 99n) {
    digits /= 10n;
    power *= 10n;
  }
  if (digits < 10n) throw new Error("expected at least 0.01 NMR, found less");
  return digits * power;
}

/** Returns the allocation of a share of idle stake in percent, in steps of half a percent. */
export function shareAllocation(text: string): bigint {
  const match = /^(\d{1,3})(?:\.(0|5))?$/.exec(text.trim());
  const half = match ? BigInt(match[1] ?? "0") * 2n + (match[2] === "5" ? 1n : 0n) : 0n;
  if (!match || half < 1n || half > 200n) throw new Error("expected a share from 0.5 to 100 %, in steps of 0.5");
  return SHARE_FLAG | (half * SHARE_STEP);
}

/** Returns an allocation in words. */
export function allocationText(allocation: bigint): string {
  if (allocation === 0n) return "nothing";
  if (allocation & SHARE_FLAG) return `${Number(allocation ^ SHARE_FLAG) / 10_000} % of idle stake`;
  return `${nmr(allocation)} NMR`;
}

/** Returns what a round would lock now. */
export function position(idle: bigint, allocation: bigint, least: bigint): bigint {
  const wanted = allocation & SHARE_FLAG ? (idle * (allocation ^ SHARE_FLAG)) / 1_000_000n : allocation;
  const locked = wanted < idle ? wanted : idle;
  return locked < least ? 0n : locked;
}
