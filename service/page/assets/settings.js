// What is asked of the service: how adapters are weighed, and the strength.

import { percent } from "./map.js";

export class Settings extends EventTarget {
  /** @param {HTMLElement} panel Tells "change" whenever other options are wanted. */
  constructor(panel) {
    super();
    this.modes = panel.querySelector("#modes");
    this.list = panel.querySelector("#weights");
    this.strength = panel.querySelector("#strength");
    this.strengthValue = panel.querySelector("#strength-value");
    this.bars = new Map();
    this.note = panel.querySelector("#mode-note");
    this.modes.addEventListener("change", () => {
      this.#showMode();
      if (this.mode === "own") this.#startOwn();
      else this.clear();
      this.#changed();
    });
    this.strength.addEventListener("input", () => this.#showStrength());
    this.strength.addEventListener("change", () => this.#changed());
    this.reset();
  }

  get mode() {
    return this.modes.querySelector(":checked").value;
  }

  /** Options that differ from the service's defaults, as it wants them written. */
  get options() {
    const options = {};
    if (this.mode === "own") {
      options.adapters = [...this.bars].map(([name, { input }]) => `${name}:${input.value / 100}`).join(",");
    } else if (this.mode !== "auto") {
      options.adapters = this.mode;
    }
    const kept = [...this.bars].filter(([, { keep }]) => keep.checked).map(([name]) => name);
    if (kept.length) options.keep = kept.join(",");
    if (this.strength.value !== "100") options.strength = String(this.strength.value / 100);
    return options;
  }

  /** Make a bar for each adapter that the service has. */
  setAdapters(adapters) {
    this.bars.clear();
    this.list.replaceChildren(...adapters.map((adapter) => this.#makeBar(adapter)));
  }

  /** Go back to what the service does by itself. */
  reset() {
    this.#setMode("auto");
    for (const { input, keep } of this.bars.values()) input.disabled = keep.checked = false;
    this.strength.value = 100;
    this.#showStrength();
  }

  /** Forget the amounts: those of the picture that is shown are not known yet. */
  clear() {
    for (const { input, output, found, track } of this.bars.values()) {
      found.textContent = "";
      delete track.dataset.found;
      if (this.mode === "own") continue; // these are the user's
      input.value = 0;
      showBar(input, output, "–", "not known yet");
    }
  }

  /** Show the amounts that were removed, and beside them the amounts that were found. */
  show(removed, found) {
    const [removedOf, foundOf] = [new Map(removed), new Map(found)];
    for (const [name, { input, output, found: text, track, degradation }] of this.bars) {
      if (this.mode !== "own") input.value = 100 * (removedOf.get(name) ?? 0);
      showBar(input, output);
      const amount = foundOf.get(degradation) ?? 0;
      text.textContent = `found ${percent(amount)}`;
      track.dataset.found = "";
      track.style.setProperty("--found", amount);
    }
  }

  #makeBar({ name, title, degradation }) {
    const entry = document.createElement("li");
    entry.className = "bar";
    const [label, output, track, input] = ["label", "output", "div", "input"].map((tag) => document.createElement(tag));
    Object.assign(input, { type: "range", id: `weight-${name}`, min: 0, max: 100, step: 1, value: 0 });
    Object.assign(label, { htmlFor: input.id, textContent: title });
    output.htmlFor = input.id;
    const found = document.createElement("small");
    found.id = `found-${name}`;
    input.setAttribute("aria-describedby", found.id);
    const heading = document.createElement("div");
    heading.append(label, found);
    track.className = "track";
    track.append(input);
    const keep = document.createElement("input");
    Object.assign(keep, { type: "checkbox", className: "keep", title: `Keep ${title.toLowerCase()} in the picture` });
    keep.setAttribute("aria-label", keep.title);
    keep.addEventListener("change", () => {
      input.disabled = keep.checked;
      this.#changed();
    });
    entry.append(heading, track, output, keep);
    input.addEventListener("input", () => {
      this.#setMode("own");
      this.#startOwn();
    });
    input.addEventListener("change", () => this.#changed());
    this.bars.set(name, { input, output, found, track, degradation, keep });
    showBar(input, output, "–", "not known yet");
    return entry;
  }

  #setMode(mode) {
    this.modes.querySelector(`[value="${mode}"]`).checked = true;
    this.#showMode();
  }

  #showMode() {
    this.note.textContent = `${this.modes.querySelector("label:has(:checked)").title}.`;
  }

  #showStrength() {
    showBar(this.strength, this.strengthValue);
  }

  /** Amounts that are not known yet are asked for as 0. */
  #startOwn() {
    for (const { input, output } of this.bars.values()) showBar(input, output);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function showBar(input, output, text = percent(input.value / 100), spoken = text) {
  output.textContent = text;
  input.setAttribute("aria-valuetext", spoken);
  input.style.setProperty("--fill", `${input.value}%`);
}
