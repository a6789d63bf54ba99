"""What is sent to find something out: a turn with the chat model, or a bare request that no model answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from urllib3.exceptions import HTTPError

from chatbot.azureml import AzureMLError
from chatbot.azureml.errors import from_response
from chatbot.azureml.transport.common import MAX_ERROR_BYTES, WireRequest
from chatbot.azureml.transport.network import network_settings_for
from chatbot.azureml.transport.sync import SyncTransport, new_pool
from chatbot.doctor.target import Target

HELLO: Final = [HumanMessage("Say hello in one word.")]

MAX_TOKENS: Final = 16
"""Of most answers: a word is enough to see that one comes."""

GET_SECONDS: Final = 10.0


@dataclass(slots=True)
class Probe:
    """Asks an endpoint, each time once; nothing is repeated and no redirect followed.

    Attributes:
        timeout: Seconds until an answer begins, and of silence within one.
        tokens: How many tokens it has cost so far, as far as it was told.
    """

    timeout: float
    tokens: int = field(default=0)

    def turn(
        self,
        target: Target,
        messages: Sequence[BaseMessage] = HELLO,
        *,
        model: Mapping[str, Any] | None = None,
        **call: Any,
    ) -> AIMessage:
        """Return the whole answer to some messages.

        Args:
            target: Whom to ask.
            messages: What to say.
            model: Further arguments of the chat model.
            **call: Parameters of the request; ``max_tokens`` is :data:`MAX_TOKENS` where it is not among them.

        Raises:
            AzureMLError: There was none.
            ValueError: It cannot be asked at all, or so.
            ImportError: The package for Microsoft Entra ID is not installed.
        """
        chat_model = target.model(timeout=self.timeout, **(model or {}))
        try:
            answer = chat_model.invoke(list(messages), **{"max_tokens": MAX_TOKENS, **call})
        finally:
            chat_model.close()
        self._count(answer)
        return answer

    def stream(self, target: Target, messages: Sequence[BaseMessage], **call: Any) -> Iterator[AIMessageChunk]:
        """Yield the pieces of an answer as they come; raises as :meth:`turn` does."""
        chat_model = target.model(timeout=self.timeout)
        try:
            for chunk in chat_model.stream(list(messages), **call):
                self._count(chunk)
                yield chunk
        finally:
            chat_model.close()

    def empty_post(self, url: str, headers: Mapping[str, str], secret: str = "") -> AzureMLError | None:
        """Send an empty JSON object, which no model answers; return how it was refused, or None if it was not."""
        all_headers = {"User-Agent": "azureml-chatbot", "Content-Type": "application/json", **headers}
        request = WireRequest(url, all_headers, b"{}", secret, self.timeout, self.timeout)
        transport = SyncTransport(0, 0)
        try:
            with transport.open(request):
                return None
        except AzureMLError as error:
            return error
        finally:
            transport.close()

    def get_json(self, url: str, headers: Mapping[str, str], secret: str = "") -> Any:
        """Return the JSON at an address of the endpoint's own; None where there is none."""
        try:
            pool = new_pool(network_settings_for(url))
            reply = pool.request(
                "GET",
                url,
                headers={"User-Agent": "azureml-chatbot", "Accept": "application/json", **headers},
                timeout=urllib3.Timeout(total=min(self.timeout, GET_SECONDS)),
                redirect=False,
                preload_content=False,
            )
            try:
                body = reply.read(4 * MAX_ERROR_BYTES)
            finally:
                reply.close()
                pool.clear()
            if reply.status != 200:
                raise from_response(reply.status, reply.headers, body, key=secret)
            return json.loads(body)
        except (AzureMLError, HTTPError, OSError, ValueError):
            return None

    def _count(self, message: AIMessage) -> None:
        if usage := message.usage_metadata:
            self.tokens += usage["total_tokens"]


def origin_of(url: str) -> str:
    """Return the beginning of a URL, up to its path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def shown(secret: str, target: Target) -> dict[str, str]:
    """Return the headers that show a secret to an endpoint, and name its deployment."""
    headers = target.identity().headers(secret)
    if target.deployment and target.endpoint().routes_by_header:
        headers["azureml-model-deployment"] = target.deployment
    return headers
