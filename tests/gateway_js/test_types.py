"""The types of messages for TypeScript are those of the server's models.

`python -m tests.gateway_js.test_types` writes them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from simulcast.model.job_record import JobRecord, SubmittedRecord
from simulcast.model.messages import UNIONS, CommandError, CommandResult, Hello, Message, PositionMark
from tests.service import ROOT

FILE = ROOT / "simulcast/gateway/gateway_messages.d.ts"
NAMES = {"JobRecord": "Download", "SubmittedRecord": "AddedDownload"}  # as clients call them
TYPES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
Schema = Mapping[str, Any]


def type_of(schema: Schema) -> str:
    """Return the TypeScript type of a JSON Schema, as pydantic writes one."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return NAMES.get(name, name)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(dict.fromkeys(map(json.dumps, schema["enum"])))
    if "anyOf" in schema:
        return " | ".join(map(type_of, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"({type_of(schema['items'])})[]".replace("(Download)", "Download").replace("(string)", "string")
    return TYPES.get(schema.get("type", ""), "unknown")


def comment(text: str, indent: str = "") -> str:
    sentence = " ".join(text.replace("None", "null").split()).rstrip(".")
    return f"{indent}/** {sentence[0].upper()}{sentence[1:]}. */"


def names(model: type[BaseModel]) -> set[str]:
    return {*model.model_fields, *model.model_computed_fields}


def members(model: type[BaseModel]) -> Iterator[str]:
    """Yield the lines of the members that the model adds to those of its bases."""
    inherited = set[str]().union(*(names(base) for base in model.__bases__ if base is not BaseModel))
    for name, member in model.model_json_schema(mode="serialization")["properties"].items():
        if name in inherited:
            continue
        if text := member.get("description"):
            yield comment(text, "  ")
        is_given = issubclass(model, JobRecord) or model.model_fields[name].is_required()
        yield f"  {name}{'' if is_given else '?'}: {type_of(member)};"


def interface(model: type[BaseModel]) -> str:
    bases = [NAMES.get(base.__name__, base.__name__) for base in model.__bases__ if base not in (BaseModel, Message)]
    extends = f" extends {', '.join(bases)}" if bases else ""
    name = NAMES.get(model.__name__, model.__name__)
    return "\n".join([comment(model.__doc__ or ""), f"export interface {name}{extends} {{", *members(model), "}"])


def models() -> list[type[BaseModel]]:
    """Return the models, each behind its bases."""
    found: dict[type[BaseModel], None] = {}
    leaves = [model for union in ("DownloadEvent", "JobEvent") for model in get_args(get_args(UNIONS[union])[0])]
    for leaf in (*leaves, Hello, PositionMark, JobRecord, SubmittedRecord, CommandResult, CommandError):
        for model in reversed(leaf.__mro__):
            if issubclass(model, BaseModel) and model not in (BaseModel, Message):
                found[model] = None
    return list(found)


def types() -> str:
    """Return the text of the file."""
    lines = [
        "// Messages of the server, made of simulcast/model/messages.py by python -m tests.gateway_js.test_types.",
        "",
    ]
    lines += [f"{interface(model)}\n" for model in models()]
    for name, union in UNIONS.items():
        parts = TypeAdapter(union).json_schema(mode="serialization")["oneOf"]
        lines += [f"export type {name} =", *(f"  | {type_of(part)}" for part in parts)]
        lines[-1] += ";\n"
    return "\n".join(lines).rstrip() + "\n"


def test_the_types_for_typescript_are_those_of_the_models() -> None:
    assert FILE.read_text(encoding="utf-8") == types(), "python -m tests.gateway_js.test_types writes it"


if __name__ == "__main__":
    FILE.write_text(types(), encoding="utf-8")
