"""The first cross names what is wrong: for every profile, and for every fault that the emulator knows."""

import pytest
from pydantic import SecretStr

from chatbot.doctor.examination import Examination
from chatbot.doctor.findings import Status, first_cross
from chatbot.doctor.target import Target
from chatbot.emulator import Emulator
from chatbot.emulator.faults import FAULTS
from chatbot.emulator.profiles import PROFILES
from tests.support.wire import WireServer, text_reply

NAMES = {"foundry": "built-in-demo", "azure-openai": "built-in-demo"}

# Few faults need another value than their own, to be quick.
VALUES = {"delay": "delay:0.01", "slow-drip": "slow-drip:0", "huge-line": "huge-line:20000"}

CODES = {
    "content-filter": "content-filter content-filter-serverless content-filter-flat filtered-completion",
    "parameter": "extra-parameters parameter-not-supported extra-forbidden",
    "request-refused": "extra-parameters-option unsupported-media-type problem-json bad-input prompt-flow-error",
    "deployment-unknown": "unknown-model no-deployment",
    "api-version": "api-version",
    "context": "context-length context-length-code context-length-vllm context-length-vllm-wrapped too-large",
    "too-large": "headers-too-large",
    "key-refused": "unauthorized-managed unauthorized-serverless unauthorized-azure",
    "key-malformed": "unauthorized-header",
    "role-missing": "unauthorized-role",
    "network-rules": "forbidden",
    "no-traffic": "no-traffic",
    "route-unknown": "not-found-serverless not-found-azure method-not-allowed",
    "timeout": "request-timeout model-timeout gateway-timeout",
    "conflict": "conflict",
    "container-failed": "model-error server-error bad-gateway unavailable unavailable-seconds",
    "rate-limit": "model-rate-limit rate-limit rate-limit-seconds rate-limit-milliseconds rate-limit-x-milliseconds "
    "rate-limit-date rate-limit-text rate-limit-gateway",
    "busy": "too-many-pending",
    "not-ready": "not-ready",
    "too-few-instances": "too-few-instances",
    "redirect": "redirect redirect-permanent",
    "web-page": "html-page",
    "no-answer": "empty-body no-choices unknown-shape",
    "error-in-answer": "error-in-200",
    "empty-answer": "score-blocked",
    "connection-lost": "hang-up reset cut-after-bytes",
    "stream-broken": "stall-after-events cut-after-events reset-after-events cut-mid-event end-after-events "
    "error-after-events vllm-error-after-events no-ending endless-line",
}
"""What is wrong, and the faults that are that."""

CODE_OF = {fault: code for code, faults in CODES.items() for fault in faults.split()}

WARNINGS = {
    "whole-json": "not-streamed",
    "score-text": "not-streamed",
    "score-answer": "not-streamed",
    "broken-arguments": "broken-calls",
    "reasoning-model": "refused-parameters",
}
"""What the application copes with, and is worth a word. All other faults change nothing that anybody would see."""

SEEN_IN_CI = {
    *(faults.split()[0] for faults in CODES.values()),
    *(each for each in WARNINGS if each != "score-text"),
    "crlf",
    "usage-every-chunk",
}
"""One of each sort; the others run where they are asked for."""


def cases():
    for profile in PROFILES:
        for fault in FAULTS:
            is_seen = profile == "serverless" and fault in SEEN_IN_CI
            yield pytest.param(profile, fault, marks=[] if is_seen else pytest.mark.exhaustive, id=f"{profile}-{fault}")


@pytest.fixture(scope="module")
def emulators():
    running = {}

    def emulator(profile):
        if profile not in running:
            running[profile] = Emulator(profile, token_delay=0.002)
            running[profile].start()
        return running[profile]

    yield emulator
    for each in running.values():
        each.stop()


def target_at(emulator, **changes):
    told = {"url": emulator.chat_url, "key": SecretStr(emulator.key), "deployment": NAMES.get(emulator.profile, "")}
    return Target(**{**told, **changes})


@pytest.mark.parametrize(("profile", "fault"), list(cases()))
def test_the_first_cross_of_a_fault_names_it(emulators, profile, fault):
    emulator = emulators(profile)
    emulator.heal()
    emulator.fail(VALUES.get(fault, fault), times=None)
    examination = Examination(target_at(emulator), timeout=1 if fault == "stall-after-events" else 20)
    findings = list(examination.findings())
    cross = first_cross(findings)
    assert (cross.code if cross else None) == CODE_OF.get(fault)
    assert examination.works is (cross is None)
    if cross:
        assert cross.cause
        assert cross.advice or cross.lines
        assert findings[-1] == cross, "what follows means nothing"
    elif fault in WARNINGS:
        assert WARNINGS[fault] in [each.code for each in findings]


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_is_wrong_with_an_endpoint_that_is_well(emulators, profile):
    emulator = emulators(profile)
    emulator.heal()
    examination = Examination(target_at(emulator), timeout=20)
    findings = list(examination.findings())
    assert examination.works
    assert first_cross(findings) is None
    seen = {each.check for each in findings}
    assert seen >= {"address", "proxy", "connection", "chat", "key", "deployment", "streaming", "speed", "tokens"}
    assert seen >= {"system-role", "parameters", "tools", "structured-output", "pictures", "context", "limits", "cost"}
    told = {each.check: each for each in findings}
    assert told["streaming"].status is Status.OK
    assert told["tools"].status is told["structured-output"].status is told["pictures"].status is Status.OK


def test_a_scoring_route_is_told_of_the_better_one_beside_it(emulators):
    emulator = emulators("dedicated")
    emulator.heal()
    findings = list(Examination(target_at(emulator, url=emulator.score_url), timeout=20).findings())
    assert first_cross(findings) is None
    [streaming] = [each for each in findings if each.check == "streaming"]
    assert streaming.lines == {"AZUREML_ENDPOINT_URL": emulator.openai_url + "/chat/completions"}


def test_it_costs_what_was_said_first():
    with Emulator("serverless", token_delay=0) as emulator:
        findings = list(Examination(target_at(emulator), timeout=20).findings())
    asked = [each for each in emulator.requests if each.body and "messages" in each.body]
    assert len(asked) == 6
    cost = int(findings[-1].title.split()[2])
    assert 0 < cost <= 500


def test_a_redirect_is_seen_without_the_key_and_not_followed():
    with WireServer() as elsewhere, WireServer() as server:
        server.default = text_reply("", 307, Location=f"{elsewhere.url}/v1/chat/completions")
        target = Target(f"{server.url}/v1/chat/completions", SecretStr("a-key-of-sixteen"))
        findings = list(Examination(target, timeout=20).findings())
        assert first_cross(findings).code == "redirect"
        [request] = server.requests
        assert "a-key-of-sixteen" not in str(request.headers)
        assert elsewhere.requests == []
