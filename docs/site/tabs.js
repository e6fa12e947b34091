// Shows the calls of the API reference in one language at a time, the one that the reader took last. The keys are
// those of the ARIA Authoring Practices' tabs.
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

  const all = [...document.querySelectorAll(".tabs")];

  const show = (language) => {
    for (const tabs of all) {
      const panels = [...tabs.querySelectorAll(".tab")];
      const shown = panels.find((panel) => panel.dataset.language === language) ?? panels[0];
      for (const panel of panels) {
        const button = document.getElementById(panel.getAttribute("aria-labelledby"));
        panel.hidden = panel !== shown;
        button.setAttribute("aria-selected", String(!panel.hidden));
        button.tabIndex = panel.hidden ? -1 : 0;
      }
    }
  };

  const choose = (button) => {
    const language = button.textContent;
    try {
      localStorage.setItem(key, language);
    } catch {
      // It is shown all the same.
    }
    // The calls above change their height too, but what the reader looks at stays in its place.
    const top = button.getBoundingClientRect().top;
    show(language);
    window.scrollBy({ top: button.getBoundingClientRect().top - top, behavior: "instant" });
    button.focus({ preventScroll: true });
  };

  const onKey = (event) => {
    const buttons = [...event.currentTarget.querySelectorAll("button")];
    const at = buttons.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + buttons.length, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    // Elsewhere these keys turn the book's pages.
    event.stopPropagation();
    choose(buttons[to % buttons.length]);
  };

  all.forEach((tabs, place) => {
    const bar = document.createElement("div");
    bar.className = "tab-bar";
    bar.setAttribute("role", "tablist");
    bar.setAttribute("aria-label", "Language");
    bar.addEventListener("keydown", onKey);
    tabs.querySelectorAll(".tab").forEach((panel, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.id = `tab-${place}-${index}`;
      button.setAttribute("role", "tab");
      button.textContent = panel.dataset.language;
      button.addEventListener("click", () => choose(button));
      panel.id = `panel-${place}-${index}`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", button.id);
      // Its code may be wider than the screen, and scrolls by keys where it has the focus.
      panel.tabIndex = 0;
      button.setAttribute("aria-controls", panel.id);
      bar.append(button);
    });
    tabs.prepend(bar);
  });
  show(stored());
})();
