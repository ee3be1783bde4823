// A form is sent once: after the first submit its buttons are disabled and the clicked one shows that it works.
// They come back when the answer failed, when htmx kept the form on the page, and when the browser's back button shows
// the page again. A form whose answer is a download says data-busy="off".

const waiting = new Set();

function buttonsOf(form) {
  return [...form.elements].filter((element) => element.matches("button, input[type=submit]"));
}

function hold(form, clicked) {
  waiting.add(form);
  form.setAttribute("aria-busy", "true");
  // After this turn, so that the clicked button's own name and value are still sent.
  setTimeout(() => {
    if (!waiting.has(form)) return;
    for (const button of buttonsOf(form)) {
      if (button.disabled || button.type === "button") continue;
      button.disabled = true;
      button.dataset.heldByBusy = "";
    }
    (clicked ?? buttonsOf(form).find((button) => button.type === "submit"))?.setAttribute("aria-busy", "true");
  });
}

function release(form) {
  if (!waiting.delete(form)) return;
  form.removeAttribute("aria-busy");
  for (const button of buttonsOf(form)) {
    button.removeAttribute("aria-busy");
    if ("heldByBusy" in button.dataset) {
      button.disabled = false;
      delete button.dataset.heldByBusy;
    }
  }
}

// In the capturing phase, so that a second submit is stopped before htmx hears of it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.busy === "off" || form.method === "dialog" || form.target === "_blank") return;
  if (waiting.has(form)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  hold(form, event.submitter);
}, true);

// Whoever cancels a submit (a question answered with no) must not leave a dead form behind.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const isHtmx = form.matches("[hx-post], [hx-put], [hx-patch], [hx-delete], [hx-get]");
  if (event.defaultPrevented && !isHtmx) release(form);
});

for (const name of ["htmx:afterRequest", "htmx:sendAbort", "htmx:validation:halted"]) {
  document.addEventListener(name, (event) => {
    const form = event.target.closest?.("form");
    if (form) release(form);
  });
}

window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of [...waiting]) release(form);
});
