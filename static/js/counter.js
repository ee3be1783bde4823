// <textarea data-count="160">: how many characters are typed, beside the field's help.

for (const field of document.querySelectorAll("[data-count]")) {
  const shown = document.createElement("span");
  shown.className = "field-help tabular-nums";
  field.insertAdjacentElement("afterend", shown);
  const count = () => {
    const length = [...field.value].length;
    shown.textContent = `${length} of ${field.dataset.count}`;
    shown.classList.toggle("text-danger-ink", length > Number(field.dataset.count));
  };
  field.addEventListener("input", count);
  count();
}
