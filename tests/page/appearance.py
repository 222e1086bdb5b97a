"""Faults of how the page looks: barriers, little contrast, and what is cut, covered or beyond the edge."""

import os
from importlib import resources
from pathlib import Path
from typing import Any

from playwright.async_api import Page

SHOTS = os.environ.get("SHOTS", "")  # a folder for pictures of what was looked at

# Barriers, as "rule: place".
SERIOUS = """async () => (await axe.run({ resultTypes: ["violations"] })).violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.target} ${node.failureSummary}`))"""

# The least contrast of any text that is seen, with what it is; WCAG 2.2 asks for 4.5.
MIN_CONTRAST = """() => {
  const parts = color => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const color = parts(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
  };
  let least = [99, ""];
  for (const e of document.querySelectorAll("body *:not(template)")) {
    const written = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!written || !e.checkVisibility({ visibilityProperty: true })) continue;
    const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const contrast = (a + .05) / (b + .05);
    if (contrast < least[0]) least = [contrast, `${e.tagName}.${e.className}: ${e.textContent}`];
  }
  return least;
}"""

# Elements that reach beyond the page. A row on a touch screen does: it has no box until rows are selected.
OUTSIDE = """() => {
  const width = document.documentElement.clientWidth;
  const isOutside = ({ left, right }) => left < -1 || right > width + 1;
  return Array.from(document.querySelectorAll("body *"))
    .filter(element => element.checkVisibility() && !element.matches(".row, .select, .icons *, .actions span"))
    .filter(element => !element.closest(".visually-hidden") && isOutside(element.getBoundingClientRect()))
    .map(element => element.outerHTML.slice(0, 120));
}"""

# Texts that are cut without a sign of it, and controls and texts that cover each other.
CROWDED = """() => {
  const isSeen = e => e.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && !e.closest(".visually-hidden, .icons, .actions span, kbd");
  const hasText = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  const layers = ".sheets, .drawer[open], .top";
  const dialog = document.querySelector("dialog[open]");
  const leaves = Array.from((dialog ?? document).querySelectorAll("body *, .drawer *"))
    .filter(e => isSeen(e) && (e.matches("button, a, input, select, textarea, img, .bar") || hasText(e)))
    .map(e => ({ e, layer: e.closest(layers), box: e.getBoundingClientRect(), name: e.outerHTML.slice(0, 100) }))
    .filter(({ box }) => box.width > 0 && box.bottom > 0 && box.top < innerHeight);
  const cut = leaves.filter(({ e }) => {
    const { overflowX, textOverflow } = getComputedStyle(e);
    return hasText(e) && overflowX !== "visible" && textOverflow !== "ellipsis" && e.scrollWidth > e.clientWidth + 1
      && !e.matches("textarea");
  });
  const canvas = document.createElement("canvas").getContext("2d");
  const tight = leaves.filter(({ e }) => {
    if (!e.matches("select")) return false;
    canvas.font = getComputedStyle(e).font;
    return canvas.measureText(e.selectedOptions[0]?.textContent ?? "").width > e.clientWidth - 30; // the arrow is there
  });
  const covered = [];
  leaves.forEach((one, index) => {
    for (const other of leaves.slice(index + 1)) {
      if (one.layer !== other.layer || one.e.contains(other.e) || other.e.contains(one.e)) continue;
      const width = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const height = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
      if (width > 1.5 && height > 3) covered.push(`covered: ${one.name} / ${other.name}`);
    }
  });
  return [...[...cut, ...tight].map(({ name }) => `cut: ${name}`), ...covered];
}"""

# The focus: what has it, and whether it can be seen; null where nothing has it.
FOCUS = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const { left, right, top, bottom } = e.getBoundingClientRect();
  const [x, y] = [(left + right) / 2, (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2];
  const above = document.elementFromPoint(x, y);
  const isMarked = e.matches(":focus-visible") && getComputedStyle(e).outlineStyle === "solid";
  const isCovered = !above || !(e === above || e.contains(above) || above.contains(e));
  const { id } = e.closest("li")?.dataset ?? {};
  const name = id ? `${id} ${e.dataset.slot}` : e.id || e.textContent.trim();
  const over = above?.outerHTML.slice(0, 90);
  return [name, isMarked ? "" : `${name} has no mark`, isCovered ? `${name} is covered by ${over}` : ""];
}"""


def axe_script() -> str:
    """Return the script that finds barriers; it comes with axe-playwright-python."""
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


async def faults(page: Page, shot: str) -> list[Any]:
    """Return all faults of what is seen now; the page has the script of `axe_script`. A picture gets that name."""
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{shot}.png"))
    contrast, what = await page.evaluate(MIN_CONTRAST)
    found = [*([f"contrast {contrast:.1f}: {what}"] if contrast < 4.5 else [])]
    for look in (OUTSIDE, CROWDED, SERIOUS):
        found += await page.evaluate(look)
    if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("it scrolls sideways")
    return found
