// Staking by wallet: register, name a submitter, deposit with a permit, withdraw and allocate.

import { type Hex, encodeAbiParameters, getAddress, isAddress, keccak256, parseSignature, toHex } from "viem";
import { getBlock, readContract, signTypedData } from "viem/actions";
import { REGISTRY, STAKES, TOKEN } from "./abi";
import { WEI_PER_NANO, allocationText, amountAllocation, nanoFrom, nmr, position, shareAllocation } from "./amounts";
import { type Connection, carryOut, connect, facts as factList } from "./connection";
import { make } from "./page";
import { type Plan, reason } from "./transactions";

interface Stake {
  model: bigint;
  idle: bigint;
  allocation: bigint;
  hasLane: boolean;
  submitter: Hex;
}

const PERMIT_LASTS = 3600n;
const PERMIT = {
  Permit: [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
} as const;

export const connectToStake = (button: HTMLElement) => connect(button, show);

async function read(connection: Connection, model: bigint): Promise<Stake> {
  const { client, facts } = connection;
  const stakes = { address: facts.tournament, abi: STAKES, args: [model] } as const;
  const submitter = await readContract(client, { address: facts.registry, abi: REGISTRY, functionName: "submitterOf", args: [model] });
  const hasLane = await readContract(client, { ...stakes, functionName: "laneOf" }).then(
    () => true,
    () => false,
  );
  if (!hasLane) return { model, idle: 0n, allocation: 0n, hasLane, submitter };
  const [idle, allocation] = await Promise.all([
    readContract(client, { ...stakes, functionName: "idleOf" }),
    readContract(client, { ...stakes, functionName: "allocationOf" }),
  ]);
  return { model, idle, allocation, hasLane, submitter };
}

async function show(connection: Connection) {
  const { client, facts, account } = connection;
  connection.say("Reading the chain.");
  const balance = await readContract(client, { address: facts.numeraire, abi: TOKEN, functionName: "balanceOf", args: [account] });
  const owned: Stake[] = [];
  const foreign: string[] = [];
  for (const model of [...connection.models].sort((one, other) => Number(one - other))) {
    const owner = await readContract(client, { address: facts.registry, abi: REGISTRY, functionName: "ownerOf", args: [model] });
    if (owner === account) owned.push(await read(connection, model));
    else foreign.push(`Model ${model} belongs to ${owner}.`);
  }
  const least = await readContract(client, { address: facts.tournament, abi: STAKES, functionName: "minPosition" });
  connection.panel.replaceChildren(
    make("p", {}, `Wallet ${account} has ${nmr(balance / WEI_PER_NANO)} NMR.`),
    ...owned.map((stake) => card(connection, stake, least)),
    registration(connection),
  );
  connection.say(foreign.join(" "), foreign.length ? "wrong" : "");
}

function registration(connection: Connection): HTMLElement {
  const button = make("button", { type: "button", class: "second" }, "Register a new model");
  button.addEventListener("click", () =>
    carryOut(connection, show, async () => {
      const call = { address: connection.facts.registry, abi: REGISTRY, functionName: "register", args: [connection.account] } as const;
      return { title: "register a new model that belongs to your wallet", risk: "nothing; the model has no stake", call: async () => call, dry: call };
    }),
  );
  const number = make("input", { id: "other-model", inputmode: "numeric", maxlength: "9" });
  const add = make("button", { type: "submit", class: "second" }, "Show it");
  const form = make("form", { class: "inline" }, make("label", { for: "other-model" }, "Another model of yours, by number"), number, add);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!/^\d{1,9}$/.test(number.value)) return connection.say("Type the number of a model.", "wrong");
    connection.models.add(BigInt(number.value));
    show(connection).catch((error: unknown) => {
      connection.models.delete(BigInt(number.value));
      connection.say(reason(error), "wrong");
    });
  });
  return make("section", {}, make("p", {}, button), form);
}

interface Field {
  label: string;
  name: string;
  value?: string;
  hint?: string;
}

function action(connection: Connection, stake: Stake, name: string, fields: Field[], plan: (values: Record<string, string>) => Promise<Plan>): HTMLFormElement {
  const inputs = fields.map((field) => {
    const id = `${field.name}-${stake.model}`;
    const input = make("input", { id, name: field.name, value: field.value ?? "", autocomplete: "off", spellcheck: "false" });
    const hint = field.hint ? [make("p", { class: "hint", id: `${id}-hint` }, field.hint)] : [];
    if (field.hint) input.setAttribute("aria-describedby", `${id}-hint`);
    return [make("label", { for: id }, field.label), input, ...hint];
  });
  const form = make("form", { class: "stack", "data-act": name.split(" ")[0]?.toLowerCase() ?? "" }, ...inputs.flat(), make("p", {}, make("button", { type: "submit" }, name)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries([...new FormData(form)].map(([key, value]) => [key, String(value)]));
    void carryOut(connection, show, () => plan(values));
  });
  return form;
}

function card(connection: Connection, stake: Stake, least: bigint): HTMLElement {
  const next = position(stake.idle, stake.allocation, least);
  const facts: [string, string][] = [
    ["Idle stake", `${nmr(stake.idle)} NMR`],
    ["Allocation of each round", allocationText(stake.allocation)],
    ["The next round would lock", `${nmr(next)} NMR`],
    ["Submitter", stake.submitter],
  ];
  const forms = [
    action(connection, stake, "Deposit", [{ label: "Deposit, NMR", name: "amount" }], ({ amount }) => deposit(connection, stake, nanoFrom(amount ?? ""))),
    action(connection, stake, "Allocate", [{ label: "Put at risk in each round", name: "amount", hint: "An amount in NMR, such as 2.5 (two digits count), or a share of idle stake, such as 50%. 0 for nothing." }], ({ amount }) => allocate(connection, stake, amount ?? "", least)),
    action(connection, stake, "Withdraw", [{ label: "Withdraw, NMR", name: "amount", hint: `At most ${nmr(stake.idle)}; what is at risk comes back as rounds settle.` }], ({ amount }) => withdraw(connection, stake, nanoFrom(amount ?? ""))),
    action(connection, stake, "Name submitter", [{ label: "Key that may sign submissions", name: "submitter", value: connection.facts.server, hint: "This server's key is filled in. It can submit for the model, and never touch its stake." }], ({ submitter }) => name(connection, stake, submitter ?? "")),
  ];
  const shown = stake.hasLane ? forms : [forms[0] as HTMLElement, forms[3] as HTMLElement];
  const title = make("h2", { id: `model-${stake.model}` }, `Model ${stake.model}`);
  return make("section", { "aria-labelledby": `model-${stake.model}`, class: "model", "data-model": String(stake.model) }, title, factList(facts), ...shown);
}

async function deposit(connection: Connection, stake: Stake, amount: bigint): Promise<Plan> {
  const { client, facts, account } = connection;
  const value = amount * WEI_PER_NANO;
  const token = { address: facts.numeraire, abi: TOKEN } as const;
  const [balance, allowance] = await Promise.all([
    readContract(client, { ...token, functionName: "balanceOf", args: [account] }),
    readContract(client, { ...token, functionName: "allowance", args: [account, facts.tournament] }),
  ]);
  if (balance < value) throw new Error(`The wallet has ${nmr(balance / WEI_PER_NANO)} NMR, fewer than ${nmr(amount)}. Nothing was sent.`);
  const price = stake.hasLane ? 0n : await readContract(client, { address: facts.tournament, abi: STAKES, functionName: "lanePrice" });
  const lane = price ? ` ${nmr(price)} NMR of it pay for the model's lane, and do not come back.` : "";
  const risk = `nothing by the deposit itself; rounds lock ${allocationText(stake.allocation)}.${lane}`;
  const title = `deposit ${nmr(amount)} NMR to model ${stake.model}`;
  const stakes = { address: facts.tournament, abi: STAKES } as const;
  if (allowance >= value) {
    const call = { ...stakes, functionName: "deposit", args: [stake.model, value] } as const;
    return { title, risk, call: async () => call, dry: call };
  }
  const domain = await permitDomain(connection);
  if (!domain) throw new Error("This token knows no permits. Use cupel stake deposit, which approves first.");
  return { title, risk, signs: "a permit for exactly this amount, then one transaction", call: () => permitted(connection, stake.model, value, domain) };
}

/** Returns the token's EIP-712 domain; null where the token's own separator is another. */
async function permitDomain({ client, facts }: Connection) {
  const token = { address: facts.numeraire, abi: TOKEN } as const;
  const [name, separator] = await Promise.all([
    readContract(client, { ...token, functionName: "name" }),
    readContract(client, { ...token, functionName: "DOMAIN_SEPARATOR" }),
  ]).catch(() => ["", ""] as const);
  const hashed = (text: string) => keccak256(toHex(text));
  const types = [{ type: "bytes32" }, { type: "bytes32" }, { type: "bytes32" }, { type: "uint256" }, { type: "address" }] as const;
  const kind = hashed("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
  const own = keccak256(encodeAbiParameters(types, [kind, hashed(name), hashed("1"), BigInt(facts.chainId), facts.numeraire]));
  return own === separator ? { name, version: "1", chainId: facts.chainId, verifyingContract: facts.numeraire } : null;
}

async function permitted(connection: Connection, model: bigint, value: bigint, domain: { name: string; version: string; chainId: number; verifyingContract: Hex }) {
  const { client, facts, account } = connection;
  const nonce = await readContract(client, { address: facts.numeraire, abi: TOKEN, functionName: "nonces", args: [account] });
  const { timestamp } = await getBlock(client);
  const deadline = timestamp + PERMIT_LASTS;
  const message = { owner: account, spender: facts.tournament, value, nonce, deadline };
  const signature = await signTypedData(client, { account, domain, types: PERMIT, primaryType: "Permit", message });
  const { r, s, v, yParity } = parseSignature(signature);
  const args = [model, value, deadline, Number(v ?? BigInt(yParity) + 27n), r, s] as const;
  return { address: facts.tournament, abi: STAKES, functionName: "depositWithPermit", args };
}

async function withdraw(connection: Connection, stake: Stake, amount: bigint): Promise<Plan> {
  const args = [stake.model, amount * WEI_PER_NANO, connection.account] as const;
  const call = { address: connection.facts.tournament, abi: STAKES, functionName: "withdraw", args } as const;
  return { title: `withdraw ${nmr(amount)} NMR of model ${stake.model} to your wallet`, risk: "less than before", call: async () => call, dry: call };
}

async function allocate(connection: Connection, stake: Stake, text: string, least: bigint): Promise<Plan> {
  const plain = text.trim();
  const allocation = plain === "0" ? 0n : plain.endsWith("%") ? shareAllocation(plain.slice(0, -1)) : amountAllocation(nanoFrom(plain));
  const call = { address: connection.facts.tournament, abi: STAKES, functionName: "setAllocation", args: [stake.model, allocation] } as const;
  const cap = await readContract(connection.client, { address: connection.facts.tournament, abi: STAKES, functionName: "cap" });
  const locked = position(stake.idle, allocation, least);
  const most = (locked * BigInt(cap)) / 1_000_000n;
  const risk = locked ? `a round would lock ${nmr(locked)} NMR now, and can burn or pay at most ${nmr(most)} NMR` : `nothing: a round would lock less than the least position of ${nmr(least)} NMR`;
  return { title: `put ${allocationText(allocation)} of model ${stake.model} at risk in each round`, risk, call: async () => call, dry: call };
}

async function name(connection: Connection, stake: Stake, text: string): Promise<Plan> {
  if (!isAddress(text.trim())) throw new Error(`Expected an address, found ${text.slice(0, 50) || "nothing"}. Nothing was sent.`);
  const submitter = getAddress(text.trim());
  const call = { address: connection.facts.registry, abi: REGISTRY, functionName: "setSubmitter", args: [stake.model, submitter] } as const;
  const title = `let ${submitter} sign submissions of model ${stake.model}`;
  return { title, risk: "no stake: a submitter can never move one, but bad predictions can be burned", call: async () => call, dry: call };
}
