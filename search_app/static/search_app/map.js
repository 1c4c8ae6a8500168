// The map of a collection: points on a canvas that can be moved, zoomed and asked what they are.
// Colours come from the style sheet, words from the page; what a point stands for is fetched when it is looked at.

const VALUES = 8;
const SHAPES = 4;
const OTHER = 100;
const REACH = 12;
const STEP = 60;
const FACTOR = 1.5;
const MOST_ZOOM = 400;
const PAUSE = 60;

const element = document.getElementById("map");

/** Points in cells of a grid, so that the nearest one is found without looking at all of them. */
class Grid {
  constructor(xs, ys, cells = 64) {
    this.xs = xs;
    this.ys = ys;
    this.cells = cells;
    const bounds = [xs, ys].map((values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))]);
    [[this.left, this.right], [this.low, this.high]] = bounds;
    this.width = Math.max(this.right - this.left, 1e-6) / cells;
    this.height = Math.max(this.high - this.low, 1e-6) / cells;
    this.rows = new Map();
    xs.forEach((x, at) => {
      const key = this.key(this.column(x), this.row(ys[at]));
      this.rows.has(key) ? this.rows.get(key).push(at) : this.rows.set(key, [at]);
    });
  }

  column(x) {
    return Math.min(this.cells - 1, Math.max(0, Math.floor((x - this.left) / this.width)));
  }

  row(y) {
    return Math.min(this.cells - 1, Math.max(0, Math.floor((y - this.low) / this.height)));
  }

  key(column, row) {
    return row * this.cells + column;
  }

  nearest(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    for (let row = this.row(y - reach); row <= this.row(y + reach); row += 1) {
      for (let column = this.column(x - reach); column <= this.column(x + reach); column += 1) {
        for (const at of this.rows.get(this.key(column, row)) ?? []) {
          const distance = (this.xs[at] - x) ** 2 + (this.ys[at] - y) ** 2;
          if (distance < least) {
            [best, least] = [at, distance];
          }
        }
      }
    }
    return best;
  }
}

class VectorMap {
  constructor(element, points) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.card = element.querySelector(".card-of-point");
    this.context = this.canvas.getContext("2d");
    this.points = points;
    this.grid = points.x.length ? new Grid(points.x, points.y) : null;
    this.pins = [...document.querySelectorAll(".hits > li[data-x]")].map((item) => ({
      x: Number(item.dataset.x),
      y: Number(item.dataset.y),
      item,
      rank: [...item.parentElement.children].indexOf(item) + 1,
    }));
    this.question = "x" in element.dataset ? { x: Number(element.dataset.x), y: Number(element.dataset.y) } : null;
    this.names = [...document.querySelectorAll(".legend li[data-x]")].map((line) => ({
      x: Number(line.dataset.x),
      y: Number(line.dataset.y),
      text: line.querySelector(".what").textContent,
      number: Number(line.dataset.class),
    }));
    this.order = this.#order();
    this.only = null;
    this.pointed = -1;
    this.cards = new Map();
    this.held = new Map();
    this.#listen();
    this.#size();
    this.showAll();
  }

  /** What has no value is drawn first, so that it hides nothing. */
  #order() {
    const rows = this.points.class.map((_number, at) => at);
    return rows.sort((a, b) => Number(this.points.class[b] >= OTHER) - Number(this.points.class[a] >= OTHER) || a - b);
  }

  // --- where things are -------------------------------------------------------------------------------------------

  showAll() {
    const xs = [...this.points.x, ...this.pins.map((pin) => pin.x), ...(this.question ? [this.question.x] : [])];
    const ys = [...this.points.y, ...this.pins.map((pin) => pin.y), ...(this.question ? [this.question.y] : [])];
    const [left, right] = [xs.reduce((a, b) => Math.min(a, b), Infinity), xs.reduce((a, b) => Math.max(a, b), -Infinity)];
    const [low, high] = [ys.reduce((a, b) => Math.min(a, b), Infinity), ys.reduce((a, b) => Math.max(a, b), -Infinity)];
    this.whole = 0.92 * Math.min(this.width / Math.max(right - left, 1e-6), this.height / Math.max(high - low, 1e-6));
    this.scale = this.whole;
    this.middle = { x: (left + right) / 2, y: (low + high) / 2 };
    this.draw();
  }

  across(x) {
    return this.width / 2 + (x - this.middle.x) * this.scale;
  }

  down(y) {
    return this.height / 2 - (y - this.middle.y) * this.scale;
  }

  at(left, top) {
    return {
      x: this.middle.x + (left - this.width / 2) / this.scale,
      y: this.middle.y - (top - this.height / 2) / this.scale,
    };
  }

  move(left, top) {
    this.middle.x -= left / this.scale;
    this.middle.y += top / this.scale;
    this.draw();
  }

  /** Zoom around a place of the canvas, which stays where it is. */
  zoom(factor, left = this.width / 2, top = this.height / 2) {
    const kept = this.at(left, top);
    this.scale = Math.min(this.whole * MOST_ZOOM, Math.max(this.whole / 2, this.scale * factor));
    const now = this.at(left, top);
    this.middle.x += kept.x - now.x;
    this.middle.y += kept.y - now.y;
    this.draw();
  }

  // --- drawing ----------------------------------------------------------------------------------------------------

  #size() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  draw() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.#draw();
    });
  }

  #colour(name) {
    return getComputedStyle(this.element).getPropertyValue(`--${name}`).trim();
  }

  #colourOf(number) {
    if (number >= OTHER) {
      return this.#colour(number === OTHER ? "other" : "none");
    }
    return this.#colour(this.points.scale ? `step-${number}` : `value-${number % VALUES}`);
  }

  #shapeOf(number) {
    return this.points.scale || number >= OTHER ? 0 : (number + Math.floor(number / VALUES)) % SHAPES;
  }

  #draw() {
    const { context, points } = this;
    context.clearRect(0, 0, this.width, this.height);
    // Larger with the zoom, and where there are few.
    const few = points.x.length < 1500 ? 1.5 : 1;
    const size = few * Math.min(6, 2.1 * (this.scale / this.whole) ** 0.35);
    let last = null;
    let faint = false;
    context.beginPath();
    const fill = () => {
      if (last !== null) {
        context.globalAlpha = faint ? 0.07 : 0.78;
        context.fillStyle = this.#colourOf(last);
        context.fill();
      }
    };
    for (const at of this.#byClass()) {
      const left = this.across(points.x[at]);
      const top = this.down(points.y[at]);
      if (left < -9 || top < -9 || left > this.width + 9 || top > this.height + 9) {
        continue;
      }
      const number = points.class[at];
      if (number !== last) {
        fill();
        context.beginPath();
        last = number;
        faint = this.only !== null && this.only !== number;
      }
      this.#trace(left, top, size, this.#shapeOf(number));
    }
    fill();
    context.globalAlpha = 1;
    this.#drawNames();
    this.#drawPins();
    this.#drawPointed();
  }

  /** Points of one class after the other, so that each class is filled at once. */
  #byClass() {
    if (!this.sorted) {
      this.sorted = [...this.order].sort((a, b) => this.#depth(a) - this.#depth(b));
    }
    return this.sorted;
  }

  #depth(at) {
    const number = this.points.class[at];
    return number >= OTHER ? -number : number;
  }

  #trace(x, y, size, shape) {
    const { context } = this;
    if (shape === 0) {
      context.moveTo(x + size, y);
      context.arc(x, y, size, 0, 2 * Math.PI);
    } else if (shape === 1) {
      context.rect(x - 0.9 * size, y - 0.9 * size, 1.8 * size, 1.8 * size);
    } else {
      const reach = 1.3 * size;
      context.moveTo(x, y - reach);
      context.lineTo(x + reach, shape === 2 ? y + 0.8 * reach : y);
      context.lineTo(shape === 2 ? x - reach : x, shape === 2 ? y + 0.8 * reach : y + reach);
      if (shape === 3) {
        context.lineTo(x - reach, y);
      }
      context.closePath();
    }
  }

  /** The names of the clusters, the largest first, as far as they do not cover each other. */
  #drawNames() {
    const { context } = this;
    context.font = `600 12px ${getComputedStyle(this.element).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    const taken = [];
    for (const name of this.names) {
      if (this.only !== null && this.only !== name.number) {
        continue;
      }
      const half = context.measureText(name.text).width / 2 + 4;
      const left = Math.min(Math.max(this.across(name.x), half), this.width - half);
      const top = this.down(name.y);
      const box = [left - half, top - 9, left + half, top + 9];
      const covers = taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);
      if (covers || top < 0 || top > this.height || this.across(name.x) < 0 || this.across(name.x) > this.width) {
        continue;
      }
      taken.push(box);
      this.#write(name.text, left, top);
    }
  }

  #write(text, left, top) {
    const { context } = this;
    context.lineWidth = 4;
    context.strokeStyle = this.#colour("surface");
    context.strokeText(text, left, top);
    context.fillStyle = this.#colour("ink");
    context.fillText(text, left, top);
  }

  #drawPins() {
    for (const pin of [...this.pins].reverse()) {
      this.#drawPin(pin, String(pin.rank), 9, this.#colour("accent"), this.#colour("accent-ink"));
    }
    if (this.question) {
      this.#drawPin(this.question, "?", 12, this.#colour("ink"), this.#colour("surface"));
    }
  }

  #drawPin(pin, text, size, ground, ink) {
    const { context } = this;
    const left = this.across(pin.x);
    const top = this.down(pin.y);
    context.beginPath();
    context.arc(left, top, size, 0, 2 * Math.PI);
    context.fillStyle = ground;
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = this.#colour("surface");
    context.stroke();
    context.fillStyle = ink;
    context.font = `600 ${size + 2}px ${getComputedStyle(this.element).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, left, top + 0.5);
  }

  #drawPointed() {
    const { context, points } = this;
    if (this.pointed < 0) {
      return;
    }
    context.beginPath();
    context.arc(this.across(points.x[this.pointed]), this.down(points.y[this.pointed]), 8, 0, 2 * Math.PI);
    context.lineWidth = 2.5;
    context.strokeStyle = this.#colour("ink");
    context.stroke();
  }

  // --- what a point is --------------------------------------------------------------------------------------------

  pointAt(left, top, reach = REACH) {
    const { x, y } = this.at(left, top);
    this.#point(this.grid ? this.grid.nearest(x, y, reach / this.scale) : -1);
  }

  #point(at) {
    if (at === this.pointed) {
      return;
    }
    this.pointed = at;
    this.canvas.style.cursor = at < 0 ? "" : "pointer";
    this.draw();
    clearTimeout(this.pause);
    if (at < 0) {
      this.card.hidden = true;
      return;
    }
    this.pause = setTimeout(() => this.#show(at), this.cards.has(at) ? 0 : PAUSE);
  }

  async #passage(at) {
    if (!this.cards.has(at)) {
      const response = await fetch(`${this.element.dataset.point}${this.points.made}/${this.points.place[at]}/`);
      if (!response.ok) {
        return null;
      }
      this.cards.set(at, await response.json());
    }
    return this.cards.get(at);
  }

  async #show(at) {
    const passage = await this.#passage(at);
    if (at !== this.pointed) {
      return;
    }
    const [title, address, text] = ["strong", "span", "p"].map((name) => document.createElement(name));
    title.textContent = passage ? passage.title : "";
    address.textContent = passage && passage.address ? ` ${passage.address}` : "";
    address.className = "soft";
    text.textContent = passage ? passage.text : this.element.dataset.gone;
    this.card.replaceChildren(title, address, text);
    this.card.hidden = false;
    this.#placeCard(this.across(this.points.x[at]), this.down(this.points.y[at]));
  }

  #placeCard(left, top) {
    const { offsetWidth, offsetHeight } = this.card;
    const beside = left + 16 + offsetWidth > this.width ? left - 16 - offsetWidth : left + 16;
    this.card.style.left = `${Math.max(8, Math.min(beside, this.width - offsetWidth - 8))}px`;
    this.card.style.top = `${Math.max(8, Math.min(top - 20, this.height - offsetHeight - 8))}px`;
  }

  async open() {
    const passage = this.pointed < 0 ? null : await this.#passage(this.pointed);
    if (passage) {
      location.assign(passage.url);
    }
  }

  // --- mouse, fingers and keys ------------------------------------------------------------------------------------

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.#hold(event));
    canvas.addEventListener("pointermove", (event) => this.#pull(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this.#release(event));
    }
    canvas.addEventListener("pointerleave", () => this.#point(-1));
    canvas.addEventListener("wheel", (event) => this.#turn(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#press(event));
    for (const button of this.element.querySelectorAll("[data-zoom]")) {
      const kind = button.dataset.zoom;
      button.addEventListener("click", () => (kind === "all" ? this.showAll() : this.zoom(kind === "in" ? FACTOR : 1 / FACTOR)));
    }
    for (const line of document.querySelectorAll(".legend li[data-class]")) {
      line.addEventListener("pointerenter", () => this.#dim(Number(line.dataset.class)));
      line.addEventListener("pointerleave", () => this.#dim(null));
    }
    for (const select of document.querySelectorAll(".where select")) {
      select.addEventListener("change", () => select.form.requestSubmit());
    }
    new ResizeObserver(() => {
      this.#size();
      this.draw();
    }).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  #dim(number) {
    this.only = number;
    this.draw();
  }

  #hold(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.held.set(event.pointerId, { left: event.offsetX, top: event.offsetY });
    this.moved = this.held.size > 1;
    if (this.held.size === 1 && event.pointerType !== "mouse") {
      this.pointAt(event.offsetX, event.offsetY, 2 * REACH);
    }
  }

  #pull(event) {
    const before = this.held.get(event.pointerId);
    if (!before) {
      this.pointAt(event.offsetX, event.offsetY);
      return;
    }
    const [left, top] = [event.offsetX - before.left, event.offsetY - before.top];
    if (!this.moved && Math.hypot(left, top) < 4) {
      return;
    }
    this.moved = true;
    this.#point(-1);
    const others = [...this.held].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.held.set(event.pointerId, { left: event.offsetX, top: event.offsetY });
    if (others.length === 1) {
      const [other] = others;
      const was = Math.hypot(before.left - other.left, before.top - other.top);
      const is = Math.hypot(event.offsetX - other.left, event.offsetY - other.top);
      this.zoom(is / Math.max(was, 1), (event.offsetX + other.left) / 2, (event.offsetY + other.top) / 2);
    } else if (others.length === 0) {
      this.move(left, top);
    }
  }

  #release(event) {
    const was = this.held.delete(event.pointerId);
    // A finger looks first and opens with a second touch, as it cannot hover.
    const isClick = was && !this.moved && event.type === "pointerup";
    if (isClick && (event.pointerType === "mouse" || this.touched === this.pointed)) {
      this.open();
    }
    this.touched = isClick ? this.pointed : null;
  }

  #turn(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)), event.offsetX, event.offsetY);
  }

  #press(event) {
    const moves = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    const zooms = { "+": FACTOR, "=": FACTOR, "-": 1 / FACTOR };
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key in moves) {
      this.move(...moves[event.key]);
    } else if (event.key in zooms) {
      this.zoom(zooms[event.key]);
    } else if (event.key === "0") {
      this.showAll();
    } else if (event.key === "Enter") {
      this.open();
      return;
    } else {
      return;
    }
    event.preventDefault();
    this.pointAt(this.width / 2, this.height / 2, 4 * REACH);
  }
}

async function begin() {
  const response = await fetch(element.dataset.points);
  if (!response.ok) {
    throw new Error(`${response.status} ${response.statusText}`);
  }
  element.map = new VectorMap(element, await response.json());
  element.classList.add("ready");
}

begin().catch((error) => {
  const problem = document.createElement("p");
  problem.className = "notice error";
  problem.setAttribute("role", "alert");
  problem.textContent = element.dataset.failed;
  element.replaceChildren(problem);
  throw error;
});
