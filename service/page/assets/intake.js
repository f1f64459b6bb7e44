// Where pictures come from: a drop, the clipboard, a file, an example.

/**
 * Call `take(files)` with the pictures that are dropped, pasted or chosen together.
 * @param {(files: File[]) => void} take
 */
export function listen(take) {
  const chooser = document.querySelector("#file");
  const veil = document.querySelector("#drop");
  chooser.addEventListener("change", () => {
    if (chooser.files.length) take([...chooser.files]);
    chooser.value = ""; // the same file can be chosen again
  });
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
  let depth = 0; // dragenter and dragleave come for every element that is crossed
  const show = (change) => {
    depth = Math.max(0, depth + change);
    veil.hidden = depth === 0;
  };
  const hasFile = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => hasFile(event) && show(1));
  addEventListener("dragleave", (event) => hasFile(event) && show(-1));
  addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    show(-depth);
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
}

/** Show the examples as buttons; `take(example)` is called for the one that is pressed. */
export function showExamples(list, examples, take) {
  const entries = examples.map((example) => {
    const [entry, button, image] = ["li", "button", "img"].map((tag) => document.createElement(tag));
    Object.assign(image, { src: example.url, alt: "", loading: "lazy", width: 118, height: 79 });
    Object.assign(button, { type: "button", title: example.alt });
    button.dataset.name = example.name;
    button.append(image, example.title);
    button.addEventListener("click", () => take(example));
    entry.append(button);
    return entry;
  });
  list.replaceChildren(...entries);
}

/** Mark the example that is shown; none if it is the user's own picture. */
export function markExample(list, name) {
  for (const button of list.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.name === name));
  }
}
