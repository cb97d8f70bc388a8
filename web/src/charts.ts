// Puts a chart that answers the pointer in place of the server's picture, of the same size and from its table.

import uPlot from "uplot";

/** Height of the legend, which shows the numbers under the pointer. */
const LEGEND = 30;
const NUMBER = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 6 });
/** Seconds of a chart whose axis names minutes: days would be named several times. */
const SHORT = 5 * 86_400;
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const HOUR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const MINUTE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });

const numbersOf = (rows: HTMLTableRowElement[], column: number): (number | null)[] =>
  rows.map((row) => {
    const text = row.cells[column]?.dataset.value ?? "";
    return text === "" ? null : Number(text);
  });

export function chart(figure: HTMLElement) {
  const table = document.getElementById(figure.dataset.chart ?? "") as HTMLTableElement | null;
  const picture = figure.querySelector<SVGElement>("svg.chart");
  if (!table || !picture) return;
  const rows = [...(table.tBodies[0]?.rows ?? [])].reverse();
  if (rows.length < 3) return;
  const times = rows.map((row) => Number(row.dataset.at));
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const [ink, rule] = [colour("--quiet"), colour("--rule")];
  const axis = { stroke: ink, grid: { stroke: rule, width: 1 }, ticks: { stroke: rule, width: 1 } };
  const minus = (text: string) => text.replace("-", "−");
  const four = (_: uPlot, value: number | null) => (value === null ? "–" : minus(value.toFixed(4)));
  const short = (times.at(-1) ?? 0) - (times[0] ?? 0) < SHORT;
  const place = document.createElement("div");
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", picture.getAttribute("aria-label") ?? "");
  place.className = "plot";
  const { width, height: whole } = picture.getBoundingClientRect();
  const height = whole - LEGEND;
  const utc = (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");
  const plot = new uPlot(
    {
      width,
      height,
      tzDate: utc,
      scales: { x: { time: true } },
      axes: [
        { ...axis, space: short ? 110 : 60, values: (_, splits) => splits.map((at) => (short ? HOUR : DAY).format(at * 1000)) },
        { ...axis, size: 64, values: (_, splits) => splits.map((value) => minus(NUMBER.format(value))) },
      ],
      series: [
        { label: "outcome", value: (_, at) => (at === null ? "–" : MINUTE.format(at * 1000)) },
        { label: "this model", stroke: colour("--gain"), width: 2, value: four },
        { label: "median", stroke: ink, width: 1.5, dash: [5, 4], value: four },
        { label: "best ten", stroke: colour("--accent"), width: 1.5, dash: [2, 4], value: four },
      ],
    },
    [times, numbersOf(rows, 2), numbersOf(rows, 4), numbersOf(rows, 5)] as uPlot.AlignedData,
    place,
  );
  picture.replaceWith(place);
  addEventListener("resize", () => plot.setSize({ width: place.clientWidth, height: place.clientHeight - LEGEND }));
}
