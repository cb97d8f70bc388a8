// Checks a CSV of predictions before it is sent, sends it, and shows what the server made of it.

import { base, post, said, wordsOf } from "./page";

/** Returns what is wrong with a CSV of predictions for some ids, or an empty text. */
export function fault(text: string, ids: Set<string>): string {
  const lines = text.trimEnd().split(/\r?\n/);
  const columns = (lines[0] ?? "").split(",").map((name) => name.trim());
  const [id, prediction] = [columns.indexOf("id"), columns.indexOf("prediction")];
  if (prediction < 0 || columns.length < 2) {
    return `expected the columns id and prediction, found ${columns.join(", ").slice(0, 80)}`;
  }
  const key = id < 0 ? 1 - Math.min(prediction, 1) : id;
  const seen = new Set<string>();
  for (const [number, line] of lines.slice(1).entries()) {
    const cells = line.split(",");
    const [name, value] = [cells[key]?.trim() ?? "", cells[prediction]?.trim() ?? ""];
    const at = `line ${number + 2}`;
    if (value === "" || !Number.isFinite(Number(value))) return `${at}: expected a number, found ${value.slice(0, 20) || "nothing"}`;
    if (!ids.has(name)) return `${at}: expected an id of the round, found ${name.slice(0, 40)}`;
    if (seen.has(name)) return `${at}: expected each id once, found ${name.slice(0, 40)} again`;
    seen.add(name);
  }
  const missing = ids.size - seen.size;
  return missing ? `expected ${ids.size} predictions, found ${seen.size}` : "";
}

export async function upload(form: HTMLFormElement) {
  const fields = new FormData(form);
  const [model, csrf] = [String(fields.get("model")), String(fields.get("csrf"))];
  const file = fields.get("file") as File;
  try {
    if (file.name.toLowerCase().endsWith(".csv")) {
      said(form, "Checking the file.");
      const answer = await fetch(`${base}/rounds/current/ids.txt`);
      if (!answer.ok) throw new Error((await answer.text()).trim());
      const ids = new Set((await answer.text()).trimEnd().split("\n"));
      const found = fault(await file.text(), ids);
      if (found) throw new Error(`${file.name}: ${found}. Nothing was sent.`);
    }
    said(form, "Sending.");
    const granted = await post<{ filename: string; url: string }>("/account/upload", {
      model,
      csrf,
      filename: file.name.replace(/[^A-Za-z0-9._-]/g, "_"),
    });
    const sent = await fetch(granted.url, { method: "PUT", body: file });
    if (!sent.ok) throw new Error((await sent.text()).trim());
    const made = await post<{ state: string; reason: string | null; round: { number: number } }>("/account/submit", {
      model,
      csrf,
      filename: granted.filename,
    });
    const words = `Round ${made.round.number}: ${made.state}${made.reason ? `, ${made.reason}` : ""}.`;
    said(form, made.state === "accepted" ? `${words} The server signed a receipt for it.` : words, made.state === "accepted" ? "good" : "wrong");
  } catch (error) {
    said(form, wordsOf(error), "wrong");
  }
}
