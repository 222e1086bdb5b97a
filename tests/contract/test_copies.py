"""The constants of the server that its clients repeat, since they import nothing of it."""

import re

from app.routes.page import GATEWAY, GATEWAY_FILES
from simulcast.frontend.subscriptions.hello import PING_INTERVAL_S
from simulcast.gateway import Limits, reconnect_policy
from simulcast.gateway import commands as gateway_commands
from simulcast.model.close_codes import Refresh, Stop
from simulcast.model.events import MAX_ID_CHARS

GATEWAY_JS = (GATEWAY / "gateway.js").read_text()


def test_clients_and_server_agree_on_terminal_close_codes() -> None:
    match = re.search(r"TERMINAL_CLOSE_CODES = new Set\(\[([\d, ]+)\]\)", GATEWAY_JS)
    assert match is not None
    assert {int(code) for code in match[1].split(",")} == set(Stop) == set(reconnect_policy.TERMINAL_CLOSE_CODES)


def test_clients_and_server_agree_on_an_expired_token() -> None:
    names = "LOST, BAD_REQUEST, NOT_ALLOWED, TOKEN_EXPIRED"
    codes = f"1006, {Stop.BAD_REQUEST}, {Stop.NOT_ALLOWED}, {Refresh.TOKEN_EXPIRED}"
    assert f"[{names}] = [{codes}]" in GATEWAY_JS
    assert Refresh.TOKEN_EXPIRED == reconnect_policy.TOKEN_EXPIRED


def test_clients_and_server_agree_on_the_length_of_an_id() -> None:
    assert gateway_commands.MAX_ID_CHARS == MAX_ID_CHARS


def test_two_pings_may_be_missing_before_a_client_counts_a_connection_as_lost() -> None:
    match = re.search(r"idleTimeoutMs: ([\d_]+)", GATEWAY_JS)
    assert match is not None
    assert int(match[1]) / 1000 == Limits().idle_timeout_s > 2 * PING_INTERVAL_S


def test_each_module_of_the_client_for_browsers_is_served() -> None:
    modules = {path.name for path in GATEWAY.glob("gateway*.js")}
    assert modules | {path.name for path in GATEWAY.glob("*.d.ts")} == GATEWAY_FILES
