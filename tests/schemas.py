"""docs/schema/ as a judge of what --json prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SCHEMAS = Path(__file__).parents[1] / "docs/schema"


def agree(name: str, value: Any) -> None:
    """The labs' servers, where the unit tests run once more, have no jsonschema."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    found = [
        error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(json.loads(json.dumps(value)))
    ]
    assert found == []
