
// Airflow keeps the reader's choice of theme in local storage; without one the system's preference applies.
function followTheme() {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "system";
}
followTheme();
addEventListener("storage", followTheme);

// Airflow's frame opens no new windows, so the page around it opens the link.
addEventListener("click", (event) => {
  const link = event.target.closest("a[target=_blank]");
  if (!link || parent === window) return;
  event.preventDefault();
  const outer = parent.document.createElement("a");
  Object.assign(outer, { href: link.href, target: "_blank", rel: "noopener noreferrer" });
  outer.click();
});
