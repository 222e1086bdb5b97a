"""The metrics of a front-end, read with Prometheus' own parser."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.http_requests import get_text
from tests.ports import free_port
from tests.programs import StartFrontEnd
from tests.service import FrontEnd


class Scraped:
    """One scrape. Without `labels`, a sample is the sum over all of them."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self.samples: list[Sample] = [sample for family in self.families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        found = [
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert found, f"{name} {labels} is not there"
        return sum(found)


class Admin:
    """A front-end with an admin port."""

    def __init__(self, front_end: FrontEnd, port: int) -> None:
        self.front_end = front_end
        self.port = port

    async def scrape(self) -> Scraped:
        status, body = await asyncio.to_thread(get_text, self.port, "/metrics")
        assert status == 200, body
        return Scraped(body)

    async def value(self, name: str, **labels: str) -> float:
        return (await self.scrape()).value(name, **labels)


async def start_with_admin(start: StartFrontEnd, **environment: str) -> Admin:
    port = free_port()
    return Admin(await start(SIMULCAST_ADMIN_PORT=str(port), **environment), port)
