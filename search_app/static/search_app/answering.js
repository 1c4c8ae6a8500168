// The answer follows what is asked: while one types, ticks a box or follows a link of the answer. HTMX fetches and puts
// it in place; here is what HTMX cannot know: input methods, the history, what is being typed beside the answer.
"use strict";

(() => {
  const form = document.getElementById("search");
  if (!form) {
    return;
  }
  const question = document.getElementById("q");

  // --- input methods: what is being composed is not asked yet ------------------------------------------------------

  form.addEventListener(
    "input",
    (event) => {
      if (event.isComposing) {
        event.stopPropagation();
      }
    },
    true,
  );
  form.addEventListener("compositionend", (event) => {
    event.target.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // --- the history: one entry for a question, not one for each pause in typing it ----------------------------------

  // A filter of which only the value is missing would be an error for as long as that takes to type.
  const UNFINISHED = /[^\s"][:：=＝<＜>＞≥≤≠~～]\s*$/;
  let isTyping = false;

  form.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.target.id !== "answer") {
      return;
    }
    const cause = event.detail.triggeringEvent;
    const isInput = cause?.type === "input";
    if (isInput && UNFINISHED.test(question.value)) {
      event.preventDefault();
      return;
    }
    if (isInput && isTyping) {
      event.detail.headers["X-Typing"] = "true";
    }
    isTyping = isInput;
  });

  // --- what stands beside the answer follows it --------------------------------------------------------------------

  document.addEventListener("htmx:pushedIntoHistory", (event) => {
    if (!isTyping) {
      question.value = new URL(event.detail.path, location.href).searchParams.get("q") ?? "";
    }
  });

  // Whoever signs in or chooses the other language comes back to what is asked now, not to what the page came with.
  function here() {
    return location.pathname + location.search;
  }

  for (const next of document.querySelectorAll('.tools input[name="next"]')) {
    next.form.addEventListener("submit", () => {
      next.value = here();
    });
  }
  const signIn = document.querySelector('.tools a[href*="next="]');
  signIn?.addEventListener("click", () => {
    const address = new URL(signIn.href);
    address.searchParams.set("next", here());
    signIn.href = address.href;
  });

  // New filters take the place of the former ones: what was unfolded stays so, and what is half typed is kept.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (target.id !== "filters") {
      return;
    }
    for (const open of target.querySelectorAll("details[id][open]")) {
      fragment.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    }
    const active = document.activeElement;
    if (target.contains(active) && active.id) {
      const fresh = fragment.querySelector(`#${CSS.escape(active.id)}`);
      if (fresh && active.type !== "checkbox") {
        fresh.value = active.value;
      }
      queueMicrotask(() => document.getElementById(active.id)?.focus({ preventScroll: true }));
    }
  });

  // --- the drawer --------------------------------------------------------------------------------------------------

  const drawer = document.getElementById("drawer");

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "drawer-content") {
      drawer.querySelector(".full-page").href = event.detail.pathInfo.finalRequestPath;
      if (!drawer.open) {
        drawer.showModal();
      }
      drawer.scrollTop = 0;
    }
  });
  drawer.addEventListener("click", (event) => {
    if (event.target === drawer) {
      drawer.close();
    }
  });

  // --- collections -------------------------------------------------------------------------------------------------

  const picker = document.getElementById("picker");

  if (picker) {
    const narrow = document.getElementById("narrow");
    if (narrow) {
      narrow.parentElement.hidden = false;
      narrow.addEventListener("input", () => {
        const wanted = narrow.value.trim().toLocaleLowerCase();
        for (const pick of document.querySelectorAll("#picks > li")) {
          pick.hidden = !pick.textContent.toLocaleLowerCase().includes(wanted);
        }
      });
      narrow.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.isComposing) {
          event.preventDefault();
          document.querySelector("#picks > li:not([hidden]) a")?.click();
        }
      });
    }
    picker.addEventListener("toggle", () => {
      if (picker.open) {
        narrow?.focus();
      }
    });
    // All collections and some of them exclude each other.
    picker.addEventListener("change", (event) => {
      if (event.target.name === "collection" && event.target.checked) {
        const isEvery = event.target.value === "*";
        for (const box of picker.querySelectorAll('input[name="collection"]')) {
          if (isEvery !== (box.value === "*")) {
            box.checked = false;
          }
        }
      }
    });
    document.addEventListener("click", (event) => {
      if (picker.open && !picker.contains(event.target)) {
        picker.open = false;
      }
    });
    picker.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        picker.open = false;
        picker.querySelector("summary").focus();
        event.stopPropagation();
      }
    });
  }
})();
