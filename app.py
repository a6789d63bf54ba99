"""The composition root: settings to objects to a served page. The only file that knows every room."""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import FastAPI
from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from chatbot import install_command, is_installed
from chatbot.access.entrances import DoorPlan, password_door, provider_door, proxy_door
from chatbot.access.openid import Provider
from chatbot.access.owner import OwnerDoor
from chatbot.access.passwords import check_hash
from chatbot.access.proxies import Proxies
from chatbot.answer_caches import RedisAnswers, cache_named
from chatbot.azureml import AzureMLChatOnlineEndpoint, AzureMLEndpointApiType, formatter_named
from chatbot.azureml.endpoints import resolve_endpoint
from chatbot.azureml.entra import default_credential
from chatbot.azureml.transport.common import MAX_RETRY_SECONDS
from chatbot.config_files import PROMPTS, DeploymentEntry, read_deployments, read_prompts
from chatbot.conversation import (
    PARAMETERS,
    AnswerCache,
    Ceilings,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    GenerationListener,
    Listeners,
    Prices,
    Rate,
    UsageLimits,
    WindowMemory,
)
from chatbot.demo import Demo, read_demo
from chatbot.emulator import Emulator
from chatbot.emulator.faults import parse as parse_faults
from chatbot.emulator.faults.middleware import HEADER as FAULT_HEADER
from chatbot.observability import (
    Metrics,
    Tracing,
    TracingError,
    configure_logs,
    serve_metrics,
    wants_traces,
)
from chatbot.redaction import guard_output, remember, remember_values, without_keys
from chatbot.server import address, create_page_app, listen, serve
from chatbot.settings import Settings, SettingsError, environment, variable
from chatbot.settings.doors import SIGNED_IN_DOORS, check_door
from chatbot.shutdown import Step
from chatbot.ui import (
    LOGO,
    Branding,
    DemoOffer,
    Doctor,
    ExamplePrompt,
    HouseRules,
    Lengths,
    declare_zero_gpu,
    read_terms,
)

CANNOT_START: Final = 2

RETRY_SECONDS: Final = 1.0
"""How long an endpoint is tried again that others stand in for: rather than wait, the visitor is answered by them."""
DAY: Final = 24 * 3600.0

DEMO: Final[Mapping[str, Mapping[str, Any]]] = {
    "Demo endpoint": {},
    "Demo endpoint, thinking aloud": {"reasoning_effort": "low"},
}
"""What the demo endpoint is called, and what each of its deployments is told further."""

STANDBY: Final = "Demo endpoint, standby"
"""Another demo endpoint, which stands in for the first one where a rehearsed demo lets that fail."""


def main() -> int:
    """Start the application; return the exit code of the process."""
    guard_output(environment())
    try:
        settings = Settings.load(
            checks={
                "endpoint_url": _check_endpoint,
                "content_formatter": lambda values: formatter_named(values["content_formatter"]),
                "store_url": _check_store,
                "answer_cache": lambda values: cache_named(values["answer_cache"], seconds=1, most=1),
                "deployments_file": lambda values: read_deployments(Path(values["deployments_file"]), environment()),
                "fallback": _check_fallback,
                "prompts_file": lambda values: read_prompts(Path(values["prompts_file"])),
                "logo": _check_logo,
                "door": _check_door,
                "password_hash": lambda values: check_hash(values["password_hash"]),
                "trusted_proxies": lambda values: Proxies(values["trusted_proxies"]),
                "terms_file": lambda values: read_terms(Path(values["terms_file"])),
                "demo_file": lambda values: _read_demo(Path(values["demo_file"])),
            }
        )
    except SettingsError as error:
        print("The application cannot start with these settings:", *error.problems, sep="\n  - ", file=sys.stderr)
        return CANNOT_START
    configure_logs(settings.log_format, settings.log_level)
    # Before the port opens, at which whoever asks would wait for what may never be there.
    try:
        app = create_app(settings)
    except ValueError as error:
        print(f"The application cannot start with these deployments:\n  - {error}.", file=sys.stderr)
        return CANNOT_START
    if settings.metrics_port is not None:
        try:
            serve_metrics(app.state.metrics, settings.metrics_host, settings.metrics_port)
        except OSError:
            _print_taken(
                settings.metrics_host, settings.metrics_port, variable("metrics_port"), "unset it to have none"
            )
            return CANNOT_START
    try:
        listener = listen(settings.host, settings.port)
    except OSError:
        _print_taken(settings.host, settings.port, variable("port"), "0 takes any that is free")
        return CANNOT_START
    with listener:
        # It takes half a second, and would be imported with the first question, while everybody waits.
        importlib.import_module("chatbot.azureml.transport.async_")
        # What is there by now stays: without this, every full collection looks at it all and pauses every answer.
        gc.freeze()
        answering = ", ".join(app.state.deployments)
        told = f"{settings.title} is at {address(listener)} (answers come from: {answering}). Ctrl-C ends it."
        if settings.demo_file is not None:
            told += f"\nThe rehearsed demo is at {address(listener)}?present; Page Down goes on."
        serve(app, listener, lambda: print(told, flush=True))
    return 0


def create_app(settings: Settings) -> FastAPI:
    """Return the application as these settings have it, to be served by one process with one event loop.

    Raises:
        ValueError: A deployment cannot be used; says which and why.
    """
    with ExitStack() as stack:
        for secret in settings.secrets:
            remember(secret)
        deployments = Deployments(
            *_deployments(settings, stack), locked=settings.locked, quotes_errors=settings.show_endpoint_errors
        )
        wants_metrics = settings.metrics_port is not None or settings.owner_token is not None
        metrics = Metrics() if wants_metrics else None
        tracing = _tracing(deployments, settings)
        listeners: list[GenerationListener] = [each for each in (metrics, tracing) if each is not None]
        url = settings.store_url.get_secret_value()
        store = ConversationStore(
            url,
            timed=None if metrics is None else metrics.store_took,
            usage_days=settings.usage_days,
            ceilings=Ceilings(
                settings.max_conversations,
                None if settings.max_stored_mb is None else int(settings.max_stored_mb * 1e6),
            ),
            retention=None if settings.retention_days is None else settings.retention_days * DAY,
        )
        cache = _answer_cache(settings, stack)
        limits = _limits(settings, deployments, stack)
        service = ConversationService(
            deployments,
            store,
            max_seconds=settings.answer_timeout,
            max_answers=settings.max_answers,
            max_question=settings.max_message_chars,
            share_days=settings.share_days,
            limits=limits,
            listener=Listeners(*listeners),
            cache=cache,
            auto_titles=settings.auto_titles,
        )
        asked = [*deployments.values(), *([limits.stand_in] if limits.stand_in else [])]
        offer = _demo_offer(settings, deployments)
        asked += [] if offer is None else offer.failing.values()
        models = [each.model for each in asked if isinstance(each.model, AzureMLChatOnlineEndpoint)]
        if settings.zero_gpu:
            declare_zero_gpu()
        opened = stack.pop_all()
        closing = [
            Step("close the database", store.aclose, 6),
            *(Step("close a connection to an endpoint", each.aclose, 3 / len(models)) for each in models),
            Step("end the demo endpoint, and let go of the answer cache", lambda: asyncio.to_thread(opened.close), 3),
            *([Step("send the last traces", tracing.aclose, 3)] if tracing is not None else []),
        ]
        token = settings.owner_token
        app = create_page_app(
            service,
            _branding(settings, offer),
            closing,
            frame_ancestors=settings.frame_sources,
            drain_seconds=settings.drain_seconds,
            request_id_header=settings.request_id_header,
            metrics=metrics,
            owner=None if token is None else OwnerDoor(token.get_secret_value()),
            proxies=Proxies(settings.trusted_proxies),
            door=_door(settings, store, deployments),
            lengths=Lengths(settings.max_message_chars, settings.max_upload_mb * 1_000_000),
            doctor=None if token is None else _doctor(settings),
            api_max_bytes=int(settings.api_max_mb * 1_000_000),
        )
        app.state.deployments = tuple(deployments)
        app.state.metrics = metrics
        return app


def _doctor(settings: Settings) -> Doctor:
    # For those who have an owner's page only.
    from chatbot.doctor.endpoints import examined
    from chatbot.doctor.examination import COST

    return Doctor(COST, lambda stop: examined(settings, stop=stop))


def _tracing(deployments: Deployments, settings: Settings) -> Tracing | None:
    if not wants_traces():
        return None
    try:
        return Tracing(deployments.values(), content=settings.trace_content)
    except TracingError as error:
        # Whoever runs many applications sets the variable for all of them.
        print(error, file=sys.stderr)
        return None


def _answer_cache(settings: Settings, stack: ExitStack) -> AnswerCache | None:
    if settings.answer_cache is None:
        return None
    seconds = settings.answer_cache_seconds
    cache = cache_named(settings.answer_cache.get_secret_value(), seconds=seconds, most=settings.answer_cache_size)
    if isinstance(cache, RedisAnswers):
        stack.callback(cache.close)
    return AnswerCache(cache, seconds, shared=settings.answer_cache_shared)


def _branding(settings: Settings, offer: DemoOffer | None) -> Branding:
    prompts = read_prompts(settings.prompts_file or PROMPTS)
    return Branding(
        title=settings.title,
        tagline=settings.tagline,
        logo=settings.logo or LOGO,
        accent=settings.accent,
        currency=settings.currency,
        examples=tuple(
            ExamplePrompt(
                each.label,
                each.prompt,
                each.icon,
                {code: (told.label, told.prompt) for code, told in each.translations.items()},
            )
            for each in prompts.example
            if each.demo in (None, settings.is_demo)
        ),
        presets={each.name: each.system_prompt for each in prompts.preset},
        hidden=settings.hidden,
        hidden_parts=settings.unseen,
        is_demo=settings.is_demo,
        keeps=settings.keeps_conversations,
        can_sign_out=settings.door != "open",
        rules=_house_rules(settings),
        demo=offer,
    )


def _demo_offer(settings: Settings, deployments: Deployments) -> DemoOffer | None:
    """Return the rehearsed demo; what goes wrong in it does so at the demo endpoint only."""
    if settings.demo_file is None:
        return None
    demo = _read_demo(settings.demo_file)
    failing = {
        (name, fault): _failing(deployment, fault)
        for name, deployment in deployments.items()
        for fault in demo.faults
        if settings.is_demo
    }
    return DemoOffer(demo, settings.demo_public, failing)


def _read_demo(path: Path) -> Demo:
    """Read a demo whose faults the demo endpoint knows.

    Raises:
        ValueError: It cannot be used; says why and where.
    """
    demo = read_demo(path)
    for number, turn in enumerate(demo.turns, start=1):
        if turn.fault is not None:
            try:
                parse_faults(turn.fault)
            except ValueError as error:
                raise ValueError(f"{path}: turns {number} fault: {str(error).removesuffix('.')}") from None
    return demo


def _failing(deployment: Deployment, fault: str) -> Deployment:
    """Return a deployment of the demo endpoint each of whose requests asks it to fail."""
    return replace(deployment, model=deployment.model.model_copy(update={"default_headers": {FAULT_HEADER: fault}}))


def _house_rules(settings: Settings) -> HouseRules:
    return HouseRules(
        notice="" if settings.ai_notice == "none" else settings.ai_notice,
        banner=settings.banner,
        terms=None if settings.terms_file is None else read_terms(settings.terms_file, settings.terms_version),
        retention_days=settings.retention_days,
    )


def _door(settings: Settings, store: ConversationStore, deployments: Deployments) -> DoorPlan | None:
    """Return the door that was chosen; None for the open one."""
    session: dict[str, Any] = {
        "seconds": settings.session_hours * 3600,
        "secret": settings.session_secret and settings.session_secret.get_secret_value(),
    }
    if settings.door == "password" and settings.password_hash:
        return password_door(settings.password_hash.get_secret_value(), store.sign_in, **session)
    if settings.door == "proxy" and settings.proxy_headers:
        return proxy_door(settings.proxy_headers, settings.allowed_names, store.sign_in)
    if (provider := _provider(settings)) is not None:
        needed = frozenset[str]().union(*(each.allowed for each in deployments.values()))
        return provider_door(provider, settings.allowed_names, store.sign_in, needed=needed, **session)
    return None


def _provider(settings: Settings) -> Provider | None:
    secret = settings.oidc_client_secret
    if settings.door == "oidc" and settings.oidc_issuer and settings.oidc_client_id:
        return Provider(
            settings.oidc_issuer,
            settings.oidc_client_id,
            None if secret is None else secret.get_secret_value(),
            settings.oidc_scopes,
            settings.oidc_groups_claim,
            hosts=settings.hosts if settings.public_url else (),
            signs_out=settings.oidc_provider_sign_out,
        )
    secret = settings.oauth_client_secret
    if settings.door == "huggingface" and settings.openid_provider_url and settings.oauth_client_id:
        return Provider(
            settings.openid_provider_url,
            settings.oauth_client_id,
            None if secret is None else secret.get_secret_value(),
            settings.oauth_scopes,
            groups_claim="orgs",
            callback="/login/callback",
            hosts=settings.hosts,
            way="huggingface",
        )
    return None


def _deployments(settings: Settings, stack: ExitStack) -> Iterator[Deployment]:
    """Yield the configured endpoint and those of the file; with neither, the demo endpoint.

    Raises:
        ValueError: One of them cannot be used; says which and why.
    """
    if settings.endpoint_url is not None:
        entry = DeploymentEntry(
            name=_name_of_endpoint(settings, settings.endpoint_url),
            endpoint_url=settings.endpoint_url,
            endpoint_api_type=settings.endpoint_api_type,
            deployment_name=settings.deployment_name,
            content_formatter=settings.content_formatter,
            auth=settings.endpoint_auth,
            api_key_variable=None if settings.endpoint_api_key is None else variable("endpoint_api_key"),
            api_key=settings.endpoint_api_key,
            fallback=settings.stand_ins,
            input_price=settings.input_price,
            output_price=settings.output_price,
        )
        yield _deployment(entry, settings)
    if settings.deployments_file is not None:
        for entry in read_deployments(settings.deployments_file, environment()):
            yield _deployment(entry, settings)
    if settings.is_demo:
        yield from _demo(settings, stack)


def _demo(settings: Settings, stack: ExitStack) -> Iterator[Deployment]:
    emulator = stack.enter_context(Emulator(token_delay=settings.demo_token_delay))
    named = {name: (emulator, arguments) for name, arguments in DEMO.items()}
    # For a demo that shows it. Nobody else is told of two endpoints.
    fails_over = settings.is_demo and settings.demo_file is not None
    if fails_over:
        named[STANDBY] = (stack.enter_context(Emulator(token_delay=settings.demo_token_delay)), {})
    for name, (endpoint, arguments) in named.items():
        entry = DeploymentEntry(
            name=name,
            endpoint_url=endpoint.chat_url,
            api_key_variable="-",
            api_key=SecretStr(endpoint.key),
            model_arguments=arguments,
            fallback=(STANDBY,) if fails_over and name != STANDBY else (),
        )
        yield _deployment(entry, settings)


def _limits(settings: Settings, deployments: Deployments, stack: ExitStack) -> UsageLimits:
    """Return what may be used, and who answers beyond a day's budget.

    Raises:
        ValueError: There is a budget in money, and a deployment without prices.
    """
    if settings.daily_budget is not None:
        for name, deployment in deployments.items():
            if deployment.prices is None:
                raise ValueError(f"“{name}” needs its prices for {variable('daily_budget')}: input_price, output_price")
    has_budget = settings.daily_tokens is not None or settings.daily_budget is not None
    stands_in = has_budget and settings.over_budget == "demo"

    def rates(name: str) -> list[Rate]:
        return [Rate(*each) for each in settings.rates(name)]

    return UsageLimits(
        visitor_messages=rates("visitor_messages"),
        visitor_tokens=rates("visitor_tokens"),
        address_messages=rates("address_messages"),
        address_tokens=rates("address_tokens"),
        daily_tokens=settings.daily_tokens,
        daily_cost=settings.daily_budget,
        stand_in=next(_demo(settings, stack)) if stands_in else None,
    )


def _name_of_endpoint(settings: Settings, url: str) -> str:
    host = urlsplit(url).hostname
    return host if host and settings.names_host else settings.deployment_name or settings.title


def _deployment(entry: DeploymentEntry, settings: Settings) -> Deployment:
    """Make a deployment of what is said of it, and of the settings where nothing is."""

    def told(name: str) -> Any:
        own = getattr(entry, name)
        return getattr(settings, name) if own is None else own

    _remember_secrets(entry)
    parameters = {name: told(name) for name in PARAMETERS}
    memory = WindowMemory(
        told("memory_turns"), told("token_budget"), told("system_prompt"), answer_tokens=told("max_tokens")
    )
    prices = None
    if entry.input_price is not None and entry.output_price is not None:
        prices = Prices(entry.input_price, entry.output_price)
    given = {name: value for name, value in parameters.items() if value is not None}
    try:
        return Deployment(
            entry.name,
            _model(entry, told("timeout"), told("silence_timeout")),
            memory,
            given,
            prices,
            fallback=entry.fallback,
            vision=entry.vision,
            context_size=entry.context_size,
            # Other packages' models have times of their own, for which nobody asked us to hurry.
            first_word_timeout=entry.timeout if entry.model else told("timeout"),
            answer_timeout=entry.answer_timeout,
            allowed=entry.allowed,
        )
    except (ValueError, ImportError) as error:
        raise ValueError(f"“{entry.name}”: {error}") from None


def _remember_secrets(entry: DeploymentEntry) -> None:
    if entry.api_key is not None:
        remember(entry.api_key.get_secret_value())
    remember_values({"endpoint_url": entry.endpoint_url, **entry.model_arguments})


def _model(entry: DeploymentEntry, timeout: float, silence_timeout: float) -> BaseChatModel:
    if entry.model is not None:
        from langchain.chat_models import init_chat_model  # for those who name such a model only: it takes a second

        arguments: dict[str, Any] = dict(entry.model_arguments)
        if entry.api_key is not None:
            arguments["api_key"] = entry.api_key.get_secret_value()
        model: BaseChatModel = init_chat_model(entry.model, **arguments)
        return model
    has_token = entry.auth == "entra"
    return AzureMLChatOnlineEndpoint(
        endpoint_url=entry.endpoint_url,
        # No key goes with a token, not even one of the environment, which may be another deployment's.
        endpoint_api_key=SecretStr("") if has_token else entry.api_key,
        credential=default_credential() if has_token else None,
        endpoint_api_type=AzureMLEndpointApiType(entry.endpoint_api_type) if entry.endpoint_api_type else None,
        deployment_name=entry.deployment_name,
        content_formatter=formatter_named(entry.content_formatter or "chat"),
        timeout=timeout,
        stream_idle_timeout=silence_timeout,
        max_retry_seconds=RETRY_SECONDS if entry.fallback else MAX_RETRY_SECONDS,
        model_kwargs=dict(entry.model_arguments),
    )


def _print_taken(host: str, port: int, name: str, or_else: str) -> None:
    print(
        f"The application cannot listen on {without_keys(host)}:{port}. Is another program using the port? Set {name} "
        f"to another one; {or_else}.",
        file=sys.stderr,
    )


def _check_endpoint(values: Mapping[str, str]) -> None:
    if (
        resolve_endpoint(values["endpoint_url"], values["endpoint_api_type"]).needs_model
        and not values["deployment_name"]
    ):
        name = variable("deployment_name")
        raise ValueError(f"several deployments answer at this URL; set {name} to the name of yours")


def _check_fallback(values: Mapping[str, str]) -> None:
    for name in ("endpoint_url", "deployments_file"):
        if not values[name]:
            raise ValueError(f"it is for an endpoint of its own and deployments of a file; {variable(name)} is not set")


def _check_door(values: Mapping[str, str]) -> None:
    check_door(values, {name: variable(name) for name in values})
    if values["door"] in SIGNED_IN_DOORS and not is_installed("authlib"):
        raise ValueError(f"this door needs a package more: {install_command('sign-in')}")


def _check_store(values: Mapping[str, str]) -> None:
    asyncio.run(ConversationStore(values["store_url"]).check())


def _check_logo(values: Mapping[str, str]) -> None:
    logo = Path(values["logo"])
    if logo.suffix.lower() not in (".svg", ".png") or not logo.is_file():
        raise ValueError(f"{logo} is no SVG or PNG file that can be read")


if __name__ == "__main__":
    sys.exit(main())
