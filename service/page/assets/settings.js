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

  /** Show the amounts that were removed, and beside them the amounts that were found. */
  show(applied, seen) {
    const removed = new Map(applied);
    const found = new Map(seen);
    for (const [name, { input, output, track, degradation }] of this.bars) {
      if (this.mode !== "own") input.value = 100 * (removed.get(name) ?? 0);
      showBar(input, output);
      track.dataset.seen = "";
      track.style.setProperty("--seen", found.get(degradation) ?? 0);
    }
  }

  #makeBar({ name, title, degradation }) {
    const entry = document.createElement("li");
    entry.className = "bar";
    const [label, output, track, input] = ["label", "output", "div", "input"].map((tag) => document.createElement(tag));
    Object.assign(input, { type: "range", id: `weight-${name}`, min: 0, max: 100, step: 1, value: 0 });
    Object.assign(label, { htmlFor: input.id, textContent: title });
    output.htmlFor = input.id;
    track.className = "track";
    track.append(input);
    const keep = document.createElement("input");
    Object.assign(keep, { type: "checkbox", className: "keep", title: `Keep ${title.toLowerCase()} in the picture` });
    keep.setAttribute("aria-label", keep.title);
    keep.addEventListener("change", () => {
      input.disabled = keep.checked;
      this.#changed();
    });
    entry.append(label, track, output, keep);
    input.addEventListener("input", () => {
      showBar(input, output);
      this.#setMode("own");
    });
    input.addEventListener("change", () => this.#changed());
    this.bars.set(name, { input, output, track, degradation, keep });
    showBar(input, output);
    return entry;
  }

  #setMode(mode) {
    const own = this.modes.querySelector('[value="own"]');
    own.disabled = mode !== "own" && own.disabled;
    this.modes.querySelector(`[value="${mode}"]`).checked = true;
    this.#showMode();
  }

  #showMode() {
    this.note.textContent = `${this.modes.querySelector("label:has(:checked)").title}.`;
  }

  #showStrength() {
    showBar(this.strength, this.strengthValue);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function showBar(input, output) {
  output.textContent = percent(input.value / 100);
  input.setAttribute("aria-valuetext", output.textContent);
  input.style.setProperty("--fill", `${input.value}%`);
}
