"""``python -m chatbot.demo``: ``verify`` a demo against today's endpoint, or ``record`` one from an export.

Exit codes: 0, all is well; 1, something is to be mended; 2, it could not be looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from chatbot.conversation import PARAMETERS, Deployment, UnreadableExportError, WindowMemory
from chatbot.conversation.import_export import read_json
from chatbot.demo.file import Demo, read_demo, to_yaml
from chatbot.demo.recorder import record
from chatbot.demo.verify import TurnReport, Verdict, verify
from chatbot.doctor.endpoints import configured, title_of
from chatbot.doctor.target import Target
from chatbot.emulator import Emulator
from chatbot.redaction import guard_output
from chatbot.settings import Settings, environment, settings_of_command

WELL: Final = 0
TO_MEND: Final = 1
CANNOT: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify or record a demo; return the exit code of the process."""
    told = _parser().parse_args(arguments)
    guard_output(environment())
    try:
        return int(told.run(told))
    except ValueError as error:
        print(f"{error}.", file=sys.stderr)
        return CANNOT
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return TO_MEND


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chatbot.demo", description="Rehearsed demos.")
    commands = parser.add_subparsers(required=True, metavar="command")
    about = "ask the configured endpoint all questions of a demo, and say whether its answers are still good"
    verifying = commands.add_parser("verify", help=about, description=f"{about[0].upper()}{about[1:]}.")
    verifying.add_argument("file", type=Path, help="the demo, a YAML file")
    verifying.add_argument("--deployment", help="which of several endpoints is asked; without it the first")
    verifying.add_argument("--json", action="store_true", help="one object, for programs")
    verifying.set_defaults(run=_verify)
    about = "make a demo of a conversation that was exported as JSON"
    recording = commands.add_parser("record", help=about, description=f"{about[0].upper()}{about[1:]}.")
    recording.add_argument("export", type=Path, help="the exported conversation, a JSON file")
    recording.add_argument("--output", type=Path, help="the file to write; without it, it is printed")
    recording.set_defaults(run=_record)
    return parser


# ------------------------------------------------------------------------------------------------------------ verify


def _verify(told: argparse.Namespace) -> int:
    demo = read_demo(told.file)
    if (settings := settings_of_command()) is None:
        return CANNOT
    with _endpoint(settings, told.deployment) as target:
        reports = asyncio.run(_reports(demo, target, settings, prints=not told.json))
    is_well = all(each.verdict in (Verdict.WELL, Verdict.NOT_ASKED) for each in reports)
    if told.json:
        turns = [each.data() for each in reports]
        found = {"file": str(told.file), "title": demo.title, "endpoint": title_of(target), "well": is_well}
        print(json.dumps(found | {"turns": turns}, ensure_ascii=False, indent=2))
    else:
        print(_last_words(reports))
    return WELL if is_well else TO_MEND


async def _reports(demo: Demo, target: Target, settings: Settings, *, prints: bool) -> list[TurnReport]:
    if prints:
        print(f"“{demo.title}” at {title_of(target)}", flush=True)
    model = target.model(timeout=settings.timeout)
    reports = []
    try:
        async with aclosing(verify(demo, _deployment(model, title_of(target), settings))) as asked:
            async for each in asked:
                reports.append(each)
                if prints:
                    print(*_lines(each), sep="\n", flush=True)
    finally:
        await model.aclose()
    return reports


def _lines(report: TurnReport) -> Iterator[str]:
    took = "" if report.seconds is None else f" ({report.seconds:.1f} s)"
    yield f"  {report.number:2}  {report.verdict.value:9}  {_short(report.question)}{took}"
    if report.verdict is Verdict.NOT_ASKED:
        yield "      The content filter is to refuse it: that is the demo endpoint's to show."
    for each in report.problems:
        yield f"      {each.what[0].upper()}{each.what[1:]}: {each.mend}."
    if report.problems and report.answer:
        yield f"      It said: {_short(report.answer)}"


def _last_words(reports: Sequence[TurnReport]) -> str:
    wrong = [each for each in reports if each.problems]
    if not wrong:
        return "All is well: it answers as it should."
    numbers = ", ".join(str(each.number) for each in wrong)
    return f"To mend: {numbers} of {len(reports)}. In the demo the recording stands in where no answer comes in time."


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 90 else f"{line[:89]}…"


@contextmanager
def _endpoint(settings: Settings, name: str | None) -> Iterator[Target]:
    """Yield the endpoint that is asked: one that is configured, or the demo endpoint as the application has it."""
    if settings.is_demo:
        with Emulator(token_delay=0) as emulator:
            yield Target(emulator.chat_url, SecretStr(emulator.key), name="Demo endpoint")
        return
    targets = configured(settings)
    if not targets:
        raise ValueError("no Azure ML endpoint is configured: other packages' models cannot be verified")
    if name is None:
        yield targets[0]
        return
    for each in targets:
        if title_of(each) == name:
            yield each
            return
    raise ValueError(f"there is no “{name}”: there are {', '.join(map(title_of, targets))}")


def _deployment(model: BaseChatModel, name: str, settings: Settings) -> Deployment:
    parameters: dict[str, Any] = {name: getattr(settings, name) for name in PARAMETERS}
    return Deployment(
        name,
        model,
        WindowMemory(
            settings.memory_turns, settings.token_budget, settings.system_prompt, answer_tokens=settings.max_tokens
        ),
        {name: value for name, value in parameters.items() if value is not None},
        first_word_timeout=settings.timeout,
    )


# ------------------------------------------------------------------------------------------------------------ record


def _record(told: argparse.Namespace) -> int:
    try:
        imported = read_json(told.export.read_bytes(), "record", "record")
    except OSError as error:
        raise ValueError(f"{told.export} cannot be read: {error.strerror}") from None
    except UnreadableExportError as error:
        raise ValueError(f"{told.export} is no conversation that was exported as JSON: {error}") from None
    shown = [each.turn for each in imported.stored if each.shown]
    text = to_yaml(record(imported.conversation, sorted(shown, key=lambda turn: turn.index)))
    if told.output is None:
        print(text, end="")
        return WELL
    try:
        told.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{told.output} cannot be written: {error.strerror}") from None
    print(f"Written to {told.output}. Look through it before you hand it on: it holds what was said.")
    return WELL


if __name__ == "__main__":
    sys.exit(main())
