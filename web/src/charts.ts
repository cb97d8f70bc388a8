// Puts a chart that answers the pointer in place of the server's picture, of the same size and from its table.

import uPlot from "uplot";

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
  const four = (_: uPlot, value: number | null) => (value === null ? "–" : value.toFixed(4));
  const place = document.createElement("div");
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", picture.getAttribute("aria-label") ?? "");
  const { width, height } = picture.getBoundingClientRect();
  const plot = new uPlot(
    {
      width,
      height: Math.max(height, 180),
      legend: { live: true },
      scales: { x: { time: true } },
      axes: [axis, { ...axis, size: 64 }],
      series: [
        { label: "outcome" },
        { label: "this model", stroke: colour("--gain"), width: 2, value: four },
        { label: "median", stroke: ink, width: 1.5, dash: [5, 4], value: four },
        { label: "best ten", stroke: colour("--accent"), width: 1.5, dash: [2, 4], value: four },
      ],
    },
    [times, numbersOf(rows, 2), numbersOf(rows, 4), numbersOf(rows, 5)] as uPlot.AlignedData,
    place,
  );
  picture.replaceWith(place);
  addEventListener("resize", () => plot.setSize({ width: place.clientWidth, height: Math.max(height, 180) }));
}
