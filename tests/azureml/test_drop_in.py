"""In the place of langchain_community's class: code that was written for that one does its work here, on the wire."""

import copy
import json
import pickle
import socket
import threading
import warnings
from dataclasses import replace

import langchain_classic  # noqa: F401 - turns its warnings on as it is imported, whatever a test's own filters say
import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.rate_limiters import BaseRateLimiter, InMemoryRateLimiter
from langchain_core.runnables.history import RunnableWithMessageHistory
from pydantic import BaseModel, SecretStr, ValidationError

from chatbot.azureml import (
    AzureMLChatOnlineEndpoint,
    AzureMLEndpointApiType,
    AzureMLInvalidRequestError,
    AzureMLTimeoutError,
    ContentFormatterBase,
    CustomOpenAIChatContentFormatter,
)
from chatbot.emulator import Emulator
from tests.support.asking import (
    CHAT,
    FINISH,
    KEY,
    SCORE,
    answer,
    ask,
    chunks_of,
    every_route,
    every_stream,
    every_way,
    failure,
    model_of,
)
from tests.support.wire import DONE, Reply, WireServer, event, json_reply, sample_reply, stream_reply

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package says on import that it is no longer maintained
    from langchain_community.chat_models import azureml_endpoint as community_chat
    from langchain_community.llms import azureml_endpoint as community

OWN_ROUTE = "/predict"
"""Says nothing about the kind of endpoint: only the arguments can."""

USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}

classic = pytest.mark.filterwarnings("ignore::langchain_core._api.deprecation.LangChainDeprecationWarning")
both_kinds = pytest.mark.parametrize("api_type", ["dedicated", "serverless"])
asked_whole = pytest.mark.parametrize("way", ["invoke", "ainvoke"])


def texts(request):
    """The texts of a request, message by message."""
    body = request.json
    return [message["content"] for message in body.get("messages") or body["input_data"]["input_string"]]


def echo(request):
    """Answer with what was asked last."""
    return answer(texts(request)[-1])(request)


@pytest.fixture
def echoing(server):
    server.default = echo
    return server


class TestArguments:
    @pytest.mark.parametrize(
        "api_type",
        ["dedicated", "realtime", "serverless", *AzureMLEndpointApiType, *community.AzureMLEndpointApiType],
        ids=lambda api_type: f"{type(api_type).__module__}-{api_type}",
    )
    async def test_the_type_is_taken_as_text_and_as_a_member_of_either_enum(self, answering, api_type):
        await ask("invoke", model_of(answering, OWN_ROUTE, endpoint_api_type=api_type))

        assert ("messages" in answering.requests[0].json) == (api_type == "serverless")

    @pytest.mark.parametrize("key", [KEY, SecretStr(KEY)])
    async def test_the_key_is_taken_open_and_hidden(self, answering, key):
        await ask("invoke", model_of(answering, endpoint_api_key=key))

        assert answering.requests[0].headers["Authorization"] == f"Bearer {KEY}"

    @every_route
    @pytest.mark.parametrize(
        "formatter",
        [
            {},
            {"content_formatter": None},
            {"content_formatter": CustomOpenAIChatContentFormatter},
            {"content_formatter": CustomOpenAIChatContentFormatter()},
            {"content_formatter": community_chat.CustomOpenAIChatContentFormatter},
            {"content_formatter": community_chat.CustomOpenAIChatContentFormatter()},
        ],
        ids=["left out", "none", "class", "instance", "community's class", "community's instance"],
    )
    async def test_the_formatter_is_taken_in_every_form(self, server, path, formatter):
        message = {"role": "assistant", "content": "an answer"}
        server.default = json_reply({"output": "an answer", "choices": [{"message": message}]})
        answered = await ask("invoke", model_of(server, path, **formatter))

        assert texts(server.requests[0]) == ["Q"]
        assert answered.content == "an answer"

    @pytest.mark.parametrize("name", ["timeout", "request_timeout"])
    async def test_the_time_limit_has_two_names_for_the_model_and_for_a_call(self, server, name):
        server.default = Reply(end="hang", hold=threading.Event())

        await failure("invoke", model_of(server, max_retries=0, **{name: 0.01}), AzureMLTimeoutError)
        await failure("invoke", model_of(server, max_retries=0), AzureMLTimeoutError, **{name: 0.01})

    async def test_everything_may_come_from_the_environment(self, answering, monkeypatch):
        for name, value in {
            "ENDPOINT_URL": answering.url + OWN_ROUTE,
            "ENDPOINT_API_KEY": KEY,
            "ENDPOINT_API_TYPE": "serverless",
            "DEPLOYMENT_NAME": "blue",
        }.items():
            monkeypatch.setenv(f"AZUREML_{name}", value)
        await ask("invoke", AzureMLChatOnlineEndpoint())

        assert answering.requests[0].headers["azureml-model-deployment"] == "blue"
        assert texts(answering.requests[0]) == ["Q"]

    @every_way
    async def test_parameters_of_the_model_and_of_a_call_travel_together_and_the_calls_do_not_stay(
        self, answering, way
    ):
        model = model_of(answering, model_kwargs={"temperature": 0.8})
        await ask(way, model, max_tokens=5, temperature=0.1)
        await ask(way, model)
        first, second = (request.json for request in answering.requests)

        assert (first["temperature"], first["max_tokens"]) == (0.1, 5)
        assert (second["temperature"], second["max_tokens"]) == (0.8, 1024)

    @pytest.mark.parametrize("name", ["endpoint_type", "http_client", "openai_api_key", "max_retry"])
    def test_an_unknown_argument_is_refused_by_name(self, name):
        with pytest.raises(ValidationError, match=rf"(?m)^{name}\n +Extra inputs"):
            AzureMLChatOnlineEndpoint(
                **{"endpoint_url": "http://127.0.0.1/score", "endpoint_api_key": KEY, name: "dedicated"}
            )


class OfMessages(ContentFormatterBase):
    """Ours."""

    def format_messages_request_payload(self, messages, model_kwargs, api_type):
        return json.dumps({"asked": messages[-1].text, "by": f"{api_type.value}"}).encode()

    def format_response_payload(self, output, api_type):
        return ChatGeneration(message=AIMessage(json.loads(output)["said"]))


class OfText(ContentFormatterBase):
    """Ours, for a model that takes one text."""

    def format_request_payload(self, prompt, model_kwargs, api_type):
        return json.dumps({"asked": prompt.removeprefix("Human: "), "by": api_type.value})

    def format_response_payload(self, output, api_type):
        return json.loads(output)["said"]


class OfOldText(ContentFormatterBase):
    """Ours, written as in the time before endpoints had types."""

    def format_request_payload(self, prompt, model_kwargs):
        return json.dumps({"asked": prompt.removeprefix("Human: ")}).encode()

    def format_response_payload(self, output):
        return json.loads(output)["said"]


class OfCommunity(community.ContentFormatterBase):
    """On langchain_community's base, as its chat model wants them."""

    def format_messages_request_payload(self, messages, model_kwargs, api_type):
        return str.encode(json.dumps({"asked": messages[-1].content, "by": api_type}))

    def format_response_payload(self, output, api_type=community.AzureMLEndpointApiType.dedicated):
        return ChatGeneration(message=AIMessage(content=json.loads(output)["said"]), generation_info=None)


class OfCommunityText(community.ContentFormatterBase):
    """On langchain_community's base, as its documents show them."""

    def format_request_payload(self, prompt, model_kwargs, api_type):
        return str.encode(json.dumps({"asked": prompt.removeprefix("Human: "), "by": api_type}))

    def format_response_payload(self, output, api_type):
        return Generation(text=json.loads(output)["said"])


class OfCommunityOldText(community.ContentFormatterBase):
    """Of the time before endpoints had types."""

    def format_request_payload(self, prompt, model_kwargs):
        return json.dumps({"asked": prompt.removeprefix("Human: ")}).encode()

    def format_response_payload(self, output):
        return json.loads(output)["said"]


class OfCommunityOld(community.ContentFormatterBase):
    """The same, for messages."""

    def format_messages_request_payload(self, messages, model_kwargs):
        return json.dumps({"asked": messages[-1].content}).encode()

    def format_response_payload(self, output):
        return json.loads(output)["said"]


class OfCommunityStock(community_chat.CustomOpenAIChatContentFormatter):
    """langchain_community's stock formatter, with a body and a reply of one's own."""

    def format_messages_request_payload(self, messages, model_kwargs, api_type):
        (sent,) = map(self._convert_message_to_dict, messages)
        return json.dumps({"asked": sent["content"], "by": api_type.value}).encode()

    def format_response_payload(self, output, api_type=community.AzureMLEndpointApiType.dedicated):
        return ChatGeneration(message=AIMessage(json.loads(output)["said"]))


every_formatter = pytest.mark.parametrize(
    "formatter",
    [OfMessages, OfText, OfOldText, OfCommunity, OfCommunityText, OfCommunityOldText, OfCommunityOld, OfCommunityStock],
)


class TestFormatters:
    @every_way
    @every_formatter
    @both_kinds
    async def test_a_formatter_of_ones_own_writes_the_request_and_reads_the_reply(
        self, server, way, formatter, api_type
    ):
        server.default = json_reply({"said": "an answer"})
        answered = await ask(way, model_of(server, OWN_ROUTE, endpoint_api_type=api_type, content_formatter=formatter))

        assert {"by": api_type, **server.requests[0].json} == {"by": api_type, "asked": "Q"}
        assert answered.content == "an answer"

    @every_stream
    @every_formatter
    async def test_it_reads_the_events_of_a_stream_that_speaks_as_it_does(self, server, way, formatter):
        server.default = stream_reply(*(f'data: {{"said": "{text}"}}\n\n' for text in ("an", " ", "answer")), DONE)
        model = model_of(server, OWN_ROUTE, endpoint_api_type="serverless", content_formatter=formatter)

        assert "".join([chunk.content async for chunk in chunks_of(way, model)]) == "an answer"
        assert server.requests[0].json["asked"] == "Q"

    @every_stream
    @every_formatter
    async def test_it_need_not_read_the_events_that_all_servers_send(self, server, way, formatter):
        server.default = stream_reply(event("an"), event(" answer"), FINISH, DONE)
        model = model_of(server, content_formatter=formatter)

        assert "".join([chunk.content async for chunk in chunks_of(way, model)]) == "an answer"

    @pytest.mark.parametrize("formatter", ["odd", object(), dict, type("Half", (), {"format_response_payload": print})])
    def test_what_is_no_formatter_is_refused_by_name(self, formatter):
        with pytest.raises(ValidationError, match="content_formatter"):
            AzureMLChatOnlineEndpoint(
                endpoint_url="http://127.0.0.1/score", endpoint_api_key=KEY, content_formatter=formatter
            )


class Listener(BaseCallbackHandler):
    def __init__(self):
        self.tokens, self.usages = [], []

    def on_llm_new_token(self, token, **_):
        self.tokens.append(token)

    def on_llm_end(self, response, **_):
        self.usages.append(response.generations[0][0].message.usage_metadata)


class AsyncListener(AsyncCallbackHandler, Listener):
    async def on_llm_new_token(self, token, **_):
        Listener.on_llm_new_token(self, token)

    async def on_llm_end(self, response, **_):
        Listener.on_llm_end(self, response)


class TestCallbacks:
    HANDED_OVER = pytest.mark.parametrize(
        "place",
        [
            lambda handlers: ({"callbacks": handlers}, {}),
            lambda handlers: ({}, {"config": {"callbacks": handlers}}),
            lambda handlers: ({}, {"callbacks": handlers}),
        ],
        ids=["to the model", "in the config", "as an argument"],
    )

    @pytest.fixture
    def counting(self, server):
        def reply(request):
            if request.json.get("stream"):
                return stream_reply(event("an"), event(" answer"), event(finish_reason="stop", usage=USAGE), DONE)
            return json_reply({"choices": [{"message": {"content": "an answer"}}], "usage": USAGE})

        server.default = reply
        return server

    @every_way
    @HANDED_OVER
    @pytest.mark.parametrize("listener", [Listener, AsyncListener])
    async def test_a_handler_hears_the_tokens_and_what_they_cost(self, counting, way, place, listener):
        heard = listener()
        of_model, of_call = place([heard])
        answered = await ask(way, model_of(counting, **of_model), **of_call)

        assert answered.content == "an answer"
        assert "".join(heard.tokens) == ("an answer" if "stream" in way else "")
        assert [usage["total_tokens"] for usage in heard.usages] == [5]

    @every_way
    async def test_those_of_the_config_hear_it_beside_those_of_the_argument(self, counting, way):
        first, second = Listener(), Listener()
        await ask(way, model_of(counting), config={"callbacks": [first]}, callbacks=[second])

        assert len(first.usages) == len(second.usages) == 1

    @every_way
    @HANDED_OVER
    async def test_nothing_of_them_is_sent(self, counting, way, place):
        of_model, of_call = place([Listener()])
        await ask(way, model_of(counting, **of_model), **of_call)

        assert "callbacks" not in counting.requests[0].json


class TestResilience:
    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_a_model_that_retries_asks_again(self, server, way):
        server.script(sample_reply("score_424_model_error"), sample_reply("score_424_model_error"))
        server.default = answer()
        patient = model_of(server, max_retries=0).with_retry(stop_after_attempt=3, wait_exponential_jitter=False)

        assert (await ask(way, patient)).content == "an answer"
        assert len(server.requests) == 3

    def test_a_model_that_retries_still_has_the_models_other_methods(self, answering):
        model = model_of(answering, temperature=0.5)
        patient = model.with_retry(stop_after_attempt=3)

        assert patient.get_num_tokens("Q") == model.get_num_tokens("Q")
        assert patient.temperature == 0.5
        assert "".join(chunk.content for chunk in patient.stream("Q")) == "an answer"
        with pytest.raises(AttributeError, match="no_such_method"):
            patient.no_such_method()

    @every_way
    async def test_a_fallback_answers_where_the_model_fails(self, server, way):
        with WireServer(answer("the other's answer")) as other:
            server.default = sample_reply("maas_401_bad_key")
            robust = model_of(server).with_fallbacks([model_of(other)], exceptions_to_handle=(Exception,))

            assert (await ask(way, robust)).content == "the other's answer"
            assert (len(server.requests), len(other.requests)) == (1, 1)

    @every_way
    async def test_a_fallback_is_not_asked_where_the_model_answers(self, answering, way):
        with WireServer() as other:
            await ask(way, model_of(answering).with_fallbacks([model_of(other)]))

            assert other.requests == []


class TestCaching:
    @pytest.fixture
    def _cached_by_all(self):
        set_llm_cache(InMemoryCache())
        yield
        set_llm_cache(None)

    @asked_whole
    @pytest.mark.usefixtures("_cached_by_all")
    async def test_the_cache_of_all_answers_for_each_endpoint_alone(self, server, way):
        with WireServer(answer("the other's answer")) as other:
            server.default = answer("this one's answer")
            for _ in range(2):
                assert (await ask(way, model_of(server))).content == "this one's answer"
                assert (await ask(way, model_of(other))).content == "the other's answer"

            assert (len(server.requests), len(other.requests)) == (1, 1)

    @asked_whole
    @pytest.mark.usefixtures("_cached_by_all")
    async def test_a_model_may_do_without_it(self, answering, way):
        for _ in range(2):
            await ask(way, model_of(answering, cache=False))

        assert len(answering.requests) == 2

    @asked_whole
    async def test_a_cache_of_ones_own_knows_the_question_and_its_parameters(self, answering, way):
        model = model_of(answering, cache=InMemoryCache())
        for _ in range(2):
            for prompt, parameters in [("Q", {}), ("Q2", {}), ("Q", {"temperature": 0.1}), ("Q", {"stop": ["."]})]:
                await ask(way, model, prompt, **parameters)

        assert len(answering.requests) == 4


class TestThroughput:
    @every_way
    async def test_a_rate_limiter_is_asked_before_each_request(self, answering, way):
        seen = []

        class Gate(BaseRateLimiter):
            def acquire(self, *, blocking=True):
                seen.append(len(answering.requests))
                return True

            async def aacquire(self, *, blocking=True):
                return self.acquire(blocking=blocking)

        model = model_of(answering, rate_limiter=Gate())
        for _ in range(3):
            await ask(way, model)

        assert seen == [0, 1, 2]

    @every_way
    async def test_langchains_own_rate_limiter_lets_requests_through(self, answering, way):
        limiter = InMemoryRateLimiter(requests_per_second=1000, check_every_n_seconds=0.001, max_bucket_size=1)

        assert (await ask(way, model_of(answering, rate_limiter=limiter))).content == "an answer"

    @pytest.fixture(params=["batch", "abatch"])
    def batch(self, request):
        """Ask many questions at once, either way."""

        async def batch(model, prompts, **arguments):
            if request.param == "abatch":
                return await model.abatch(prompts, **arguments)
            return model.batch(prompts, **arguments)

        return batch

    async def test_a_batch_comes_back_in_its_order(self, echoing, batch):
        prompts = [f"Q{number}" for number in range(10)]

        assert [message.content for message in await batch(model_of(echoing), prompts)] == prompts

    async def test_a_batch_asks_no_more_at_once_than_it_may(self, server, batch):
        two_came = threading.Event()

        def reply(request):
            if len(server.requests) == 2:
                two_came.set()
            return replace(echo(request), hold=two_came)

        server.default = reply
        await batch(model_of(server), [f"Q{number}" for number in range(8)], config={"max_concurrency": 2})

        assert (len(server.requests), server.connections) == (8, 2)

    async def test_a_batch_may_return_its_failures_in_their_places(self, server, batch):
        refused = sample_reply("extra_params_bad_option_400")
        server.default = lambda request: refused if texts(request) == ["bad"] else echo(request)
        first, second, third = await batch(model_of(server), ["Q1", "bad", "Q3"], return_exceptions=True)

        assert (first.content, third.content) == ("Q1", "Q3")
        assert isinstance(second, AzureMLInvalidRequestError)


class TestComposition:
    @pytest.mark.parametrize("path", [CHAT, SCORE])
    async def test_events_tell_the_beginning_every_piece_and_the_end(self, server, path):
        server.default = answer() if path == SCORE else stream_reply(event("an"), event(" answer"), FINISH, DONE)
        events = [event async for event in model_of(server, path).astream_events("Q", version="v2")]
        names = [event["event"] for event in events]
        pieces = [event["data"]["chunk"].content for event in events if event["event"] == "on_chat_model_stream"]

        assert (names[0], names[-1]) == ("on_chat_model_start", "on_chat_model_end")
        assert "".join(pieces) == events[-1]["data"]["output"].content == "an answer"

    @every_way
    async def test_a_chain_of_prompt_model_and_parser_gives_and_streams_text(self, server, way):
        server.default = answer("oui")
        prompt = ChatPromptTemplate.from_messages([("system", "Speak {language}."), ("human", "{text}")])
        chain = prompt | model_of(server) | StrOutputParser()

        assert await ask(way, chain, {"language": "French", "text": "Yes"}) == "oui"
        assert texts(server.requests[0]) == ["Speak French.", "Yes"]

    class Weather(BaseModel):
        city: str
        degrees: int

    ARGUMENTS = '{"city": "Seoul", "degrees": 3}'

    @asked_whole
    @pytest.mark.parametrize("wrap", [lambda model: model, lambda model: model.with_retry()], ids=["plain", "retrying"])
    async def test_an_answer_may_be_an_object(self, server, way, wrap):
        call = {"id": "c1", "type": "function", "function": {"name": "Weather", "arguments": self.ARGUMENTS}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        server.default = json_reply({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
        structured = wrap(model_of(server)).with_structured_output(self.Weather)

        assert await ask(way, structured) == self.Weather(city="Seoul", degrees=3)
        assert [tool["function"]["name"] for tool in server.requests[0].json["tools"]] == ["Weather"]

    @asked_whole
    async def test_an_answer_may_be_an_object_where_the_route_knows_no_tools(self, server, way):
        server.default = answer(f"```json\n{self.ARGUMENTS}\n```")
        structured = model_of(server, SCORE).with_structured_output(self.Weather)

        assert await ask(way, structured) == self.Weather(city="Seoul", degrees=3)
        assert "degrees" in texts(server.requests[0])[0]

    async def test_an_agent_calls_its_tool_and_hands_over_what_it_found(self):
        def weather(city: str) -> str:
            """Tell the weather of a city."""
            return f"snow in {city}"

        with Emulator(token_delay=0) as emulator:
            model = AzureMLChatOnlineEndpoint(endpoint_url=emulator.chat_url, endpoint_api_key=emulator.key)
            state = await create_agent(model, [weather]).ainvoke({"messages": [HumanMessage("Weather in Seoul?")]})
            first, second = (request.body for request in emulator.requests)

        assert [tool["function"]["name"] for tool in first["tools"]] == ["weather"]
        assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool"]
        assert second["messages"][2]["content"] == "snow in Seoul"
        assert "snow in Seoul" in state["messages"][-1].content

    @classic
    @asked_whole
    async def test_a_runnable_with_history_sends_the_earlier_turns(self, echoing, way):
        history = InMemoryChatMessageHistory()
        talking = RunnableWithMessageHistory(model_of(echoing), lambda session_id: history)
        for prompt in ("Q1", "Q2"):
            await ask(way, talking, [HumanMessage(prompt)], config={"configurable": {"session_id": "s"}})

        assert texts(echoing.requests[1]) == ["Q1", "Q1", "Q2"]


@classic
class TestClassicChains:
    def test_a_chain_fills_in_its_prompt(self, echoing):
        from langchain_classic.chains import LLMChain

        chain = LLMChain(llm=model_of(echoing), prompt=PromptTemplate.from_template("{a} and {b}"))

        assert chain.run(a="one", b="two") == "one and two"
        assert chain.invoke({"a": "one", "b": "two"})["text"] == "one and two"

    @pytest.mark.parametrize("path", [CHAT, SCORE])
    def test_a_conversation_remembers_a_window(self, server, path):
        from langchain_classic.chains import ConversationChain
        from langchain_classic.memory import ConversationBufferWindowMemory

        server.default = answer("A")
        model = model_of(server, path)
        chain = ConversationChain(llm=model, memory=ConversationBufferWindowMemory(llm=model, k=2))
        for number in range(1, 5):
            assert chain.predict(input=f"Q{number}") == "A"

        (last,) = texts(server.requests[3])
        assert "Human: Q2\nAI: A\nHuman: Q3\nAI: A\nHuman: Q4\nAI:" in last
        assert "Q1" not in last

    def test_a_summary_is_written_by_the_model(self, server):
        from langchain_classic.memory import ConversationSummaryBufferMemory

        server.default = answer("They met.")
        memory = ConversationSummaryBufferMemory(llm=model_of(server), max_token_limit=1)
        memory.save_context({"input": "I am Ada."}, {"output": "Hello Ada."})

        assert "They met." in memory.load_memory_variables({})["history"]


class TestTokens:
    @pytest.fixture(autouse=True)
    def _offline(self, monkeypatch):
        def refuse(*arguments):
            raise AssertionError(f"somebody is called: {arguments}")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)

    @pytest.mark.parametrize("wrap", [lambda model: model, lambda model: model.with_retry()], ids=["plain", "retrying"])
    def test_they_are_counted_without_calling_anyone(self, wrap):
        model = wrap(AzureMLChatOnlineEndpoint(endpoint_url="http://127.0.0.1/score", endpoint_api_key=KEY))
        question, reply = HumanMessage("What is a memory window?"), AIMessage("The last few turns.")

        assert 4 <= model.get_num_tokens(question.text) <= 12
        assert 4 <= model.get_num_tokens_from_messages([question]) <= 16
        assert model.get_num_tokens_from_messages([question]) < model.get_num_tokens_from_messages([question, reply])


class TestCopies:
    @pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
    @pytest.mark.parametrize(
        "copied",
        [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), lambda model: model.model_copy()],
        ids=["copy", "deepcopy", "pickle", "model_copy"],
    )
    async def test_a_copy_asks_the_same_endpoint(self, answering, copied, used):
        model = model_of(answering, temperature=0.5)
        if used:
            await ask("invoke", model)
            await ask("ainvoke", model)
        another = copied(model)
        answering.requests.clear()
        for way in ("invoke", "ainvoke"):
            assert (await ask(way, another)).content == "an answer"

        assert [request.json["temperature"] for request in answering.requests] == [0.5, 0.5]
        assert answering.requests[0].headers["Authorization"] == f"Bearer {KEY}"
