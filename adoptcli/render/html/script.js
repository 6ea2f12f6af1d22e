"use strict";
// Values on hover and, in a drawing that has the focus, by arrow keys.
const tip = document.getElementById("tip");
for (const mark of document.querySelectorAll(".m")) {
  const title = mark.querySelector("title");
  mark.dataset.told = title.textContent;
  title.remove();
}
let shown = null;
let byKey = false;
const hide = () => {
  if (shown) shown.classList.remove("on");
  shown = null;
  tip.hidden = true;
};
const show = (mark, x, y, key = false) => {
  byKey = key;
  if (shown) shown.classList.remove("on");
  shown = mark;
  mark.classList.add("on");
  tip.textContent = mark.dataset.told;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  tip.style.left = Math.max(8, Math.min(x + 12, width - box.width - 8)) + "px";
  tip.style.top = (y - box.height - 12 > 0 ? y - box.height - 12 : y + 16) + "px";
};
const atMark = (mark) => {
  const box = mark.getBoundingClientRect();
  show(mark, box.left + box.width / 2, box.top + Math.min(40, box.height / 2), true);
};
document.addEventListener("pointermove", (event) => {
  const mark = event.target.closest ? event.target.closest(".m") : null;
  if (mark) show(mark, event.clientX, event.clientY);
  else if (!byKey) hide();
});
document.addEventListener("pointerdown", (event) => {
  const mark = event.target.closest ? event.target.closest(".m") : null;
  if (mark) show(mark, event.clientX, event.clientY);
  else hide();
});
document.addEventListener("scroll", () => (byKey && shown ? atMark(shown) : hide()), { passive: true });
document.addEventListener("keydown", (event) => {
  const drawing = event.target.closest && event.target.closest("svg[tabindex]");
  const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape") hide();
  if (!drawing || !move) return;
  const marks = [...drawing.querySelectorAll(".m")];
  if (!marks.length) return;
  event.preventDefault();
  const at = marks.indexOf(shown);
  atMark(marks[at < 0 ? (move > 0 ? 0 : marks.length - 1) : (at + move + marks.length) % marks.length]);
});
document.addEventListener("focusout", hide);
