"""Text from a server, made harmless to show."""

import re
import unicodedata

# Control and format characters (bidi overrides and zero-width ones among them), lone surrogates, and the two
# separators that break a line. https://www.unicode.org/reports/tr44/#General_Category_Values
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


_JOINERS = "\u200c\u200d"
# Those that do not stand within a word of a script that needs them, or within an emoji.
_STRAY_JOINER = re.compile(rf"(?<![^\x00-\x7f{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?![^\x00-\x7f{_JOINERS}])")


def printable(text: str, *, keeps_joiners: bool = False) -> str:
    """Return `text` on one line, without the characters that are not seen or change how others are seen.

    White space of any kind and length becomes one space, and none is left at the ends. `keeps_joiners`: the zero-width
    ones that a script or an emoji needs stay.
    """
    kept = _JOINERS if keeps_joiners else ""
    seen = (char for char in text if char.isspace() or char in kept or unicodedata.category(char) not in _UNSEEN)
    return _STRAY_JOINER.sub("", " ".join("".join(seen).split())).strip()
