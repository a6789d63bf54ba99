"""Traces, as a collector gets them over HTTP: a span for each answer, and no words unless they are asked for."""

import json
import sys

import httpx
import pytest
from langchain_core.exceptions import ModelRateLimitError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from chatbot.conversation import Deployment, WindowMemory
from chatbot.emulator import Emulator
from chatbot.observability import Tracing, TracingError, wants_traces
from tests.conversation.conversing import until
from tests.support.app_process import AppProcess
from tests.support.http_sink import http_sink
from tests.support.page_events import headers
from tests.support.scripted_model import ScriptedModel

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION, ANSWER = "the most private of questions", "the most private of answers"


@pytest.fixture
def collector(monkeypatch):
    with http_sink() as sink:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        yield sink


def spans_of(sink):
    found = []
    for path, body in sink.posts:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            [service] = [each.value.string_value for each in resource.resource.attributes if each.key == "service.name"]
            assert service == "chatbot"
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return found


def attributes_of(span):
    def plain(value):
        kind = value.WhichOneof("value")
        return [plain(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)

    return {each.key: plain(each.value) for each in span.attributes}


async def answered(serve, *words, content=False):
    """Ask once, and return what the service was told of, with all spans sent."""
    tracing = Tracing([Deployment("test", ScriptedModel(), WindowMemory())], content=content)
    with serve(listener=tracing) as served:
        served.model.will_say(*words)
        await served.send(QUESTION)
        owner = next(iter(served.app.state.sessions._sessions.values())).owner

        async def is_done():
            turns = await served.service.turns(await served.service.latest(owner))
            return bool(turns) and turns[-1].status.value != "streaming"

        await until(is_done)
        [turn] = await served.service.turns(await served.service.latest(owner))
        await until_ended(served)
    await tracing.aclose()
    return turn


async def until_ended(served):
    async def is_ended():
        return served.service._generations._all() == []

    await until(is_ended)


async def test_an_answer_is_a_span_by_the_conventions_without_its_words(serve, collector):
    turn = await answered(serve, ANSWER)
    [span] = spans_of(collector)
    assert (span.name, span.kind) == ("chat test", Span.SPAN_KIND_CLIENT)
    told = attributes_of(span)
    assert len(told.pop("chatbot.request.id")) == 16
    assert told.pop("gen_ai.response.time_to_first_chunk") == turn.timing.first_word
    assert told == {
        "chatbot.deployment": "test",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scriptedmodel",
        "gen_ai.request.model": "test",
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
    }
    assert span.end_time_unix_nano - span.start_time_unix_nano == pytest.approx(turn.timing.total * 1e9, rel=1e-3)
    assert span.status.code == Status.STATUS_CODE_UNSET
    for path, body in collector.posts:
        assert b"private" not in body, path


async def test_a_failure_is_an_error_of_its_kind_without_the_endpoints_words(serve, collector):
    await answered(serve, ModelRateLimitError(f"You said: {QUESTION}"))
    [span] = spans_of(collector)
    assert attributes_of(span)["error.type"] == "ModelRateLimitError"
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "")
    assert b"private" not in collector.posts[0][1]


async def test_what_was_said_is_there_for_who_asks_for_it(serve, collector):
    await answered(serve, ANSWER, content=True)
    [span] = spans_of(collector)
    told = attributes_of(span)
    assert json.loads(told["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": QUESTION}]}
    ]
    assert json.loads(told["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": ANSWER}], "finish_reason": "stop"}
    ]


async def test_the_application_traces_by_opentelemetrys_variables_and_tells_its_endpoint_nothing(tmp_path, collector):
    with Emulator(token_delay=0) as endpoint:
        settings = {"AZUREML_ENDPOINT_URL": endpoint.chat_url, "AZUREML_ENDPOINT_API_KEY": endpoint.key}
        with AppProcess(tmp_path, settings) as process:
            await ask(process)

            async def is_asked():
                return len(endpoint.requests) == 1 and endpoint.active_streams == 0

            await until(is_asked)
            # What is left is sent when it ends.
            assert process.stop() == 0
        [request] = endpoint.requests
        assert not {"traceparent", "tracestate", "baggage"} & set(request.headers)
        assert endpoint.key.encode() not in b"".join(body for _, body in collector.posts)
    [span] = spans_of(collector)
    assert attributes_of(span)["gen_ai.provider.name"] == "azure.ai.inference"
    assert process.log == ""


async def ask(process):
    async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        sent = await client.post("/chat/send", content=json.dumps([QUESTION]), headers=headers("a page", "ada"))
        assert sent.status_code == 204


async def test_a_collector_that_is_away_holds_nothing_up(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with AppProcess(tmp_path) as process:
        await ask(process)
        assert process.stop() == 0
    assert "Traceback" not in process.log


async def test_packages_that_are_missing_are_told_in_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TracingError, match=r"pip install -r requirements-tracing\.txt"):
        Tracing([])


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
async def test_traces_are_wanted_where_a_variable_says_where_to(monkeypatch, variables, wanted):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_traces() is wanted


async def test_langsmith_takes_its_traces_by_its_own_variables(tmp_path):
    with http_sink() as sink:
        settings = {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": sink.url, "LANGSMITH_API_KEY": "lsv2_a_key"}
        with AppProcess(tmp_path, settings) as process:
            await ask(process)

            async def is_told():
                return any("/runs" in path and QUESTION.encode() in body for path, body in sink.posts)

            await until(is_told)
