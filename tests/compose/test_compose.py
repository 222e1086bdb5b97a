"""The containers, for real: three front-ends behind nginx, and what only such a set-up can get wrong."""

import asyncio
import json
import os
import re
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from simulcast.gateway import Gateway
from tests.compose.settings import FILES, PRINT_ENVIRONMENT, SET
from tests.compose.stack import FRONT_ENDS, Stack
from tests.conditions import eventually, until
from tests.documents import blocks
from workers.disk.mount import mounted_path

# Nothing warm: engine, base images, the image and three health checks in a row.
pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

MAX_CLIENTS = 60


async def messages_with(client: ClientConnection, part: str) -> list[str]:
    """All that the client is sent, up to the first message that contains `part`."""
    messages: list[str] = []
    try:
        async with asyncio.timeout(15):
            while not messages or part not in messages[-1]:
                messages.append(str(await client.recv()))
    except TimeoutError:
        pytest.fail(f"nothing with {part} came in 15 s, but {messages}")
    return messages


async def test_one_publication_reaches_the_clients_of_every_front_end_once(stack: Stack) -> None:
    async with AsyncExitStack() as open_clients:
        clients: list[ClientConnection] = []
        spread = [0] * FRONT_ENDS
        while not all(spread) and len(clients) < MAX_CLIENTS:
            for _ in range(6):
                clients.append(await open_clients.enter_async_context(connect(stack.url, proxy=None)))
            spread = await asyncio.to_thread(stack.clients_per_front_end)
        stack.say(f"{len(clients)} clients, connected to the front-ends: {spread}")
        assert all(spread)

        event = {"type": "download_progress", "progress": 0.5, "speed": 1024}
        await asyncio.to_thread(stack.publish, event | {"download_id": "one"})
        await asyncio.to_thread(stack.publish, event | {"download_id": "after"})
        received = await asyncio.gather(*(messages_with(client, '"after"') for client in clients))
        about_one = [[text for text in messages if '"one"' in text] for messages in received]
        assert [len(texts) for texts in about_one] == [1] * len(clients)
        assert len({texts[0] for texts in about_one}) == 1
        stack.say(f"each of them got: {about_one[0][0]}")


async def test_nginx_passes_the_host_so_that_only_a_page_of_this_service_may_connect(stack: Stack) -> None:
    async with connect(stack.url, proxy=None, origin=Origin(f"http://127.0.0.1:{stack.port}")):
        pass
    with pytest.raises(InvalidStatus) as refused:
        async with connect(stack.url, proxy=None, origin=Origin("http://elsewhere.example")):
            pass
    assert refused.value.response.status_code == 403


def posted(url: str, body: dict[str, str]) -> int:
    """The status of a POST as `curl` would make it."""
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        status: int = answer.status
        return status


def accepts(downloads: str) -> bool:
    """Whether a download is queued, or found to be there already; not while there is no front-end."""
    try:
        return posted(downloads, {"url": "http://nginx:8080/health"}) in (200, 201)
    except OSError:  # HTTPError too
        return False


def fetched(url: str) -> tuple[int, object]:
    """Status and JSON of a GET; status 0 where nobody answers in time."""
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except OSError as error:
        return getattr(error, "status", 0), None


def all_ended(downloads: str) -> bool:
    found = fetched(downloads)[1]
    return isinstance(found, dict) and all(each["state"] == "complete" for each in found["downloads"])


def count(texts: list[str], part: str) -> int:
    return sum(f'"{part}"' in text for text in texts)


async def test_a_download_ends_in_the_mounted_folder_and_belongs_to_puid(stack: Stack) -> None:
    async with connect(stack.url, proxy=None) as client:
        downloads = f"http://127.0.0.1:{stack.port}/downloads"
        # What every machine has within the stack: nginx, as the worker's container sees it.
        assert await asyncio.to_thread(posted, downloads, {"url": "http://nginx:8080/health"}) == 201
        messages = await messages_with(client, '"download_complete"')
        assert '"download_error"' not in "".join(messages)
    stack.say(f"the worker told: {messages[-1]}")
    (file,) = [path for path in stack.downloads.iterdir() if not path.name.startswith(".")]
    assert (file.name, file.stat().st_uid) == ("health", stack.uid)
    assert json.loads(messages[-1])["file_path"] == str(file)  # as it is called out here


def test_a_worker_that_cannot_write_its_folder_stops_with_path_user_and_remedy(stack: Stack) -> None:
    locked = stack.downloads.parent / "locked"
    locked.mkdir(mode=0o555)
    worker = stack.run("run", "--rm", "--no-deps", "-T", "worker", SIMULCAST_DOWNLOADS=str(locked))
    stack.say(f"the worker said: {worker.stdout.strip()}")
    assert worker.returncode != 0
    assert "/downloads" in worker.stdout
    assert str(stack.uid) in worker.stdout
    assert "chown" in worker.stdout


def test_only_an_empty_folder_of_roots_is_given_to_the_workers(stack: Stack) -> None:
    if os.getuid():
        pytest.skip("only root can make folders of root")
    for content, owner, is_given in (("", 0, True), (".hidden", 0, True), ("file", 0, False), ("", 7, False)):
        folder = stack.downloads.parent / f"owned-{content}-{owner}"
        folder.mkdir()
        if content:
            (folder / content).touch()
        os.chown(folder, owner, owner)
        assert stack.run("run", "--rm", "-T", "folder", SIMULCAST_DOWNLOADS=str(folder)).returncode == 0
        assert (folder.stat().st_uid, folder.stat().st_gid) == ((stack.uid,) * 2 if is_given else (owner,) * 2)


def test_the_mount_shows_the_folder_that_clients_know_wherever_compose_was_started(stack: Stack) -> None:
    mounts = stack.inside("worker", "cat", "/proc/self/mountinfo")
    assert mounted_path(Path("/downloads"), "/elsewhere/downloads", mounts) == str(stack.downloads)
    assert mounted_path(Path("/downloads"), str(stack.downloads), mounts) == str(stack.downloads)


@pytest.mark.parametrize("service", ["app", "worker"])
def test_what_env_sets_is_seen_in_the_process(stack: Stack, service: str, tmp_path: Path) -> None:
    wanted = SET["all"] | SET[service]
    for name in FILES & set(wanted):
        wanted[name] = str(tmp_path / wanted[name])
        Path(wanted[name]).write_text(name)
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}='{value}'\n" for name, value in wanted.items()))
    cleared = {name: text for name, text in stack.environment.items() if not name.startswith("SIMULCAST_")}
    run = ("run", "--rm", "--no-deps", "-T", service, "python", "-c", PRINT_ENVIRONMENT)
    seen = replace(stack, environment=cleared).run("--env-file", str(file), *run)
    environment = json.loads(seen.stdout.splitlines()[-1])
    assert {name: environment.get(name) for name in wanted} == wanted | {name: name for name in FILES & set(wanted)}


@pytest.mark.parametrize("service", ["redis", "app", "worker", "nginx"])
def test_nobody_in_a_container_is_root_or_may_become_it_or_writes_its_root(stack: Stack, service: str) -> None:
    user, *rights, written = stack.inside(
        service, "sh", "-c", "id -u; grep -E 'CapEff|NoNewPrivs' /proc/self/status; touch /probe 2>&1 || true"
    ).splitlines()[-4:]
    assert int(user) != 0
    assert [line.split() for line in rights] == [["CapEff:", "0000000000000000"], ["NoNewPrivs:", "1"]]
    assert "Read-only file system" in written


def test_each_front_end_tells_its_metrics_inside_by_its_own_address_and_not_through_nginx(stack: Stack) -> None:
    addresses = {line.split()[0] for line in stack.inside("nginx", "getent", "ahostsv4", "app").splitlines()}
    assert len(addresses) == FRONT_ENDS
    for address in addresses:
        assert "\nsimulcast_ready 1.0\n" in stack.inside("nginx", "curl", "-fsS", f"http://{address}:9464/metrics")
    assert fetched(f"http://127.0.0.1:{stack.port}/metrics")[0] == 404


async def test_a_front_end_and_then_redis_are_killed_and_every_client_learns_everything(stack: Stack) -> None:
    async with AsyncExitStack() as open_clients:
        heard: list[list[str]] = []
        spread = [0] * FRONT_ENDS
        while not all(spread) and len(heard) < MAX_CLIENTS:
            for _ in range(6):
                texts: list[str] = []
                gateway = Gateway("127.0.0.1", stack.port, on_websocket_message=texts.append, reconnect_delay_s=0.5)
                await open_clients.enter_async_context(gateway)
                await until(lambda: gateway.is_websocket_connected, "a connection")  # noqa: B023  awaited here
                heard.append(texts)
            spread = await asyncio.to_thread(stack.clients_per_front_end)
        assert all(spread)

        async def all_learn(name: str) -> None:
            """Publishes that download's end, and waits until each client has heard of it."""
            event: dict[str, object] = {"type": "download_complete", "download_id": name, "file_path": f"/{name}"}
            await asyncio.to_thread(stack.publish, event)
            await until(lambda: all(count(texts, name) for texts in heard), f"{name} at every client", 90)

        await all_learn("all-is-well")
        await asyncio.to_thread(stack.kill_inside, "app")
        await all_learn("one-front-end-killed")
        assert {count(texts, name) for texts in heard for name in ("all-is-well", "one-front-end-killed")} == {1}
        stack.say(f"{spread[0]} of {len(heard)} clients lost their front-end, and each heard both ends once")

        _, before = await asyncio.to_thread(fetched, f"http://127.0.0.1:{stack.port}/downloads")
        await asyncio.to_thread(stack.run, "kill", "redis")
        await asyncio.to_thread(stack.run, "start", "redis")
        await all_learn("redis-killed")

        async def as_before() -> bool:
            return await asyncio.to_thread(fetched, f"http://127.0.0.1:{stack.port}/downloads") == (200, before)

        await eventually(as_before, "the downloads that were there before", 60)
        for replica in range(1, FRONT_ENDS + 1):
            await eventually(lambda: asyncio.to_thread(stack.is_ready, replica), "readiness", 60)  # noqa: B023
        stack.say("Redis was killed too; all front-ends are ready, and each client heard the third end")


async def test_what_the_documents_tell_to_type_works_and_a_backup_brings_back_what_was_there(
    stack: Stack, tmp_path: Path
) -> None:
    downloads = f"http://127.0.0.1:{stack.port}/downloads"
    before: object = None
    for block in blocks("docs/operations.md", "sh"):
        if "redis.tar" in block and before is None:
            # What is typed before may have made the front-ends anew.
            await eventually(lambda: asyncio.to_thread(accepts, downloads), "a front-end that takes downloads", 60)
            await eventually(lambda: asyncio.to_thread(all_ended, downloads), "the download's end", 60)
            _, before = await asyncio.to_thread(fetched, downloads)
        elif "redis.tar" in block:
            assert posted(f"{downloads}/clear", {}) == 200
        # Images of Prometheus and Grafana can't be had everywhere; that Compose takes the file shows without them.
        command = re.sub(r"--profile (\w+) up -d", r"--profile \1 config -q", block)
        done = await asyncio.to_thread(stack.shell, command, tmp_path)
        assert done.returncode == 0, f"{block}{done.stdout}"
        stack.say(f"typed:\n{block.rstrip()}")

    async def as_before() -> bool:
        return await asyncio.to_thread(fetched, downloads) == (200, before)

    await eventually(as_before, "the downloads of the backup", 60)


CLUSTER = [f"cluster-{n}" for n in range(1, 7)]


def is_whole(stack: Stack) -> bool:
    """As the keeper's health check says."""
    return stack.run("exec", "-T", "cluster-keeper", "test", "-e", "/tmp/whole").returncode == 0  # noqa: S108


def is_broken(stack: Stack) -> bool:
    return not is_whole(stack)


async def test_the_profile_cluster_makes_a_cluster_by_itself_and_again_after_its_servers_were_stopped(
    stack: Stack,
) -> None:
    heard: list[str] = []
    gateway = Gateway("127.0.0.1", stack.cluster_port, on_websocket_message=heard.append, reconnect_delay_s=0.5)
    async with gateway:
        await until(lambda: gateway.is_websocket_connected, "a connection", 60)
        for name in ("on-a-cluster", "on-it-again"):
            event: dict[str, object] = {"type": "download_complete", "download_id": name, "file_path": f"/{name}"}
            await asyncio.to_thread(stack.publish, event, "cluster-worker")
            await until(lambda: count(heard, name), f"{name} at the client", 90)  # noqa: B023  awaited here
            if name == "on-a-cluster":
                at_once = {"COMPOSE_PARALLEL_LIMIT": "10"}
                await asyncio.to_thread(stack.run, "stop", *CLUSTER, **at_once)
                await eventually(lambda: asyncio.to_thread(is_broken, stack), "a keeper that has noticed", 30)
                await asyncio.to_thread(stack.run, "start", *CLUSTER, **at_once)
                await eventually(lambda: asyncio.to_thread(is_whole, stack), "a cluster that is whole again", 90)
    assert [count(heard, name) for name in ("on-a-cluster", "on-it-again")] == [1, 1]
    owners = stack.inside("cluster-1", "valkey-cli", "CLUSTER", "SHARDS").count("master")
    stack.say(f"{owners} masters; the keeper said:\n{stack.run('logs', '--no-log-prefix', 'cluster-keeper').stdout}")
    assert owners == 3


async def test_each_container_ends_by_itself_within_its_grace(stack: Stack) -> None:
    async with AsyncExitStack() as open_clients:
        for _ in range(30):
            await open_clients.enter_async_context(connect(stack.url, proxy=None))
        stack.say((await asyncio.to_thread(stack.run, "stop", "app", "worker")).stdout)  # while nginx goes on
    await asyncio.to_thread(stack.run, "--profile", "*", "stop")
    said = stack.run("ps", "--all", "--format", "{{.Service}} {{.ExitCode}}").stdout
    codes = [(service, int(code)) for service, code in (line.split() for line in said.splitlines() if line)]
    of_the_cluster = {*CLUSTER, "cluster-keeper", "cluster-app", "cluster-worker", "cluster-nginx"}
    assert {service for service, _ in codes} == {"redis", "app", "folder", "worker", "nginx"} | of_the_cluster
    assert [each for each in codes if each[1] == 137] == []  # 128 + SIGKILL
