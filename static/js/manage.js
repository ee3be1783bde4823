// Choosing rows of a list in Manage: the box in the head chooses all of the page, the bar says how many.

const list = document.getElementById("result_list");
const counter = document.querySelector(".action-counter");

function boxes() {
  return [...list.querySelectorAll("input.action-select")];
}

function tell() {
  const all = boxes();
  const chosen = all.filter((box) => box.checked).length;
  document.getElementById("action-toggle").checked = chosen === all.length;
  if (counter) counter.textContent = `${chosen} of ${all.length} chosen`;
}

if (list && document.getElementById("action-toggle")) {
  list.addEventListener("change", (event) => {
    if (event.target.id === "action-toggle") {
      for (const box of boxes()) box.checked = event.target.checked;
    }
    tell();
  });
  window.addEventListener("pageshow", tell); // the browser's back button brings choices back
}
