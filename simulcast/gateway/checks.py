"""Checks of the options of a Gateway: a mistake is named where it is made, not by what it does later."""

import math
import re


def check_number(name: str, value: object, least: float, *, is_whole: bool = False) -> None:
    """Raise ValueError unless the option is a finite number from `least` on."""
    is_number = isinstance(value, int if is_whole else int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < least:  # type: ignore[arg-type, operator]
        kind = "whole number" if is_whole else "number"
        raise ValueError(f"{name} is a {kind} from {least:g} on, not {value!r:.80}")


def check_host(host: object, port: object) -> None:
    """Raise ValueError unless they can be those of a URL."""
    if not isinstance(host, str) or not host or re.search(r"[\s/?#@\\[\]]", host):
        raise ValueError("host is a name, or an IP address without brackets: for anything else give the url")
    if not str(port).isascii() or not str(port).isdecimal() or not 0 < int(str(port)) < 65536:
        raise ValueError(f"port is a number from 1 to 65535, not {port!r:.80}")


def check_options(reconnect_delay_s: object, max_waiting_messages: object, *callbacks: object) -> None:
    """Raise ValueError for options of a Gateway that make no sense. An infinite delay means that no attempt follows."""
    if reconnect_delay_s != math.inf:
        check_number("reconnect_delay_s", reconnect_delay_s, 0)
    check_number("max_waiting_messages", max_waiting_messages, 0, is_whole=True)
    for callback in callbacks:
        if callback is not None and not callable(callback):
            raise ValueError(f"a callback is a function, or None, not {callback!r:.80}")
