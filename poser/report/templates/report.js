(function () {
  "use strict";
  var root = document.documentElement;
  var button = document.getElementById("theme");

  function stored(value) {
    try {
      if (value === undefined) return localStorage.getItem("poser-theme");
      localStorage.setItem("poser-theme", value);
    } catch (error) { /* a page opened from disk may have no storage */ }
    return null;
  }
  function flip() {
    var now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    stored(root.dataset.theme);
  }
  var before = stored();
  if (before === "light" || before === "dark") root.dataset.theme = before;
  button.hidden = false;
  button.addEventListener("click", flip);
  document.querySelectorAll(".keys").forEach(function (e) { e.hidden = false; });

  // Pointing at words, a command or a step shows what belongs together.
  var linked = Array.from(document.querySelectorAll("[data-c]"));
  var edges = Array.from(document.querySelectorAll("[data-from]"));
  function light(ids) {
    root.classList.toggle("pointing", ids.length > 0);
    linked.forEach(function (e) {
      e.classList.toggle("hot", e.dataset.c.split(" ").some(function (c) { return ids.includes(c); }));
    });
    var needed = {};
    linked.forEach(function (e) {
      if (e.dataset.after && ids.length === 1 && e.dataset.c === ids[0]) {
        e.dataset.after.split(" ").forEach(function (c) { needed["command-" + c] = true; });
      }
    });
    linked.forEach(function (e) { e.classList.toggle("before", needed[e.id] === true); });
    edges.forEach(function (e) {
      e.classList.toggle("hot", ids.includes(e.dataset.from) || ids.includes(e.dataset.to));
    });
  }
  function point(event) {
    var holder = event.target.closest ? event.target.closest("[data-c]") : null;
    light(holder && !holder.classList.contains("step") ? holder.dataset.c.split(" ") : []);
  }
  document.addEventListener("pointerover", point);
  document.addEventListener("focusin", point);
  document.addEventListener("focusout", function () { light([]); });

  // j, k and the arrows move from step to step.
  var steps = Array.from(document.querySelectorAll(".step[id]"));
  function move(by) {
    var at = steps.indexOf(document.activeElement);
    if (at < 0 && by < 0) at = 1;
    var next = steps[Math.min(steps.length - 1, Math.max(0, at + by))];
    if (!next) return;
    var calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
  }
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    var focused = document.activeElement;
    var scrolls = focused && focused.closest(".scroll");
    if (event.key === "j" || (event.key === "ArrowRight" && !scrolls)) move(1);
    else if (event.key === "k" || (event.key === "ArrowLeft" && !scrolls)) move(-1);
    else if (event.key === "t") flip();
    else return;
    event.preventDefault();
  });
})();
