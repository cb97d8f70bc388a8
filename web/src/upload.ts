// Checks a file of predictions before it is sent, has the wallet sign it where that is its model's submitter, and
// shows what the server made of it.

import { base, post, said, wordsOf } from "./page";
import { confirmed } from "./review";
import { type Provider, choose, isRefusal, isUnknownChain } from "./wallets";

interface Place {
  chainId: number;
  tournament: string;
}

interface Unsigned {
  round: number;
  contentHash: string;
  sha256: string;
}

interface Submitted {
  state: string;
  reason: string | null;
  round: { number: number };
}

/** The type of what a submitter signs (scorer/protocol/signature.py); the server refuses a signature over another. */
const TYPES = {
  EIP712Domain: [
    { name: "name", type: "string" },
    { name: "version", type: "string" },
    { name: "chainId", type: "uint256" },
    { name: "verifyingContract", type: "address" },
  ],
  Submission: [
    { name: "roundId", type: "uint256" },
    { name: "modelId", type: "uint256" },
    { name: "contentHash", type: "bytes32" },
    { name: "ciphertextHash", type: "bytes32" },
  ],
};
const IN_THE_CLEAR = `0x${"00".repeat(32)}`;

/** Returns what is wrong with a CSV of predictions for some ids, or an empty text. */
export function fault(text: string, ids: Set<string>): string {
  const lines = text.trimEnd().split(/\r?\n/);
  const columns = (lines[0] ?? "").split(",").map((name) => name.trim());
  const id = columns.indexOf("id");
  const prediction = Math.max(columns.indexOf("prediction"), columns.indexOf("probability"));
  if (prediction < 0 || columns.length < 2) {
    return `expected the columns id and prediction, found ${columns.join(", ").slice(0, 80)}`;
  }
  const key = id < 0 ? 1 - Math.min(prediction, 1) : id;
  const seen = new Set<string>();
  for (const [number, line] of lines.slice(1).entries()) {
    const cells = line.split(",");
    const [name, value] = [cells[key]?.trim() ?? "", cells[prediction]?.trim() ?? ""];
    const at = `line ${number + 2}`;
    if (value === "" || !Number.isFinite(Number(value))) return `${at}: expected a number, found ${value.slice(0, 20) || "nothing"}`;
    if (!ids.has(name)) return `${at}: expected an id of the round, found ${name.slice(0, 40)}`;
    if (seen.has(name)) return `${at}: expected each id once, found ${name.slice(0, 40)} again`;
    seen.add(name);
  }
  const missing = ids.size - seen.size;
  return missing ? `expected ${ids.size} predictions, found ${seen.size}` : "";
}

export async function upload(form: HTMLFormElement) {
  const button = form.querySelector<HTMLButtonElement>("[type=submit]");
  if (button) button.disabled = true; // a second press would send the file twice
  try {
    await send(form);
  } catch (error) {
    said(form, isRefusal(error) ? "Refused in the wallet. Nothing was submitted." : wordsOf(error), "wrong");
  } finally {
    if (button) button.disabled = false;
  }
}

async function send(form: HTMLFormElement) {
  const fields = new FormData(form);
  const own = { model: String(fields.get("model")), csrf: String(fields.get("csrf")) };
  const submitter = form.querySelector<HTMLSelectElement>("select")?.selectedOptions[0]?.dataset.submitter;
  const file = fields.get("file") as File;
  if ("ids" in form.dataset && file.name.toLowerCase().endsWith(".csv")) await check(form, file);
  // Before anything is sent: without its wallet, a model that signs for itself submits nothing.
  const wallet = submitter ? await connected(form, submitter) : null;
  if (submitter && !wallet) return;
  said(form, "Sending.");
  const granted = await post<{ filename: string; url: string }>("/account/upload", {
    ...own,
    filename: file.name.replace(/[^A-Za-z0-9._-]/g, "_"),
  });
  const sent = await fetch(granted.url, { method: "PUT", body: file });
  if (!sent.ok) throw new Error((await sent.text()).trim());
  const named = { ...own, filename: granted.filename };
  const signed = wallet && submitter ? await signature(form, wallet, submitter, named, file) : {};
  if (!signed) return said(form, "Cancelled. Nothing was submitted.");
  const made = await post<Submitted>("/account/submit", { ...named, ...signed });
  const words = `Round ${made.round.number}: ${made.state}${made.reason ? `, ${made.reason}` : ""}.`;
  said(form, made.state === "accepted" ? `${words} The server signed a receipt for it.` : words, made.state === "accepted" ? "good" : "wrong");
}

async function check(form: HTMLFormElement, file: File) {
  said(form, "Checking the file.");
  const answer = await fetch(`${base}/rounds/current/ids.txt`);
  if (!answer.ok) throw new Error((await answer.text()).trim());
  const ids = new Set((await answer.text()).trimEnd().split("\n"));
  const found = fault(await file.text(), ids);
  if (found) throw new Error(`${file.name}: ${found}. Nothing was sent.`);
}

const placeOf = (form: HTMLFormElement) => JSON.parse(form.dataset.upload ?? "{}") as Place;

/** Returns the wallet of a model's submitter, on the tournament's chain; null where there is none. */
async function connected(form: HTMLFormElement, submitter: string): Promise<Provider | null> {
  const { chainId } = placeOf(form);
  const provider = await choose(form);
  if (!provider) return null;
  const [account] = (await provider.request({ method: "eth_requestAccounts" })) as string[];
  if (account?.toLowerCase() !== submitter.toLowerCase()) {
    throw new Error(`This model's submitter is ${submitter}; the wallet names ${account ?? "nobody"}. Choose that account in the wallet. Nothing was sent.`);
  }
  const wanted = `0x${chainId.toString(16)}`;
  if (Number(await provider.request({ method: "eth_chainId" })) === chainId) return provider;
  said(form, `The wallet is on another chain. It is asked to switch to chain ${chainId}.`);
  try {
    await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: wanted }] });
  } catch (error) {
    if (!isUnknownChain(error)) throw error;
    throw new Error(`The wallet does not know chain ${chainId}. Add it there, with an endpoint that you trust. Nothing was sent.`);
  }
  return provider;
}

/** Returns a file's SHA-256; an empty text where the site has no TLS, as browsers compute none then. */
async function sha256(file: File): Promise<string> {
  if (!isSecureContext) return "";
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns the submitter's signature over what the server read in the file; null where it was cancelled. */
async function signature(form: HTMLFormElement, provider: Provider, submitter: string, named: Record<string, string>, file: File) {
  said(form, "The server reads the file.");
  const unsigned = await post<Unsigned>("/account/prepare", named);
  const own = await sha256(file);
  if (own && own !== unsigned.sha256) throw new Error(`The server has other bytes than this file (SHA-256 ${unsigned.sha256}). Nothing was submitted.`);
  said(form, "");
  const panel = form.querySelector<HTMLElement>("[data-panel]") ?? form;
  if (!(await confirmed(panel, facts(named.model ?? "", unsigned), "Sign and submit"))) return null;
  const { chainId, tournament } = placeOf(form);
  const message = { roundId: unsigned.round, modelId: Number(named.model), contentHash: unsigned.contentHash, ciphertextHash: IN_THE_CLEAR };
  const domain = { name: "Cupel", version: "2", chainId, verifyingContract: tournament };
  const document = JSON.stringify({ types: TYPES, primaryType: "Submission", domain, message });
  said(form, "Waiting for the wallet to sign. This sends no transaction.");
  const given = String(await provider.request({ method: "eth_signTypedData_v4", params: [submitter, document] }));
  const last = Number.parseInt(given.slice(-2), 16);
  // Some devices say 0 or 1 for what is written as 27 or 28.
  const canonical = last < 27 ? given.slice(0, -2) + (last + 27).toString(16) : given;
  return { signature: canonical, content_hash: unsigned.contentHash, round: String(unsigned.round) };
}

/** Returns what a signature means, for the review before it. */
const facts = (model: string, unsigned: Unsigned): [string, string][] => [
  ["What", `submit these predictions for model ${model} to round ${unsigned.round}, in the clear`],
  ["At risk", "what the round locks of the model's stake, once it closes"],
  ["Fee", "none: it is no transaction"],
  ["You sign", `the content hash ${unsigned.contentHash}, as this server reads your file; cupel submit --dry-run prints it too`],
];
