// Sends one transaction after it was simulated and reviewed, and follows it to finality.

import type { Client, Hash, Hex, ReplacementReturnType, TransactionReceipt } from "viem";
import { BaseError, ContractFunctionRevertedError, TransactionReceiptNotFoundError, formatEther } from "viem";
import {
  estimateContractGas,
  getBalance,
  getBlock,
  getGasPrice,
  getTransactionReceipt,
  simulateContract,
  waitForTransactionReceipt,
  writeContract,
} from "viem/actions";
import { nmr } from "./amounts";
import { confirmed } from "./review";
import { isRefusal } from "./wallets";

export interface Call {
  address: Hex;
  // the ABI decides the types of a call, and calls of several ABIs come here.
  abi: any;
  functionName: string;
  args: readonly unknown[];
}

export interface Plan {
  title: string;
  risk: string;
  signs?: string;
  /** Returns the call; what has to be signed before it is signed here. */
  call: () => Promise<Call>;
  /** The call to simulate before anything is signed; absent where it cannot succeed without a signature. */
  dry?: Call;
}

export interface Session {
  client: Client;
  account: Hex;
  chainId: number;
  say: (words: string, tone?: "" | "good" | "wrong") => void;
}

const POLL = 2_000;
const LONGEST = 180_000;

const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

/** Returns the reason of a failed call in words. */
export function reason(error: unknown): string {
  if (isRefusal(error)) return "Refused in the wallet. Nothing was sent.";
  if (!(error instanceof BaseError)) return error instanceof Error ? error.message : String(error);
  const revert = error.walk((found) => found instanceof ContractFunctionRevertedError);
  if (revert instanceof ContractFunctionRevertedError) {
    const name = revert.data?.errorName ?? revert.reason ?? "an unknown error";
    return known(name, (revert.data?.args ?? []) as readonly unknown[]);
  }
  if (/insufficient funds/i.test(error.details ?? "")) {
    return "The wallet has too few coins for the fee. Nothing was sent; get some, and try again.";
  }
  return error.shortMessage;
}

function known(name: string, args: readonly unknown[]): string {
  const amount = (index: number) => (typeof args[index] === "bigint" ? nmr(args[index] as bigint) : "?");
  const words: Record<string, string> = {
    InsufficientIdle: `only ${amount(0)} NMR are idle, and ${amount(1)} NMR were asked for; the rest is at risk in rounds`,
    FirstDepositTooSmall: `a first deposit must be more than the price of the lane, ${amount(1)} NMR`,
    NotModelOwner: "the model belongs to another wallet",
    ERC721InsufficientApproval: "its owner does not offer the model to your wallet any more",
    ERC721IncorrectOwner: "the model has another owner by now",
    NoLane: "the model has no stake yet; deposit first",
    TournamentPaused: "deposits are paused; withdrawing works",
    ERC20InsufficientBalance: "the wallet has fewer tokens than that",
    ERC20InsufficientAllowance: "the contract may not take that many tokens yet",
    DustAmount: "an amount must have at most nine decimals",
  };
  return `The contract refuses: ${words[name] ?? name}. Nothing was sent.`;
}

async function feeText({ client, account }: Session, call: Call): Promise<string> {
  const [gas, price, coins] = await Promise.all([
    estimateContractGas(client, { ...call, account }),
    getGasPrice(client),
    getBalance(client, { address: account }),
  ]);
  const fee = gas * price;
  const text = `about ${formatEther(fee)} coins (${gas} gas), of ${formatEther(coins)} in the wallet`;
  if (fee > coins) throw new Error(`The fee would be ${text}. Get more coins first. Nothing was sent.`);
  return text;
}

/** Returns what a transaction does, costs and risks, for the review before it. */
const factsOf = (plan: Plan, fee: string): [string, string][] => [
  ["What", plan.title],
  ["At risk", plan.risk],
  ["Fee", fee],
  ["You sign", plan.signs ?? "one transaction"],
];

/** Simulates, reviews, sends and follows; returns the receipt once it is final, or null where nothing was done. */
export async function perform(session: Session, panel: HTMLElement, plan: Plan): Promise<TransactionReceipt | null> {
  const { client, account, say } = session;
  try {
    say("Simulating.");
    let fee = "shown by the wallet before you send: the contract has to see your permit first";
    if (plan.dry) {
      await simulateContract(client, { ...plan.dry, account });
      fee = await feeText(session, plan.dry);
    }
    say("");
    if (!(await confirmed(panel, factsOf(plan, fee), "Sign and send"))) {
      say("Cancelled. Nothing was sent.");
      return null;
    }
    say("Waiting for the wallet to sign.");
    const call = await plan.call();
    const { request } = await simulateContract(client, { ...call, account });
    const hash = await writeContract(client, { ...request, chain: null } as never);
    return await followed(session, hash, plan.title);
  } catch (error) {
    say(reason(error), "wrong");
    return null;
  }
}

/** Follows a transaction until no reorganisation can drop it. */
async function followed({ client, say }: Session, hash: Hash, title: string): Promise<TransactionReceipt | null> {
  say(`Sent: ${hash}. Waiting for a block.`);
  const replacements: ReplacementReturnType[] = [];
  const receipt = await waitForTransactionReceipt(client, {
    hash,
    timeout: LONGEST,
    pollingInterval: POLL,
    onReplaced: (found) => replacements.push(found),
  });
  const [replacement] = replacements;
  // Only the same call with another fee does what was asked; the receipt is that of whatever came in its place.
  if (replacement && replacement.reason !== "repriced") {
    say(`Not done: ${title}. ${instead(replacement)}`, "wrong");
    return null;
  }
  const words = replacement ? `It was sent again with another fee as ${replacement.transaction.hash}. ` : "";
  if (receipt.status !== "success") {
    say(reverted(words, receipt), "wrong");
    return null;
  }
  say(`${words}In block ${receipt.blockNumber}. Waiting until it is final.`);
  return final(client, receipt, words, title, say);
}

/** Returns what a wallet sent in place of a transaction. */
function instead({ reason: why, transaction }: ReplacementReturnType): string {
  if (why === "cancelled") return `It was cancelled by ${transaction.hash}. Nothing was changed.`;
  return `Another transaction took its place: ${transaction.hash}. Look in the wallet for what that one did.`;
}

const reverted = (words: string, { blockNumber }: TransactionReceipt): string =>
  `${words}The transaction was reverted in block ${blockNumber}: nothing but its fee was spent.`;

async function final(client: Client, receipt: TransactionReceipt, words: string, title: string, say: Session["say"]) {
  for (;;) {
    const block = await getBlock(client, { blockTag: "finalized" });
    const now = await getTransactionReceipt(client, { hash: receipt.transactionHash }).catch((error: unknown) => {
      if (error instanceof TransactionReceiptNotFoundError) return null;
      throw error;
    });
    if (now === null) {
      say("The chain was reorganised and dropped the transaction. The wallet may send it again; look there.", "wrong");
      return null;
    }
    if (block.number !== null && block.number >= now.blockNumber) {
      // After a reorganisation it may be in another block, where it did something else.
      if (now.status !== "success") {
        say(reverted(words, now), "wrong");
        return null;
      }
      say(`${words}Done and final in block ${now.blockNumber}: ${title}.`, "good");
      return now;
    }
    await pause(POLL);
  }
}
