// What the pages do besides showing: charts in the theme's colours, dialogs, and links that leave Airflow's frame.
(() => {
  "use strict";

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
  const isNarrow = matchMedia("(max-width: 40rem)");

  // --- Charts: a figure holds its data and layout as JSON; the colours are the theme's.
  function layoutOf(given) {
    const axis = { gridcolor: style("--line"), linecolor: style("--line"), zerolinecolor: style("--line"), automargin: true };
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: style("--text"), family: style("--font"), size: 13 },
      colorway: ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"].map(style),
      margin: { l: 48, r: 12, t: 12, b: 40 },
      height: 320,
      legend: { orientation: "h", y: -0.2 },
      hoverlabel: { bgcolor: style("--surface"), bordercolor: style("--line"), font: { color: style("--text") } },
      ...given,
    };
    for (const name of new Set(["xaxis", "yaxis", ...Object.keys(given).filter((key) => /^[xy]axis\d*$/.test(key))])) {
      layout[name] = { ...axis, ...given[name] };
      // on a phone, dates that do not fit beside each other would be turned, into the legend
      if (isNarrow.matches && layout[name].type === "date") Object.assign(layout[name], { nticks: 3, tickangle: 0 });
    }
    return layout;
  }

  // A colour may be named by a variable of the style sheet: "var(--act)".
  const coloured = (value) => {
    if (typeof value === "string") {
      const found = /^var\((--[a-z0-9-]+)\)$/.exec(value);
      return found ? style(found[1]) : value;
    }
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item)]));
    }
    return value;
  };

  function draw(figure) {
    const script = figure.querySelector('script[type="application/json"]');
    if (!script || !window.Plotly) return;
    let canvas = figure.querySelector(".canvas");
    if (!canvas) {
      canvas = document.createElement("div");
      canvas.className = "canvas";
      canvas.setAttribute("aria-hidden", "true");
      figure.insertBefore(canvas, script);
    }
    const { data, layout = {}, min_width } = coloured(JSON.parse(script.textContent));
    if (min_width) canvas.style.minWidth = `${min_width}px`;
    if (layout.height) canvas.style.minHeight = `${layout.height}px`;
    window.Plotly.react(canvas, data, layoutOf(layout), { displayModeBar: false, responsive: true });
  }

  const drawAll = (root) => {
    if (root.matches?.("figure[data-chart]")) draw(root);
    root.querySelectorAll?.("figure[data-chart]").forEach(draw);
  };

  // --- Airflow's frame may not be left by a link: its own document follows it instead.
  function leaveFrame(event) {
    const link = event.target.closest?.("a[data-airflow]");
    if (!link || window.parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const outer = window.parent.document.createElement("a");
    outer.href = link.href;
    window.parent.document.body.append(outer);
    outer.click();
    outer.remove();
  }

  // --- Dialogs: a button names the address of the form that it opens.
  const dialog = () => document.getElementById("dialog");

  async function openDialog(button) {
    const box = dialog();
    const answer = await fetch(button.dataset.dialog, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    box.innerHTML = await answer.text();
    window.htmx.process(box);
    box.showModal();
    (box.querySelector("[autofocus]") ?? box.querySelector("button, input, textarea"))?.focus();
  }

  document.addEventListener("click", (event) => {
    leaveFrame(event);
    const button = event.target.closest?.("button[data-dialog]");
    if (button) openDialog(button);
    if (event.target.closest?.("[data-close]")) dialog().close();
    if (event.target === dialog()) dialog().close(); // the backdrop
  });

  // What a write is refused with is told in its dialog: what lies behind that cannot be read.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt, xhr } = event.detail;
    if (elt.matches?.("dialog form") && xhr.status >= 400) event.detail.target = elt.querySelector(".problem");
  });

  // The keyboard: a page may have links to what comes before and after.
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest?.("input, select, textarea, dialog")) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      document.querySelector(`a[data-key="${event.key}"]`)?.click();
    }
  });

  // A write answers with what was done: it is told, and what it changes is read again.
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (!form.matches?.("dialog form") || !event.detail.successful) return;
    dialog().close();
    document.body.dispatchEvent(new Event("acted"));
  });

  // What somebody has unfolded stays so when its part of the page is read again.
  let unfolded = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    unfolded = [...event.detail.target.querySelectorAll("details[id][open]")].map((details) => details.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
    unfolded = [];
  });

  document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
  document.addEventListener("themechange", () => drawAll(document));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.documentElement.classList.toggle("calm", isCalm.matches);
})();
