// Keys, declared where they act:
//   data-key="a"            press: a link or button is clicked, a field gets the focus, a <details> opens
//   data-key="g i"          two keys in a row
//   data-key-label="…"      what the sheet behind "?" says (the element's text if absent)
//   [data-row]              j and k move among rows; o and Enter open the row's [data-open] or first link; x ticks it
// Ctrl-Enter submits the form one is in, Esc closes menus. Nothing happens while typing, or under a dialog.

const PAUSE_MS = 900;
let first = "";
let timer = 0;

const isTyping = (element) => element.matches?.("input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable=true]");
const isVisible = (element) => element.checkVisibility ? element.checkVisibility() : element.offsetParent !== null;
const keyed = () => [...document.querySelectorAll("[data-key]")].filter((element) => isVisible(element) && !element.disabled);
const rows = () => [...document.querySelectorAll("[data-row]")].filter(isVisible);
const linkOf = (row) => row.querySelector("[data-open]") ?? row.querySelector("a[href]");

function currentRow() {
  return document.activeElement?.closest("[data-row]")
    ?? document.querySelector("[data-row].is-current, [data-row]:has([aria-current])");
}

function move(step) {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(currentRow());
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
  linkOf(next)?.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function open() {
  const link = currentRow() && linkOf(currentRow());
  link?.click();
  return Boolean(link);
}

function tick() {
  const box = currentRow()?.querySelector("input[type=checkbox]");
  box?.click();
  return Boolean(box);
}

function act(element) {
  if (element.matches("input, textarea, select")) {
    element.focus();
    element.select?.();
  } else if (element.matches("form")) {
    element.requestSubmit();
  } else if (element.matches("summary")) {
    const details = element.parentElement;
    details.open = !details.open;
    (details.open ? details.querySelector("textarea, input:not([type=hidden]), a, button") : element)?.focus();
  } else {
    element.click();
  }
}

function showSheet() {
  const sheet = document.getElementById("key-sheet");
  if (!sheet) return false;
  const list = sheet.querySelector("[data-key-list]");
  list.replaceChildren();
  const lines = keyed().map((element) => [element.dataset.key, element.dataset.keyLabel || element.textContent.trim()]);
  if (rows().length) lines.push(["j k", "Next, previous row"], ["o", "Open the row"]);
  if (document.querySelector("[data-row] input[type=checkbox]")) lines.push(["x", "Choose the row"]);
  if (document.querySelector("form textarea")) lines.push(["Ctrl Enter", "Send the form"]);
  lines.push(["Esc", "Close"], ["?", "This sheet"]);
  const seen = new Set();
  for (const [keys, label] of lines) {
    if (seen.has(keys)) continue;
    seen.add(keys);
    const term = document.createElement("dt");
    for (const key of keys.split(" ")) {
      const cap = document.createElement("kbd");
      cap.className = "kbd-key";
      cap.textContent = key;
      term.append(cap, " ");
    }
    const text = document.createElement("dd");
    text.textContent = label;
    list.append(term, text);
  }
  if (!sheet.open) sheet.showModal();
  return true;
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.('[data-dialog-open="key-sheet"]')) showSheet();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = document.activeElement?.form ?? document.activeElement?.closest("form");
    if (form) {
      event.preventDefault();
      form.requestSubmit();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (event.key === "Escape") {
    const details = document.querySelector("details.menu-drop[open], details.decision-ask[open]");
    if (details) {
      details.open = false;
      details.querySelector("summary").focus();
    } else if (isTyping(document.activeElement)) {
      document.activeElement.blur();
    }
    return;
  }
  if (isTyping(event.target) || document.querySelector("dialog:modal")) return;
  if (event.target.closest?.(".decision-ask-panel")) return;
  const isMoving = !first && (event.key === "j" || event.key === "k");
  // A key held down must not decide on what comes next.
  if (event.repeat && !isMoving) return;

  // After "g" only a pair counts: "g a" with nothing behind it must not approve.
  const wasSecond = Boolean(first);
  const keys = wasSecond ? `${first} ${event.key}` : event.key;
  clearTimeout(timer);
  first = "";
  const elements = keyed();
  const element = elements.find((one) => one.dataset.key === keys);
  if (wasSecond && !element) return;

  let isDone = true;
  if (element) act(element);
  else if (elements.some((one) => one.dataset.key.startsWith(`${event.key} `))) {
    first = event.key;
    timer = setTimeout(() => { first = ""; }, PAUSE_MS);
  } else if (event.key === "j") isDone = move(1);
  else if (event.key === "k") isDone = move(-1);
  else if (event.key === "o") isDone = open();
  else if (event.key === "x") isDone = tick();
  else if (event.key === "?") isDone = showSheet();
  else isDone = false;
  if (isDone) event.preventDefault();
});
