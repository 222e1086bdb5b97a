"""The options of the form that adds downloads."""

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.events import event
from tests.page.appearance import axe_script, faults
from tests.page.conftest import OpenPage
from tests.page.rows import slot
from tests.page.stub import StubServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

URL = "https://example.org/a.iso"
LABELS = {
    "File name, of one address": "b.iso",
    "Folder, such as films/2026": "films/2027",
    "Speed limit, MB/s": "1.5",
    "Priority, from −9 to 9": "-3",
    "Start later": "2027-01-02T03:04",
    "Checksum, such as sha256:…": "sha256:12",
    "Headers, one per line": "Cookie: a=b; c=d\n\n X-Key:  e:f ",
}
MEMBERS = {
    "url": URL,
    "name": "b.iso",
    "folder": "films/2027",
    "limit_bytes_per_s": 1_500_000,
    "priority": -3,
    "start_at": "2027-01-01T21:34:00.000Z",
    "checksum": "sha256:12",
    "headers": {"Cookie": "a=b; c=d", "X-Key": "e:f"},
}


async def filled(page: Page) -> dict[str, Locator]:
    """Fill in all options, by keyboard as far as the summary."""
    await page.get_by_text("Options", exact=True).press("Enter")
    form = page.locator("#add")
    fields = {label: form.get_by_label(label, exact=True) for label in LABELS}
    for label, text in LABELS.items():
        await fields[label].fill(text)
    return fields


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_each_option_reaches_the_server_and_stays_until_it_was_added(
    open_page: OpenPage, stub: StubServer, width: int, scheme: str
) -> None:
    def refuse(body: Any) -> tuple[int, object]:
        return 422, {"detail": "checksum: of sha256 has 64 hexadecimal digits"}

    page = await open_page(width=width, scheme=scheme)
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    fields = await filled(page)
    await page.evaluate(axe_script())
    assert await faults(page, f"options-{width}") == []
    stub.answer_post = refuse
    await page.get_by_label("Add downloads").fill(URL)
    await page.get_by_label("Add downloads").press("Enter")
    checksum = fields["Checksum, such as sha256:…"]
    await expect(checksum).to_be_focused()
    await expect(checksum).to_have_accessible_description("of sha256 has 64 hexadecimal digits")
    await expect(checksum).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#problems li")).to_have_count(0)
    await expect(page.get_by_label("Add downloads")).to_have_value(URL)
    for label, text in LABELS.items():
        await expect(fields[label]).to_have_value(text)
    stub.answer_post = lambda body: (201, body)
    await checksum.press("Enter")
    await expect(page.get_by_label("Add downloads")).to_have_value("")
    for field in fields.values():
        await expect(field).to_have_value("")
    await expect(checksum).to_have_accessible_description("")
    assert stub.posted == [MEMBERS, MEMBERS]


@pytest.mark.parametrize(
    ("label", "text", "problem"),
    [
        ("Speed limit, MB/s", "fast", "A number is missing, or is none."),
        ("Priority, from −9 to 9", "1.5", "A number is missing, or is none."),
        ("Headers, one per line", "Cookie", "Each line is one header, such as Cookie: a=b"),
    ],
)
async def test_what_makes_no_sense_is_said_beside_its_field_and_nothing_is_sent(
    open_page: OpenPage, stub: StubServer, label: str, text: str, problem: str
) -> None:
    page = await open_page()
    await page.get_by_text("Options", exact=True).click()
    field = page.locator("#add").get_by_label(label, exact=True)
    await field.fill(text)
    await page.get_by_text("Options", exact=True).click()
    await page.get_by_label("Add downloads").fill(URL)
    await page.locator("#add-button").click()
    await expect(field).to_be_focused()  # the options are open again
    await expect(field).to_have_accessible_description(problem)
    assert stub.posted == []


async def test_many_addresses_share_the_options_but_for_a_name(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    fields = await filled(page)
    await page.get_by_label("Add downloads").fill(f"{URL}\nhttps://example.org/c.iso")
    await expect(fields["File name, of one address"]).to_be_disabled()
    await page.locator("#add-button").click()
    await expect(fields["Checksum, such as sha256:…"]).to_have_value("")
    assert [sorted(body) for body in stub.posted] == [sorted(set(MEMBERS) - {"name"})] * 2


async def test_a_download_that_waits_for_its_start_shows_it(open_page: OpenPage, stub: StubServer) -> None:
    page = await open_page()
    await stub.send(event(1, "queued", name="a", start_at=1_800_000_000.0))
    await expect(slot(page, "detail")).to_contain_text("starts Jan 1")
    await stub.send(event(2, "started", name="a"))
    await expect(slot(page, "detail")).not_to_contain_text("starts")
