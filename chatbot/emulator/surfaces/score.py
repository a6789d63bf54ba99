"""The scoring route of a dedicated endpoint: `POST /score`, one text in one reply."""

from starlette.requests import Request
from starlette.responses import Response

from chatbot.emulator.model.generation import generate
from chatbot.emulator.model.prompt import Prompt
from chatbot.emulator.replies import json_reply
from chatbot.emulator.surfaces.bodies import BadBodyError, limit_in, messages_in, read_object, section_in, stop_in


async def score(request: Request) -> Response:
    """Answer as a chat container does; the front of the endpoint stands before it."""
    try:
        prompt = read_prompt(await request.body())
    except BadBodyError as error:
        return json_reply({"message": str(error)}, 400)
    return json_reply({"output": generate(prompt).text})


def read_prompt(raw: bytes) -> Prompt:
    """Return what a `/score` body asks for."""
    body = read_object(raw)
    if not body.get("input_data"):
        raise BadBodyError("'input_data' must be a JSON object.")
    data = section_in(body, "input_data")
    parameters = section_in(data, "parameters")
    return Prompt(
        messages=messages_in(data, "input_string"),
        limit=limit_in(parameters, "max_new_tokens"),
        stop=stop_in(parameters),
    )
