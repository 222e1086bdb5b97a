"""Parts of the walks through the page: downloads are added, and moved in the queue."""

from typing import Any

from playwright.async_api import expect

from tests.page.gestures import middle_of, touch, transfer
from tests.page.rows import row, slot
from tests.page.walk import Walk


async def add(walk: Walk) -> None:
    page, stub, box = walk.page, walk.stub, walk.part("urls")
    await walk.take_shared("https://example.org/shared")
    await expect(walk.part("empty")).to_have_css("opacity", "1")
    await walk.look_at("empty")

    def answer(body: Any) -> tuple[int, object]:
        return (422, {"detail": "url: only http and https"}) if body["url"].startswith("ftp") else (201, body)

    await walk.press(walk.part("add-options").locator("summary"))
    await walk.part("option-priority").fill("3")
    await walk.part("option-folder").fill("films/2026")
    await walk.look_at("options")
    stub.answer_post = answer
    assert await transfer(page, "paste", {"text/plain": "See https://example.org/a.iso, and ftp://example.org/b."})
    await expect(box).to_have_value("https://example.org/a.iso\nftp://example.org/b")
    assert await transfer(page, "dragover", {"text/uri-list": "https://example.org/c"})
    await expect(box).to_have_css("outline-style", "dashed")
    assert await transfer(page, "drop", {"text/uri-list": "https://example.org/c"})
    await expect(walk.part("add-button")).to_have_text(await walk.t("add_many", count=3))
    if walk.look.is_phone:
        await walk.part("add-button").tap()
    else:
        await box.press("Enter")
    await expect(walk.part("problems")).to_contain_text("only http and https")
    await expect(box).to_have_value("ftp://example.org/b")
    await walk.look_at("refused")
    await box.fill("")
    await walk.press(walk.part("add-button"))
    await expect(walk.part("problems")).to_contain_text("https://example.org/file.iso")
    assert [(body["url"], body["priority"], body["folder"]) for body in stub.posted] == [
        ("https://example.org/a.iso", 3, "films/2026"),
        ("ftp://example.org/b", 3, "films/2026"),
        ("https://example.org/c", 3, "films/2026"),
    ]
    await walk.part("option-priority").fill("")
    await walk.part("option-folder").fill("")
    await walk.press(walk.part("add-options").locator("summary"))


async def move(walk: Walk) -> None:
    page, stub = walk.page, walk.stub
    handle, above = slot(page, "handle", "queued1"), row(page, "queued0")
    await above.evaluate("row => row.scrollIntoView({ block: 'center' })")  # near an end of the screen a drag scrolls
    await handle.hover()  # once it stands still
    start, goal = await middle_of(handle), await middle_of(above)
    goal["y"] -= 8  # into its upper half
    if walk.look.is_phone:
        session = await page.context.new_cdp_session(page)
        await touch(session, "touchStart", [start])
        await touch(session, "touchMove", [goal])
    else:
        await page.mouse.down()
        await page.mouse.move(goal["x"], goal["y"])
    await expect(above).to_have_attribute("data-drop", "before")
    await walk.look_at("dragged")
    moves = len(stub.received) + 1
    await (touch(session, "touchEnd", []) if walk.look.is_phone else page.mouse.up())
    await stub.messages(moves, deadline_s=60)
    assert (stub.received[-1]["download_id"], stub.received[-1]["position"]) == ("queued1", {"before": "queued0"})
    said = walk.part("announcer")
    await expect(said).to_contain_text(await walk.t("moved_before", name="queued-1.iso", other="queued-0.iso"))
    await handle.focus()
    await page.keyboard.press("Alt+Shift+ArrowDown")
    await stub.messages(moves + 1, deadline_s=60)
    assert stub.received[-1]["position"] == "last"
    await expect(said).to_contain_text(await walk.t("moved_last", name="queued-1.iso"))
