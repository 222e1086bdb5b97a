"""What a person does with a finger, a clipboard and links that are dragged."""

from collections.abc import Awaitable, Callable

from playwright.async_api import CDPSession, Locator, Page

# Dispatches a paste or a drop, and returns whether the page took it.
TRANSFER = """([kind, selector, formats]) => {
  const data = new DataTransfer();
  for (const [format, text] of Object.entries(formats)) data.setData(format, text);
  const options = { bubbles: true, cancelable: true };
  const event = kind === "paste" ? new ClipboardEvent("paste", { ...options, clipboardData: data })
    : new DragEvent(kind, { ...options, dataTransfer: data });
  return !document.querySelector(selector).dispatchEvent(event);
}"""


async def transfer(page: Page, kind: str, formats: dict[str, str], selector: str = "body") -> bool:
    taken = await page.evaluate(TRANSFER, [kind, selector, formats])
    assert isinstance(taken, bool)
    return taken


async def middle_of(element: Locator) -> dict[str, float]:
    """Return the place of a finger on it."""
    place = await element.bounding_box()
    assert place is not None
    return {"x": place["x"] + min(40, place["width"] / 2), "y": place["y"] + place["height"] / 2}


async def touch(session: CDPSession, kind: str, points: list[dict[str, float]]) -> None:
    """Put fingers on the screen, or move them, or take them away: there are none of them then."""
    await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


async def long_press(page: Page, element: Locator, until: Callable[[], Awaitable[None]]) -> None:
    """Keep a finger on it until that returns."""
    session = await page.context.new_cdp_session(page)
    await touch(session, "touchStart", [await middle_of(element)])
    await until()
    await touch(session, "touchEnd", [])
