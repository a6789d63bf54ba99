"""A chunk of text without validation: a third of its cost, and nothing in it that could be wrong.

Validating an ``AIMessageChunk`` in its ``ChatGenerationChunk`` takes 6 µs, most of what a token costs a client; here
one pair is validated, and every other is a copy of it with another text, in 2 µs. The fields are read off that pair,
so that a field or default which a later langchain-core brings is here as well. (``model_construct`` takes 250 µs.)
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any, Final, TypeVar

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import BaseModel

_Model = TypeVar("_Model", bound=BaseModel)

_UNCHANGEABLE: Final = (str, int, float, bool, type(None))
_SETTERS: Final = {slot: vars(BaseModel)[slot].__set__ for slot in BaseModel.__slots__}
"""All that a pydantic model holds, set without pydantic's ``__setattr__``."""


def text_chunk(text: str) -> ChatGenerationChunk:
    """Return what ``ChatGenerationChunk(message=AIMessageChunk(content=text))`` returns.

    The two are equal in all that can be done with a chunk (``==``, ``+``, dumps, ``repr``, copies, pickle), and share
    nothing that can be changed, neither with each other nor with another chunk.
    """
    return _chunk(text=_accessor(text), message=_message(content=text))


def _copier(template: _Model, *given: str) -> Callable[..., _Model]:
    """Return a function that copies ``template`` with other values in the fields ``given``."""
    kind, new = type(template), object.__new__
    shared = dict(vars(template))
    fresh = [
        (name, _default_factory(value))
        for name, value in shared.items()
        if name not in given and not isinstance(value, _UNCHANGEABLE)
    ]
    set_fields = _SETTERS["__dict__"]
    slots = [(put, _default_factory(getattr(template, slot))) for slot, put in _SETTERS.items() if slot != "__dict__"]

    def copy_with(**values: Any) -> _Model:
        fields = {**shared, **values}
        for name, make in fresh:
            fields[name] = make()
        model = new(kind)
        set_fields(model, fields)
        for put, make in slots:
            put(model, make())
        return model

    return copy_with


def _default_factory(value: Any) -> Callable[[], Any]:
    """Return a factory that gives each chunk a ``value`` of its own."""
    if isinstance(value, _UNCHANGEABLE):
        return lambda: value
    if isinstance(value, set) or (isinstance(value, (list, dict)) and not value):
        return value.copy  # as deep as it need be, and quicker
    return partial(deepcopy, value)


_TEMPLATE: Final = ChatGenerationChunk(message=AIMessageChunk(content=""))
_accessor: Final = type(_TEMPLATE.text)  # LangChain's str, which can also be called
_message: Final = _copier(AIMessageChunk(content=""), "content")
_chunk: Final = _copier(_TEMPLATE, "text", "message")
