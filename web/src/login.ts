// Logs in by wallet: the server writes a message of EIP-4361, the wallet signs it, and a cookie comes back.

import { getAddress, stringToHex } from "viem/utils";
import { base, post, said, wordsOf } from "./page";
import { choose, isRefusal } from "./wallets";

export async function logIn(form: HTMLFormElement) {
  const provider = await choose(form);
  if (!provider) return;
  const fields = new FormData(form);
  const username = String(fields.get("username") ?? "").trim();
  try {
    said(form, "Waiting for the wallet to name an account.");
    const [account] = (await provider.request({ method: "eth_requestAccounts" })) as string[];
    if (!account) throw new Error("the wallet named no account");
    const address = getAddress(account);
    const { message, known } = await post<{ message: string; known: boolean }>("/session/message", { address });
    const [publicId, secret] = ["public_id", "secret"].map((name) => String(fields.get(name) ?? "").trim());
    if (!known && !username && !publicId) {
      said(form, `${address} has no account here yet. Type a name for it, and log in again.`, "wrong");
      form.querySelector<HTMLInputElement>("[name=username]")?.focus();
      return;
    }
    said(form, "Waiting for the wallet to sign. This sends no transaction.");
    const signature = (await provider.request({
      method: "personal_sign",
      params: [stringToHex(message), address],
    })) as string;
    const invitation = String(fields.get("invitation") ?? "").trim();
    await post("/session", { message, signature, username, invitation, public_id: publicId ?? "", secret: secret ?? "" });
    location.assign(`${base}/account`);
  } catch (error) {
    said(form, isRefusal(error) ? "Refused in the wallet. Nothing was signed." : wordsOf(error), "wrong");
  }
}
