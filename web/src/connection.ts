// Connects a wallet to a panel: chooses it, asks for its account, and sees that it is on the tournament's chain.

import { type Hex, createClient, custom, getAddress, parseEventLogs, toHex } from "viem";
import { getChainId } from "viem/actions";
import { REGISTRY } from "./abi";
import { make, said, wordsOf } from "./page";
import { type Plan, type Session, perform, reason } from "./transactions";
import { type Provider, choose, isRefusal, isUnknownChain } from "./wallets";

export interface Facts {
  chainId: number;
  name: string;
  tournament: Hex;
  registry: Hex;
  numeraire: Hex;
  server: Hex;
}

export interface Connection extends Session {
  facts: Facts;
  root: HTMLElement;
  panel: HTMLElement;
  models: Set<bigint>;
  provider: Provider;
}

type Show = (connection: Connection) => Promise<void>;

/** Connects the wallet that a person chooses, and then shows what it can do. */
export async function connect(button: HTMLElement, show: Show) {
  const root = button.closest<HTMLElement>("[data-stake]");
  const panel = root?.querySelector<HTMLElement>("[data-panel]");
  if (!root || !panel) return;
  const provider = await choose(button);
  if (!provider) return;
  const facts = JSON.parse(root.dataset.stake ?? "{}") as Facts;
  try {
    const [account] = (await provider.request({ method: "eth_requestAccounts" })) as string[];
    if (!account) throw new Error("the wallet named no account");
    const models = new Set((root.dataset.models ?? "").split(",").filter(Boolean).map(BigInt));
    const client = createClient({ account: getAddress(account), transport: custom(provider as never), pollingInterval: 1_000 });
    const connection: Connection = {
      client,
      account: getAddress(account),
      chainId: facts.chainId,
      say: (words, tone = "") => said(button, words, tone),
      facts,
      root,
      panel,
      models,
      provider,
    };
    provider.on?.("accountsChanged", () => location.reload());
    provider.on?.("chainChanged", () => location.reload());
    if (await onRightChain(connection, show)) await show(connection);
  } catch (error) {
    said(button, isRefusal(error) ? "Refused in the wallet. Nothing was shared." : wordsOf(error), "wrong");
  }
}

async function onRightChain(connection: Connection, show: Show): Promise<boolean> {
  const found = await getChainId(connection.client);
  if (found === connection.facts.chainId) return true;
  connection.say(`The wallet is on chain ${found}; this tournament is on chain ${connection.facts.chainId}.`, "wrong");
  const button = make("button", { type: "button" }, `Switch to chain ${connection.facts.chainId}`);
  button.addEventListener("click", async () => {
    try {
      await connection.provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: toHex(connection.facts.chainId) }] });
      if ((await getChainId(connection.client)) === connection.facts.chainId) await show(connection);
    } catch (error) {
      const words = isUnknownChain(error) ? "The wallet does not know this chain. Add it there, with an endpoint that you trust." : reason(error);
      connection.say(words, "wrong");
    }
  });
  connection.panel.replaceChildren(make("p", {}, button));
  return false;
}

/** Carries a plan out, shows the panel anew, and leaves standing what became of it. */
export async function carryOut(connection: Connection, show: Show, plan: () => Promise<Plan>) {
  try {
    const receipt = await perform(connection, connection.panel, await plan());
    if (!receipt) return;
    for (const { args } of parseEventLogs({ abi: REGISTRY, eventName: "ModelRegistered", logs: receipt.logs })) connection.models.add(args.modelId);
    const words = connection.root.querySelector("[data-said]")?.textContent ?? "";
    await show(connection);
    connection.say(words, "good");
  } catch (error) {
    connection.say(reason(error), "wrong");
  }
}

/** Makes a list of facts: a name and a text each. */
export const facts = (entries: [string, string][]): HTMLElement =>
  make("dl", { class: "facts wide" }, ...entries.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))));
