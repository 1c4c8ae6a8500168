// Keys: / to the question, arrows from result to result, Esc back, ? for the list of them. None of them while an input
// method composes, nor where they are typed as text.
"use strict";

(() => {
  const question = document.getElementById("q");
  const shortcuts = document.getElementById("shortcuts");

  const PAGES = { ArrowLeft: "prev", ArrowRight: "next" };
  // Whether a page was turned by key, so that the keys go on from its first result.
  let isTurning = false;

  function results() {
    return [...document.querySelectorAll("article.result h2 a")];
  }

  function isTyped(element) {
    const isText = element.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(element.type);
    return isText || element.isContentEditable || /^(TEXTAREA|SELECT)$/.test(element.tagName);
  }

  function go(element) {
    element.focus({ preventScroll: true });
    element.closest("article")?.scrollIntoView({ block: "nearest" });
  }

  function move(event, step) {
    const links = results();
    const place = links.indexOf(document.activeElement);
    if (!links.length || (place < 0 && step < 0)) {
      return;
    }
    event.preventDefault();
    if (place === 0 && step < 0) {
      question?.focus();
      question?.scrollIntoView({ block: "nearest" });
    } else {
      go(links[Math.min(place + step, links.length - 1)]);
    }
  }

  function leave(event) {
    const active = document.activeElement;
    if (active === question && question.value) {
      event.preventDefault();
      question.value = "";
      question.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (active === question) {
      question.blur();
    } else if (active && active !== document.body && !isTyped(active)) {
      question?.focus();
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (document.querySelector("dialog[open]")) {
      return;
    }
    const active = document.activeElement ?? document.body;
    if (event.key === "Escape") {
      leave(event);
    } else if (event.key === "ArrowDown" && (active === question || results().includes(active))) {
      move(event, 1);
    } else if (event.key === "ArrowUp" && results().includes(active)) {
      move(event, -1);
    } else if (event.key in PAGES && results().includes(active)) {
      const link = document.querySelector(`.paging a[rel="${PAGES[event.key]}"]`);
      isTurning = Boolean(link);
      link?.click();
    } else if (!isTyped(active) && event.key === "/" && question) {
      event.preventDefault();
      question.focus();
      question.select();
    } else if (!isTyped(active) && event.key === "?" && shortcuts) {
      event.preventDefault();
      shortcuts.showModal();
    }
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (isTurning && event.detail.target.id === "answer" && results().length) {
      isTurning = false;
      go(results()[0]);
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#show-shortcuts")) {
      shortcuts.showModal();
    }
  });
})();
