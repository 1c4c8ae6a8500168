// An input with data-files takes files dropped anywhere on the page, adds them to those that were chosen before, and
// lists them with what speaks against each, so that nobody waits for an upload to learn it.
"use strict";

function sizeInWords(bytes) {
  const steps = ["B", "KiB", "MiB", "GiB"];
  const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), steps.length - 1);
  const number = bytes / 1024 ** step;
  return `${number.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 })} ${steps[step]}`;
}

function together(earlier, later) {
  const byName = new Map();
  for (const file of [...earlier, ...later]) {
    byName.set(file.name, file);
  }
  return [...byName.values()];
}

class Files {
  constructor(input) {
    this.input = input;
    this.words = input.dataset;
    this.chosen = [...input.files];
    this.list = document.createElement("ul");
    this.list.className = "vs-chosen";
    this.list.setAttribute("aria-live", "polite");
    input.after(this.list);
    input.addEventListener("change", () => this.take([...input.files]));
    this.show();
  }

  take(files) {
    this.keep(this.input.multiple ? together(this.chosen, files) : files.slice(0, 1));
  }

  keep(files) {
    const transfer = new DataTransfer();
    files.forEach((file) => transfer.items.add(file));
    this.chosen = files;
    this.input.files = transfer.files;
    this.show();
  }

  show() {
    this.list.replaceChildren(...this.chosen.map((file, place) => this.row(file, place)));
  }

  row(file, place) {
    const row = document.createElement("li");
    const told = document.createElement("span");
    told.textContent = `${file.name} · ${sizeInWords(file.size)}`;
    row.append(told);
    const problem = this.problemOf(file, place);
    if (problem) {
      const tag = document.createElement("span");
      tag.className = "vs-tag vs-danger";
      tag.textContent = problem;
      row.append(" ", tag);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `${this.words.remove}: ${file.name}`);
    remove.addEventListener("click", () => this.keep(this.chosen.filter((other) => other !== file)));
    row.append(" ", remove);
    return row;
  }

  problemOf(file, place) {
    if (file.size > Number(this.words.mostBytes)) {
      return this.words.tooLarge;
    }
    if (!file.size) {
      return this.words.empty;
    }
    return place >= Number(this.words.mostFiles) ? this.words.tooMany : "";
  }
}

const input = document.querySelector("input[type=file][data-files]");
if (input) {
  const files = new Files(input);
  const hasFiles = (event) => [...event.dataTransfer.types].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      input.classList.add("vs-dropping");
    }
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) {
      input.classList.remove("vs-dropping");
    }
  });
  document.addEventListener("drop", (event) => {
    input.classList.remove("vs-dropping");
    if (hasFiles(event)) {
      event.preventDefault();
      files.take([...event.dataTransfer.files]);
    }
  });
}
