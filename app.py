"""The composition root: settings to objects to a served page. The only file that knows every room."""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import FastAPI
from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from chatbot.azureml import AzureMLChatOnlineEndpoint, AzureMLEndpointApiType, formatter_named
from chatbot.azureml.endpoints import resolve_endpoint
from chatbot.config_files import PROMPTS, DeploymentEntry, read_deployments, read_prompts
from chatbot.conversation import (
    PARAMETERS,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    Prices,
    WindowMemory,
)
from chatbot.emulator import Emulator
from chatbot.server import address, create_page_app, listen, serve
from chatbot.settings import Settings, SettingsError, environment, variable
from chatbot.shutdown import Step
from chatbot.ui import LOGO, Branding, declare_zero_gpu

CANNOT_START: Final = 2

DEMO: Final[Mapping[str, Mapping[str, Any]]] = {
    "Demo endpoint": {},
    "Demo endpoint, thinking aloud": {"reasoning_effort": "low"},
}
"""What the demo endpoint is called, and what each of its deployments is told further."""


def main() -> int:
    """Start the application; return the exit code of the process."""
    try:
        settings = Settings.load(
            checks={
                "endpoint_url": _check_endpoint,
                "content_formatter": lambda values: formatter_named(values["content_formatter"]),
                "store_url": _check_store,
                "deployments_file": lambda values: read_deployments(Path(values["deployments_file"]), environment()),
                "prompts_file": lambda values: read_prompts(Path(values["prompts_file"])),
                "logo": _check_logo,
            }
        )
    except SettingsError as error:
        print("The application cannot start with these settings:", *error.problems, sep="\n  - ", file=sys.stderr)
        return CANNOT_START
    try:
        listener = listen(settings.host, settings.port)
    except OSError:
        print(
            f"The application cannot listen on {settings.host}:{settings.port}. Is another program using the "
            "port? Set CHATBOT_PORT to another one; 0 takes any that is free.",
            file=sys.stderr,
        )
        return CANNOT_START
    with listener:
        try:
            app = create_app(settings)
        except ValueError as error:
            print(f"The application cannot start with these deployments:\n  - {error}.", file=sys.stderr)
            return CANNOT_START
        # It takes half a second, and would be imported with the first question, while everybody waits.
        importlib.import_module("chatbot.azureml.transport.async_")
        # What is there by now stays: without this, every full collection looks at it all and pauses every answer.
        gc.freeze()
        answering = ", ".join(app.state.deployments)
        told = f"{settings.title} is at {address(listener)} (answers come from: {answering}). Ctrl-C ends it."
        serve(app, listener, lambda: print(told, flush=True))
    return 0


def create_app(settings: Settings) -> FastAPI:
    """Return the application as these settings have it, to be served by one process with one event loop.

    Raises:
        ValueError: A deployment cannot be used; says which and why.
    """
    with ExitStack() as stack:
        deployments = Deployments(*_deployments(settings, stack), locked=settings.locked)
        store = ConversationStore(settings.store_url.get_secret_value())
        service = ConversationService(deployments, store, max_answers=settings.max_answers)
        models = [each.model for each in deployments.values() if isinstance(each.model, AzureMLChatOnlineEndpoint)]
        if settings.zero_gpu:
            declare_zero_gpu()
        demo = stack.pop_all()
        closing = [
            Step("close the database", store.aclose, 6),
            *(Step("close a connection to an endpoint", each.aclose, 3 / len(models)) for each in models),
            Step("end the demo endpoint", lambda: asyncio.to_thread(demo.close), 3),
        ]
        app = create_page_app(service, _branding(settings), closing, frame_ancestors=settings.frame_sources)
        app.state.deployments = tuple(deployments)
        return app


def _branding(settings: Settings) -> Branding:
    prompts = read_prompts(settings.prompts_file or PROMPTS)
    return Branding(
        title=settings.title,
        tagline=settings.tagline,
        logo=settings.logo or LOGO,
        accent=settings.accent,
        currency=settings.currency,
        examples=tuple((each.label, each.prompt, each.icon) for each in prompts.example),
        presets={each.name: each.system_prompt for each in prompts.preset},
        hidden=settings.hidden,
        is_demo=settings.is_demo,
        keeps=settings.keeps_conversations,
    )


def _deployments(settings: Settings, stack: ExitStack) -> Iterator[Deployment]:
    """Yield the configured endpoint and those of the file; with neither, the demo endpoint.

    Raises:
        ValueError: One of them cannot be used; says which and why.
    """
    if settings.endpoint_url is not None and settings.endpoint_api_key is not None:
        entry = DeploymentEntry(
            name=urlsplit(settings.endpoint_url).hostname or settings.endpoint_url,
            endpoint_url=settings.endpoint_url,
            endpoint_api_type=settings.endpoint_api_type,
            deployment_name=settings.deployment_name,
            content_formatter=settings.content_formatter,
            api_key_variable=variable("endpoint_api_key"),
            api_key=settings.endpoint_api_key,
            input_price=settings.input_price,
            output_price=settings.output_price,
        )
        yield _deployment(entry, settings)
    if settings.deployments_file is not None:
        for entry in read_deployments(settings.deployments_file, environment()):
            yield _deployment(entry, settings)
    if settings.is_demo:
        emulator = stack.enter_context(Emulator(token_delay=settings.demo_token_delay))
        for name, arguments in DEMO.items():
            entry = DeploymentEntry(
                name=name,
                endpoint_url=emulator.chat_url,
                api_key_variable="-",
                api_key=SecretStr(emulator.key),
                model_arguments=arguments,
            )
            yield _deployment(entry, settings)


def _deployment(entry: DeploymentEntry, settings: Settings) -> Deployment:
    """Make a deployment of what is said of it, and of the settings where nothing is."""

    def told(name: str) -> Any:
        own = getattr(entry, name)
        return getattr(settings, name) if own is None else own

    parameters = {name: told(name) for name in PARAMETERS}
    memory = WindowMemory(
        told("memory_turns"), told("token_budget"), told("system_prompt"), answer_tokens=told("max_tokens")
    )
    prices = None
    if entry.input_price is not None and entry.output_price is not None:
        prices = Prices(entry.input_price, entry.output_price)
    given = {name: value for name, value in parameters.items() if value is not None}
    try:
        return Deployment(entry.name, _model(entry, told("timeout")), memory, given, prices)
    except (ValueError, ImportError) as error:
        raise ValueError(f"“{entry.name}”: {error}") from None


def _model(entry: DeploymentEntry, timeout: float) -> BaseChatModel:
    if entry.model is not None:
        from langchain.chat_models import init_chat_model  # for those who name such a model only: it takes a second

        arguments: dict[str, Any] = dict(entry.model_arguments)
        if entry.api_key is not None:
            arguments["api_key"] = entry.api_key.get_secret_value()
        model: BaseChatModel = init_chat_model(entry.model, **arguments)
        return model
    return AzureMLChatOnlineEndpoint(
        endpoint_url=entry.endpoint_url,
        endpoint_api_key=entry.api_key,
        endpoint_api_type=AzureMLEndpointApiType(entry.endpoint_api_type) if entry.endpoint_api_type else None,
        deployment_name=entry.deployment_name,
        content_formatter=formatter_named(entry.content_formatter or "chat"),
        timeout=timeout,
        model_kwargs=dict(entry.model_arguments),
    )


def _check_endpoint(values: Mapping[str, str]) -> None:
    if (
        resolve_endpoint(values["endpoint_url"], values["endpoint_api_type"]).needs_model
        and not values["deployment_name"]
    ):
        name = variable("deployment_name")
        raise ValueError(f"several deployments answer at this URL; set {name} to the name of yours")


def _check_store(values: Mapping[str, str]) -> None:
    asyncio.run(ConversationStore(values["store_url"]).check())


def _check_logo(values: Mapping[str, str]) -> None:
    logo = Path(values["logo"])
    if logo.suffix.lower() not in (".svg", ".png") or not logo.is_file():
        raise ValueError(f"{logo} is no SVG or PNG file that can be read")


if __name__ == "__main__":
    sys.exit(main())
