"""The dedicated surface: `POST /score` on a managed online endpoint, one text in one reply."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from chatbot.emulator.bodies import BadBodyError, json_reply, limit_in, messages_in, read_object, stop_in
from chatbot.emulator.generation import Prompt, generate
from chatbot.emulator.keys import Lock


class Dedicated:
    """Answers like the front of a managed endpoint with a chat container behind it."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    async def score(self, request: Request) -> Response:
        """Answer one `/score` request."""
        if not self._lock.opens_to_bearer(request):
            return PlainTextResponse("key_auth_access_denied", 401)
        try:
            prompt = read_prompt(await request.body())
        except BadBodyError as error:
            return _container_failed(400, str(error))
        return json_reply({"output": generate(prompt).text})


def read_prompt(raw: bytes) -> Prompt:
    """Return what a `/score` body asks for."""
    data = _section(read_object(raw), "input_data")
    parameters = _section(data, "parameters") if "parameters" in data else {}
    return Prompt(
        messages=messages_in(data, "input_string"),
        limit=limit_in(parameters, "max_new_tokens"),
        stop=stop_in(parameters),
    )


def _section(body: dict[str, object], name: str) -> dict[str, object]:
    section = body.get(name)
    if not isinstance(section, dict):
        raise BadBodyError(f"'{name}' must be a JSON object.")
    return section


def _container_failed(status: int, message: str) -> Response:
    # The front passes on every refusal of the container as 424 and keeps the real status in a header.
    headers = {"ms-azureml-model-error-reason": "model_error", "ms-azureml-model-error-statuscode": str(status)}
    return json_reply({"message": message}, 424, headers)
