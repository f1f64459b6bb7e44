// The page: takes a picture, has it restored and mapped, shows what came of it.

import { Activity, say } from "./activity.js";
import { Problem, address, getJSON, parseWeights, post, setKey } from "./api.js";
import { listen as listenForPictures, markExample, showExamples } from "./intake.js";
import { percent, readMap, showLegend, swatch } from "./map.js";
import { listen as listenForCopy, offer, showCommand, showFacts, sizeOf, timeOf } from "./result.js";
import { Settings } from "./settings.js";
import { Viewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const SETTLE = 250; // milliseconds after the last move of a slider

const viewer = new Viewer($("stage"));
const settings = new Settings(document.querySelector(".panel"));
const activity = new Activity();
const titles = new Map();
let service = null; // the answer of /readyz
let wantsMap = false;
let shown = null; // the picture that is shown, and what is known of it
let settling = 0;

const titleOf = (name) => titles.get(name) ?? name[0].toUpperCase() + name.slice(1);
const optionsOf = (picture) => ({ ...settings.options, ...(picture.format && { format: picture.format }) });

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

/** Do what is still to be done for the picture that is shown. */
function update() {
  return activity.run(finish, update);
}

async function finish(how) {
  const picture = shown;
  showCommand(picture, optionsOf(picture), picture.result?.mediaType ?? picture.file?.type);
  if (picture.result?.key !== JSON.stringify(optionsOf(picture))) await restore(picture, how);
  if (wantsMap) await showMap(picture, how);
}

/** Decode a picture; null if the browser cannot. Ends if something else has begun meanwhile. */
async function decode(url, { signal }) {
  const image = new Image();
  image.src = url;
  const decoded = await image.decode().then(() => image, () => null);
  signal.throwIfAborted();
  return decoded;
}

function cannotShow(what) {
  throw new Problem({ title: "It cannot be shown", detail: `This browser does not show ${what}.` });
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
  forgetResult();
  if (shown?.file && !shown.url) URL.revokeObjectURL(shown.source);
  shown = picture;
  settings.reset();
  viewer.showBefore(image, picture.alt);
  markExample($("examples"), picture.url ? picture.name : null);
  for (const id of ["overlay", "legend", "here"]) $(id).hidden = true;
  $("map").disabled = false;
  $("seen").textContent = "";
  showFacts([]);
  if (picture.finished) await showFinished(picture, how);
}

function forgetResult() {
  if (!shown?.result) return;
  if (shown.result.isOwn) URL.revokeObjectURL(shown.result.url);
  shown.result = null;
  offer(null);
}

/** Show the result that ships with the first example. */
function showFinished(picture, how) {
  const { file, headers } = picture.finished;
  const outcome = { url: address(file), key: "{}", headers, mediaType: headers["content-type"] };
  return showResult(picture, outcome, how);
}

async function restore(picture, how) {
  const options = optionsOf(picture);
  how.step("Restoring");
  picture.file ??= await fetchFile(picture.source);
  const { body, headers } = await post("restore", picture.file, picture.name, options, how);
  const url = URL.createObjectURL(body);
  const outcome = { url, key: JSON.stringify(options), headers, isOwn: true, mediaType: body.type, bytes: body.size };
  await showResult(picture, outcome, how);
}

async function fetchFile(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Problem({ title: "No such example", detail: `${url} answered ${answer.status}.` });
  return answer.blob();
}

async function showResult(picture, outcome, how) {
  const { url, headers, mediaType } = outcome;
  const image = (await decode(url, how)) ?? cannotShow(mediaType);
  viewer.showAfter(image, picture.alt);
  forgetResult();
  picture.result = outcome;
  showWeights(headers);
  say(`Restored. ${$("seen").textContent}`);
  offer(url, picture.name, mediaType);
  showCommand(picture, optionsOf(picture), mediaType);
  const { width, height } = viewer.size;
  const kind = mediaType.replace("image/", "").toUpperCase();
  showFacts([
    ["Picture", `${width} × ${height}, ${kind}${outcome.bytes ? `, ${sizeOf(outcome.bytes)}` : ""}`],
    ["Time", timeOf(headers["server-timing"])],
    ["Model", headers["restore-model"]],
    ["Notices", headers["restore-notice"]],
  ]);
}

/** Show what was found and what was removed. */
function showWeights(headers) {
  const seen = parseWeights(headers["restore-degradations"]);
  settings.show(parseWeights(headers["restore-adapters"]), seen);
  const words = seen.map(([name, share]) => `${titleOf(name).toLowerCase()} ${percent(share)}`).join(", ");
  $("seen").textContent = `Seen: ${words || "nothing"}.`;
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
  showLegend($("legend"), picture.map, titleOf);
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
    if (shown?.result) showWeights(shown.result.headers);
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
settings.addEventListener("change", () => {
  clearTimeout(settling);
  settling = setTimeout(() => (activity.busy ? activity.again() : update()), SETTLE);
});
$("map").addEventListener("click", toggleMap);
$("zoom-in").addEventListener("click", () => viewer.zoomBy(1.5));
$("zoom-out").addEventListener("click", () => viewer.zoomBy(1 / 1.5));
$("zoom-fit").addEventListener("click", () => viewer.fit());
$("zoom-one").addEventListener("click", () => viewer.one());
$("key").addEventListener("submit", useKey);
listenForPictures((file) => open({ file, name: file.name, alt: file.name, source: URL.createObjectURL(file) }));
listenForCopy();
await Promise.all([start(), meet()]);
