"""The routes, asked as a person, a page of another site, and an attacker would."""

import asyncio
import contextlib
import json

import pytest
import websockets

from tests.conditions import eventually
from tests.http_requests import raw_request
from tests.ports import free_port
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, collect


async def test_a_download_is_added_listed_and_shown(front_end: StartFrontEnd) -> None:
    running = await front_end()
    status, record = await running.post("/downloads", {"url": "https://user:pw@example.com/a.iso"})
    assert status == 201
    assert (record["state"], record["name"], record["url"]) == ("queued", "a.iso", "https://example.com/a.iso")
    assert record.pop("existing") is False
    page = {"downloads": [record], "total": 1, "next_cursor": None, "is_complete": True}
    assert await running.get("/downloads") == (200, page)
    assert await running.get(f"/downloads/{record['download_id']}") == (200, record)
    status, missing = await running.get("/downloads/nobody")
    assert (status, missing["detail"]) == (404, "there is no download nobody")
    assert (await running.get("/downloads?limit=0"))[0] == 422
    assert (await running.get("/health"))[0] == 200
    assert "/downloads" in str((await running.get("/openapi.json"))[1]["paths"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"{}", "url"),
        (b'{"url":5}', "url"),
        (b'{"url":"ftp://example.com/a"}', "http:// or https://: SIMULCAST_DOWNLOAD_SCHEMES"),
        (b'{"url":"file:///etc/passwd"}', "http://"),
        (b'{"url":"example.com/a"}', "http://"),
        (b'{"url":"http://"}', "host"),
        (b'{"url":"http://[::1"}', "address"),
        (b'{"url":"http://a:99999/"}', "address"),
        (b'{"url":"http://example.com/\\r\\nX: y"}', "percent-encode"),
        (b'{"url":"http://example.com/' + b"x" * 5000 + b'"}', "4096"),
        (b"[" * 60_000, "JSON"),
        (b'{"url":"\xff"}', "JSON"),
        (b'{"url":"http://a/","cheksum":"x"}', "cheksum: Extra inputs are not permitted"),
        (b'{"url":"http://a/","headers":{"Host":"s3cr3t"}}', "headers: Host can't be given"),
        (b'{"url":"http://a/","headers":{"X":"s3cr3t\\r\\nY: z"}}', "the value of X is one line"),
        (b'{"url":"http://a/","bearer":"s3cr3t","basic":{"user":"u","password":"s3cr3t"}}', "only one of"),
        (b'{"url":"http://a/","checksum":"sha256:12"}', "checksum: of sha256 has 64 hexadecimal digits"),
        (b'{"url":"http://a/","name":"../x"}', "name: is the name of a file alone"),
        (b'{"url":"http://a/","folder":"/x"}', "folder: begins with a slash"),
        (b'{"url":"http://a/","proxy":"s3cr3t"}', "proxy: looks like"),
        (b'{"url":"http://a/","limit_bytes_per_s":-1}', "limit_bytes_per_s"),
        (b'{"url":"http://a/","start_at":"2026-12-24T18:00"}', "start_at: needs a time zone"),
        (b'{"url":"http://a/","start_at":17900000000000}', "start_at: is at most a year ahead"),
    ],
)
async def test_a_bad_download_is_refused_in_words(body: bytes, words: str, shared_front_end: FrontEnd) -> None:
    status, answer = await raw_request(
        shared_front_end, "POST /downloads HTTP/1.1\nHost: localhost\nContent-Type: application/json", body
    )
    assert status == 422, answer
    assert words in answer
    assert "s3cr3t" not in answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST /downloads HTTP/1.1\nHost: localhost", 415),
        ("POST /downloads HTTP/1.1\nHost: localhost\nContent-Type: text/plain", 415),
        ("POST /downloads HTTP/1.1\nHost: localhost\nContent-Type: application/x-www-form-urlencoded", 415),
        ("POST /downloads HTTP/1.1\nHost: localhost\nOrigin: null\nContent-Type: application/json", 403),
        ("POST /downloads HTTP/1.1\nHost: localhost\nOrigin: http://evil.example\nContent-Type: application/json", 403),
        (
            "POST /downloads HTTP/1.1\nHost: evil.example\nOrigin: http://evil.example\nContent-Type: application/json",
            421,
        ),
        ("GET /downloads HTTP/1.1\nHost: evil.example", 421),
        ("GET /downloads HTTP/1.1\nHost: localhost\nOrigin: http://evil.example", 200),
        (
            "POST /downloads HTTP/1.1\nHost: localhost\nOrigin: http://localhost:5555\nContent-Type: application/json",
            201,
        ),
        ("GET /ready HTTP/1.1\nHost: app", 200),
        ("GET /page/../main.py HTTP/1.1\nHost: localhost", 404),
        ("GET /page/%2e%2e/main.py HTTP/1.1\nHost: localhost", 404),
        ("GET / HTTP/1.1\nHost: localhost", 200),
    ],
)
async def test_other_sites_and_forms_get_nothing_done(head: str, status: int, shared_front_end: FrontEnd) -> None:
    body = b'{"url":"http://example.com/a"}' if head.startswith("POST") else b""
    found, answer = await raw_request(shared_front_end, head, body)
    assert found == status, answer


async def test_a_body_beyond_the_bound_is_refused_also_when_it_does_not_say_its_size(
    front_end: StartFrontEnd,
) -> None:
    running = await front_end()
    head = "POST /downloads HTTP/1.1\nHost: localhost\nContent-Type: application/json"
    with contextlib.suppress(ConnectionResetError):  # it may close before all was sent
        assert (await raw_request(running, head, b" " * 80_000))[0] == 413
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    chunked = head.replace("\n", "\r\n") + "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    writer.write(chunked.encode() + b"ffff\r\n" + b" " * 65535 + b"\r\n" + b"ffff\r\n" + b" " * 65535 + b"\r\n")
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionResetError):
            assert b" 413 " in await reader.read()
    writer.close()
    assert (await running.get("/downloads"))[1]["total"] == 0


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example"])
async def test_a_page_of_another_site_may_not_connect(origin: str, shared_front_end: FrontEnd) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(shared_front_end.ws, additional_headers={"Origin": origin}, proxy=None)
    assert refused.value.response.status_code == 403
    assert b"may not use this service" in bytes(refused.value.response.body or b"")


@pytest.mark.parametrize("since", ["x", "1", "1-", "1-1-1", "%00", "9" * 30 + "-1", "-1--1"])
async def test_a_position_of_another_form_is_refused_in_words(since: str, shared_front_end: FrontEnd) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await shared_front_end.connect(f"?since={since}")
    assert refused.value.response.status_code == 400
    assert b"since" in bytes(refused.value.response.body or b"")


@pytest.mark.long
async def test_a_front_end_that_never_reached_redis_says_why_and_refuses_clients(front_end: StartFrontEnd) -> None:
    running = await front_end(redis_url=f"redis://127.0.0.1:{free_port()}/0", ready=False)
    await eventually(lambda: answers(running), "the first answer")
    status, reason = await running.get("/ready")
    assert status == 503
    assert "Redis" in str(reason["detail"])
    assert (await running.get("/downloads"))[0] == 503
    assert (await running.post("/downloads", {"url": "http://example.com/a"}))[0] == 503
    with pytest.raises(websockets.InvalidStatus) as refused:
        await running.connect()
    assert refused.value.response.status_code == 503


async def answers(running: FrontEnd) -> bool:
    return (await running.get("/health"))[0] == 200


async def test_what_is_secret_is_in_no_answer_and_a_limit_is(shared_front_end: FrontEnd) -> None:
    secrets = {"headers": {"Cookie": "s3cr3t"}, "basic": {"user": "s3cr3t", "password": "s3cr3t"}}
    more = {"proxy": "http://u:s3cr3t@proxy.example:3128", "name": "mine.iso", "limit_bytes_per_s": 5000}
    wanted = {"url": "http://u:s3cr3t@example.com/a.iso", **secrets, **more}
    status, record = await shared_front_end.post("/downloads", wanted)
    assert (status, record["name"], record["limit_bytes_per_s"]) == (201, "mine.iso", 5000)
    path = f"/downloads/{record['download_id']}"
    for asked in (path, "/downloads"):
        assert "s3cr3t" not in str(await shared_front_end.get(asked))
    assert "s3cr3t" not in shared_front_end.output()
    assert (await shared_front_end.post(f"{path}/limit", {"bytes_per_s": 7000}))[0] == 200
    assert (await shared_front_end.get(path))[1]["limit_bytes_per_s"] == 7000
    assert (await shared_front_end.post(f"{path}/limit", {"bytes_per_s": 0}))[0] == 200
    assert (await shared_front_end.get(path))[1]["limit_bytes_per_s"] is None
    for wrong in ({}, {"bytes_per_s": -1}, {"bytes_per_s": "fast"}, {"speed": 1}):
        assert (await shared_front_end.post(f"{path}/limit", wrong))[0] == 422
    assert (await shared_front_end.post("/downloads/nobody/limit", {"bytes_per_s": 1}))[0] == 404


async def test_a_url_that_is_there_is_answered_with_what_exists(front_end: StartFrontEnd) -> None:
    running = await front_end(SIMULCAST_DOWNLOAD_SCHEMES="https,ftps")
    body = {"url": "ftps://user:pw@example.com/a.iso"}
    _, first = await running.post("/downloads", body)
    status, second = await running.post("/downloads", body)
    assert (status, second) == (200, first | {"existing": True})
    status, third = await running.post("/downloads", body | {"again": True})
    assert (status, third["existing"]) == (201, False)
    assert third["download_id"] != first["download_id"]
    status, refusal = await running.post("/downloads", {"url": "http://example.com/a"})
    assert status == 422
    assert "begin with https:// or ftps://: SIMULCAST_DOWNLOAD_SCHEMES allows further" in str(refusal["detail"])


async def test_a_fresh_link_is_checked_as_a_new_download_is(shared_front_end: FrontEnd) -> None:
    _, record = await shared_front_end.post("/downloads", {"url": "https://example.com/a.iso?signature=1"})
    one = f"/downloads/{record['download_id']}"
    for url, words in (("ftp://example.com/a", "SIMULCAST_DOWNLOAD_SCHEMES"), ("x", "http://"), ("http://", "host")):
        status, answer = await shared_front_end.patch(one, {"url": url})
        assert (status, words in str(answer["detail"])) == (422, True), answer
    assert (await shared_front_end.patch(one, {}))[0] == 422
    fresh = {"url": "https://user:s3cr3t@example.com/a.iso?signature=2"}
    assert await shared_front_end.patch(one, fresh) == (200, {"status": "accepted"})
    assert (await shared_front_end.get(one))[1]["url"] == "https://example.com/a.iso?signature=2"
    assert (await shared_front_end.patch("/downloads/nobody", fresh))[0] == 404
    await shared_front_end.post(f"{one}/cancel", {})
    status, answer = await shared_front_end.patch(one, fresh)
    assert (status, str(record["download_id"]) in str(answer["detail"])) == (409, True)


async def test_a_fresh_link_that_is_none_is_refused_on_a_websocket(shared_front_end: FrontEnd) -> None:
    connection = await shared_front_end.connect()
    command = {"action": "relink_download", "download_id": "a"}
    await connection.send(json.dumps(command))
    assert "needs the member url" in (await collect(connection, '"error"'))[-1]
    for url in ("ftp://a/", ""):
        await connection.send(json.dumps(command | {"url": url, "command_id": "c"}))
        result = json.loads((await collect(connection, "command_result"))[-1])
        assert (result["reason"], result["command_id"]) == ("invalid_url", "c")
        assert "the URL must begin with http://" in result["message"]
    await connection.close()
