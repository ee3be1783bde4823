// Runs in the head, before anything is painted: marks that scripts run and applies the person's theme.
// [data-theme-choice="system|light|dark"] on a button chooses and remembers.
(() => {
  const root = document.documentElement;
  root.setAttribute("data-scripts", "");

  const remembered = () => {
    try { return localStorage.getItem("theme") || "system"; } catch { return "system"; }
  };
  const apply = (choice) => {
    if (choice === "light" || choice === "dark") root.setAttribute("data-theme", choice);
    else root.removeAttribute("data-theme");
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    }
  };

  apply(remembered());
  document.addEventListener("DOMContentLoaded", () => apply(remembered()));
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-choice]");
    if (!button) return;
    try { localStorage.setItem("theme", button.dataset.themeChoice); } catch { /* private window: lasts for this page */ }
    apply(button.dataset.themeChoice);
  });
})();
