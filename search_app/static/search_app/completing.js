// Suggestions while one types: fields, comparisons and values of the filter line, and recent searches where nothing is
// typed yet. The combobox of the ARIA Authoring Practices with a list: focus stays in the input, the option is marked.
"use strict";

(() => {
  const question = document.getElementById("q");
  if (!question) {
    return;
  }
  const url = question.dataset.complete;
  const texts = document.getElementById("suggestion-texts").dataset;
  const RECENT = `vectorsite.recent.${document.body.dataset.reader}`;
  const MOST_RECENT = 12;
  const DELAY = 120;

  // --- recent searches: kept in this browser alone, apart for each account -----------------------------------------

  function recent() {
    try {
      const kept = JSON.parse(localStorage.getItem(RECENT));
      return Array.isArray(kept) ? kept : [];
    } catch {
      // Storage may be turned off, or hold what something else wrote.
      return [];
    }
  }

  function keep(searches) {
    try {
      localStorage.setItem(RECENT, JSON.stringify(searches));
    } catch {
      // Without storage there are no recent searches.
    }
    showRecent();
  }

  function remember() {
    const asked = question.value.trim();
    if (asked) {
      const address = new URL(location.href);
      address.searchParams.set("q", asked);
      address.searchParams.delete("page");
      const search = { q: asked, url: `${address.pathname}${address.search}` };
      keep([search, ...recent().filter((other) => other.url !== search.url)].slice(0, MOST_RECENT));
    }
  }

  function showRecent() {
    const place = document.getElementById("recent");
    if (!place) {
      return;
    }
    const searches = recent();
    place.hidden = !searches.length;
    place.querySelector("ul").replaceChildren(
      ...searches.map((search) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = search.url;
        link.textContent = search.q;
        item.append(link);
        return item;
      }),
    );
  }

  document.addEventListener("submit", (event) => {
    if (event.target.id === "search") {
      remember();
    }
  }, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("article.result a")) {
      remember();
    }
    if (event.target.closest?.("#clear-recent")) {
      keep([]);
      question.focus();
    }
  });
  document.addEventListener("htmx:afterSettle", showRecent);
  showRecent();

  // --- the list ----------------------------------------------------------------------------------------------------

  const list = document.createElement("ul");
  list.id = "suggestions";
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", texts.label);

  let input = question;
  let options = [];
  let active = -1;
  let kept = 0;
  let running = null;
  let timer = 0;

  function equip(element) {
    element.setAttribute("role", "combobox");
    element.setAttribute("aria-autocomplete", "list");
    element.setAttribute("aria-expanded", "false");
    element.setAttribute("aria-controls", list.id);
  }

  function fieldOf(element) {
    return element.dataset.valuesOf ?? "";
  }

  function isCompleted(element) {
    return element === question || Boolean(element.dataset?.valuesOf);
  }

  function close() {
    clearTimeout(timer);
    running?.abort();
    list.hidden = true;
    options = [];
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function span(name, text) {
    const element = document.createElement("span");
    element.className = name;
    element.textContent = text;
    return element;
  }

  function open(found) {
    options = found;
    active = -1;
    input.removeAttribute("aria-activedescendant");
    if (!options.length) {
      close();
      return;
    }
    list.replaceChildren(
      ...options.map((option, place) => {
        const item = document.createElement("li");
        item.id = `suggestion-${place}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        item.className = option.kind;
        item.append(span("label", option.label), span("note", option.note ?? ""), span("count", option.count ?? ""));
        return item;
      }),
    );
    // Beside the input, wherever the answer has put it.
    (input === question ? document.getElementById("bar") : input.parentElement).append(list);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  function mark(place) {
    active = (place + options.length) % options.length;
    for (const [number, item] of [...list.children].entries()) {
      item.setAttribute("aria-selected", String(number === active));
    }
    list.children[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", `suggestion-${active}`);
  }

  function before() {
    return input.value.slice(0, input.selectionStart ?? input.value.length);
  }

  async function ask() {
    running?.abort();
    running = new AbortController();
    const typed = before();
    const parameters = new URLSearchParams({ q: typed });
    for (const collection of question.dataset.collections.split(",")) {
      parameters.append("collection", collection);
    }
    if (fieldOf(input)) {
      parameters.set("field", fieldOf(input));
    }
    try {
      const response = await fetch(`${url}?${parameters}`, { signal: running.signal, credentials: "same-origin" });
      if (response.ok && typed === before() && document.activeElement === input) {
        const found = await response.json();
        kept = found.keep;
        open(found.options);
      }
    } catch (error) {
      if (error.name !== "AbortError") {
        // Suggestions are a help; without them one types on.
        close();
      }
    }
  }

  function suggest() {
    clearTimeout(timer);
    const typed = before();
    const word = typed.match(/\S*$/)[0];
    const isWorthwhile = input !== question || word.length > 1 || /[^\x00-\x7f]/.test(word);
    if (!isWorthwhile) {
      close();
      return;
    }
    timer = setTimeout(ask, DELAY);
  }

  function offer() {
    if (input === question && !question.value) {
      const searches = recent().map((search) => ({ kind: "recent", label: search.q, url: search.url }));
      if (searches.length) {
        open([...searches, { kind: "clear", label: texts.clear }]);
        return;
      }
    }
    ask();
  }

  function accept(place) {
    const option = options[place];
    close();
    if (option.kind === "recent") {
      location.assign(option.url);
      return;
    }
    if (option.kind === "clear") {
      keep([]);
      return;
    }
    if (fieldOf(input)) {
      input.value = option.text;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      return;
    }
    const after = input.value.slice(before().length).replace(/^\S*/, "").trimStart();
    // Counted in characters, of which some are two units of a string.
    const head = [...before()].slice(0, kept).join("") + option.text;
    input.value = head + after;
    input.setSelectionRange(head.length, head.length);
    if (option.goesOn) {
      ask();
    } else {
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  // --- events ------------------------------------------------------------------------------------------------------

  equip(question);
  document.addEventListener("focusin", (event) => {
    if (isCompleted(event.target) && event.target !== input) {
      close();
      input = event.target;
      equip(input);
    }
  });
  document.addEventListener("focusout", (event) => {
    if (event.target === input) {
      close();
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target === input && !event.isComposing) {
      suggest();
    }
  });
  question.addEventListener("click", () => {
    if (!question.value && list.hidden && recent().length) {
      offer();
    }
  });
  // The input keeps the focus while an option is pressed.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item) {
      event.preventDefault();
      accept([...list.children].indexOf(item));
    }
  });
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.target !== input || event.isComposing) {
        return;
      }
      if (event.ctrlKey && event.code === "Space") {
        event.preventDefault();
        offer();
        return;
      }
      if (list.hidden) {
        return;
      }
      const place = { ArrowDown: active + 1, ArrowUp: active < 0 ? -1 : active - 1 }[event.key];
      if (place !== undefined) {
        mark(place);
      } else if ((event.key === "Enter" || event.key === "Tab") && active >= 0) {
        accept(active);
      } else if (event.key === "Escape") {
        close();
      } else {
        if (event.key === "Enter") {
          close();
        }
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
})();
