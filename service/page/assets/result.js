// The result: download, the command, and the facts.

import { curlOf, restoredName } from "./curl.js";
import { say } from "./activity.js";

const $ = (id) => document.getElementById(id);

/** Copy the command; where the page may not write to the clipboard, select it for the user. */
async function copy() {
  const field = $("curl");
  let told = "Copied";
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    field.focus();
    field.select();
    told = "Selected: press Ctrl+C";
  }
  $("copy").textContent = told;
  say(told);
  setTimeout(() => ($("copy").textContent = "Copy as curl"), 2500);
}

export function listen() {
  $("copy").addEventListener("click", copy);
}

/** Show the command for a picture and options; `mediaType` is that of the answer. */
export function showCommand(picture, options, mediaType = "image/jpeg") {
  $("curl").value = curlOf(picture, options, restoredName(picture.name, mediaType));
}

/** Offer a restored picture for download; null takes the offer back. */
export function offer(url, name, mediaType) {
  const link = $("download");
  link.setAttribute("aria-disabled", String(!url));
  if (url) Object.assign(link, { href: url, download: restoredName(name, mediaType) });
  else link.removeAttribute("href");
}

/** Show facts, an array of [term, text]; entries without text are left out. */
export function showFacts(facts) {
  const entries = facts.filter(([, text]) => text);
  $("facts").replaceChildren(
    ...entries.flatMap(([term, text]) => {
      const [name, value] = [document.createElement("dt"), document.createElement("dd")];
      name.textContent = term;
      value.textContent = text;
      return [name, value];
    }),
  );
}

/** Write the sum of `decode;dur=3.1, restore;dur=810` in seconds. */
export function timeOf(header) {
  if (!header) return "";
  const parts = header.split(", ").map((part) => Number(part.split(";dur=")[1]));
  const seconds = parts.reduce((sum, part) => sum + part, 0) / 1000;
  return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s in the service`;
}

export function sizeOf(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
