"""Walks through everything that the page can do, one for each combination of width, colour and direction."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.events import event
from tests.page.appearance import FOCUS, axe_script
from tests.page.conftest import OpenPage
from tests.page.rows import NOTIFICATIONS, SCROLLED_TO, SIX, records, row, slot
from tests.page.stub import Event, StubServer
from tests.page.walk import Look, Walk, recorded
from tests.page.walk_queue import add, move

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600), pytest.mark.long]

QUEUED, ENDED = 1_203, 700
LOOKS = [
    Look(is_phone, scheme, language)
    for is_phone in (False, True)
    for scheme in ("light", "dark")
    for language in ("en", "ar")
]
# Each two values meet in one of four.
FOUR = {"desktop-light-ltr", "desktop-dark-rtl", "phone-light-ltr", "phone-dark-rtl"}
EDGES = "e => [e.getBoundingClientRect().left, e.getBoundingClientRect().right]"


async def filter_and_order(walk: Walk) -> None:
    page, stub = walk.page, walk.stub
    await stub.send(*SIX)
    await expect(slot(page, "size", "a")).to_have_text(
        "280 / 666 م.بايت" if walk.look.language == "ar" else "280 / 666 MB"
    )
    await walk.look_at("list")
    bar_left, bar_right = await slot(page, "bar", "a").evaluate(EDGES)
    await expect(slot(page, "fill", "a")).to_have_css("transform", "matrix(0.42, 0, 0, 1, 0, 0)")
    fill_left, fill_right = await slot(page, "fill", "a").evaluate(EDGES)
    begins = bar_right - fill_right if walk.look.language == "ar" else fill_left - bar_left
    assert begins == pytest.approx(0, abs=1)

    await walk.search("example.org next", 1)
    await expect(walk.part("count")).to_have_text(await walk.t("job_count_of", visible=1, count=QUEUED + ENDED + 6))
    await walk.search(f"queued-{QUEUED - 1}", 1)  # the server alone knew it
    await walk.search("nothing like it", 0)
    await expect(walk.part("none")).to_be_visible()
    await walk.look_at("nothing")
    await walk.press(walk.part("reset"))
    await expect(walk.part("search")).to_be_focused()
    await walk.part("state-filter").select_option("error")
    await expect(page.locator("li.row:visible .title")).to_have_text(["missing.zip"])
    await walk.part("state-filter").select_option("")
    await walk.part("order").select_option("creation")
    await expect(page.locator("h3:visible")).to_have_count(0)
    await walk.part("order").select_option("state")

    heading = walk.part("heading-waiting").get_by_role("button")
    await walk.press(heading)
    await expect(heading).to_have_attribute("aria-expanded", "false")
    await expect(row(page, "f")).to_be_hidden()
    await expect(row(page, "c")).to_be_visible()
    await walk.look_at("folded")
    await heading.press("Enter")
    await expect(row(page, "f")).to_be_visible()

    await page.wait_for_function(SCROLLED_TO, arg=["#group-waiting", f"queued{QUEUED - 1}"])
    assert await page.locator("li.row").count() < 60
    await walk.look_at("scrolled")
    await page.evaluate("scrollTo(0, 0)")


async def act_on_selected(walk: Walk) -> None:
    page, stub = walk.page, walk.stub
    await walk.part("state-filter").select_option("")
    await walk.search("example.org", 2)
    await walk.select("a", "f")
    await walk.look_at("selected")
    for verb, count, state in (("pause", 2, "paused"), ("resume", 2, "downloading")):
        await expect(walk.verb(verb)).to_have_text(await walk.t(f"{verb}_count", count=count))
        await walk.press(walk.verb(verb))
        for name in ("a", "f"):
            await expect(slot(page, "state", name)).to_have_text(await walk.t(state))
    await walk.press(walk.verb("cancel"))  # 280 MB would be lost
    await expect(walk.part("cancel-keep")).to_be_focused()
    await walk.look_at("asked")
    await walk.press(walk.part("cancel-confirm"))
    await expect(slot(page, "state", "a")).to_have_text(await walk.t("cancelled"))
    await walk.press(walk.verb("retry"))
    await expect(slot(page, "state", "f")).to_have_text(await walk.t("queued"))
    await walk.press(walk.part("selection-clear"))
    await expect(walk.part("selection")).to_be_hidden()

    await walk.search("missing", 1)
    await walk.select("d")
    await walk.press(walk.verb("delete"))
    await expect(row(page, "d")).to_be_hidden()
    name = "\u2068missing.zip\u2069" if walk.look.language == "ar" else "missing.zip"
    await expect(walk.part("notice-message")).to_contain_text(name)
    await walk.look_at("removed")
    await walk.press(walk.part("notice-buttons").get_by_role("button").first)
    await expect(row(page, "d")).to_be_visible()
    await row(page, "d").locator('[data-slot="end"]').click()
    await walk.part("notice-dismiss").click()
    await stub.messages(len(stub.received))
    await expect(row(page, "d")).to_have_count(0)
    await walk.part("search").fill("")
    await stub.send(walk.change("started", "a"))


async def act_on_all(walk: Walk) -> None:
    stub = walk.stub
    held: list[dict[str, Any]] = []

    def hold(command: dict[str, Any]) -> list[Event]:
        held.append(command)
        return []

    obey, stub.answer = stub.answer, hold
    await walk.press(walk.part("pause-all"))
    await expect(walk.part("bulk-progress")).to_have_text(await walk.t("doing_pause", done=0, count=QUEUED + 2))
    await walk.look_at("progress")
    await walk.press(walk.part("bulk-stop"))
    stub.answer = obey
    for command in held:
        await stub.send(*walk.obey(command))
    await expect(walk.part("notice-message")).to_contain_text(await walk.t("left", count=QUEUED + 2 - len(held)))
    await walk.part("notice-dismiss").click()
    await walk.press(walk.part("resume-all"))
    await expect(walk.part("notice-message")).to_contain_text(await walk.t("done_resume", count=len(held) + 1))
    await walk.part("notice-dismiss").click()


async def details(walk: Walk) -> None:
    page, stub = walk.page, walk.stub
    drawer, note = walk.part("details"), walk.part("details-note")
    await stub.send(event(2_000, "progress", "a", progress=0.5, speed=4_000_000, received_bytes=333_000_000))
    title = slot(page, "title", "a")
    await walk.press(title)
    await expect(drawer).to_be_visible()
    await expect(walk.part("details-speeds")).to_be_visible()
    await walk.press(walk.part("copy-address"))
    await expect(note).to_have_text(await walk.t("address_copied"))
    assert await page.evaluate("navigator.clipboard.readText()") == SIX[0]["url"]
    await walk.part("limit").fill("0.5")
    await walk.part("limit").press("Enter")
    await expect(note).to_have_text(await walk.t("limit_set"))
    await walk.look_at("details")
    await page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()
    await expect(title).to_be_focused()
    await walk.search(f"queued-{QUEUED - 1}", 1)
    await walk.press(slot(page, "title", f"queued{QUEUED - 1}"))
    for field, value in (("name", "b.iso"), ("priority", "3"), ("start", "")):
        await walk.part(field).fill(value)
        await walk.part(field).press("Enter")
        await expect(note).to_have_text(await walk.t(f"{field}_set"))
    await walk.look_at("changes")
    await page.keyboard.press("Escape")
    await page.evaluate("document.documentElement.dataset.files = ''")  # as where files are served
    await walk.part("search").fill("صورة")
    await walk.press(slot(page, "title", "c"))
    await walk.press(walk.part("copy-link"))
    await expect(note).to_have_text(await walk.t("link_copied"))
    assert await page.evaluate("navigator.clipboard.readText()") == f"{stub.url}downloads/c/file"
    await walk.look_at("file")
    await page.keyboard.press("Escape")
    await walk.part("search").fill("")


async def limits(walk: Walk) -> None:
    await walk.press(walk.part("limits-open"))
    await walk.part("limits-speed").fill("1.5")
    await walk.press(walk.part("limits-more"))
    await expect(walk.part("limits-periods").locator("select")).to_be_focused()
    await walk.look_at("limits")
    await walk.part("limits-form").locator("[type=submit]").click()
    await expect(walk.part("limits")).to_be_hidden()
    assert walk.stub.limits["max_speed"] == 1_500_000 and len(walk.stub.limits["timetable"]) == 1  # type: ignore[arg-type]


async def keyboard(walk: Walk) -> None:
    """Go through all that takes the focus, forth and back: it is always seen, and never lost."""
    page = walk.page
    await walk.search("example.org", 2)
    await walk.part("phase").focus()  # the first of all, though no key goes there
    problems: list[str] = []

    async def through(key: str, most: int) -> list[str]:
        names: list[str] = []
        for _ in range(most):
            await page.keyboard.press(key)
            found = await page.evaluate(FOCUS)
            if found is None:
                break
            names.append(found[0])
            problems.extend(text for text in found[1:] if text)
        return names

    forth = await through("Tab", 60)
    assert {"urls", "add-button", "search", "order", "limits-open", "notify", "language"} <= set(forth), forth
    assert {"a select", "a title", "f end"} <= set(forth), forth
    await walk.part("search").fill("")
    await row(page, "a").get_by_role("checkbox").focus()
    await page.keyboard.press("Space")
    await walk.expect_selected(1)
    for _ in range(12):
        await page.keyboard.press("Shift+ArrowDown")
    await walk.expect_selected(13)
    problems += [text for text in (await page.evaluate(FOCUS))[1:] if text]
    await through("Shift+Tab", 40)
    assert problems == []
    await page.keyboard.press("Control+a")
    await walk.expect_selected(QUEUED + ENDED + 5)
    await page.keyboard.press("Escape")
    await expect(walk.part("selection")).to_be_hidden()


async def outside(walk: Walk) -> None:
    """The switch of notifications, the token, and another language."""
    page, stub = walk.page, walk.stub
    await page.evaluate(NOTIFICATIONS, True)
    await walk.press(walk.part("notify"))
    await expect(walk.part("notify")).to_have_attribute("aria-pressed", "true")
    await page.evaluate("document.activeElement.blur()")
    await stub.close(4401, "no token came")
    await expect(walk.part("token")).to_be_focused()
    await walk.look_at("token")
    await walk.part("token").fill("a.b.c")
    await walk.press(walk.part("access").get_by_role("button"))
    await expect(page.locator("html")).to_have_attribute("data-connection", "connected")
    await expect(walk.part("access")).to_be_hidden()
    await walk.part("language").select_option("de")
    await expect(walk.part("phase")).to_have_text("Live")
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await expect(page.locator("html")).to_have_attribute("dir", "ltr")


@pytest.mark.parametrize(
    "look",
    [pytest.param(look, id=look.name, marks=[] if look.name in FOUR else pytest.mark.overnight) for look in LOOKS],
)
async def test_everything_is_done_on_one_load_of_the_page(open_page: OpenPage, stub: StubServer, look: Look) -> None:
    page = await open_page(
        width=360 if look.is_phone else 1280,
        scheme=look.scheme,
        touch=look.is_phone,
        language=look.language,
        live=False,
        query="?url=https%3A%2F%2Fexample.org%2Fshared",
    )
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await expect(page.locator("html")).to_have_attribute("data-connection", "connected")
    await expect(page.locator("html")).to_have_attribute("dir", "rtl" if look.language == "ar" else "ltr")
    await page.evaluate(axe_script())
    walk = Walk(page, stub, look)
    stub.answer = walk.obey
    await add(walk)
    stub.records = [*recorded(SIX), *records("queued", QUEUED, 90_000), *records("complete", ENDED, 50_000)]
    stub.cut()
    await walk.press(walk.part("retry"))
    await expect(walk.part("count")).to_have_text(await walk.t("job_count", count=QUEUED + ENDED + 5))
    stub.recovered = True  # where it is lost on a busy machine, nothing was missed
    for scene in (filter_and_order, move, act_on_selected, act_on_all, details, limits, keyboard, outside):
        await scene(walk)
