"""Text from a server, made harmless to show."""

import unicodedata

# Control and format characters (bidi overrides and zero-width ones among them), lone surrogates, and the two
# separators that break a line. https://www.unicode.org/reports/tr44/#General_Category_Values
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    """`text` on one line, without the characters that are not seen or change how others are seen.

    White space of any kind and length becomes one space, and none is left at the ends.
    """
    kept = (char for char in text if char.isspace() or unicodedata.category(char) not in _UNSEEN)
    return " ".join("".join(kept).split())
