// Filters the rows of a leaderboard while a name is typed, and sorts small tables in place.

export function filterRows() {
  const input = document.querySelector<HTMLInputElement>("[data-filter]");
  const table = document.querySelector<HTMLTableElement>("[data-filterable]");
  const said = document.querySelector<HTMLElement>("[data-filter-said]");
  if (!input || !table || !said) return;
  const before = said.textContent ?? "";
  const rows = [...(table.tBodies[0]?.rows ?? [])].filter((row) => row.querySelector("th"));
  input.addEventListener("input", () => {
    const text = input.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const matches = (row.querySelector("th")?.textContent ?? "").toLowerCase().includes(text);
      row.hidden = !matches;
      if (matches) shown += 1;
    }
    said.textContent = text ? `${shown} of this page's ${rows.length} rows; press Enter to search all.` : before;
  });
}

const valueOf = (row: HTMLTableRowElement, column: number): number | string => {
  const text = (row.cells[column]?.textContent ?? "").trim().replaceAll("−", "-").replaceAll(",", "");
  const number = Number.parseFloat(text);
  return Number.isNaN(number) ? (/^[–-]?$/.test(text) ? Number.NEGATIVE_INFINITY : text.toLowerCase()) : number;
};

export function sortable() {
  for (const table of document.querySelectorAll<HTMLTableElement>("[data-sortable]")) {
    const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
    heads.forEach((head, column) => {
      const name = head.textContent ?? "";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = "↕";
      button.setAttribute("aria-label", `Sort by ${name}`);
      button.addEventListener("click", () => {
        const falls = head.getAttribute("aria-sort") !== "descending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falls ? "descending" : "ascending");
        const rows = [...(table.tBodies[0]?.rows ?? [])];
        const order = falls ? -1 : 1;
        rows.sort((one, other) => {
          const [a, b] = [valueOf(one, column), valueOf(other, column)];
          return (a < b ? -1 : a > b ? 1 : 0) * order;
        });
        table.tBodies[0]?.append(...rows);
      });
      head.append(button);
    });
  }
}
