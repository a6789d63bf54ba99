"""What the conversation asks of an error that says a request was too long, the chat model's error tells."""

from typing import get_type_hints

import pytest

from chatbot.azureml import AzureMLContextOverflowError
from chatbot.conversation.context.learned import ContextOverflow, told_by
from tests.support.asking import failure, model_of
from tests.support.wire import WireServer, sample_reply


def test_its_error_has_all_that_is_asked_of_one():
    error: ContextOverflow = AzureMLContextOverflowError("too long", status=400)
    assert {name: getattr(error, name) for name in get_type_hints(ContextOverflow)} == dict.fromkeys(
        get_type_hints(ContextOverflow)
    )


@pytest.mark.parametrize("sample", ["aoai_context_length_400", "vllm_context_length_400"])
async def test_what_an_endpoint_says_reaches_what_is_learned(sample):
    with WireServer(sample_reply(sample)) as server:
        error = await failure("astream", model_of(server), AzureMLContextOverflowError)
    told = {name: told_by(error, name) for name in get_type_hints(ContextOverflow)}
    assert told["context_size"] is not None
    assert told["requested_tokens"] or told["prompt_tokens"]
