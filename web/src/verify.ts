// Verifies a round's payouts: from the chain's own logs, by an endpoint of the reader's, in whole numbers.

import { type Client, createClient, custom, http } from "viem";
import { getBlock, getChainId, getContractEvents, readContract } from "viem/actions";
import { concatHex, encodeAbiParameters, keccak256, numberToHex } from "viem/utils";
import { DEMANDS, ROUNDS } from "./abi";
import { nmr } from "./amounts";
import { base, make, said, wordsOf } from "./page";
import { type Outcome, lanes, outcome, returned, scoresAt } from "./payouts";
import { choose } from "./wallets";

type Hex = `0x${string}`;

interface Place {
  address: Hex;
  chain: number;
  round: bigint;
  from: bigint;
}

interface Shown {
  model: number;
  position: string;
  reward_score: number;
  payout: string;
  burn: string;
}

interface Locked {
  fromSlot: bigint;
  positions: readonly bigint[];
}

interface Ended {
  positionsHead: Hex;
}

interface Settled {
  fromSlot: bigint;
  payout: bigint;
  burn: bigint;
  scores: Hex;
}

const PAGE = 1000n;
const LARGEST = 10_000n;
const WORD = { type: "bytes32" } as const;

const placeOf = (form: HTMLFormElement): Place => ({
  address: form.dataset.tournament as Hex,
  chain: Number(form.dataset.chain),
  round: BigInt(form.dataset.round ?? "0"),
  from: BigInt(form.dataset.from ?? "0"),
});

export async function verifyByEndpoint(form: HTMLFormElement) {
  const url = String(new FormData(form).get("endpoint") ?? "");
  await verify(form, createClient({ transport: http(url, { retryCount: 1, timeout: 20_000 }) }));
}

export async function verifyByWallet(form: HTMLFormElement) {
  const provider = await choose(form);
  if (provider) await verify(form, createClient({ transport: custom(provider as never) }));
}

async function verify(form: HTMLFormElement, client: Client) {
  const place = placeOf(form);
  const outcomePlace = document.querySelector<HTMLElement>("[data-outcome]");
  outcomePlace?.replaceChildren();
  try {
    said(form, "Asking the endpoint for the round.");
    const chain = await getChainId(client);
    if (chain !== place.chain) throw new Error(`expected an endpoint of chain ${place.chain}, found chain ${chain}`);
    const checks = await checked(client, place, (words) => said(form, words));
    const wrong = checks.filter((check) => !check.holds);
    said(
      form,
      wrong.length
        ? `${wrong.length} of ${checks.length} checks fail. Do not believe this server before you know why.`
        : `All ${checks.length} checks hold: every payout and burn of round ${place.round} is what the contract's arithmetic gives.`,
      wrong.length ? "wrong" : "good",
    );
    outcomePlace?.replaceChildren(table(checks));
  } catch (error) {
    said(form, `Not verified: ${wordsOf(error).split("\n")[0]}`, "wrong");
  }
}

interface Check {
  what: string;
  expected: string;
  found: string;
  holds: boolean;
}

const check = (what: string, expected: string, found: string): Check => ({ what, expected, found, holds: expected === found });

const styleOf = (text: string) => (text.startsWith("0x") ? "hash" : "number");

function table(checks: Check[]): HTMLElement {
  const head = make("tr", {}, ...["Check", "Chain or contract", "Computed here", "Holds"].map((name) => make("th", { scope: "col" }, name)));
  const rows = checks.map(({ what, expected, found, holds }) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, what),
      make("td", {}, make("span", { class: styleOf(expected) }, expected)),
      make("td", {}, make("span", { class: styleOf(found) }, found)),
      make("td", { class: holds ? "gain" : "loss" }, holds ? "yes" : "NO"),
    ),
  );
  const whole = make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
  return make("div", { class: "table", role: "region", "aria-label": "Checks", tabindex: "0" }, whole);
}

/** Returns the first block of some at or after a time. */
async function firstBlockAt(client: Client, time: bigint, low: bigint, high: bigint): Promise<bigint> {
  let [first, last] = [low, high];
  while (first <= last) {
    const middle = (first + last) / 2n;
    const block = await getBlock(client, { blockNumber: middle });
    if (block.timestamp < time) first = middle + 1n;
    else last = middle - 1n;
  }
  return first;
}

/** Returns a round's logs of one kind, in ranges as large as the endpoint takes. */
async function events<T>(client: Client, place: Place, eventName: string, from: bigint, to: bigint): Promise<{ args: T }[]> {
  const found: { args: T }[] = [];
  let [first, size] = [from, LARGEST];
  while (first <= to) {
    const last = first + size - 1n < to ? first + size - 1n : to;
    const wanted = { address: place.address, abi: ROUNDS, eventName, args: { roundId: place.round }, strict: true };
    try {
      const logs = await getContractEvents(client, { ...wanted, fromBlock: first, toBlock: last } as never);
      found.push(...(logs as unknown as { args: T }[]));
      first = last + 1n;
    } catch (error) {
      if (size <= 10n) throw error;
      size /= 2n;
    }
  }
  return found;
}

async function models(client: Client, place: Place): Promise<bigint[]> {
  const call = { address: place.address, abi: ROUNDS } as const;
  const count = await readContract(client, { ...call, functionName: "laneCount" });
  const all: bigint[] = [];
  for (let start = 0n; start < count; start += PAGE) {
    const size = count - start < PAGE ? count - start : PAGE;
    all.push(...(await readContract(client, { ...call, functionName: "modelsAt", args: [start, size] })));
  }
  return all;
}

/** Returns the lanes whose predictions were demanded and not shown: whatever they scored, they come back whole. */
async function silentLanes(client: Client, place: Place): Promise<Set<number>> {
  const address = await readContract(client, { address: place.address, abi: ROUNDS, functionName: "demands" });
  if (BigInt(address) === 0n) return new Set();
  const call = { address, abi: DEMANDS, functionName: "silentLanes" } as const;
  const found = await readContract(client, { ...call, args: [place.address, place.round] });
  return new Set(found.map(Number));
}

async function checked(client: Client, place: Place, tell: (words: string) => void): Promise<Check[]> {
  const round = await readContract(client, { address: place.address, abi: ROUNDS, functionName: "round", args: [place.round] });
  if (round.state !== 6) throw new Error(`expected a settled round, found one in state ${round.state}`);
  const latest = await getBlock(client);
  const first = await firstBlockAt(client, round.closeAt, place.from, latest.number);
  tell("Reading the logs of the lock and the settlement.");
  const locked = await events<Locked>(client, place, "PositionsLocked", first, latest.number);
  const ended = await events<Ended>(client, place, "LockEnded", first, latest.number);
  const settled = await events<Settled>(client, place, "ChunkSettled", first, latest.number);
  const silent = await silentLanes(client, place);
  const lanesOf = await models(client, place);
  tell("Computing.");
  const terms = { ...round, payoutFactor: BigInt(round.payoutFactor), cap: BigInt(round.cap) };
  let head: Hex = `0x${"00".repeat(32)}`;
  const words = new Map<bigint, readonly bigint[]>();
  for (const { args } of locked) {
    const digest = keccak256(concatHex(args.positions.map((word) => numberToHex(word, { size: 32 }))));
    head = keccak256(encodeAbiParameters([WORD, { type: "uint256" }, WORD], [head, args.fromSlot, digest]));
    words.set(args.fromSlot, args.positions);
  }
  const outcomes = new Map<number, Outcome>();
  let [paid, burned, atRisk, chunks] = [0n, 0n, 0n, 0];
  for (const { args } of settled) {
    let [payout, burn] = [0n, 0n];
    (words.get(args.fromSlot) ?? []).forEach((word, slot) => {
      const scores = scoresAt(args.scores, slot);
      lanes(word).forEach((size, lane) => {
        const number = Number(args.fromSlot + BigInt(slot)) * 4 + lane;
        const score = scores[lane] ?? 0n;
        const found = silent.has(number) ? returned(size, score) : outcome(size, score, terms);
        const model = lanesOf[number];
        if (size && model !== undefined) outcomes.set(Number(model), found);
        payout += found.payout;
        burn += found.burn;
        atRisk += size;
      });
    });
    if (payout === args.payout && burn === args.burn) chunks += 1;
    paid += payout;
    burned += burn;
  }
  return [
    check("Head of all locked positions", ended[0]?.args.positionsHead ?? "no log", head),
    check("At risk, NMR", nmr(round.atRisk), nmr(atRisk)),
    check("Chunks whose payout and burn agree", String(settled.length), String(chunks)),
    check("Chunks settled", String(locked.length), String(settled.length)),
    check("Paid, NMR", nmr(round.paid), nmr(paid)),
    check("Burned, NMR", nmr(round.burned), nmr(burned)),
    ...(await comparedWithServer(place, outcomes)),
  ];
}

/** Compares what this server shows of every model with what was computed. */
async function comparedWithServer(place: Place, outcomes: Map<number, Outcome>): Promise<Check[]> {
  const answer = await fetch(`${base}/rounds/${place.round}/payouts.json`);
  if (!answer.ok) throw new Error(`expected the numbers that this server shows, found: ${(await answer.text()).trim()}`);
  const shown = ((await answer.json()) as Shown[]).filter((row) => row.position !== "0");
  const differs = shown.filter((row) => {
    const found = outcomes.get(row.model);
    const same = found && [found.position, found.score, found.payout, found.burn].map(String);
    return !same || same.join() !== [row.position, row.reward_score, row.payout, row.burn].map(String).join();
  });
  const names = differs.slice(0, 3).map((row) => `model ${row.model}`);
  return [
    check("Positions that this server shows", String(outcomes.size), String(shown.length)),
    check("Models whose numbers here differ", "none", names.length ? names.join(", ") : "none"),
  ];
}
