// A picture and its result as the browser holds them.

import { Problem } from "./api.js";

/** Decode a picture; null if the browser cannot. Ends if something else has begun meanwhile. */
export async function decode(url, { signal }) {
  const image = new Image();
  image.src = url;
  const decoded = await image.decode().then(() => image, () => null);
  signal.throwIfAborted();
  return decoded;
}

export function cannotShow(what) {
  throw new Problem({ title: "It cannot be shown", detail: `This browser does not show ${what}.` });
}

export async function fetchFile(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Problem({ title: "No such example", detail: `${url} answered ${answer.status}.` });
  return answer.blob();
}

/** Pictures of files that were chosen together. */
export function picturesOf(files) {
  return files.map((file) => ({ file, name: file.name, alt: file.name, source: URL.createObjectURL(file) }));
}

/** Keep another result of a picture, or none. */
export function setResult(picture, result) {
  if (picture.result?.body && picture.result !== result) URL.revokeObjectURL(picture.result.url);
  picture.result = result;
}

/** Let the browser free what a picture holds. */
export function forget(picture) {
  setResult(picture, null);
  if (picture.file && !picture.url) URL.revokeObjectURL(picture.source);
}
