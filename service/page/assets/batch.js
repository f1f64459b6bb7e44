// Several pictures: a list of them, restored one after another, and a ZIP file of the results.

import { say } from "./activity.js";
import { Problem } from "./api.js";
import { restoredName } from "./curl.js";
import { sizeOf } from "./result.js";
import { zipOf } from "./zip.js";

const $ = (id) => document.getElementById(id);

export class Batch {
  /**
   * @param {(picture: object, how: {signal: AbortSignal}) => Promise<void>} restore Sets the picture's result.
   * @param {(picture: object) => string} keyOf Key of the result that is wanted now.
   */
  constructor(restore, keyOf) {
    this.restore = restore;
    this.keyOf = keyOf;
    this.entries = [];
    this.controller = null;
    this.onopen = () => {};
    this.onproblem = () => {};
    this.onclose = () => {};
    $("batch-stop").addEventListener("click", () => this.controller?.abort());
    $("batch-again").addEventListener("click", () => this.#runAgain());
    $("batch-zip").addEventListener("click", () => this.#download());
    $("batch-close").addEventListener("click", () => this.#close());
  }

  /** Add pictures to the list, and restore them. */
  add(pictures) {
    for (const picture of pictures) {
      picture.listed = true;
      this.entries.push(this.#makeEntry(picture));
    }
    $("batch-list").replaceChildren(...this.entries.map(({ row }) => row));
    $("batch").hidden = false;
    this.#work();
  }

  /** Whether a picture is still to be restored from the list. */
  waitsFor(picture) {
    return this.controller !== null && ["waiting", "working"].includes(this.#entryOf(picture)?.state);
  }

  /** Resolves when a picture of the list is restored, has failed, or was stopped. */
  settled(picture) {
    return this.#entryOf(picture).settled;
  }

  get isEmpty() {
    return this.entries.length === 0;
  }

  /** Mark the picture that is on the stage. */
  showCurrent(picture) {
    for (const entry of this.entries) entry.button.setAttribute("aria-current", String(entry.picture === picture));
  }

  /** Show what there is now: a result was made elsewhere, or other settings are wanted. */
  refresh() {
    for (const entry of this.entries) {
      if (entry.picture.result && !["waiting", "working"].includes(entry.state)) this.#mark(entry, "done");
    }
    this.#showSummary();
  }

  #entryOf(picture) {
    return this.entries.find((entry) => entry.picture === picture);
  }

  #makeEntry(picture) {
    const [row, button, state] = ["li", "button", "span"].map((tag) => document.createElement(tag));
    Object.assign(button, { type: "button", textContent: picture.name });
    button.addEventListener("click", () => this.onopen(picture));
    state.className = "state";
    row.append(button, state);
    const entry = { picture, row, button, text: state };
    this.#mark(entry, "waiting");
    return entry;
  }

  #mark(entry, state, problem) {
    if (state === "waiting") entry.settled = new Promise((resolve) => (entry.settle = resolve));
    entry.state = state;
    entry.row.dataset.state = state;
    entry.text.textContent = {
      waiting: "Waiting",
      working: "Restoring",
      stopped: "Stopped",
      failed: `Failed: ${problem?.detail}`,
      done: `Done, ${sizeOf(entry.picture.result?.bytes ?? 0)}`,
    }[state];
    if (state !== "waiting" && state !== "working") entry.settle();
  }

  async #work() {
    if (this.controller) return; // the one that works takes new entries too
    const controller = new AbortController();
    Object.assign(this, { controller, began: performance.now(), bytes: 0 });
    for (let entry; (entry = this.entries.find(({ state }) => state === "waiting")); ) {
      this.#mark(entry, "working");
      this.#showSummary();
      await this.#restoreEntry(entry, controller.signal);
      if (this.controller !== controller) return; // the list was closed
    }
    this.controller = null;
    this.#showSummary();
    say($("batch-summary").textContent);
  }

  async #restoreEntry(entry, signal) {
    try {
      await this.restore(entry.picture, { signal });
      this.bytes += entry.picture.file.size;
      this.#mark(entry, "done");
    } catch (error) {
      if (signal.aborted) {
        for (const one of this.entries) if (["waiting", "working"].includes(one.state)) this.#mark(one, "stopped");
        return;
      }
      this.#mark(entry, "failed", error);
      if (!(error instanceof Problem)) throw error;
      if (error.wantsKey) this.onproblem(error);
    }
  }

  #isOutdated({ picture }) {
    return picture.result?.key !== this.keyOf(picture);
  }

  #runAgain() {
    for (const entry of this.entries) if (this.#isOutdated(entry)) this.#mark(entry, "waiting");
    this.#work();
  }

  #showSummary() {
    const done = this.entries.filter(({ state }) => state === "done").length;
    const failed = this.entries.filter(({ state }) => state === "failed").length;
    const parts = [`${done} of ${this.entries.length} restored`];
    if (failed) parts.push(`${failed} failed`);
    if (this.controller && this.bytes) parts.push(`about ${this.#secondsLeft()} s left`);
    $("batch-summary").textContent = `${parts.join(", ")}.`;
    const isWorking = this.controller !== null;
    const hasChanged = this.entries.some((entry) => entry.state === "done" && this.#isOutdated(entry));
    $("batch-stop").hidden = !isWorking;
    $("batch-zip").disabled = done === 0;
    $("batch-again").hidden = isWorking || !this.entries.some((entry) => this.#isOutdated(entry));
    $("batch-again").textContent = hasChanged ? "Use these settings for all" : "Restore the rest";
  }

  /** Seconds for the files that are left, by the seconds per byte so far. */
  #secondsLeft() {
    const left = this.entries.filter(({ state }) => ["waiting", "working"].includes(state));
    const bytes = left.reduce((sum, { picture }) => sum + picture.file.size, 0);
    return Math.max(1, Math.round(((performance.now() - this.began) / 1000) * (bytes / this.bytes)));
  }

  async #download() {
    const results = this.entries.filter(({ picture }) => picture.result).map(({ picture }) => picture);
    try {
      const files = results.map(({ name, result }) => ({ name: restoredName(name, result.mediaType), blob: result.body }));
      const url = URL.createObjectURL(await zipOf(files));
      Object.assign(document.createElement("a"), { href: url, download: "restored.zip" }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser has begun to read it by then
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.onproblem(error);
    }
  }

  #close() {
    this.controller?.abort();
    const pictures = this.entries.map(({ picture }) => picture);
    this.controller = null;
    this.entries = [];
    $("batch").hidden = true;
    this.onclose(pictures);
  }
}
