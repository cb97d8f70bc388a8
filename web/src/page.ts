// Small helpers: what a form says, elements, and requests to this site.

export type Tone = "" | "good" | "wrong";

export const base = document.body.dataset.base ?? "";

/** Shows a sentence where the form of an element says things; screen readers read it out. */
export function said(element: Element, text: string, tone: Tone = "") {
  const place = element.closest("form, [data-stake]")?.querySelector<HTMLElement>("[data-said]");
  if (!place) return;
  place.textContent = text;
  place.className = tone;
}

/** Makes an element with attributes and children; text is only ever set as text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Posts an object to this site and returns its answer; what it refuses is an error with its words. */
export async function post<T>(path: string, body: Record<string, string>): Promise<T> {
  const answer = await fetch(base + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(refusal(text) || `the server answered ${answer.status}`);
  return JSON.parse(text) as T;
}

/** Returns the words of an answer that refuses: those of a JSON object, or what it says in plain text. */
function refusal(text: string): string {
  try {
    return (JSON.parse(text) as { error?: string }).error ?? "";
  } catch {
    return text.startsWith("<") ? "" : text.trim();
  }
}

/** Returns the words of an error, without its stack. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
