"""JSON Schema of every message between a front-end and its clients (JSON Schema draft 2020-12)."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import WithDefaultSchema

from simulcast.model.action_schemas import ACTION_MESSAGES
from simulcast.model.messages import Channel, EventId, Message, ServerMessage

Schema = dict[str, Any]


class OtherEvent(BaseModel):
    """An event of another type, with the members that its publisher gave it."""

    model_config = ConfigDict(extra="allow")

    event_id: EventId = ""
    channel: Channel = ""


def _kinds(union: Any) -> Iterator[type[BaseModel]]:
    for part in get_args(get_args(union)[0]):
        yield from _kinds(part) if get_args(part) else [part]


SERVER_MESSAGES: Final[tuple[type[BaseModel], ...]] = (*_kinds(ServerMessage), OtherEvent)


class _ServerSchema(GenerateJsonSchema):
    """Tells no default, since one only says that the member may be absent."""

    def default_schema(self, schema: WithDefaultSchema) -> Schema:
        return self.generate_inner(schema["schema"])


@cache
def message_schemas(prefix: str) -> dict[str, Schema]:
    """Return the schema of each message by name, and those that they share. `prefix`: where references point to.

    Made once: it takes as long as thousands of messages.
    """
    return {
        **_definitions(SERVER_MESSAGES, "serialization", prefix, _ServerSchema),
        **_definitions(ACTION_MESSAGES, "validation", prefix, GenerateJsonSchema),
    }


def _definitions(
    kinds: tuple[type[BaseModel], ...],
    mode: Literal["serialization", "validation"],
    prefix: str,
    generator: type[GenerateJsonSchema],
) -> dict[str, Schema]:
    adapters = [(kind.__name__, mode, TypeAdapter[Any](kind)) for kind in kinds]
    _, schema = TypeAdapter.json_schemas(adapters, ref_template=f"{prefix}{{model}}", schema_generator=generator)
    definitions: dict[str, Schema] = schema["$defs"]
    for kind in kinds:
        if issubclass(kind, Message):  # a later version may add members
            del definitions[kind.__name__]["additionalProperties"]
    return definitions


def json_schema() -> Schema:
    """Return one document with a definition of every message; by itself it is that of the server's messages."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messages of Simulcast",
        "anyOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in SERVER_MESSAGES],
        "$defs": message_schemas("#/$defs/"),
    }
