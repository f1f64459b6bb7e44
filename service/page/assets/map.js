// The map of damage: labels from the service, drawn over the picture, with a legend.

const LONGEST = 2048; // pixels of the drawn map; a larger one is thinned out, not blended

/** A map ready to show: a canvas, its classes, and the class at a point. */
export class DamageMap {
  constructor(report, canvas, labels) {
    this.classes = report.classes;
    this.amounts = report.degradations;
    this.canvas = canvas;
    this.labels = labels;
  }

  /** Class at (x, y), shares of the width and height in [0, 1). */
  at({ x, y }) {
    const { width, height } = this.canvas;
    return this.classes[this.labels[Math.floor(y * height) * width + Math.floor(x * width)]];
  }
}

/** Decode the answer of /degradation-map. */
export async function readMap(report) {
  const image = new Image();
  image.src = `data:image/png;base64,${report.labels}`;
  await image.decode();
  const shrink = Math.min(1, LONGEST / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.naturalWidth * shrink));
  canvas.height = Math.max(1, Math.round(image.naturalHeight * shrink));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const labels = labelsOf(pixels.data, report.classes);
  context.putImageData(pixels, 0, 0);
  return new DamageMap(report, canvas, labels);
}

/** Class of each pixel by its colour; makes undamaged pixels transparent. */
function labelsOf(data, classes) {
  const colours = classes.map(({ colour }) => parseInt(colour.slice(1), 16));
  const known = new Map();
  const labels = new Uint8Array(data.length / 4);
  for (let pixel = 0; pixel < labels.length; pixel += 1) {
    const at = pixel * 4;
    const colour = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
    if (!known.has(colour)) known.set(colour, nearest(colour, colours));
    labels[pixel] = known.get(colour);
    if (isClean(classes[labels[pixel]])) data[at + 3] = 0;
  }
  return labels;
}

// The nearest, not the equal: browsers that guard against fingerprints shift what a canvas tells.
function nearest(colour, colours) {
  const distance = (other) =>
    [16, 8, 0].reduce((sum, shift) => sum + (((colour >> shift) & 255) - ((other >> shift) & 255)) ** 2, 0);
  const distances = colours.map(distance);
  return distances.indexOf(Math.min(...distances));
}

export const isClean = ({ name }) => name === "clean";

/** A small square of a class's colour. */
export function swatch(damage, element = document.createElement("i")) {
  element.className = isClean(damage) ? "swatch bare" : "swatch";
  element.style.setProperty("--colour", damage.colour);
  return element;
}

/** Fill the legend: every class, its colour, its share of the area, and the amount that was found. */
export function showLegend(list, map, titleOf) {
  const entries = map.classes.map((damage) => {
    const entry = document.createElement("li");
    const amount = map.amounts[damage.name];
    const told = amount === undefined ? "" : `, amount ${percent(amount)}`;
    entry.append(swatch(damage), `${titleOf(damage.name)}: ${percent(damage.share)} of the area${told}`);
    entry.classList.toggle("absent", damage.share === 0);
    return entry;
  });
  list.replaceChildren(...entries);
}

/** Write a share for people; its space doesn't break. */
export function percent(share) {
  if (share > 0 && share < 0.005) return "under 1\u00a0%";
  return `${Math.round(share * 100)}\u00a0%`;
}
