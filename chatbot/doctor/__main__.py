"""``python -m chatbot.doctor``: what is wrong with an endpoint or these settings, and the lines that mend it."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from chatbot.doctor import env_file, machine
from chatbot.doctor.endpoints import as_read, configured, title_of
from chatbot.doctor.examination import COST, QUICK_COST, TIMEOUT, Examination
from chatbot.doctor.findings import MASKED, Finding, Section, Status, cross
from chatbot.doctor.paste import MAX_PASTE, Paste, read_key, read_paste
from chatbot.doctor.report import json_of, text_of, text_of_lines
from chatbot.doctor.target import API_TYPE, AUTH, DEPLOYMENT, FORMATTER, KEY, URL, Target
from chatbot.redaction import guard_output, redact, remember
from chatbot.settings import Settings, environment

WELL: Final = 0
TO_MEND: Final = 1
CANNOT: Final = 2

MOST_ASKED: Final = 3
"""How often an address or a key is asked for again."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine an endpoint or this machine; return the exit code of the process."""
    options = _parser().parse_args(arguments)
    doctor = Doctor(options)
    try:
        return doctor.run()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return TO_MEND


class Doctor:
    """One run of the command: asks, examines, prints and writes.

    Args:
        options: The arguments of the command.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._sections: list[Section] = []
        self._title, self._found = "", list[Finding]()

    def run(self) -> int:
        """Do all of it; return the exit code of the process."""
        pasted = " ".join(self._options.paste)
        if pasted == "-":
            pasted = _read_paste()
        settings, problems = machine.load()
        if not pasted:
            return self._run_configured(settings, problems)
        self._begin("The endpoint")
        asked, target, spare = self._target(read_paste(pasted), settings)
        if target is None:
            return self._end(None)
        return self._end(self._examined(target, spare, asks_again=asked))

    def _run_configured(self, settings: Settings | None, problems: Sequence[Finding]) -> int:
        self._begin("This machine")
        for each in problems if settings is None else machine.findings(settings):
            self._show(each)
        if settings is None:
            # What cannot be loaded may still be mended: the values are looked at as they were given.
            return self._run_given(environment())
        try:
            targets = configured(settings)
        except ValueError as error:
            self._show(cross("deployments", "deployments-file", "The file of deployments cannot be used.", str(error)))
            return self._end(None)
        if not targets:
            self._note("No endpoint is configured: the built-in demo answers. Give an address to examine one.")
            return self._end(None)
        examination = None
        for target in targets:
            self._begin(title_of(target))
            found = self._configured(target)
            examination = examination or (None if target.name else found)
        return self._end(examination)

    def _run_given(self, given: dict[str, str]) -> int:
        if not given.get(URL):
            return self._end(None)
        self._begin("The endpoint")
        target = Target(
            given[URL],
            SecretStr(given.get(KEY, "")),
            given.get(DEPLOYMENT, ""),
            api_type if (api_type := given.get(API_TYPE)) in ("dedicated", "realtime", "serverless") else None,
            auth="entra" if given.get(AUTH) == "entra" else "key",
        )
        return self._end(self._configured(target))

    def _configured(self, target: Target) -> Examination | None:
        """Examine an endpoint of the settings; None where they say nothing that could be asked."""
        read, findings = as_read(target)
        for each in findings:
            self._show(each)
        return None if any(each.stops for each in findings) else self._examined(read, (), asks_again=False)

    # What is asked of whoever sits there.

    def _target(self, paste: Paste, settings: Settings | None) -> tuple[bool, Target | None, tuple[str, ...]]:
        """Return whether somebody was asked, the endpoint that was pasted, and further keys that came with it."""
        findings, keys, asked = list(paste.findings), paste.keys, False
        for _ in range(MOST_ASKED):
            if paste.url:
                break
            for each in findings:
                self._show(each)
            text, asked = _line("The endpoint's address: "), True
            if not text:
                return asked, None, ()
            paste = read_paste(text)
            findings, keys = list(paste.findings), paste.keys or keys
        if not paste.url:
            return asked, None, ()
        for key in keys:
            remember(key)
        for each in findings:
            self._show(each)
        auth: Literal["key", "entra"] = "entra" if self._options.entra else "key"
        deployment = self._options.deployment or paste.deployment
        target = Target(paste.url, SecretStr(keys[0] if keys else ""), deployment, auth=auth)
        if target.auth == "key" and not keys:
            target, asked = self._with_key(target, settings)
        return asked, target, tuple(keys[1:])

    def _with_key(self, target: Target, settings: Settings | None) -> tuple[Target, bool]:
        """Return the endpoint with its key: the settings' own where it is the same host's, else what is typed."""
        given = environment()
        host = urlsplit(given.get(URL, "")).hostname
        if KEY in given and host in (None, urlsplit(target.url).hostname):
            remember(given[KEY])
            if settings is not None and settings.endpoint_api_key is not None:
                return replace(target, key=settings.endpoint_api_key), False
            return replace(target, key=self._key_of(given[KEY])), False
        return replace(target, key=self._key_of(_hidden(f"The key of {urlsplit(target.url).hostname}: "))), True

    def _key_of(self, text: str) -> SecretStr:
        key, told = read_key(text)
        remember(key)
        if told is not None:
            self._show(told)
        return SecretStr(key)

    # What is done with it.

    def _examined(self, target: Target, spare: tuple[str, ...], *, asks_again: bool) -> Examination:
        self._note(QUICK_COST if self._options.quick else COST)
        examination = self._look_at(target, spare)
        for _ in range(MOST_ASKED):
            last = self._found[-1] if self._found else None
            if not asks_again or last is None or not last.stops or last.check != "key":
                break
            text = _hidden("Another key for it (Enter ends): ")
            if not text:
                break
            examination = self._look_at(replace(examination.target, key=self._key_of(text), auth="key"), ())
        return examination

    def _look_at(self, target: Target, spare: tuple[str, ...]) -> Examination:
        examination = Examination(target, timeout=self._options.timeout, spare_keys=spare, quick=self._options.quick)
        for each in examination.findings():
            self._show(each)
        return examination

    def _end(self, examination: Examination | None) -> int:
        self._begin("")
        target = examination.target if examination else None
        works = examination.works if examination else None
        lines = target.variables() if target and works else {}
        shown = {name: redact(value) for name, value in lines.items()}
        if self._options.json:
            print(json_of(self._sections, shown, works=works))
        elif shown:
            print("\n" + text_of_lines(shown, tried=True))
        if self._options.write is not None:
            return self._write(target, lines)
        is_well = not any(each.status is Status.CROSS for section in self._sections for each in section.findings)
        return WELL if is_well else TO_MEND

    def _write(self, target: Target | None, lines: dict[str, str]) -> int:
        path: Path = self._options.write
        if target is None or not lines:
            print(f"Nothing was written to {path}: no endpoint answers yet.", file=sys.stderr)
            return TO_MEND
        if not self._options.yes and _line(f"Write these lines to {path}? [y/N] ").lower() not in ("y", "yes"):
            print("Nothing was written.", file=sys.stderr)
            return TO_MEND
        secret = target.key.get_secret_value()
        values = {name: secret if value == MASKED else value for name, value in lines.items()}
        unset = (KEY, AUTH, API_TYPE, DEPLOYMENT, FORMATTER)
        try:
            env_file.write(path, {**values, **{name: "" for name in unset if name not in values}})
        except (OSError, UnicodeError) as error:
            print(f"{path} cannot be written: {getattr(error, 'strerror', None) or 'it is no text'}.", file=sys.stderr)
            return CANNOT
        print(f"{path} is written. python app.py chats with the endpoint.", file=sys.stderr)
        for name in (*unset, URL):
            if os.environ.get(name, values.get(name, "")) != values.get(name, ""):
                print(f"{name} is also set in the environment, which wins: unset it there.", file=sys.stderr)
        return WELL

    # What is printed.

    def _begin(self, title: str) -> None:
        if self._title and self._found:
            self._sections.append(Section(self._title, tuple(self._found)))
        self._title, self._found = title, []
        if title and not self._options.json:
            print(f"\n{redact(title)}\n" if self._sections else f"{redact(title)}\n", flush=True)

    def _show(self, finding: Finding) -> None:
        finding = finding.redacted()
        self._found.append(finding)
        if not self._options.json:
            print(text_of(finding), flush=True)

    def _note(self, words: str) -> None:
        print(words, file=sys.stderr if self._options.json else sys.stdout, flush=True)


def _read_paste() -> str:
    """Return what is pasted into the terminal or a pipe, up to an empty line."""
    if sys.stdin.isatty():
        print("Paste the address, or what has it in it, and end with an empty line:", file=sys.stderr)
    lines: list[str] = []
    while (line := sys.stdin.readline(MAX_PASTE)) and line.strip() and len(lines) < MAX_PASTE:
        lines.append(line)
    return "".join(lines)


def _line(prompt: str) -> str:
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline(MAX_PASTE).strip()


def _hidden(prompt: str) -> str:
    """Return what is typed without showing it; of a pipe its next line."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return _line(prompt)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chatbot.doctor",
        description="Say what is wrong with an endpoint or with these settings, and which lines of .env mend it. "
        + COST
        + " Nothing that is printed is secret.",
    )
    parser.add_argument(
        "paste",
        nargs="*",
        metavar="URL",
        help="the endpoint's address, or whatever has it in it: a curl line, JSON, a page's address; - reads it from "
        "the terminal. Without it, what is configured is examined",
    )
    parser.add_argument("--deployment", default="", metavar="NAME", help="the deployment to ask")
    parser.add_argument("--entra", action="store_true", help="sign in with Microsoft Entra ID instead of a key")
    parser.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, help="seconds until an answer begins (%(default)g)"
    )
    parser.add_argument("--quick", action="store_true", help="see only whether it answers, for a quarter of the tokens")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the lines to this .env, after asking")
    parser.add_argument("--yes", action="store_true", help="write without asking")
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to 3600")
    return seconds


if __name__ == "__main__":
    guard_output(environment())
    sys.exit(main())
