// Finds the wallets of a browser (EIP-6963), and says in plain words what they refuse.

import { make, said } from "./page";

export interface Provider {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>;
  on?(event: string, listener: (value: unknown) => void): void;
}

interface Announced {
  info: { uuid: string; name: string };
  provider: Provider;
}

const WAIT = 300;

/** Returns the wallets that announce themselves within a moment. */
export async function wallets(): Promise<Announced[]> {
  const found = new Map<string, Announced>();
  const listen = (event: Event) => {
    const { detail } = event as CustomEvent<Announced>;
    found.set(detail.info.uuid, detail);
  };
  addEventListener("eip6963:announceProvider", listen);
  dispatchEvent(new Event("eip6963:requestProvider"));
  await new Promise((done) => setTimeout(done, WAIT));
  removeEventListener("eip6963:announceProvider", listen);
  return [...found.values()];
}

/** Returns the only wallet, or the one that is chosen of several; null where there is none. */
export async function choose(element: HTMLElement): Promise<Provider | null> {
  const found = await wallets();
  if (!found.length) {
    said(
      element,
      "No wallet found in this browser. Install one that announces itself (EIP-6963), or use the cupel command.",
      "wrong",
    );
    return null;
  }
  const [only] = found;
  if (only && found.length === 1) return only.provider;
  const place = element.closest("form, [data-stake]")?.querySelector<HTMLElement>("[data-wallets]");
  said(element, "Choose a wallet.");
  return new Promise((chosen) => {
    const buttons = found.map(({ info, provider }) => {
      const button = make("button", { type: "button", class: "second" }, info.name);
      button.addEventListener("click", () => {
        place?.replaceChildren();
        chosen(provider);
      });
      return button;
    });
    place?.replaceChildren(...buttons);
    place?.classList.add("wallets");
    buttons[0]?.focus();
  });
}

const codeOf = (error: unknown): number | undefined => {
  for (let found = error as { code?: number; cause?: unknown } | undefined; found; found = found.cause as typeof found) {
    if (typeof found.code === "number") return found.code;
  }
  return undefined;
};

/** Returns whether a person refused what a wallet asked. */
export const isRefusal = (error: unknown) => codeOf(error) === 4001;

/** Returns whether a wallet does not know a chain. */
export const isUnknownChain = (error: unknown) => codeOf(error) === 4902;
