// Runs in the head so that a collapsed rail does not jump. [data-rail-toggle] collapses and remembers.
(() => {
  const root = document.documentElement;
  const remembered = () => {
    try { return localStorage.getItem("rail"); } catch { return null; }
  };
  if (remembered() === "slim") root.setAttribute("data-rail", "slim");

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-rail-toggle]")) return;
    const isSlim = root.toggleAttribute("data-rail");
    if (isSlim) root.setAttribute("data-rail", "slim");
    try { localStorage.setItem("rail", isSlim ? "slim" : "wide"); } catch { /* private window: lasts for this page */ }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && location.hash === "#rail") location.replace("#main");
  });
})();
