// The file that comes back: its format, its quality, and what is told beside the pixels.

const WITHOUT_QUALITY = ["png"];

export class Output extends EventTarget {
  /** @param {HTMLElement} panel Tells "change" whenever another file is wanted. */
  constructor(panel) {
    super();
    this.format = panel.querySelector("#format");
    this.quality = panel.querySelector("#quality");
    this.metadata = panel.querySelector("#metadata");
    for (const input of [this.format, this.quality, this.metadata]) {
      input.addEventListener("change", () => this.#change());
    }
    this.#showQuality();
  }

  /** Options that differ from the service's defaults, as it wants them written. */
  get options() {
    const options = {};
    if (this.format.value !== "auto") options.format = this.format.value;
    if (this.quality.value && !this.quality.disabled) options.quality = this.quality.value;
    if (this.metadata.value !== "keep") options.metadata = this.metadata.value;
    return options;
  }

  #change() {
    this.#showQuality();
    if (this.quality.reportValidity()) this.dispatchEvent(new Event("change"));
  }

  #showQuality() {
    this.quality.disabled = WITHOUT_QUALITY.includes(this.format.value);
  }
}
