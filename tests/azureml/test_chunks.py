"""A chunk made without validation is, in everything one can do with a chunk, the validated one."""

import copy
import pickle
from itertools import combinations

import pytest
from langchain_core.load import dumps
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import BaseModel

from chatbot.azureml.chunks import _default_factory, text_chunk

TEXTS = ["Hello", "", " ", "\n\n", "Grüße, 世界 👋", '{"a": [1]}', "x" * 10_000]


def validated(text):
    return ChatGenerationChunk(message=AIMessageChunk(content=text))


def state(model):
    """All that a model holds, to the type: what ``==`` would let pass counts as well."""
    if isinstance(model, BaseModel):
        slots = {slot: getattr(model, slot) for slot in BaseModel.__slots__}
        return type(model), {slot: state(value) for slot, value in slots.items()}
    if isinstance(model, dict):
        return dict, [(name, state(value)) for name, value in model.items()]
    return type(model), model


def changeable(model):
    """Yield every object inside a chunk that can be changed."""
    for part in (model, model.message):
        yield part
        for slot in BaseModel.__slots__:
            if isinstance(value := getattr(part, slot), (dict, set)):
                yield value
        yield from (value for value in vars(part).values() if isinstance(value, (list, dict, set)))


OPERATIONS = {
    "state": state,
    "repr": repr,
    "str": str,
    "dump": lambda chunk: chunk.model_dump(),
    "dump of what was set": lambda chunk: (
        chunk.model_dump(exclude_unset=True),
        chunk.message.model_dump(exclude_unset=True),
    ),
    "json": lambda chunk: chunk.model_dump_json(),
    "langchain's dump": dumps,
    "fields set": lambda chunk: (chunk.model_fields_set, chunk.message.model_fields_set),
    "extra": lambda chunk: (chunk.model_extra, chunk.message.model_extra),
    "text": lambda chunk: (chunk.text, chunk.message.text, chunk.message.content_blocks),
    "pretty": lambda chunk: chunk.message.pretty_repr(),
    "copy": lambda chunk: state(copy.copy(chunk)),
    "deepcopy": lambda chunk: state(copy.deepcopy(chunk)),
    "model_copy": lambda chunk: state(chunk.model_copy(update={"generation_info": {"a": 1}}, deep=True)),
    "pickle": lambda chunk: state(pickle.loads(pickle.dumps(chunk))),
    "validate": lambda chunk: state(ChatGenerationChunk.model_validate(chunk.model_dump())),
    "tuples": lambda chunk: (list(chunk), list(chunk.message)),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_is_the_validated_one(text, operation):
    assert operation(text_chunk(text)) == operation(validated(text))


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_equals_the_validated_one_either_way_round(text):
    assert text_chunk(text) == validated(text)
    assert validated(text) == text_chunk(text)
    assert text_chunk(text) != validated(text + ".")


@pytest.mark.parametrize("left", [text_chunk, validated])
@pytest.mark.parametrize("right", [text_chunk, validated])
def test_adds_up_as_the_validated_ones_do(left, right):
    assert state(left("Hel") + right("lo")) == state(validated("Hel") + validated("lo"))
    last = AIMessageChunk(content="!", response_metadata={"finish_reason": "stop"}, chunk_position="last")
    end = ChatGenerationChunk(message=last)
    rest, validated_rest = [right("lo"), end], [validated("lo"), end]
    assert state(left("Hel") + rest) == state(validated("Hel") + validated_rest)
    assert state(left("Hel").message + right("lo").message) == state(validated("Hel").message + validated("lo").message)


def test_takes_what_langchain_writes_on_it():
    chunks = [text_chunk("a"), validated("a")]
    for chunk in chunks:
        chunk.message.id = "run-1"
        chunk.message.response_metadata = {"model_name": "m"}
        chunk.message.note = "an extra"
        chunk.generation_info = {"finish_reason": "stop"}
    assert state(chunks[0]) == state(chunks[1])


def test_shares_nothing_that_can_be_changed():
    chunks = [text_chunk("a"), text_chunk("a"), validated("a")]
    kept = [[*changeable(chunk)] for chunk in chunks]
    assert len(kept[0]) == len(kept[2]) > 8
    for one, other in combinations(kept, 2):
        assert not {id(part) for part in one} & {id(part) for part in other}


def test_nothing_done_to_one_chunk_shows_in_a_later_one():
    spoilt = text_chunk("a")
    for part in changeable(spoilt):
        if isinstance(part, dict):
            part["spoilt"] = True
        elif isinstance(part, (list, set)):
            part.clear() if isinstance(part, set) else part.append("spoilt")
    assert state(text_chunk("a")) == state(validated("a"))


@pytest.mark.parametrize("default", [[], {}, set(), {"a"}, [[]], {"a": {"b": []}}, [{}], None, "text", 1])
def test_every_default_a_later_langchain_core_may_have_is_copied_deep_enough(default):
    make = _default_factory(default)
    one, other = make(), make()
    assert one == other == default
    if isinstance(default, (list, dict, set)):
        assert len({id(one), id(other), id(default)}) == 3
    if isinstance(default, list) and default:
        assert one[0] is not other[0]
    if isinstance(default, dict) and default:
        assert one["a"]["b"] is not other["a"]["b"]
