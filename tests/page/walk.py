"""One load of the page, and what a person of a certain look does there, in any language."""

from functools import partial
from typing import Any, NamedTuple

from playwright.async_api import Locator, Page, expect

from tests.events import command_result, event
from tests.page.appearance import faults
from tests.page.gestures import long_press
from tests.page.rows import records, row, slot
from tests.page.stub import Event, StubServer

AFTER = {"pause": "paused", "resume": "resumed", "retry": "queued", "cancel": "cancelled", "delete": "deleted"}
STATES = {"resumed": "running", "started": "running", "progress": "running"}  # of other events, what they are called


class Look(NamedTuple):
    """How the page is looked at."""

    is_phone: bool
    scheme: str
    language: str

    @property
    def name(self) -> str:
        return f"{'phone' if self.is_phone else 'desktop'}-{self.scheme}-{'rtl' if self.language == 'ar' else 'ltr'}"


def recorded(events: list[Event]) -> list[Event]:
    """Return the records of the downloads after these events, newest first."""
    found: dict[object, Event] = {}
    for number, told in enumerate(events):
        kind = str(told["type"]).removeprefix("download_")
        blank = records("", 1, 95_000 + number)[0]
        state = {"download_id": told.get("download_id"), "state": STATES.get(kind, kind)}
        found[told.get("download_id")] = {
            **blank,
            "name": "",
            **found.get(told.get("download_id"), {}),
            **told,
            **state,
        }
    return sorted((one for key, one in found.items() if key), key=lambda one: -float(str(one["created_at"])))


class Walk:
    """One load of the page, on which each part goes on where the one before ended."""

    def __init__(self, page: Page, stub: StubServer, look: Look) -> None:
        self.page, self.stub, self.look = page, stub, look
        self._offset = 1_000

    async def t(self, key: str, **values: object) -> str:
        """Return a text of the page in its language."""
        text = await self.page.evaluate(
            "([key, values]) => import('./page/messages.js').then(m => m.t(key, values))", [key, values]
        )
        assert isinstance(text, str)
        return text

    def part(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    def verb(self, name: str) -> Locator:
        return self.page.locator(f'#selection [data-verb="{name}"]')

    async def take_shared(self, link: str) -> None:
        """Find the link with which the page was opened in the form, where no key adds it yet, and drop it."""
        await expect(self.part("urls")).to_have_value(link)
        await expect(self.part("urls")).not_to_be_focused()
        await self.page.keyboard.press("Enter")
        await self.part("urls").fill("")

    async def look_at(self, state: str) -> None:
        found = await faults(self.page, f"{self.look.name}-{state}")
        assert found == [], found

    async def press(self, element: Locator) -> None:
        """Press it as one does with this look."""
        await (element.tap() if self.look.is_phone else element.click())

    def obey(self, command: dict[str, Any]) -> list[Event]:
        """Accept a command, and tell its effect."""
        verb = command["action"].removesuffix("_download")
        if verb == "authenticate":
            return []
        result = command_result(command, status="accepted")
        return (
            [result]
            if verb in ("limit", "move", "prioritize", "schedule", "rename")
            else [result, self.change(AFTER[verb], command["download_id"])]
        )

    def change(self, kind: str, download_id: str) -> Event:
        """Return the event of a change that the server's list has, too."""
        self._offset += 1
        for record in self.stub.records:
            if record["download_id"] == download_id:
                record["state"] = STATES.get(kind, kind)
        self.stub.records = [record for record in self.stub.records if record["state"] != "deleted"]
        return event(self._offset, kind, download_id)

    async def search(self, text: str, count: int) -> None:
        await self.part("search").fill(text)
        await expect(self.page.locator("li.row:visible")).to_have_count(count)

    async def select(self, *ids: str) -> None:
        """Select rows by the finger, or by the mouse."""
        first, *others = ids
        selected = self.part("selection-count")
        if self.look.is_phone:
            await long_press(self.page, slot(self.page, "title", first), partial(self.expect_selected, 1))
            for other in others:
                await slot(self.page, "title", other).tap()
        else:
            await row(self.page, first).hover()
            await slot(self.page, "select", first).click()
            for other in others:
                await row(self.page, other).click(modifiers=["Control"], position={"x": 300, "y": 8})
        await self.expect_selected(len(ids))
        await expect(selected).to_be_visible()

    async def expect_selected(self, count: int) -> None:
        await expect(self.part("selection-count")).to_have_text(await self.t("selected", count=count))
