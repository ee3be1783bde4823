// Messages leave after a while, except warnings and failures ([data-toast="stays"]); pointing or tabbing at one keeps it.
// A htmx request that fails shows the message in <template id="toast-failed">.

const STAY_MS = 6000;
const toasts = document.getElementById("toasts");

function watch(toast) {
  if (toast.dataset.toast === "stays" || "watched" in toast.dataset) return;
  toast.dataset.watched = "";
  let timer = setTimeout(() => toast.remove(), STAY_MS);
  for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["pointerleave", "focusout"]) {
    toast.addEventListener(name, () => {
      clearTimeout(timer);
      timer = setTimeout(() => toast.remove(), STAY_MS);
    });
  }
}

function watchAll() {
  for (const toast of toasts.querySelectorAll("[data-toast]")) watch(toast);
}

if (toasts) {
  watchAll();
  new MutationObserver(watchAll).observe(toasts, { childList: true });
  toasts.addEventListener("click", (event) => {
    if (event.target.closest("[data-toast-close]")) event.target.closest("[data-toast]").remove();
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      // A poll that misses once asks again by itself.
      if (event.detail.requestConfig?.verb === "get" && event.target.matches("[hx-trigger^=every]")) return;
      toasts.querySelector("[data-toast-failed]")?.remove();
      const toast = document.getElementById("toast-failed").content.firstElementChild.cloneNode(true);
      toast.dataset.toastFailed = "";
      toasts.append(toast);
    });
  }
}
