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
    this.strength.value = 100;
    this.#showStrength();
  }

  /** Show the weights that were applied, and beside them what the estimator saw. */
  show(applied, seen) {
    const weights = new Map(applied);
    const shares = new Map(seen);
    for (const [name, { input, output, track, degradation }] of this.bars) {
      if (this.mode !== "own") input.value = 100 * (weights.get(name) ?? 0);
      showBar(input, output);
      track.dataset.seen = "";
      track.style.setProperty("--seen", shares.get(degradation) ?? 0);
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
    entry.append(label, track, output);
    input.addEventListener("input", () => {
      showBar(input, output);
      this.#setMode("own");
    });
    input.addEventListener("change", () => this.#changed());
    this.bars.set(name, { input, output, track, degradation });
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
