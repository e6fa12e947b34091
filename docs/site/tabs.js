// Shows the calls of the API reference in one language at a time, the one that the reader took last.
"use strict";

(() => {
  const key = "tenterhook-language";
  const stored = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage is forbidden
    }
  };

  const show = (language) => {
    for (const tabs of document.querySelectorAll(".tabs")) {
      const panels = [...tabs.querySelectorAll(".tab")];
      const shown = panels.find((panel) => panel.dataset.language === language) ?? panels[0];
      for (const panel of panels) {
        panel.hidden = panel !== shown;
      }
      for (const button of tabs.querySelectorAll("button[role=tab]")) {
        button.setAttribute("aria-selected", String(button.textContent === shown.dataset.language));
      }
    }
  };

  for (const tabs of document.querySelectorAll(".tabs")) {
    const bar = document.createElement("div");
    bar.className = "tab-bar";
    bar.setAttribute("role", "tablist");
    for (const panel of tabs.querySelectorAll(".tab")) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("role", "tab");
      button.textContent = panel.dataset.language;
      button.addEventListener("click", () => {
        try {
          localStorage.setItem(key, panel.dataset.language);
        } catch {
          // It is shown all the same.
        }
        show(panel.dataset.language);
      });
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-label", panel.dataset.language);
      bar.append(button);
    }
    tabs.prepend(bar);
  }
  show(stored());
})();
