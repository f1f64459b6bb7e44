// Requests to the service, and its problems as errors a person can act on.

const KEY = "abair.key";
const NO_ANSWER = {
  code: "no_answer",
  title: "No answer",
  detail: "The service cannot be reached.",
  hint: "See whether it runs and the network is up, then try again.",
};

/** What the service answers instead of a success (RFC 9457), or that it does not answer. */
export class Problem extends Error {
  constructor(told, retryAfter) {
    super(told.detail);
    Object.assign(this, NO_ANSWER, { hint: "" }, told, { retryAfter });
  }

  /** Whether the same request may succeed later: nobody answered, or the service had no room or time. */
  get canPass() {
    return !this.status || [408, 409, 429, 500, 502, 503, 504].includes(this.status);
  }

  get wantsKey() {
    return this.status === 401 || this.status === 403;
  }
}

export const getKey = () => sessionStorage.getItem(KEY) ?? "";
export const setKey = (key) => sessionStorage.setItem(KEY, key);

/** Address of an endpoint, wherever the page is mounted. */
export const address = (path) => new URL(path, document.baseURI).href;

/**
 * Ask for JSON.
 * @throws {Problem}
 */
export async function getJSON(path) {
  const answer = await send("GET", path, { accept: "application/json" });
  return JSON.parse(await answer.body.text());
}

/**
 * Send a picture with options; resolves to its answer's body (a Blob) and headers.
 * @param {{accept?: string, signal?: AbortSignal, onSent?: (share: number) => void}} how
 * @throws {Problem} and AbortError when `signal` says so.
 */
export function post(path, picture, name, options, how = {}) {
  const form = new FormData();
  for (const [option, value] of Object.entries(options)) form.append(option, value);
  form.append("image", picture, name);
  return send("POST", path, { ...how, form });
}

// XMLHttpRequest, since fetch doesn't tell how much of a picture has been sent.
function send(method, path, { accept = "*/*", form = null, signal, onSent }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    signal?.throwIfAborted();
    request.open(method, address(path));
    request.responseType = "blob";
    request.setRequestHeader("Accept", accept);
    if (getKey()) request.setRequestHeader("X-API-Key", getKey());
    request.upload.onprogress = (event) => event.lengthComputable && onSent?.(event.loaded / event.total);
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onerror = () => reject(new Problem(NO_ANSWER));
    request.onload = async () => {
      if (request.status === 200) resolve({ body: request.response, headers: headersOf(request) });
      else reject(await problemOf(request));
    };
    request.onloadend = () => signal?.removeEventListener("abort", stop);
    signal?.addEventListener("abort", stop);
    request.send(form);
  });
}

function headersOf(request) {
  const lines = request.getAllResponseHeaders().trim().split("\r\n");
  return Object.fromEntries(lines.map((line) => line.split(/: (.*)/s, 2)));
}

async function problemOf(request) {
  const { "content-type": type = "", "retry-after": retryAfter } = headersOf(request);
  if (type.startsWith("application/problem+json")) {
    return new Problem(JSON.parse(await request.response.text()), Number(retryAfter));
  }
  // Something between us and the service answered, a proxy for example.
  const detail = `The answer was ${request.status} ${request.statusText}.`;
  return new Problem({ title: "Not the service's answer", status: request.status, detail });
}

/** Parse `rain=0.71, noise=0.18` or `none` into [name, value] pairs. */
export function parseWeights(header = "none") {
  if (header === "none") return [];
  return header.split(", ").map((part) => {
    const [name, value] = part.split("=");
    return [name, Number(value)];
  });
}
