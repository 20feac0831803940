"""What the descriptions of layers and optimizers have in common."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from . import _core


class Spec:
    """A frozen dataclass that turns into the JSON object which the core reads: its fields and its type's name."""

    @classmethod
    def type_name(cls) -> str:
        """The name in the JSON: `Dense` is "dense", `EarlyBird` would be "early_bird"."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {"type": self.type_name(), **fields}


def check_name(kind: str, name: object) -> str:
    """Refuse a `name` that is not in the core's closed set of that kind, and say which are."""
    known = _core.names(kind)
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"unknown {kind} {name!r}; known: {', '.join(known)}")
    return name
