"""Keys and Entra ID tokens: which headers carry them, when a token is renewed, and that nobody gets to see either."""

import asyncio
import copy
import pickle
import threading
import time
import traceback
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from chatbot.azureml import AzureMLAuthenticationError, AzureMLChatOnlineEndpoint
from chatbot.azureml.auth import RENEW_BEFORE, CredentialIdentity
from chatbot.azureml.endpoints import COGNITIVE_SCOPE, FOUNDRY_SCOPE, ML_SCOPE
from tests.support.asking import (
    CHAT,
    FINISH,
    KEY,
    SCORE,
    STREAMS,
    WAYS,
    ask,
    every_route,
    every_way,
    failure,
    happens,
    model_of,
)
from tests.support.wire import DONE, PATIENCE, event, json_reply, sample_reply, stream_reply, text_reply

AccessToken = namedtuple("AccessToken", "token expires_on")
HOUR = 3600.0
every_async_way = pytest.mark.parametrize("way", ["ainvoke", "astream"])
every_sync_way = pytest.mark.parametrize("way", ["invoke", "stream"])


class Credential:
    """What ``azure-identity``'s credentials are to us; each token is another."""

    def __init__(self, lives=HOUR):
        self.lives = lives
        self.scopes = []

    def get_token(self, *scopes, **_):
        self.scopes.append(*scopes)
        return AccessToken(f"token-that-nobody-may-see-{len(self.scopes)}", int(time.time() + self.lives))


class AsyncCredential(Credential):
    async def get_token(self, *scopes, **_):
        await asyncio.sleep(0)
        return Credential.get_token(self, *scopes)


def with_token(server, path=CHAT, **arguments):
    return AzureMLChatOnlineEndpoint(endpoint_url=server.url + path, **arguments)


def tokens_sent(server):
    """The tokens of all requests, by the numbers at their ends."""
    return [int(request.headers["Authorization"].rpartition("-")[2]) for request in server.requests]


class TestKey:
    @every_way
    @every_route
    async def test_a_key_goes_out_in_both_headers(self, answering, way, path):
        await ask(way, model_of(answering, path))

        headers = answering.requests[0].headers
        assert (headers["Authorization"], headers["api-key"]) == (f"Bearer {KEY}", KEY)

    @every_way
    async def test_a_key_that_is_refused_is_not_tried_again(self, server, way):
        server.default = sample_reply("maas_401_bad_key")
        await failure(way, model_of(server), AzureMLAuthenticationError)

        assert len(server.requests) == 1


class TestCredential:
    @every_way
    @pytest.mark.parametrize(
        ("path", "scope"),
        [
            (SCORE, ML_SCOPE),
            (CHAT, ML_SCOPE),
            ("/chat/completions", ML_SCOPE),
            ("/models/chat/completions", COGNITIVE_SCOPE),
            ("/openai/deployments/gpt-4o/chat/completions", COGNITIVE_SCOPE),
            ("/openai/v1", FOUNDRY_SCOPE),
        ],
    )
    async def test_a_token_is_asked_for_where_it_is_to_be_used(self, answering, way, path, scope):
        credential = Credential()
        await ask(way, with_token(answering, path, credential=credential, deployment_name="blue"))

        assert credential.scopes == [scope]

    @every_way
    async def test_a_token_goes_out_in_its_one_header(self, answering, way):
        await ask(way, with_token(answering, credential=Credential(), endpoint_api_key=KEY))

        [request] = answering.requests
        assert request.headers["Authorization"] == "Bearer token-that-nobody-may-see-1"
        assert "api-key" not in request.headers
        assert KEY not in str(request.headers)

    @every_way
    @pytest.mark.parametrize("kind", [Credential, AsyncCredential])
    async def test_a_token_serves_until_shortly_before_its_end(self, answering, way, kind):
        if kind is AsyncCredential and way in ("invoke", "stream"):
            way = f"a{way}"
        model = with_token(answering, credential=kind(lives=RENEW_BEFORE + HOUR))
        for _ in range(3):
            await ask(way, model)

        assert tokens_sent(answering) == [1, 1, 1]

    @every_way
    @pytest.mark.parametrize("kind", [Credential, AsyncCredential])
    async def test_a_token_that_is_about_to_end_is_replaced(self, answering, way, kind):
        if kind is AsyncCredential and way in ("invoke", "stream"):
            way = f"a{way}"
        model = with_token(answering, credential=kind(lives=RENEW_BEFORE - 1))
        for _ in range(3):
            await ask(way, model)

        assert tokens_sent(answering) == [1, 2, 3]

    async def test_all_ways_share_one_token(self, answering):
        model = with_token(answering, credential=Credential())
        for way in WAYS:
            await ask(way, model)

        assert tokens_sent(answering) == [1, 1, 1, 1]

    @every_way
    async def test_a_refused_token_is_replaced_once_and_the_request_sent_again(self, server, way):
        answer = stream_reply(event("yes"), FINISH, DONE) if way in STREAMS else json_reply({"output": "yes"})
        server.script(sample_reply("aoai_401"), answer, answer)
        model = with_token(server, credential=Credential())

        assert (await ask(way, model)).content == "yes"
        assert (await ask(way, model)).content == "yes"
        assert tokens_sent(server) == [1, 2, 2]

    @every_way
    @pytest.mark.parametrize("kind", ["credential", "azure_ad_token_provider"])
    async def test_a_token_that_is_refused_again_is_told(self, server, way, kind):
        server.default = sample_reply("aoai_401")
        credential = Credential()
        given = {"credential": credential, "azure_ad_token_provider": lambda: credential.get_token("").token}
        error = await failure(way, with_token(server, **{kind: given[kind]}), AzureMLAuthenticationError)

        assert "Access token is missing, invalid" in str(error)
        assert tokens_sent(server) == [1, 2]

    @every_way
    @pytest.mark.parametrize("kind", ["credential", "azure_ad_token_provider"])
    async def test_what_to_do_about_a_refused_token_is_not_what_to_do_about_a_key(self, server, way, kind):
        server.default = sample_reply("aoai_401")
        given = {"credential": Credential(), "azure_ad_token_provider": lambda: "a-token-of-1"}
        error = await failure(way, with_token(server, **{kind: given[kind]}), AzureMLAuthenticationError)

        assert error.condition == "SignInFailed"
        assert "Check the identity that this program runs as" in str(error)
        assert "AZUREML_ENDPOINT_API_KEY" not in str(error)

    @every_way
    @pytest.mark.parametrize("kind", [Credential, AsyncCredential])
    async def test_a_credential_that_fails_is_told_by_its_class_alone(self, answering, way, kind):
        class UnavailableError(Exception):
            pass

        class Failing(kind):
            def get_token(self, *_, **__):
                raise UnavailableError("the secret is hunter2")

        if kind is AsyncCredential:

            async def get_token(self, *_, **__):
                raise UnavailableError("the secret is hunter2")

            Failing.get_token = get_token
            way = f"a{way.removeprefix('a')}"
        error = await failure(way, with_token(answering, credential=Failing()), AzureMLAuthenticationError)

        assert str(error).startswith("Microsoft Entra ID gave no token (UnavailableError). Check the identity")
        assert "hunter2" not in f"{error!r} {vars(error)}"
        assert (error.condition, error.is_retryable) == ("SignInFailed", False)
        assert isinstance(error.__cause__, UnavailableError)
        assert answering.connections == 0

    async def test_a_credential_that_hangs_takes_one_thread(self, answering):
        started, go_on = threading.Event(), threading.Event()

        class Hanging(Credential):
            def get_token(self, *scopes, **_):
                started.set()
                assert go_on.wait(PATIENCE)
                return super().get_token(*scopes)

        model = with_token(answering, SCORE, credential=Hanging())
        asked = [asyncio.create_task(model.ainvoke("Q")) for _ in range(100)]
        assert await happens(started)
        # The threads that everybody shares are free.
        await asyncio.gather(*(asyncio.to_thread(threading.get_ident) for _ in range(100)))
        go_on.set()
        await asyncio.gather(*asked)
        assert set(tokens_sent(answering)) == {1}
        await model.aclose()

    def test_many_threads_fetch_one_token(self, answering):
        started, go_on = threading.Event(), threading.Event()

        class Slow(Credential):
            def get_token(self, *scopes, **_):
                token = super().get_token(*scopes)
                started.set()
                assert go_on.wait(PATIENCE)
                return token

        credential = Slow()
        model = with_token(answering, SCORE, credential=credential)
        with ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(model.invoke, "Q") for _ in range(20)]
            assert started.wait(PATIENCE)
            go_on.set()
            for answer in asked:
                assert answer.result().content == "an answer"

        assert len(credential.scopes) == 1

    @pytest.mark.parametrize("kind", [Credential, AsyncCredential])
    async def test_many_tasks_fetch_one_token(self, answering, kind):
        credential = kind()
        model = with_token(answering, SCORE, credential=credential)
        await asyncio.gather(*(model.ainvoke("Q") for _ in range(20)))

        assert len(credential.scopes) == 1
        await model.aclose()

    def test_a_token_is_fetched_in_every_event_loop(self, answering):
        model = with_token(answering, SCORE, credential=AsyncCredential(lives=0))

        async def twice():
            await asyncio.gather(model.ainvoke("Q"), model.ainvoke("Q"))

        for _ in range(2):
            asyncio.run(twice())

        assert sorted(tokens_sent(answering)) == [1, 2, 3, 4]

    def test_a_token_that_many_found_refused_is_replaced_once(self):
        credential = Credential()
        identity = CredentialIdentity(credential, ML_SCOPE)
        refused = identity.secret()
        for _ in range(20):
            assert identity.renew(refused)
            assert identity.secret() == "token-that-nobody-may-see-2"

        assert len(credential.scopes) == 2

    async def test_a_credential_that_blocks_does_not_hold_up_the_event_loop(self, answering):
        started, go_on = threading.Event(), threading.Event()

        class Slow(Credential):
            def get_token(self, *scopes, **_):
                started.set()
                assert go_on.wait(PATIENCE)
                return super().get_token(*scopes)

        asked = asyncio.create_task(with_token(answering, SCORE, credential=Slow()).ainvoke("Q"))
        assert await happens(started)
        go_on.set()  # by this loop, which therefore runs

        assert (await asked).content == "an answer"

    @every_sync_way
    @pytest.mark.parametrize("kind", ["credential", "azure_ad_token_provider"])
    async def test_an_async_credential_is_for_the_async_methods(self, answering, way, kind):
        async def provider():
            return "a-token-of-1"

        given = {"credential": AsyncCredential(), "azure_ad_token_provider": provider}
        with pytest.raises(TypeError, match=r"asynchronous: use ainvoke\(\) and astream\(\)"):
            await ask(way, with_token(answering, **{kind: given[kind]}))

        assert answering.connections == 0

    @every_way
    @pytest.mark.parametrize("token", ["two\nlines", "two\r\nX-Forged: 1", " spaced", "ké"])
    @pytest.mark.parametrize("kind", ["credential", "azure_ad_token_provider"])
    async def test_a_token_that_would_forge_a_header_is_refused(self, answering, way, token, kind):
        class Odd:
            def get_token(self, *_, **__):
                return AccessToken(token, int(time.time() + HOUR))

        given = {"credential": Odd(), "azure_ad_token_provider": lambda: token}
        with pytest.raises(ValueError, match="the token has characters that cannot stand in a header") as caught:
            await ask(way, with_token(answering, **{kind: given[kind]}))

        assert token not in str(caught.value)
        assert answering.connections == 0

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ({"credential": "a-key"}, "credential must have a method get_token"),
            ({"credential": Credential(), "azure_ad_token_provider": lambda: "t"}, "give one of them"),
            ({"azure_ad_token_provider": "a-key"}, "azure_ad_token_provider"),
            ({}, "for Microsoft Entra ID pass credential"),
        ],
    )
    def test_what_is_no_identity_is_refused_on_construction(self, arguments, named):
        with pytest.raises(ValidationError, match=named):
            AzureMLChatOnlineEndpoint(endpoint_url="http://127.0.0.1/score", **arguments)


class TestTokenProvider:
    @every_way
    async def test_a_provider_is_asked_before_each_request(self, answering, way):
        tokens = iter(["token-1", "token-2"])
        model = with_token(answering, azure_ad_token_provider=lambda: next(tokens))
        for _ in range(2):
            await ask(way, model)

        assert tokens_sent(answering) == [1, 2]
        assert "api-key" not in answering.requests[0].headers

    @every_async_way
    async def test_an_async_provider_is_awaited(self, answering, way):
        async def provider():
            await asyncio.sleep(0)
            return "token-7"

        await ask(way, with_token(answering, azure_ad_token_provider=provider))
        await ask(way, with_token(answering, azure_ad_token_provider=lambda: provider()))

        assert tokens_sent(answering) == [7, 7]

    @every_way
    @pytest.mark.parametrize("token", [None, b"token", 7])
    async def test_what_is_no_token_is_refused_as_such(self, answering, way, token):
        with pytest.raises(TypeError, match=f"a token must be a string, not a {type(token).__name__}"):
            await ask(way, with_token(answering, azure_ad_token_provider=lambda: token))

    @every_way
    async def test_an_error_of_the_provider_is_the_callers_to_see(self, answering, way):
        class SignInError(Exception):
            pass

        def provider():
            raise SignInError

        with pytest.raises(SignInError):
            await ask(way, with_token(answering, azure_ad_token_provider=provider))


class TestSecret:
    @every_way
    @pytest.mark.parametrize("status", [200, 400, 401, 500])
    async def test_a_token_that_the_server_echoes_is_not_shown(self, server, way, status):
        secret = "token-that-nobody-may-see-again"
        server.default = json_reply({"error": {"message": f"Token {secret} is odd", "code": secret}}, status)
        model = with_token(server, azure_ad_token_provider=lambda: secret, max_retries=0)
        error = await failure(way, model)

        assert "***" in str(error)
        assert secret not in "".join(traceback.format_exception(error))
        assert secret not in f"{error!r} {vars(error)}"
        assert secret.encode() not in pickle.dumps(error)

    @pytest.mark.parametrize("way", STREAMS)
    async def test_a_token_that_a_stream_echoes_is_not_shown(self, server, way):
        secret = "token-that-nobody-may-see-again"
        server.default = stream_reply(event(f"I was given {secret}"), f'data: {{"error":{{"message":"{secret}"}}}}\n\n')
        error = await failure(way, with_token(server, azure_ad_token_provider=lambda: secret))

        assert (error.partial, secret in str(error)) == ("I was given ***", False)

    async def test_neither_key_nor_token_is_shown_by_the_model(self, answering):
        model = with_token(answering, credential=Credential(), endpoint_api_key=KEY, default_headers={"x-sub": KEY})
        for way in WAYS:
            await ask(way, model)
        retried = model.with_retry()

        shown = [repr, str, lambda it: it.model_dump_json(), lambda it: repr(it.model_dump())]
        for show in shown:
            assert KEY not in show(model)
            assert "nobody-may-see" not in show(model)
        assert KEY not in f"{model._identifying_params} {retried} {vars(model)['endpoint_api_key']}"

    def test_an_error_on_construction_does_not_keep_the_key(self):
        with pytest.raises(ValidationError) as caught:
            AzureMLChatOnlineEndpoint(endpoint_url="nonsense", endpoint_api_key=KEY, max_retries=[KEY], seed=KEY)
        error = caught.value

        assert error.error_count() > 1
        assert KEY not in f"{error} {error!r} {error.errors()} {error.json()}"
        assert KEY not in "".join(traceback.format_exception(error))

    def test_nor_does_an_error_of_validation(self):
        with pytest.raises(ValidationError) as caught:
            AzureMLChatOnlineEndpoint.model_validate({"endpoint_url": "nonsense", "endpoint_api_key": KEY})

        assert KEY not in f"{caught.value} {caught.value.errors()} {caught.value.json()}"

    @every_way
    async def test_a_header_of_the_callers_own_cannot_take_the_keys_place(self, answering, way):
        await ask(way, model_of(answering, default_headers={"Ocp-Apim-Subscription-Key": "sub"}))

        assert answering.requests[0].headers["Ocp-Apim-Subscription-Key"] == "sub"
        for name in ("Authorization", "authorization", "API-KEY", "Content-Length", "host", "transfer-encoding"):
            with pytest.raises(
                ValidationError, match=f"(?s)default_headers.*{name}: the model writes this header itself"
            ):
                model_of(answering, default_headers={name: "odd"})

    @pytest.mark.parametrize(
        "headers", [{"x-a": "1\r\nx-b: 2"}, {"x-a\r\nx-b": "2"}, {"x a": "1"}, {"": "1"}, {"x:": "1"}]
    )
    def test_a_header_that_would_forge_others_is_refused(self, headers):
        with pytest.raises(ValidationError, match="cannot stand in a header"):
            AzureMLChatOnlineEndpoint(
                endpoint_url="http://127.0.0.1/score", endpoint_api_key=KEY, default_headers=headers
            )


class TestCopies:
    @pytest.mark.parametrize(
        "copied",
        [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), lambda model: model.model_copy()],
        ids=["copy", "deepcopy", "pickle", "model_copy"],
    )
    async def test_a_model_that_was_used_can_be_copied_and_the_copy_used(self, answering, copied):
        model = model_of(answering)
        for way in WAYS:
            await ask(way, model)
        another = copied(model)
        for way in WAYS:
            assert (await ask(way, another)).content == "an answer"

        assert answering.requests[-1].headers["api-key"] == KEY
        await another.aclose()
        await model.aclose()

    async def test_a_deep_copy_shares_the_credential_with_its_lock(self, answering):
        class Locked(Credential):
            def __init__(self):
                super().__init__()
                self.lock = threading.Lock()

        credential = Locked()
        model = with_token(answering, credential=credential)
        model.invoke("Q")
        another = copy.deepcopy({"nested": [model]})["nested"][0]
        another.invoke("Q")

        assert another is not model
        assert another.credential is credential
        assert len(credential.scopes) == 1

    def test_threads_that_come_first_at_once_share_their_connections(self, answering):
        model = model_of(answering, SCORE)
        barrier = threading.Barrier(8)

        def first():
            barrier.wait(PATIENCE)
            return model._sync

        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(first) for _ in range(8)]

        assert len({id(answer.result()) for answer in asked}) == 1


@every_way
async def test_a_401_in_plain_text_is_told_as_what_it_is(server, way):
    server.default = text_reply("key_auth_access_denied", 401)
    error = await failure(way, model_of(server, SCORE), AzureMLAuthenticationError)

    assert "key_auth_access_denied" in str(error)
