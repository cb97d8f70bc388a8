// Times: the server writes UTC; the reader's own zone is added, and named.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function localTimes() {
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[datetime*='T']")) {
    time.title = `${local.format(new Date(time.dateTime))} in ${zone}`;
  }
}

/** Returns a span of seconds in its two largest units. */
export function span(seconds: number): string {
  const units: [string, number][] = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  const parts: string[] = [];
  let left = Math.max(0, Math.floor(seconds));
  for (const [name, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count || parts.length || name === "s") parts.push(`${count} ${name}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

export function countdown() {
  const place = document.querySelector<HTMLElement>("[data-until]");
  const until = Number(place?.dataset.until ?? 0);
  if (!place || !until) return;
  const end = new Date(until * 1000);
  const inUtc = place.querySelector("time")?.textContent ?? "";
  // Where the reader's clock is far from the server's, as on a devnet, the server's counts.
  const ahead = Number(place.dataset.now) - Date.now() / 1000;
  const skew = Math.abs(ahead) > 300 ? ahead : 0;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const show = () => {
    const left = until - Date.now() / 1000 - skew;
    if (left <= 0) {
      place.textContent = `Submissions closed at ${inUtc}.`;
      clearInterval(timer);
      return;
    }
    place.textContent = `Submissions for another ${span(left)}, until ${inUtc} (${local.format(end)} in ${zone}).`;
  };
  const timer = setInterval(show, calm ? 60_000 : 1000);
  show();
}
