"""One OpenTelemetry span for each answer, named and described as the GenAI conventions have it (v0.1.0).

The spans are ours and go through a provider of ours: a global one would wake FastAPI's own telemetry, which exports
what exceptions say. Nothing is sent along to the endpoint.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from chatbot import install_command
from chatbot.conversation import REQUEST_ID, Deployment, Generation, GenerationListener, Turn

ENDPOINT_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

PROVIDERS: Final[Mapping[str, str]] = {"azureml": "azure.ai.inference", "azure": "azure.ai.openai"}
"""Where LangChain calls a provider otherwise than the conventions do."""

ROLES: Final[Mapping[str, str]] = {"human": "user", "ai": "assistant"}
"""The same for roles."""


class TracingError(Exception):
    """Traces are wanted and cannot be made; says why, and the mend."""


def wants_traces() -> bool:
    """Return whether the environment names where traces go: the SDK reads its variables there, not in ``.env``."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not disabled and any(os.environ.get(name) for name in ENDPOINT_VARIABLES)


class Tracing(GenerationListener):
    """Makes a span of each answer as it ends, and has a thread send it to where OpenTelemetry's variables say.

    Args:
        deployments: Who can answer.
        content: Whether a span holds what was asked and answered.

    Raises:
        TracingError: The packages are not installed.
    """

    def __init__(self, deployments: Iterable[Deployment], *, content: bool = False) -> None:
        try:
            # Nobody needs it who does not trace, and it takes a third of a second.
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import SERVICE_NAME, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise TracingError(
                f"No traces are sent, although {' or '.join(ENDPOINT_VARIABLES)} is set: {error}. Install what they "
                f"need with “{install_command('tracing')}”, or unset the variable."
            ) from None
        resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "chatbot")})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("chatbot")
        self._content = content
        self._known = {each.name: _described(each) for each in deployments}

    def ended(self, generation: Generation, turn: Turn) -> None:
        """Make a span of it, from when it was asked for to when the model was done."""
        from opentelemetry.trace import SpanKind, StatusCode

        known = self._known.get(turn.deployment, {})
        ended_at, total = (time.time(), 0.0) if turn.timing is None else (turn.timing.ended_at, turn.timing.total)
        attributes = known | _measured(turn) | (_said(generation, turn) if self._content else {})
        span = self._tracer.start_span(
            f"chat {known.get('gen_ai.request.model', turn.deployment)}",
            kind=SpanKind.CLIENT,
            start_time=int((ended_at - total) * 1e9),
            attributes=attributes,
        )
        if turn.failure is not None:
            span.set_status(StatusCode.ERROR)
        span.end(int(ended_at * 1e9))

    async def aclose(self) -> None:
        """Send what is left. Where nobody takes it, whoever waits for this may go on: the thread holds nothing up."""
        thread = threading.Thread(target=self._provider.shutdown, daemon=True)
        thread.start()
        while thread.is_alive():  # noqa: ASYNC110 - threads have no event
            await asyncio.sleep(0.02)


def _described(deployment: Deployment) -> dict[str, Any]:
    # What LangSmith's traces call them, too; a model that knows no name of its own is called by its class there.
    params = deployment.model._get_ls_params()
    provider, name = params.get("ls_provider", "unknown"), params.get("ls_model_name")
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "gen_ai.request.model": deployment.name if name in (None, type(deployment.model).__name__) else name,
        "gen_ai.request.stream": True,
    }


def _measured(turn: Turn) -> dict[str, Any]:
    known: dict[str, Any] = {
        "chatbot.deployment": turn.deployment,
        "chatbot.request.id": REQUEST_ID.get() or None,
        "error.type": None if turn.failure is None else turn.failure.kind,
        "gen_ai.response.finish_reasons": None if turn.finish_reason is None else [turn.finish_reason],
        "gen_ai.response.time_to_first_chunk": None if turn.timing is None else turn.timing.first_word,
    }
    if turn.usage is not None:
        known["gen_ai.usage.input_tokens"] = turn.usage.input_tokens
        known["gen_ai.usage.output_tokens"] = turn.usage.output_tokens
    return {name: value for name, value in known.items() if value is not None}


def _said(generation: Generation, turn: Turn) -> dict[str, str]:
    asked = [
        {"role": ROLES.get(each.type, each.type), "parts": [_text(each.text)]} for each in generation.plan.messages
    ]
    reason = turn.finish_reason or ("error" if turn.failure else "stop")
    answer = {"role": "assistant", "parts": [_text(turn.answer_text)], "finish_reason": reason}
    return {"gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps([answer])}


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "content": text}
