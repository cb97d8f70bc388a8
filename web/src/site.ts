// What every page loads: times in the reader's zone, the countdown, filters and sorting. All else comes on demand.

import { filterRows, sortable } from "./tables";
import { countdown, localTimes } from "./times";
import { said } from "./page";

localTimes();
countdown();
filterRows();
sortable();

const charts = document.querySelectorAll<HTMLElement>("[data-chart]");
if (charts.length) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      void import("./charts").then(({ chart }) => chart(entry.target as HTMLElement));
    }
  });
  charts.forEach((figure) => seen.observe(figure));
}

/** Loads the code of a form when it is first used, and hands the use on to it. */
function onFirstUse(selector: string, event: string, load: (element: HTMLElement, event: Event) => Promise<void>) {
  for (const element of document.querySelectorAll<HTMLElement>(selector)) {
    element.addEventListener(event, (used) => {
      used.preventDefault();
      load(element, used).catch((error: unknown) => said(element, String(error), "wrong"));
    });
  }
}

onFirstUse("[data-login]", "submit", async (form) => (await import("./login")).logIn(form as HTMLFormElement));
onFirstUse("[data-connect]", "click", async (button) => (await import("./stake")).connectToStake(button));
onFirstUse("[data-claim]", "click", async (button) => (await import("./claim")).connectToClaim(button));
onFirstUse("[data-upload]", "submit", async (form) => (await import("./upload")).upload(form as HTMLFormElement));
onFirstUse("[data-verify]", "submit", async (form) =>
  (await import("./verify")).verifyByEndpoint(form as HTMLFormElement),
);
onFirstUse("[data-by-wallet]", "click", async (button) =>
  (await import("./verify")).verifyByWallet(button.closest("form") as HTMLFormElement),
);
