"""JSON Schemas of Python types, and values of them checked: what the contract can say."""

from __future__ import annotations

import dataclasses
import types
import typing

from .errors import DescriptionError

NUMBERS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


@dataclasses.dataclass(frozen=True)
class Number:
    """A number of Rust's: its format, and its least value."""

    format: str
    minimum: int | None = None
    maximum: int | None = None


def schema_of(type_, where):
    """The JSON Schema of one type, as `schemars` writes Rust's. `where` is for the sentence."""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Annotated:
        number = next((a for a in arguments[1:] if isinstance(a, Number)), None)
        if number is None:
            return schema_of(arguments[0], where)
        made = {"type": "integer", "format": number.format}
        if number.minimum is not None:
            made["minimum"] = number.minimum
        if number.maximum is not None:
            made["maximum"] = number.maximum
        return made
    if origin in (typing.Union, types.UnionType):
        some = [a for a in arguments if a is not type(None)]
        if len(some) == 1 and len(arguments) == 2:
            inner = schema_of(some[0], where)
            if isinstance(inner.get("type"), str):
                return {**inner, "type": [inner["type"], "null"]}
            return {"anyOf": [inner, {"type": "null"}]}
    if origin is list and arguments:
        return {"type": "array", "items": schema_of(arguments[0], where)}
    if origin is dict and arguments and arguments[0] is str:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], where)}
    if origin is typing.Literal and all(isinstance(a, str) for a in arguments):
        return {"type": "string", "enum": list(arguments)}
    simple = {str: "string", bool: "boolean", int: "integer", float: "number"}
    if type_ in simple:
        return {"type": simple[type_]}
    if dataclasses.is_dataclass(type_):
        return schema_of_class(type_)
    raise DescriptionError(
        f"{where} has the type `{getattr(type_, '__name__', type_)}`, which no JSON Schema is made of: "
        "take str, bool, int, float, uint32 and the like, list[…], dict[str, …], … | None, "
        "Literal[…] of texts, or a dataclass of those"
    )


def hints(class_):
    """The annotations of a class, those in quotes too."""
    try:
        return typing.get_type_hints(class_, include_extras=True)
    except NameError as error:
        raise DescriptionError(
            f"`{class_.__name__}` has an annotation of a name that nothing has: {error}"
        ) from None


def schema_of_class(class_):
    """The JSON Schema of a dataclass: what has no default is required."""
    found = hints(class_)
    properties, required = {}, []
    for field in dataclasses.fields(class_):
        properties[field.name] = schema_of(found[field.name], f"`{class_.__name__}.{field.name}`")
        without = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if without:
            required.append(field.name)
    made = {"type": "object", "properties": properties}
    if required:
        made["required"] = required
    return made


def fault(value, type_, path=""):
    """Why a value is not of a type: a part of a sentence; None when it is."""
    at = f" at `{path}`" if path else ""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Annotated:
        wrong = fault(value, arguments[0], path)
        number = next((a for a in arguments[1:] if isinstance(a, Number)), None)
        if wrong or number is None:
            return wrong
        least = number.minimum if number.minimum is not None else -(2 ** 63)
        bits = int(number.format.lstrip("uint"))
        most = 2 ** bits - 1 if number.format.startswith("u") else 2 ** (bits - 1) - 1
        if not least <= value <= most:
            return f"{value}{at} is no {number.format}"
        return None
    if origin in (typing.Union, types.UnionType):
        wrong = [fault(value, a, path) for a in arguments]
        return wrong[0] if all(wrong) else None
    if origin is list:
        if not isinstance(value, list):
            return f"{value!r}{at} is no list"
        return next((w for i, v in enumerate(value) if (w := fault(v, arguments[0], f"{path}[{i}]"))), None)
    if origin is dict:
        if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
            return f"{value!r}{at} is no dict with texts for keys"
        return next((w for k, v in value.items() if (w := fault(v, arguments[1], f"{path}.{k}"))), None)
    if origin is typing.Literal:
        return None if value in arguments else f"{value!r}{at} is none of {', '.join(map(repr, arguments))}"
    if type_ is type(None):
        return None if value is None else f"{value!r}{at} is not None"
    if dataclasses.is_dataclass(type_):
        if not isinstance(value, type_):
            return f"{value!r}{at} is no `{type_.__name__}`"
        found = hints(type_)
        for field in dataclasses.fields(type_):
            wrong = fault(getattr(value, field.name), found[field.name], f"{path}.{field.name}".lstrip("."))
            if wrong:
                return wrong
        return None
    fits = isinstance(value, type_) and not (type_ in (int, float) and isinstance(value, bool))
    if type_ is float and isinstance(value, int) and not isinstance(value, bool):
        fits = True
    names = {str: "text", bool: "`True` or `False`", int: "integer", float: "number"}
    return None if fits else f"{value!r}{at} is no {names.get(type_, type_.__name__)}"


def read(value, type_):
    """A JSON value as a Python value of a type: dataclasses are made of objects."""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Annotated:
        return read(value, arguments[0])
    if origin in (typing.Union, types.UnionType):
        some = [a for a in arguments if a is not type(None)]
        return None if value is None else read(value, some[0])
    if origin is list and isinstance(value, list):
        return [read(v, arguments[0]) for v in value]
    if origin is dict and isinstance(value, dict):
        return {k: read(v, arguments[1]) for k, v in value.items()}
    if dataclasses.is_dataclass(type_) and isinstance(value, dict):
        found = hints(type_)
        known = {f.name for f in dataclasses.fields(type_)}
        return type_(**{k: read(v, found[k]) for k, v in value.items() if k in known})
    return value
