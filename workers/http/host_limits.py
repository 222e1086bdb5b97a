"""How many connections go to each server at once, over all downloads of a worker."""

from collections import Counter


class HostLimits:
    """At most `downloads` downloads of one site (records.site_of), and further connections while there are fewer than
    `connections` to it in all."""

    def __init__(self, downloads: int, connections: int) -> None:
        self._most_downloads = downloads
        self._most_connections = connections
        self._downloads: Counter[str] = Counter()
        self._further: Counter[str] = Counter()

    def begin(self, site: str) -> None:
        """One more download of that site: its first connection."""
        self._downloads[site] += 1

    def end(self, site: str) -> None:
        self._downloads[site] -= 1

    def saturated_hosts(self) -> list[str]:
        """The sites of which no further download may begin."""
        return [site for site, count in self._downloads.items() if count >= self._most_downloads]

    def take(self, site: str) -> bool:
        """One more connection for a download that has one; False where there are enough. Give it back by `release`."""
        if self._downloads[site] + self._further[site] >= self._most_connections:
            return False
        self._further[site] += 1
        return True

    def release(self, site: str) -> None:
        self._further[site] -= 1
