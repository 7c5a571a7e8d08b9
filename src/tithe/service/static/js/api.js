// The one way to the server: JSON in and out, the CSRF token of the page, problems as errors.

const meta = (name) => document.querySelector(`meta[name="${name}"]`);

/** What the server said no to, or that it did not answer: then `status` is 0. */
export class Problem extends Error {
  constructor(status, said) {
    super(said.detail || said.title || "the server does not answer");
    this.status = status;
    this.detail = this.message;
    this.field = said.field ?? null;
    this.type = said.type ?? "";
  }

  /** Whether the same request may well succeed later, without anything being changed in it. */
  get passes() {
    return [0, 401, 403, 408, 425, 429].includes(this.status) || this.status >= 500;
  }
}

/** The path of this project's part of the API. */
export const project = (path = "") => `/api/v1/projects/${encodeURIComponent(meta("project").content)}${path}`;

/** The parsed answer, or null where it is empty. Throws Problem. */
export async function api(method, path, body, { key, keepalive = false, signal } = {}) {
  let response = await send(method, path, body, key, keepalive, signal);
  // The server began anew and this browser was let in again: the page's token is of before.
  if (response.status === 403 && (await freshToken())) response = await send(method, path, body, key, keepalive, signal);
  if (response.status === 204) return null;
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, said);
  return said;
}

async function send(method, path, body, key, keepalive, signal) {
  const headers = { Accept: "application/json", "X-CSRF-Token": meta("csrf").content };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  try {
    return await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), keepalive, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, {});
  }
}

async function freshToken() {
  const page = await fetch(location.pathname, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!page?.ok) return false;
  const found = new DOMParser().parseFromString(await page.text(), "text/html").querySelector('meta[name="csrf"]');
  if (!found || found.content === meta("csrf").content) return false;
  meta("csrf").content = found.content;
  return true;
}
