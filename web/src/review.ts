// Shows what is to be signed before a wallet is asked.

import { make } from "./page";

/** Shows facts of what is to be signed, and returns whether it was confirmed. */
export function confirmed(panel: HTMLElement, facts: [string, string][], yes: string): Promise<boolean> {
  return new Promise((answer) => {
    const send = make("button", { type: "button" }, yes);
    const stop = make("button", { type: "button", class: "second" }, "Cancel");
    const list = make("dl", {}, ...facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
    const title = make("h3", { id: "review", tabindex: "-1" }, "Look before you sign");
    const box = make("section", { class: "review", "aria-labelledby": "review" }, title, list, make("p", {}, send, " ", stop));
    const end = (given: boolean) => {
      box.remove();
      answer(given);
    };
    send.addEventListener("click", () => end(true));
    stop.addEventListener("click", () => end(false));
    panel.querySelector(":scope > .review")?.remove(); // one question at a time
    panel.prepend(box);
    title.focus();
  });
}
