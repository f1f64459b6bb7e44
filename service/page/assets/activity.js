// What goes on: the bar over the picture, the problem that came up, words for screen readers.

import { Problem } from "./api.js";

const $ = (id) => document.getElementById(id);

export function say(text) {
  $("status").textContent = text;
}

/** One thing at a time: what is begun ends what was going on. */
export class Activity {
  constructor() {
    this.controller = null;
    $("cancel").addEventListener("click", () => (this.controller ? this.#cancel() : this.again()));
    $("problem-retry").addEventListener("click", () => this.again());
    $("problem-close").addEventListener("click", () => ($("problem").hidden = true));
    this.again = () => {};
    this.onkey = () => {};
  }

  get busy() {
    return this.controller !== null;
  }

  /**
   * Run `work({signal, step, onSent})`; tell how it goes, and what went wrong.
   * @param {() => void} again Does it once more.
   */
  async run(work, again) {
    this.stop();
    const controller = new AbortController();
    this.controller = controller;
    this.again = again;
    $("problem").hidden = true;
    const step = (text, seconds) => this.#begin(text, seconds);
    const onSent = (share) => {
      this.isSent = share === 1;
      $("progress").value = share;
      if (this.isSent) $("progress").removeAttribute("value");
    };
    try {
      await work({ signal: controller.signal, step, onSent });
      if (this.controller === controller) this.#end();
    } catch (error) {
      if (this.controller !== controller) return; // something else goes on already
      this.#end();
      if (!(error instanceof Problem)) throw error;
      this.show(error);
    }
  }

  /** End what goes on, if anything does, without a word. */
  stop() {
    this.controller?.abort();
    this.#end();
  }

  /** Show a problem as the service told it. */
  show(problem) {
    if (problem.wantsKey) {
      this.onkey(problem);
      return;
    }
    $("problem-title").textContent = problem.title;
    $("problem-detail").textContent = sentence(problem.detail);
    $("problem-hint").textContent = sentence(problem.hint);
    const errors = (problem.errors ?? []).map(({ option, detail }) => {
      const entry = document.createElement("li");
      entry.textContent = `${option}: ${detail}`;
      return entry;
    });
    $("problem-errors").replaceChildren(...errors);
    $("problem-retry").hidden = !problem.canPass;
    $("problem-id").textContent = problem.request_id ? `Request ${problem.request_id}` : "";
    $("problem").hidden = false;
  }

  #begin(text, expected = null) {
    const began = performance.now();
    this.isSent = false;
    const about = expected === null ? "" : ` of about ${Math.ceil(expected)} s`;
    const tick = () => {
      const seconds = (performance.now() - began) / 1000;
      const passed = seconds < 1 && !about ? "" : ` · ${Math.floor(seconds)}${about || " s"}`;
      $("busy-text").textContent = text + passed;
      if (about && this.isSent) $("progress").value = Math.min(0.97, seconds / expected);
    };
    clearInterval(this.timer);
    this.timer = setInterval(tick, 250);
    tick();
    say(text);
    $("progress").hidden = false;
    $("progress").removeAttribute("value");
    $("cancel").textContent = "Cancel";
    $("busy").hidden = false;
  }

  #end() {
    clearInterval(this.timer);
    this.controller = null;
    $("busy").hidden = true;
  }

  #cancel() {
    this.stop();
    say("Cancelled");
    $("busy-text").textContent = "Cancelled";
    $("progress").hidden = true;
    $("cancel").textContent = "Restore";
    $("busy").hidden = false;
  }
}

function sentence(text) {
  if (!text) return "";
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
