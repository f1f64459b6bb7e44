// The page: takes a picture, has it restored and mapped, shows what came of it.

import { Activity, say } from "./activity.js";
import { Problem, address, getJSON, parseWeights, post, setKey } from "./api.js";
import { Batch } from "./batch.js";
import { listen as listenForPictures, markExample, showExamples } from "./intake.js";
import { percent, readMap, showLegend, swatch } from "./map.js";
import { Output } from "./output.js";
import { expectedSeconds, isLarge, smallCopy } from "./pace.js";
import { cannotShow, decode, fetchFile, forget, picturesOf, setResult } from "./pictures.js";
import { listen as listenForCopy, offer, showCommand, showFacts, sizeOf, timeOf } from "./result.js";
import { Settings } from "./settings.js";
import { Viewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const SETTLE = 250; // milliseconds after the last move of a slider
const SHOWN_BY_BROWSERS = /^image\/(jpeg|png|webp|avif|bmp|gif)$/;
const LONG = 3; // seconds from which on the expected time is told

const viewer = new Viewer($("stage"));
const settings = new Settings(document.querySelector(".panel"));
const output = new Output(document.querySelector(".panel"));
const activity = new Activity();
const batch = new Batch(restoreListed, (picture) => keyOf(picture));
const titles = new Map();
let service = null; // the answer of /readyz
let wantsMap = false;
let shown = null; // the picture that is shown, and what is known of it
let displayed = null; // its result that is on the stage
let settling = 0;

const titleOf = (name) => titles.get(name) ?? name[0].toUpperCase() + name.slice(1);
const optionsOf = (picture) => ({ ...settings.options, ...(picture.format && { format: picture.format }), ...output.options });
const keyOf = (picture) => JSON.stringify(optionsOf(picture));

/**
 * Take another picture; the one that is shown stays until this one can be.
 * @param {{source: string, name: string, alt: string, file?: File, url?: string, finished?: object}} picture
 */
function open(picture) {
  const work = async (how) => {
    await show(picture, how);
    await finish(how);
  };
  return activity.run(work, () => (picture === shown ? update() : open(picture)));
}

/** Take files: one is shown, several make a list, and the first of them is shown. */
function take(files) {
  const pictures = picturesOf(files);
  if (pictures.length > 1) {
    if (batch.isEmpty) settings.reset();
    for (const picture of pictures) if (!SHOWN_BY_BROWSERS.test(picture.file.type)) picture.format = "png";
    batch.add(pictures);
  }
  return open(pictures[0]);
}

/** Do what is still to be done for the picture that is shown. */
function update() {
  return activity.run(finish, update);
}

async function finish(how) {
  const picture = shown;
  showCommand(picture, optionsOf(picture), picture.result?.mediaType ?? picture.file?.type);
  if (batch.waitsFor(picture)) {
    how.step("Waiting for its turn in the list");
    await batch.settled(picture);
    how.signal.throwIfAborted();
  }
  if (picture.result?.key !== keyOf(picture)) await restore(picture, how);
  else if (picture.result !== displayed) await showResult(picture, picture.result, how);
  else showAmounts(picture.result.headers);
  if (wantsMap) await showMap(picture, how);
}

/** Put a picture on the stage; forget the one that was there. */
async function show(picture, how) {
  let image = await decode(picture.source, how);
  if (!image) {
    // The browser cannot read this kind of file: let the service show it, then, as PNG.
    how.step("Reading the picture");
    const given = { strength: 0, adapters: "none", format: "png" };
    const { body } = await post("restore", picture.file, picture.name, given, how);
    picture.source = URL.createObjectURL(body);
    picture.format = "png";
    image = (await decode(picture.source, how)) ?? cannotShow("a picture of this size");
  }
  if (shown && !shown.listed) forget(shown);
  displayed = null;
  offer(null);
  shown = picture;
  batch.showCurrent(picture);
  if (!picture.listed) settings.reset();
  settings.clear();
  viewer.showBefore(image, picture.alt);
  markExample($("examples"), picture.url ? picture.name : null);
  for (const id of ["overlay", "legend", "here"]) $(id).hidden = true;
  $("map").disabled = false;
  $("seen").textContent = "";
  showFacts([]);
  if (picture.finished) await showFinished(picture, how);
}

/** Show the result that ships with the first example. */
function showFinished(picture, how) {
  const { file, headers } = picture.finished;
  const result = { url: address(file), key: "{}", headers, mediaType: headers["content-type"] };
  return showResult(picture, result, how);
}

async function restore(picture, how) {
  picture.file ??= await fetchFile(picture.source);
  let seconds = null;
  if (isLarge(viewer.size)) {
    await showPreview(picture, how);
    seconds = await expectedSeconds(viewer.size);
  }
  how.step("Restoring", seconds >= LONG ? seconds : null);
  await showResult(picture, await ask(picture, how), how);
  batch.refresh();
}

/** Restore a small copy of a large picture, and show it until the whole one is there. */
async function showPreview(picture, how) {
  how.step("Restoring a small preview");
  const copy = await smallCopy($("before"));
  const { body } = await post("restore", copy, "preview.jpg", { ...settings.options, format: "jpeg" }, how);
  const url = URL.createObjectURL(body);
  const image = await decode(url, how);
  if (image) viewer.showAfter(image, picture.alt, { isPreview: true });
  URL.revokeObjectURL(url);
}

/** Have a picture of the list restored; nothing of it is shown. */
async function restoreListed(picture, how) {
  setResult(picture, await ask(picture, how));
}

/** Ask the service for a restored picture; resolves to a result. */
async function ask(picture, how) {
  const options = optionsOf(picture);
  const { body, headers } = await post("restore", picture.file, picture.name, options, how);
  const url = URL.createObjectURL(body);
  return { url, key: JSON.stringify(options), headers, body, mediaType: body.type, bytes: body.size };
}

async function showResult(picture, result, how) {
  const { url, headers, mediaType, bytes } = result;
  const image = (await decode(url, how)) ?? cannotShow(mediaType);
  viewer.showAfter(image, picture.alt);
  setResult(picture, result);
  displayed = result;
  showAmounts(headers);
  say(`Restored. ${$("seen").textContent}`);
  offer(url, picture.name, mediaType);
  showCommand(picture, optionsOf(picture), mediaType);
  const { width, height } = viewer.size;
  const kind = mediaType.replace("image/", "").toUpperCase();
  showFacts([
    ["Picture", `${width} × ${height}, ${kind}${bytes ? `, ${sizeOf(bytes)}` : ""}`],
    ["Time", timeOf(headers["server-timing"])],
    ["Model", headers["restore-model"]],
    ["Notices", headers["restore-notice"]],
  ]);
}

/** Show what was found and what was removed. */
function showAmounts(headers) {
  const found = parseWeights(headers["restore-degradations"]);
  settings.show(parseWeights(headers["restore-removed"]), found);
  const words = found.map(([name, amount]) => `${titleOf(name).toLowerCase()} ${percent(amount)}`).join(", ");
  $("seen").textContent = `Found: ${words || "nothing"}.`;
}

async function showMap(picture, how) {
  if (!picture.map) {
    let report = picture.finished?.map;
    if (!report) {
      how.step("Mapping");
      picture.file ??= await fetchFile(picture.source);
      const { body } = await post("degradation-map", picture.file, picture.name, {}, { ...how, accept: "application/json" });
      report = JSON.parse(await body.text());
    }
    picture.map = await readMap(report);
    how.signal.throwIfAborted();
  }
  $("overlay").firstElementChild.replaceChildren(picture.map.canvas);
  showLegend($("legend").firstElementChild, picture.map, titleOf);
  $("overlay").hidden = !wantsMap;
  $("legend").hidden = !wantsMap;
}

function toggleMap() {
  wantsMap = !wantsMap;
  $("map").setAttribute("aria-pressed", String(wantsMap));
  if (!wantsMap) for (const id of ["overlay", "legend", "here"]) $(id).hidden = true;
  else if (!activity.busy) update();
}

function showClassAt(point) {
  $("here").hidden = $("overlay").hidden || !point;
  if ($("here").hidden) return;
  const damage = shown.map.at(point);
  const [square, text] = $("here").children;
  swatch(damage, square);
  text.textContent = titleOf(damage.name);
}

/** Learn what the service has; while it loads its model, ask again. */
async function meet() {
  try {
    service = await getJSON("readyz");
    const { model, adapters } = await getJSON("adapters");
    for (const { degradation, title } of adapters) titles.set(degradation, title);
    settings.setAdapters(adapters.filter(({ enabled }) => enabled));
    $("service").textContent = `${model.name} on ${service.device.toUpperCase()}, ${service.precision}`;
    $("terms").textContent = `Weights: ${model.licence}.`;
    if (displayed) showAmounts(displayed.headers);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.wantsKey) return askForKey(error);
    $("service").textContent = error.detail;
    setTimeout(meet, 1000 * (error.retryAfter || 5));
  }
}

function askForKey({ status, detail }) {
  $("key").hidden = false;
  $("key-note").textContent =
    status === 403 ? `Not this one: ${detail}.` : "It is kept until this tab is closed, and sent to this service alone.";
  $("key-value").focus();
  say("This service wants a key");
}

async function useKey(event) {
  event.preventDefault();
  setKey($("key-value").value.trim());
  $("key-value").value = "";
  $("key").hidden = true;
  await meet();
  if ($("key").hidden) await activity.again();
}

async function start() {
  const examples = await getJSON("page/examples/examples.json");
  for (const example of examples) {
    example.name = example.file;
    example.url = address(`page/examples/${example.file}`);
    if (example.finished) example.finished.file = `page/examples/${example.finished.file}`;
  }
  const take = ({ name, alt, url, finished }) => open({ name, alt, url, finished, source: url });
  showExamples($("examples"), examples, take);
  await take(examples[0]);
}

activity.onkey = askForKey;
viewer.onzoom = (text) => ($("zoom").textContent = text);
viewer.onpoint = showClassAt;
for (const asked of [settings, output]) {
  asked.addEventListener("change", () => {
    clearTimeout(settling);
    settling = setTimeout(() => (activity.busy ? activity.again() : update()), SETTLE);
    batch.refresh();
  });
}
batch.onopen = open;
batch.onproblem = (problem) => activity.show(problem);
batch.onclose = (pictures) => {
  for (const picture of pictures) {
    picture.listed = false;
    if (picture !== shown) forget(picture);
  }
};
$("map").addEventListener("click", toggleMap);
$("zoom-in").addEventListener("click", () => viewer.zoomBy(1.5));
$("zoom-out").addEventListener("click", () => viewer.zoomBy(1 / 1.5));
$("zoom-fit").addEventListener("click", () => viewer.fit());
$("zoom-one").addEventListener("click", () => viewer.one());
$("key").addEventListener("submit", useKey);
listenForPictures(take);
listenForCopy();
await Promise.all([start(), meet()]);
