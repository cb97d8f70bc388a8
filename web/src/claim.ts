// Claims models that the operator holds for an account: its wallet takes them, once the operator offers them to it.

import { getAddress } from "viem";
import { readContract } from "viem/actions";
import { REGISTRY, STAKES } from "./abi";
import { nmr } from "./amounts";
import { type Connection, carryOut, connect, facts } from "./connection";
import { make } from "./page";
import type { Plan } from "./transactions";

export const connectToClaim = (button: HTMLElement) => connect(button, show);

async function show(connection: Connection) {
  const { account, panel, root } = connection;
  const expected = getAddress(root.dataset.wallet ?? "");
  if (account !== expected) {
    panel.replaceChildren();
    connection.say(`Your account here has the wallet ${expected}; this one is ${account}. Choose the other one in the wallet, and press again.`, "wrong");
    return;
  }
  connection.say("Reading the chain.");
  const cards: HTMLElement[] = [];
  for (const model of connection.models) cards.push(await card(connection, model));
  panel.replaceChildren(...cards);
  connection.say("");
}

async function card(connection: Connection, model: bigint): Promise<HTMLElement> {
  const { client, account, facts: place } = connection;
  const registry = { address: place.registry, abi: REGISTRY, args: [model] } as const;
  const [owner, offered, idle] = await Promise.all([
    readContract(client, { ...registry, functionName: "ownerOf" }),
    readContract(client, { ...registry, functionName: "getApproved" }),
    readContract(client, { address: place.tournament, abi: STAKES, functionName: "idleOf", args: [model] }).catch(() => 0n),
  ]);
  const id = `claim-${model}`;
  const list = facts([
    ["Owner on the chain", owner === account ? "your wallet" : owner],
    ["Offered to your wallet", owner === account ? "taken" : offered === account ? "yes" : "not yet"],
    ["Idle stake that comes with it", `${nmr(idle)} NMR`],
  ]);
  const title = make("h3", { id }, `Model ${model}`);
  const last = owner === account ? taken() : offered === account ? claim(connection, model, owner, idle) : waiting(connection, model);
  return make("section", { "aria-labelledby": id, class: "model", "data-model": String(model) }, title, list, last);
}

const taken = () =>
  make("p", {}, "It is yours. Your wallet's own key signs its submissions now; on the staking page you can name this server's key again.");

function waiting(connection: Connection, model: bigint): HTMLElement {
  const again = make("button", { type: "button", class: "second" }, "Look again");
  again.addEventListener("click", () => void show(connection));
  const command = make("code", {}, `cupel model offer ${model} ${connection.account}`);
  return make("div", {}, make("p", {}, "The operator has to offer it to your wallet first, by ", command, ". Its console shows that you wait."), make("p", {}, again));
}

function claim(connection: Connection, model: bigint, owner: string, idle: bigint): HTMLElement {
  const button = make("button", { type: "button", "data-act": "claim" }, `Claim model ${model}`);
  button.addEventListener("click", () => void carryOut(connection, show, async () => plan(connection, model, owner, idle)));
  return make("p", {}, button);
}

function plan({ account, facts: place }: Connection, model: bigint, owner: string, idle: bigint): Plan {
  const call = { address: place.registry, abi: REGISTRY, functionName: "transferFrom", args: [owner, account, model] } as const;
  const risk = `nothing of yours: no token leaves your wallet, and ${nmr(idle)} NMR of idle stake come with the model. Its submitter becomes your wallet`;
  return { title: `take model ${model} from ${owner} to your wallet`, risk, call: async () => call, dry: call };
}
