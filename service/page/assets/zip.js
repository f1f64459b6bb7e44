// Writes a ZIP file that stores its entries as they are: pictures are compressed already.

import { Problem } from "./api.js";

const MOST_BYTES = 0xffffffff; // of a ZIP without the 64-bit extension
const MOST_ENTRIES = 0xffff;
const UTF8_NAMES = 0x0800;
const VERSION = 20;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function checksumOf(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ TABLE[(value ^ byte) & 255];
  return ~value >>> 0;
}

/** Numbers as bytes, the lowest first: [value, size in bytes] each. */
function bytesOf(...fields) {
  const bytes = [];
  for (const [value, size] of fields) {
    for (let at = 0; at < size; at += 1) bytes.push(Math.floor(value / 256 ** at) & 255);
  }
  return Uint8Array.from(bytes);
}

function timeFields(date) {
  const time = (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
  const day = ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
  return [[time, 2], [day, 2]];
}

/** Names without folders, each different from the others: a.jpg, a-2.jpg. */
export function distinctNames(names) {
  const used = new Set();
  return names.map((name) => {
    const plain = name.replaceAll(/[\\/]/g, "_");
    const [, stem, ending] = plain.match(/^(.*?)(\.[^.]*)?$/s);
    let free = plain;
    for (let count = 2; used.has(free.toLowerCase()); count += 1) free = `${stem}-${count}${ending ?? ""}`;
    used.add(free.toLowerCase());
    return free;
  });
}

/**
 * Make a ZIP file.
 * @param {{name: string, blob: Blob}[]} files
 * @returns {Promise<Blob>}
 * @throws {Problem} if the files are too many or too large for a ZIP.
 */
export async function zipOf(files) {
  const total = files.reduce((sum, { blob }) => sum + blob.size + 1024, 0);
  if (total > MOST_BYTES || files.length > MOST_ENTRIES) {
    const detail = "A ZIP file holds at most 4 GB and 65,535 pictures, and the results are more.";
    throw new Problem({ title: "Too much for a ZIP file", status: 413, detail, hint: "Download them one by one." });
  }
  const names = distinctNames(files.map(({ name }) => name)).map((name) => new TextEncoder().encode(name));
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const [index, { blob }] of files.entries()) {
    const checksum = checksumOf(new Uint8Array(await blob.arrayBuffer()));
    const name = names[index];
    const shared = [
      [VERSION, 2], [UTF8_NAMES, 2], [0, 2], ...timeFields(new Date()),
      [checksum, 4], [blob.size, 4], [blob.size, 4], [name.length, 2], [0, 2],
    ];
    const head = bytesOf([0x04034b50, 4], ...shared);
    parts.push(head, name, blob);
    directory.push(bytesOf([0x02014b50, 4], [VERSION, 2], ...shared, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), name);
    offset += head.length + name.length + blob.size;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = files.length;
  const end = bytesOf([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
