// The stage: before and after with a line between them, one zoom and one place for all layers.

const MOST_ZOOM = 8; // screen pixels of one picture pixel, and at least this much of the fitted view
const GRAB = 28; // pixels left and right of the line in which it can be taken

export class Viewer {
  /** @param {HTMLElement} stage */
  constructor(stage) {
    this.stage = stage;
    this.split = stage.querySelector("#split");
    this.before = stage.querySelector("#before");
    this.after = stage.querySelector("#after");
    this.pointers = new Map();
    this.onzoom = () => {};
    this.onpoint = () => {};
    this.size = { width: 3, height: 2 };
    this.split.addEventListener("input", () => this.#showSplit());
    this.split.addEventListener("keydown", (event) => this.#key(event));
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, (event) => this.#up(event));
    stage.addEventListener("pointerleave", () => this.onpoint(null));
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    [this.zoom, this.x, this.y] = [1, 0, 0];
    new ResizeObserver(() => this.#place(this.zoom, this.x, this.y)).observe(stage);
    this.#showSplit();
  }

  /** Show a decoded picture, nothing restored yet. */
  showBefore(image, alt) {
    this.size = { width: image.naturalWidth, height: image.naturalHeight };
    this.before.src = image.src;
    this.before.alt = `Before: ${alt}`;
    this.after.removeAttribute("src");
    this.after.alt = "";
    this.stage.classList.remove("done");
    this.stage.style.aspectRatio = `${this.size.width} / ${this.size.height}`;
    this.stage.style.maxWidth = `calc(max(320px, 68vh) * ${(this.size.width / this.size.height).toFixed(4)})`;
    this.fit();
  }

  /** Show a decoded picture, what was restored, at the zoom and place that are. */
  showAfter(image, alt, { isPreview = false } = {}) {
    this.after.src = image.src;
    this.after.alt = isPreview ? `Small preview: ${alt}` : `After: ${alt}`;
    this.stage.querySelector(".tag.right").textContent = isPreview ? "Small preview" : "After";
    this.stage.classList.add("done");
  }

  fit() {
    this.#place(1, 0, 0);
  }

  /** One picture pixel on one screen pixel. */
  one() {
    const box = this.#box();
    this.zoomTo(this.#oneToOne(), box.width / 2, box.height / 2);
  }

  zoomBy(factor) {
    const box = this.#box();
    this.zoomTo(this.zoom * factor, box.width / 2, box.height / 2);
  }

  /** Zoom so that the picture stays under the point (x, y) of the stage. */
  zoomTo(zoom, x, y) {
    const one = this.#oneToOne();
    const next = Math.min(MOST_ZOOM * Math.max(1, one), Math.max(Math.min(1, one), zoom));
    this.#place(next, x - ((x - this.x) * next) / this.zoom, y - ((y - this.y) * next) / this.zoom);
  }

  #box() {
    const box = this.stage.getBoundingClientRect();
    return box.width ? box : { left: 0, top: 0, width: 1, height: 1 };
  }

  /** The zoom at which one picture pixel is one screen pixel; 1 fits the picture to the stage. */
  #oneToOne() {
    return this.size.width / this.#box().width / devicePixelRatio;
  }

  #place(zoom, x, y) {
    const box = this.#box();
    // A picture larger than the stage covers it; a smaller one is in its middle.
    const within = (at, room) => (room > 0 ? room / 2 : Math.min(0, Math.max(room, at)));
    this.zoom = zoom;
    this.x = within(x, box.width * (1 - zoom));
    this.y = within(y, box.height * (1 - zoom));
    const style = this.stage.style;
    style.setProperty("--zoom", this.zoom);
    style.setProperty("--x", `${this.x}px`);
    style.setProperty("--y", `${this.y}px`);
    const scale = zoom / this.#oneToOne();
    this.stage.classList.toggle("zoomed", zoom > 1);
    this.stage.classList.toggle("pixels", scale >= 3);
    this.onzoom(`${Math.round(scale * 100)} %`);
  }

  #showSplit() {
    const value = Number(this.split.value);
    this.stage.style.setProperty("--split", `${value}%`);
    this.split.setAttribute("aria-valuetext", `${Math.round(value)} % before, ${Math.round(100 - value)} % after`);
  }

  #setSplit(event) {
    const box = this.#box();
    this.split.value = ((event.clientX - box.left) / box.width) * 100;
    this.#showSplit();
  }

  #isOnLine(event) {
    const box = this.#box();
    const line = box.left + (box.width * this.split.value) / 100;
    return this.stage.classList.contains("done") && Math.abs(event.clientX - line) < GRAB;
  }

  #down(event) {
    if (event.button !== 0 || event.target.closest("button")) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.pointers.size === 1) {
      this.splitting = this.zoom === 1 || this.#isOnLine(event);
      this.stage.classList.add(this.splitting ? "splitting" : "dragging");
      if (this.splitting && event.pointerType === "mouse") this.#setSplit(event);
      this.split.focus({ preventScroll: true, focusVisible: false });
    }
    event.preventDefault();
  }

  #move(event) {
    this.#point(event);
    this.stage.classList.toggle("on-line", this.#isOnLine(event));
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.pointers.size === 2) this.#pinch(event.pointerId, last, now);
    else if (this.splitting) this.#setSplit(event);
    else this.#place(this.zoom, this.x + now.x - last.x, this.y + now.y - last.y);
    this.pointers.set(event.pointerId, now);
  }

  #pinch(id, last, now) {
    const other = [...this.pointers].find(([key]) => key !== id)[1];
    const box = this.#box();
    const spread = (point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
    this.zoomTo((this.zoom * spread(now)) / spread(last), (now.x + other.x) / 2 - box.left, (now.y + other.y) / 2 - box.top);
    this.#place(this.zoom, this.x + (now.x - last.x) / 2, this.y + (now.y - last.y) / 2);
  }

  #up(event) {
    this.pointers.delete(event.pointerId);
    this.stage.classList.remove("splitting", "dragging");
  }

  /** Tell which point of the picture is under the pointer, as shares of its width and height. */
  #point(event) {
    const box = this.#box();
    const x = (event.clientX - box.left - this.x) / (box.width * this.zoom);
    const y = (event.clientY - box.top - this.y) / (box.height * this.zoom);
    this.onpoint(x >= 0 && x < 1 && y >= 0 && y < 1 ? { x, y } : null);
  }

  // A plain wheel scrolls the page; with Ctrl, which a trackpad's pinch sends too, it zooms.
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = this.#box();
    this.zoomTo(this.zoom * Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }

  #key(event) {
    const step = this.#box().width / 12;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.shiftKey && event.key in moves) {
      const [x, y] = moves[event.key];
      this.#place(this.zoom, this.x + x, this.y + y);
    } else if (event.key === "+" || event.key === "=") this.zoomBy(1.5);
    else if (event.key === "-") this.zoomBy(1 / 1.5);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}
