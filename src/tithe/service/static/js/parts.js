// A part of a page that the server draws for what is sent to it.

/** The nodes of the part. Throws an Error with the server's words where it refuses. */
export async function part(url, body) {
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-CSRF-Token": document.querySelector('meta[name="csrf"]').content,
      },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  const said = await response.text();
  if (!response.ok) throw new Error(JSON.parse(said).detail);
  return [...new DOMParser().parseFromString(said, "text/html").body.childNodes];
}
