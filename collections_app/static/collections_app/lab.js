// A button with data-copies="id of a form" copies what the form downloads as JSON. Browsers give the clipboard to pages
// that came over HTTPS or from this machine; elsewhere the button stays hidden, and the download is there.
"use strict";

async function textOf(form) {
  const data = new FormData(form);
  data.set("download", "json");
  const response = await fetch(form.action, { method: "POST", body: data, credentials: "same-origin" });
  if (!response.ok || !(response.headers.get("content-type") || "").startsWith("application/json")) {
    throw new Error(`The form answered with HTTP ${response.status}.`);
  }
  return new Blob([await response.text()], { type: "text/plain" });
}

async function copy(button) {
  const label = button.dataset.label || button.textContent;
  button.dataset.label = label;
  try {
    // Given as a promise: a browser that had to wait for the text would no longer know that somebody clicked.
    const item = new ClipboardItem({ "text/plain": textOf(document.getElementById(button.dataset.copies)) });
    await navigator.clipboard.write([item]);
    button.textContent = button.dataset.copied;
  } catch (error) {
    console.info("Nothing was copied.", error);
    button.textContent = button.dataset.failed;
  }
  setTimeout(() => {
    button.textContent = label;
  }, 4000);
}

if (navigator.clipboard && window.ClipboardItem) {
  for (const button of document.querySelectorAll("[data-copies]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}
