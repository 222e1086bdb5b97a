"""What is downloaded."""

from dataclasses import dataclass

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Case:
    """`count` files of `size` bytes each. `capped`: whether the server gives a connection only CAP_BYTES_PER_S.

    `same`: whether all files hold the same bytes, so that the server has them in memory.
    """

    name: str
    title: str
    count: int
    size: int
    capped: bool = False
    same: bool = False

    @property
    def files(self) -> list[str]:
        """Their names on the server, of which each is told apart by the case's."""
        return [f"{self.name}-{number}" for number in range(self.count)]


CAP_BYTES_PER_S = 4_000_000


def cases(quick: bool) -> list[Case]:
    """All of them; with `quick` smaller ones."""
    large, capped, many, together = (256, 32, 50, 64) if quick else (1024, 256, 200, 1024)
    cap = f"{CAP_BYTES_PER_S / 1e6:.0f} MB/s a connection"
    return [
        Case("large", f"One file of {large} MiB", 1, large * MIB),
        Case(
            "capped",
            f"One file of {capped} MiB at {cap}",
            1,
            capped * MIB,
            True,
        ),
        Case("many", f"{many} files of 1 MiB", many, MIB),
        Case("together", f"16 files of {together} MiB simultaneously", 16, together * MIB, same=True),
    ]
