"""The channels that a worker serves: names, and the beginnings of names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from simulcast.model.channel import CHANNEL_PATTERN

_CHANNEL = re.compile(CHANNEL_PATTERN, re.ASCII)


@dataclass(frozen=True, slots=True)
class ChannelPatterns:
    """Channels of these `names`, and all others whose names begin with one of `prefixes`."""

    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "ChannelPatterns":
        """Read names, and beginnings of names with `*` behind them. Raises ValueError for other text."""
        names, prefixes = dict[str, None](), dict[str, None]()
        for number, text in enumerate(texts, 1):
            name, is_prefix = text.removesuffix("*"), text.endswith("*")
            if not (_CHANNEL.fullmatch(name) or text == "*"):
                rule = "a channel has 1 to 100 of A-Z a-z 0-9 _ . : -, and may end in * for all that begin so"
                raise ValueError(f"{rule}: number {number} of the list does not")  # which may be a misplaced password
            (prefixes if is_prefix else names)[name] = None
        return cls(tuple(names), tuple(prefixes))

    @property
    def texts(self) -> list[str]:
        """The names, and the beginnings with `*` behind them, as `parse` reads them."""
        return [*self.names, *(f"{prefix}*" for prefix in self.prefixes)]

    def covers(self, channel: str) -> bool:
        """Return whether that is one of them. Any text may be asked about."""
        is_one = channel in self.names or channel.startswith(self.prefixes)
        return is_one and _CHANNEL.fullmatch(channel) is not None
