"""What the descriptions of layers and optimizers have in common."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np

from . import _core


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
class Spec:
    """A frozen dataclass that turns into the JSON object which the core reads: its fields and its type's name.

    Subclasses need no decorator. Only their `__init__` is made for each of them: what `dataclass(frozen=True)` compiles
    beside it would be most of the time that loading a hundred descriptions takes.
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclasses.dataclass(eq=False, repr=False)(cls)

    def __setattr__(self, name: str, value: object) -> None:
        if name in vars(self) or name not in self.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        settings = (f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__qualname__}({', '.join(settings)})"

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        hashed = (field.name for field in dataclasses.fields(self) if field.hash is not False)
        return hash((type(self), *(getattr(self, name) for name in hashed)))

    @classmethod
    def type_name(cls) -> str:
        """The name in the JSON: `Dense` is "dense", `EarlyBird` would be "early_bird"."""
        if "_name" in vars(cls):
            return str(vars(cls)["_name"])
        return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    def to_dict(self) -> dict[str, Any]:
        """The JSON object.

        Raises:
            ValueError: A number is not finite, which JSON cannot say.
        """
        described: dict[str, Any] = {"type": self.type_name()}
        for name, may_be_absent, absent in self._described_fields():
            value = getattr(self, name)
            if not may_be_absent or value != absent:
                described[name] = _plain(name, value)
        return described

    @classmethod
    @functools.cache
    def _described_fields(cls) -> list[tuple[str, bool, Any]]:
        fields = dataclasses.fields(cls)
        return [(field.name, "absent" in field.metadata, field.metadata.get("absent")) for field in fields]


def optional(default: Any = None, *, absent: Any = None, **options: Any) -> Any:
    """A field that JSON leaves out where its value is `absent`: descriptions from before it existed mean that value."""
    return dataclasses.field(default=default, metadata={"absent": absent}, **options)


def _plain(name: str, value: Any) -> Any:
    """A setting as JSON has it."""
    if isinstance(value, NamedSpec):
        return value.to_json()
    if isinstance(value, Spec):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(f"{name}[{place}]", item) for place, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {key: _plain(f"{name}[{key}]", item) for key, item in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return value


class NamedSpec(Spec):
    """A description that is its type's name alone where there is nothing to set: "relu", or {"elu": {"alpha": 1.0}}."""

    kind: ClassVar[str]
    is_data: ClassVar[bool] = False
    """Whether it holds arrays, of which the JSON form knows nothing."""

    @classmethod
    def type_name(cls) -> str:
        """The name in the JSON: the core's with the same letters, "leaky_relu" for `LeakyReLU`."""
        return core_name(cls.kind, cls.__name__)

    @classmethod
    @functools.cache
    def known(cls) -> dict[str, type[Self]]:
        """The classes of this kind by name."""
        return {kind.type_name(): kind for kind in cls.__subclasses__()}

    @classmethod
    def short(cls, value: object) -> str | Self:
        """A name where there is nothing to set, else an object, whichever of them comes, or the JSON form of one."""
        settings: dict[str, Any] = {}
        if isinstance(value, dict) and len(value) == 1:
            ((value, settings),) = value.items()
        if not isinstance(value, cls):
            made = cls.known()[check_name(cls.kind, value)]
            if made.is_data:
                return made.type_name()
            if not isinstance(settings, dict):
                raise ValueError(f"{cls.kind} {made.type_name()}: settings are a table, got {settings!r}")
            try:
                value = made(**settings)
            except TypeError as error:
                raise ValueError(f"{cls.kind} {made.type_name()}: {error}") from None
        return value if value.is_data or value.settings() else value.type_name()

    def settings(self) -> dict[str, Any]:
        """What there is to set, as JSON wants it."""
        return {name: value for name, value in self.to_dict().items() if name != "type"}

    def to_json(self) -> str | dict[str, Any]:
        """The JSON form."""
        settings = self.settings()
        return {self.type_name(): settings} if settings else self.type_name()


@functools.cache
def core_name(kind: str, class_name: str) -> str:
    """The name in the core's closed set that has the same letters as a class: "rms_norm" for `RMSNorm`."""
    return next(name for name in _core.names(kind) if name.replace("_", "") == class_name.lower())


def check_name(kind: str, name: object) -> str:
    """Refuse a `name` that is not in the core's closed set of that kind, and say which are."""
    known = _core.names(kind)
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"unknown {kind} {name!r}; known: {', '.join(known)}")
    return name


_TRUTHS = (bool, np.bool_)


def check_whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """Refuse what is no whole number, or one outside of `least` to `most`."""
    try:
        if isinstance(value, _TRUTHS):
            raise TypeError
        whole = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {value!r}") from None
    if whole < least or (most is not None and whole > most):
        upper = "" if most is None else f" and at most {most}"
        raise ValueError(f"{name} must be at least {least}{upper}, got {value}")
    return whole


def check_above_zero(name: str, value: object) -> float:
    """Refuse what is no finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, float | int | np.floating | np.integer):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, got {value}")
    return float(value)


def check_threads(n_threads: int | None) -> int | None:
    """Refuse a number of threads below 1; None leaves the choice to the core."""
    return None if n_threads is None else check_whole("n_threads", n_threads, 1)


MOST_SEED = 2**64 - 1
