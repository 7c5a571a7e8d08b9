// A part of a page that the server draws for what is sent to it.
import { api } from "./api.js";

/** The nodes of the part. Throws Problem where the server refuses. */
export async function part(path, body) {
  const { html } = await api("POST", path, body);
  return [...new DOMParser().parseFromString(html, "text/html").body.childNodes];
}
