"""Requests that are no requests, of other sites, with too much in their heads, or that climb out of the folder."""

import asyncio
import re

import pytest
import redis

from tests.conditions import until
from tests.hostile.unharmed import forged_lines, send_raw, unharmed_client
from tests.programs import StartFrontEnd
from tests.service import FrontEnd, collect
from tests.valkey import Valkey

FORGED = "\\n12:00:00 INFO    simulcast.app: all is well"
UPGRADE = (
    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)


def request_text(line: str, headers: str = "") -> str:
    """`headers`: whole lines."""
    closing = "" if "Connection:" in headers else "Connection: close\n"
    return f"{line} HTTP/1.1\nHost: 127.0.0.1:{{port}}\n{headers}{closing}\n"


async def asked(running: FrontEnd, text: str) -> tuple[int, str]:
    """Status and answer of one request, each line of which ends as HTTP wants it."""
    answer = await send_raw(running, text.replace("{port}", str(running.port)).replace("\n", "\r\n").encode())
    return int(answer.split(b" ")[1]), answer.decode(errors="replace")


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://127.0.0.1.evil.example:{port}",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://evil.example#localhost",
        "http://evil.example?localhost",
        "http://evil.example/localhost",
        "file://",
        "data:text/html,x",
        "chrome-extension://localhost",
        "",
    ],
)
@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ("GET /ws", UPGRADE),
        ("GET /events", ""),
        ("POST /downloads/clear", "Content-Type: application/json\nContent-Length: 0\n"),
        ("DELETE /downloads/x", ""),
    ],
    ids=["ws", "events", "post", "delete"],
)
async def test_a_page_of_another_site_gets_nothing_whatever_its_origin_looks_like(
    line: str, headers: str, origin: str, shared_front_end: FrontEnd
) -> None:
    status, answer = await asked(shared_front_end, request_text(line, f"Origin: {origin}\n{headers}"))
    assert status == 403, answer
    assert "may not use this service" in answer


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_what_a_form_of_another_site_can_post_is_refused(kind: str, shared_front_end: FrontEnd) -> None:
    """Also without an Origin: those three kinds need no leave of ours (Fetch standard, §2.2.2)."""
    for path in ("/downloads", "/downloads/clear", "/downloads/x/cancel", "/channels/a/publish", "/publish"):
        head = f"Content-Type: {kind}\nContent-Length: 2\n" if kind else "Content-Length: 2\n"
        status, answer = await asked(shared_front_end, request_text(f"POST {path}", head) + "{}")
        assert status == 415, answer


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("GET /health HTTP/1.1\nHost: localhost\nX: " + "x" * 200_000 + "\n\n", id="one long header"),
        pytest.param("GET /health HTTP/1.1\nHost: localhost\n" + "X: y\n" * 100_000 + "\n", id="many headers"),
        pytest.param("GET /" + "x" * 200_000 + " HTTP/1.1\nHost: localhost\n\n", id="a long line"),
        pytest.param("X" * 200_000, id="no line at all"),
        pytest.param("GET /health HTTP/1.1\n\n", id="no host"),
        pytest.param("GET /health HTTP/1.1\nHost: localhost\nHost: evil.example\n\n", id="two hosts"),
        pytest.param("GET /downloads HTTP/1.1\nHost: localhost\n folded: x\nConnection: close\n\n", id="a folded host"),
        pytest.param("GET /health HTTP/1.1\nHost: localhost\nX : y\n\n", id="a space before the colon"),
        pytest.param("GET / health HTTP/1.1\nHost: localhost\n\n", id="a space in the path"),
        pytest.param("PRI * HTTP/2.0\n\nSM\n\n", id="HTTP/2"),
        pytest.param("\x16\x03\x01\x02\x00\x01\x00\x01", id="TLS"),
        pytest.param("*1\n$8\nFLUSHALL\n\n", id="Redis"),
        pytest.param(
            "POST /downloads HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 5, 6\n\n",
            id="two sizes",
        ),
        pytest.param(
            "POST /downloads HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n"
            "Content-Type: application/json\n\n?\n",
            id="a chunk of no size",
        ),
    ],
)
async def test_what_is_no_request_costs_its_connection_and_a_line_of_the_log(
    text: str, shared_front_end: FrontEnd
) -> None:
    async with unharmed_client(shared_front_end):
        answer = await send_raw(shared_front_end, text.replace("\n", "\r\n").encode("latin-1"))
        # Empty where it was cut while this still sent.
        assert answer == b"" or answer.split(b" ")[1] in (b"400", b"413", b"421", b"431", b"505"), answer[:200]
    assert forged_lines(shared_front_end) == []


async def test_who_leaves_in_the_middle_of_a_body_leaves_nothing_behind(shared_front_end: FrontEnd) -> None:
    for path in ("/downloads", "/channels/a/publish", "/publish"):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", shared_front_end.port)
        writer.write(head.encode() + b'{"url"')
        await writer.drain()
        writer.transport.abort()
        async with unharmed_client(shared_front_end):
            pass
    assert forged_lines(shared_front_end) == []


CLIMBING = [
    *("/page/../main.py", "/page/%2e%2e/main.py", "/page/..%2fmain.py", "/page/%2e%2e%2fmain.py", "/page/..%5cmain.py"),
    *(
        "/page/....//main.py",
        "/page/..;/main.py",
        "/page//etc/passwd",
        "/page/%2fetc%2fpasswd",
        "/page/%252e%252e/main.py",
    ),
    *("/page/%c0%ae%c0%ae/main.py", "/page/page.js%00.py", "/page/%00", "/page/" + "x" * 5000, "/page/C:%5Cwindows"),
    *(
        "/page/__init__.py",
        "/page/__pycache__/",
        "/page/gateway.py",
        "/page/../../simulcast/gateway/client.py",
        "/page/.",
    ),
    *("//evil.example/%2e%2e", "/page/./././../app/main.py", "/page/page.js/..", "/page/page.js/../../main.py"),
]


@pytest.mark.parametrize("path", CLIMBING)
async def test_no_spelling_of_a_path_leaves_the_pages_folder(path: str, shared_front_end: FrontEnd) -> None:
    status, answer = await asked(shared_front_end, request_text(f"GET {path}"))
    assert status == 404, answer
    assert answer.endswith('{"detail":"Not Found"}')


@pytest.mark.parametrize(
    "name", ["a%0d%0aSet-Cookie:%20x=1", "a%0a%0a<script>", "%00", "%ff", "%e2%80%a8", "%1b[2J", "x" * 3000]
)
async def test_a_name_ends_no_header_and_no_line_of_the_log(name: str, shared_front_end: FrontEnd) -> None:
    json = "Content-Type: application/json\nContent-Length: 2\n"
    for line, head in (
        (f"GET /downloads/{name}", ""),
        (f"POST /downloads/{name}/pause", json),
        (f"DELETE /downloads/{name}", ""),
    ):
        status, answer = await asked(shared_front_end, request_text(line, head) + ("{}" if head else ""))
        assert status == 404, answer
        assert "set-cookie" not in answer.partition("\r\n\r\n")[0].lower()
        assert not re.search(r"[\x00-\x1f\x7f]", answer.partition("\r\n\r\n")[2])
    status, answer = await asked(shared_front_end, request_text(f"POST /channels/{name}/publish", json) + "{}")
    assert status in (404, 422), answer
    for query in (f"channel={name}", f"since={name}"):
        for line, head in ((f"GET /ws?{query}", UPGRADE), (f"GET /events?{query}", "")):
            status, answer = await asked(shared_front_end, request_text(line, head))
            assert status == 400, answer
            assert "set-cookie" not in answer.partition("\r\n\r\n")[0].lower()
    assert forged_lines(shared_front_end) == []


async def test_no_name_and_no_event_is_a_command_to_redis(front_end: StartFrontEnd, own_valkey: Valkey) -> None:
    running = await front_end()
    smuggled = "a\r\n*3\r\n$3\r\nSET\r\n$5\r\npwned\r\n$1\r\n1\r\n"
    async with unharmed_client(running):
        await running.post("/channels/downloads/publish", {"type": "mine", "x": smuggled})
        await running.post("/downloads", {"url": "http://example.com/%0d%0aSET%20pwned%201"})
        await running.post(f"/downloads/x/pause?command_id={'a%0d%0aSET%20pwned%201'}", {})
        connection = await running.connect()
        for text in (smuggled, '{"action":"subscribe","channel":"a\\r\\nSET pwned 1"}'):
            await connection.send(text)
        await collect(connection, "invalid_member")
        await connection.close()
    with redis.Redis.from_url(own_valkey.url, protocol=2) as client:
        assert client.get("pwned") is None


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"download_progress","download_id":"x' + FORGED + '","progress":0.5,"speed":1}',
        '{"type":"download_complete","download_id":"x","file_path":["' + FORGED + '"]}',
        '{"type":"download_progress","download_id":"x","progress":"' + FORGED + "x" * 60_000 + '","speed":1}',
        '{"type":"position","position":"9-9"}',
    ],
    ids=["in a key", "in a list", "in a long text", "a reserved type"],
)
async def test_a_publication_that_no_broker_wrote_adds_one_line_to_the_log_and_none_of_its_own(
    front_end: StartFrontEnd, own_valkey: Valkey, text: str
) -> None:
    running = await front_end()
    async with unharmed_client(running):
        with redis.Redis.from_url(own_valkey.url, protocol=2) as client:
            client.publish("simulcast:downloads", text)
            await until(lambda: "rejected an external" in running.output(), "a line")
            client.publish("simulcast:downloads", text)
    assert running.output().count("rejected an external") == 1
    assert forged_lines(running) == []
    assert max(map(len, running.output().splitlines())) < 1000
