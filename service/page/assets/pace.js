// How long a picture will take, by the speed that the service measures; a small copy of a large picture.

import { getJSON } from "./api.js";

const PREVIEW_PIXELS = 600_000;
/** Pictures with more pixels are shown small first. */
const LARGE_PIXELS = 4_000_000;

export const isLarge = ({ width, height }) => width * height > LARGE_PIXELS;

/**
 * Seconds that the service takes for a picture, by its measured speed; null while that is unknown.
 * @throws {Problem} if the service takes no pictures now.
 */
export async function expectedSeconds({ width, height }) {
  const { seconds_per_megapixel: seconds } = await getJSON("readyz");
  return seconds === null ? null : (seconds * width * height) / 1e6;
}

/** Make a small JPEG of a decoded image, a Blob. */
export function smallCopy(image) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const shrink = Math.sqrt(PREVIEW_PIXELS / (width * height));
  return drawn(image, Math.max(1, Math.round(width * shrink)), Math.max(1, Math.round(height * shrink)), "image/jpeg");
}

function drawn(image, width, height, type) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.95));
}
