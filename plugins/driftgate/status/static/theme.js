// Airflow keeps what its user has chosen as "theme": light, dark, or nothing where the system decides.
(() => {
  "use strict";
  const apply = () => {
    let chosen = null;
    try { chosen = localStorage.getItem("theme"); } catch { /* storage may be forbidden: the system decides */ }
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
  };
  apply();
  addEventListener("storage", (event) => {
    if (event.key === "theme") { apply(); document.dispatchEvent(new Event("themechange")); }
  });
})();
