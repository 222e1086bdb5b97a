"""The description of the REST API: valid, with named bodies, and with the token where one is required."""

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.main import create_app
from simulcast.settings.front_end import FrontEndSettings
from tests.signed_tokens import SECRET


def describe(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return create_app(FrontEndSettings.from_environment()).openapi()


def operations(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


@pytest.mark.parametrize("environment", [{}, {"SIMULCAST_TOKEN_SECRET": SECRET}], ids=["open", "with tokens"])
def test_it_is_valid(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    description = describe(monkeypatch, **environment)
    assert [error.message for error in OpenAPIV31SpecValidator(description).iter_errors()] == []


def test_each_body_has_a_name_and_a_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    description = describe(monkeypatch)
    bodies = {
        name: operation["requestBody"]["content"]["application/json"]["schema"].get("$ref", "").rpartition("/")[2]
        for name, operation in operations(description).items()
        if "requestBody" in operation
    }
    assert bodies.pop("POST /channels/{channel}/publish") == ""  # any object
    assert {*bodies.values()} == {"AddDownload", "Limit", "ChangeDownload", "Limits", "Batch", "Revocation"}
    assert {*bodies.values()} <= description["components"]["schemas"].keys()


def test_where_tokens_are_configured_each_operation_but_the_probes_takes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    description = describe(monkeypatch, SIMULCAST_TOKEN_SECRET=SECRET)
    (scheme,) = description["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    without = {name for name, operation in operations(description).items() if "security" not in operation}
    assert without == {"GET /health", "GET /ready"}


def test_where_none_are_no_operation_takes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    description = describe(monkeypatch)
    assert "securitySchemes" not in description["components"]
    assert not any("security" in operation for operation in operations(description).values())
