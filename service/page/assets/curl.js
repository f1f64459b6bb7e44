// The same request as a command to paste into a shell.

import { address, getKey } from "./api.js";

// A control character would act on the terminal when the line is pasted: ESC [201~ ends the paste, and
// what follows is run. printf makes these characters in every POSIX shell.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const octal = (letter) =>
  Array.from(new TextEncoder().encode(letter), (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");

function quoted(text) {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (!CONTROL.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const format = text
    .replaceAll("%", "%%")
    .replaceAll("\\", "\\\\")
    .replace(/['!]/g, octal) // a shell replaces ! by its history even here
    .replace(new RegExp(CONTROL, "g"), octal);
  return `"$(printf '${format}')"`;
}

/** Name of a restored file: photo.jpg, image/webp -> photo.restored.webp. */
export function restoredName(name, mediaType) {
  const stem = name.replace(/\.[^.]*$/, "") || "picture";
  const ending = mediaType.split("/")[1]?.split(/[;+]/)[0] ?? "";
  return `${stem}.restored.${ending === "jpeg" ? "jpg" : ending}`;
}

/**
 * Write the command for a picture and its options.
 * @param {{name: string, url?: string}} picture `url`: fetched from there, being an example.
 */
export function curlOf(picture, options, outcome) {
  const words = ["curl", "--fail-with-body"];
  words.push("-F", picture.url ? "image=@-" : fileField(picture.name));
  for (const [option, value] of Object.entries(options)) words.push("-F", `${option}=${value}`);
  if (getKey()) words.push("-H", `X-API-Key: ${getKey()}`);
  words.push(address("restore"), "-o", outcome);
  const line = words.map(quoted).join(" ");
  return picture.url ? `curl -s ${quoted(picture.url)} | ${line}` : line;
}

// curl gives ; and , in a file's name a meaning of their own unless it stands in double quotes.
function fileField(name) {
  if (name === "-") return "image=@./-"; // standard input otherwise
  if (/^[\w. -]+$/.test(name)) return `image=@${name}`;
  return `image=@"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
