"""The places of rows, compared with those of a list that is sorted anew after each change."""

from typing import Any

import pytest

from tests.page.conftest import OpenPage

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Draws changes of 60 downloads, a few or many at a time, and returns the first difference, or null.
COMPARE = """async () => {
  const { Arrangement } = await import("./page/arrangement.js");
  let seed = 7;
  const draw = (limit) => (seed = (seed * 48271) % 2147483647) % limit;
  const states = ["queued", "running", "paused", "complete", "error", "cancelled"];
  // Those that wait: the queue, others, and what is paused.
  const partOf = ({ state, queueRank }) => state === "paused" ? 2 : state === "queued" && queueRank === null ? 1 : 0;
  const inQueue = (a, b) => groupOf(a) !== 1 ? 0 : partOf(a) - partOf(b)
    || (partOf(a) === 0 ? a.queueRank - b.queueRank || (a.id < b.id ? -1 : 1) : 0);
  const groupOf = ({ state }) => state === "running" ? 0 : ["queued", "paused"].includes(state) ? 1 : 2;
  const arrangement = new Arrangement();
  const known = new Map();
  let isByState = true, least = 0;
  for (let turn = 0; turn < 400; turn += 1) {
    for (let change = draw(turn % 2 ? 3 : 120); change >= 0; change -= 1) {
      const id = `d${draw(60)}`;
      const what = draw(40);
      if (what === 0) arrangement.filter(({ size }) => size >= least, least = draw(3));
      else if (what === 1) arrangement.arrangeByState(isByState = !isByState);
      else if (what < 6) known.delete(id) && arrangement.remove(id);
      else {
        if (!known.has(id)) known.set(id, { id });
        const download = Object.assign(known.get(id), { state: states[draw(6)], rank: draw(9), size: draw(4),
          queueRank: [null, draw(4), -draw(4)][draw(3)] });
        arrangement.set(download, false);
      }
    }
    const sorted = [...known.values()].filter(({ size }) => size >= least);
    const serials = new Map(sorted.map(download => [download, arrangement.get(download.id).serial]));
    sorted.sort((a, b) =>
      (isByState ? groupOf(a) - groupOf(b) || inQueue(a, b) : 0) || b.rank - a.rank || serials.get(b) - serials.get(a));
    arrangement.settle();
    const listed = arrangement.listed.map(({ download }) => download);
    const isSame = listed.length === sorted.length && listed.every((download, index) => download === sorted[index]);
    const places = arrangement.listed.every((item, index, all) =>
      arrangement.neighbourOf(item, 1) === all[index + 1] && arrangement.neighbourOf(item, -1) === all[index - 1]);
    if (!isSame || !places) return [turn, isSame, listed.map(({ id }) => id), sorted.map(({ id }) => id)];
  }
  return null;
}"""


async def test_changes_of_places_come_to_what_sorting_anew_comes_to(open_page: OpenPage) -> None:
    page = await open_page(live=False)
    difference: Any = await page.evaluate(COMPARE)
    assert difference is None
