// [data-dialog-open="id"] opens a <dialog>, [data-dialog-close] closes the one it stands in, a click on the backdrop too.
// <dialog data-dialog-now> opens when it appears. The browser itself keeps the focus inside and gives it back.
// Menus (<details class="menu-drop">) close when one clicks elsewhere or opens another.

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog-open]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialogOpen);
    if (dialog && !dialog.open) dialog.showModal();
  }
  if (event.target.closest?.("[data-dialog-close]")) event.target.closest("dialog")?.close();

  for (const menu of document.querySelectorAll("details.menu-drop[open]")) {
    if (!menu.contains(event.target) || opener) menu.open = false;
  }
});

// The backdrop belongs to the dialog element itself; a press that began inside (selecting text) does not count.
let pressedOn = null;
document.addEventListener("pointerdown", (event) => { pressedOn = event.target; });
document.addEventListener("click", (event) => {
  const dialog = event.target;
  if (!(dialog instanceof HTMLDialogElement) || pressedOn !== dialog) return;
  const box = dialog.getBoundingClientRect();
  const isInside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  if (!isInside) dialog.close();
});

const openWaiting = (root) => {
  for (const dialog of root.querySelectorAll("dialog[data-dialog-now]:not([open])")) dialog.showModal();
};
openWaiting(document);
document.addEventListener("htmx:load", (event) => openWaiting(event.target.parentElement ?? document));
