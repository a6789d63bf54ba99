"""The command: what to look at, what to do, and what it says."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from huggingface_hub.utils.logging import set_verbosity_error

from chatbot.deploy_space.deployment import (
    Patience,
    Plan,
    default_hardware,
    deploy,
    plan_problems,
    revision_before,
    roll_back,
    there,
)
from chatbot.deploy_space.errors import DeployError
from chatbot.deploy_space.files import file_problems, left_out, space_files
from chatbot.deploy_space.front_matter import front_matter, front_matter_problems
from chatbot.deploy_space.hub import Account, Hub
from chatbot.deploy_space.rehearsal import interpreter, make_environment, rehearse
from chatbot.deploy_space.space_settings import SpaceSettings, secret_values, setting_problems, space_settings
from chatbot.redaction import redact, remember, remember_values
from chatbot.settings import environment

FAILED: Final = 1
VISIBILITIES: Final = ("public", "protected", "private")
_NAME: Final = re.compile(r"(?:[\w.-]{1,96}/)?[\w.-]{1,96}")


def main(arguments: Sequence[str] | None = None, patience: Patience | None = None) -> int:
    """Look, plan, and do it where that is wanted; return the exit code of the process."""
    told = deploy_arguments(arguments)
    # What it would say is said here, in words to act on.
    set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        (_roll_back if told.rollback is not None else _deploy)(told, patience or Patience())
    except DeployError as error:
        _fail(error)
        return FAILED
    except KeyboardInterrupt:
        print("\nYou left. What was sent is there; run the same command again to go on.", file=sys.stderr)
        return FAILED
    return 0


def _deploy(told: argparse.Namespace, patience: Patience) -> None:
    root, given = Path.cwd(), environment(told.env_file)
    remember_values(given)
    settings = space_settings(given)
    for secret in settings.secrets.values():
        remember(secret)
    _say("Before anything is sent:")
    hub = Hub()
    matter = front_matter(root)
    files = _checked(told, root, matter, given, settings, hub)
    account = _account(hub, needed=told.apply or "/" not in told.space)
    plan = _planned(told, root, matter, files, settings, hub, account)
    _refuse(plan_problems(plan, account))
    if account is not None:
        _say(f"  ok  account: {account.name}, {'a paid plan' if account.is_paid else 'free'}")
    _rehearsed(told, plan, root, matter)
    _say("")
    for line in plan.lines():
        _say(line)
    if not told.apply:
        _say("\nNothing was sent. The same with --apply does it.")
        return
    _say("")
    deploy(plan, root, hub, _say, patience)


def _checked(
    told: argparse.Namespace,
    root: Path,
    matter: Mapping[str, str],
    given: Mapping[str, str],
    settings: SpaceSettings,
    hub: Hub,
) -> list[Path]:
    """Look at what needs nobody else; return what would be uploaded."""
    problems = [
        *front_matter_problems(matter, root),
        *setting_problems(settings, given, told.env_file, root, matter),
    ]
    files = space_files(root, [path for path in settings.files if (root / path).is_file() and not path.is_absolute()])
    secrets = secret_values(settings, given)
    if hub.token:
        secrets["HF_TOKEN"] = hub.token
    problems += file_problems(root, files, secrets)
    _refuse(problems)
    told_there = f"{len(settings.secrets)} secret, {len(settings.variables)} public"
    _say(f"  ok  settings: {told_there}, {len(settings.left)} stay here")
    _say("  ok  front matter of README.md")
    size = sum((root / path).stat().st_size for path in files)
    _say(f"  ok  {len(files)} files, {size / 1e6:.1f} MB, none with a secret in it")
    return files


def _account(hub: Hub, *, needed: bool) -> Account | None:
    if hub.token is None and not needed:
        _say("  --  account: not looked at, there is no token (hf auth login, or HF_TOKEN)")
        return None
    return hub.account()


def _planned(
    told: argparse.Namespace,
    root: Path,
    matter: Mapping[str, str],
    files: list[Path],
    settings: SpaceSettings,
    hub: Hub,
    account: Account | None,
) -> Plan:
    owner = account.name if account else ""
    repo_id = _with_owner(told.space, owner)
    found = hub.find(repo_id) if account is not None else None
    return Plan(
        repo_id=repo_id,
        found=found,
        visibility=told.visibility or (None if found else "private"),
        hardware=told.hardware or (default_hardware(repo_id, account) if account and not found else None),
        bucket=_with_owner(told.bucket, repo_id.partition("/")[0]) if told.bucket else None,
        settings=settings,
        files=files,
        left_out=left_out(root, files),
        python_version=matter["python_version"],
    )


def _rehearsed(told: argparse.Namespace, plan: Plan, root: Path, matter: Mapping[str, str]) -> None:
    if told.no_rehearsal:
        _say("  --  rehearsal: left out, so whether its requirements install is seen there only")
        return
    with tempfile.TemporaryDirectory(prefix="space-environment-") as folder:
        if told.rehearse_with is not None:
            python = told.rehearse_with
        else:
            found = interpreter(plan.python_version)
            if found is None:
                _say(f"  --  there is no Python {plan.python_version} here, as on the Space: this one takes its place")
            _say("  ..  rehearsal: a fresh environment, as a Space installs it; that takes some minutes")
            python = make_environment(Path(folder) / "environment", found or sys.executable, root, matter)
            _say("  ok  requirements: installed with what a Space has besides them")
        turn = rehearse(python, root, plan.files, plan.settings, plan.repo_id)
    _say(f"  ok  rehearsal: it started, and the emulated endpoint's first word was there after {turn.first_word:.2f} s")


def _roll_back(told: argparse.Namespace, patience: Patience) -> None:
    given = environment(told.env_file)
    remember_values(given)
    hub = Hub()
    repo_id = _with_owner(told.space, hub.account().name)
    there(hub, repo_id)
    before = revision_before(hub, repo_id, told.rollback)
    _say(f"Bring back the files of {repo_id} as they were at {before.id[:8]} ({before.title}), in a commit on top")
    _say("  secrets, variables, buckets and conversations stay as they are")
    if not told.apply:
        _say("\nNothing was sent. The same with --apply does it.")
        return
    _say("")
    roll_back(repo_id, before, hub, _say, patience)


def _with_owner(name: str, owner: str) -> str:
    return name if "/" in name or not owner else f"{owner}/{name}"


def _refuse(problems: Iterable[str]) -> None:
    if found := list(problems):
        raise DeployError(*found)


def _say(text: str) -> None:
    print(redact(text), flush=True)


def _fail(error: DeployError) -> None:
    for line in error.log:
        print(f"  | {redact(line)}", file=sys.stderr)
    print("This does not go on:", *map(redact, error.problems), sep="\n  - ", file=sys.stderr)


def deploy_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command was given; ends the process where that is nothing it takes."""
    parser = argparse.ArgumentParser(
        prog="python -m chatbot.deploy_space",
        description="Bring the application to Hugging Face. Without --apply nothing is sent: it looks, and says what "
        "it would do.",
    )
    parser.add_argument("space", metavar="SPACE", help="what it is called there: name, or owner/name")
    parser.add_argument("--apply", action="store_true", help="do it")
    parser.add_argument("--visibility", choices=VISIBILITIES, help="who sees it; a new Space is private without it")
    parser.add_argument(
        "--hardware", help="what it runs on, as zero-a10g or cpu-basic; without it what the account may have"
    )
    parser.add_argument("--bucket", metavar="NAME", help="keep conversations in this bucket; made if it is missing")
    parser.add_argument(
        "--env-file",
        type=Path,
        default=Path(".env"),
        help="where settings are, besides the environment (%(default)s)",
    )
    parser.add_argument(
        "--no-rehearsal", action="store_true", help="do not try it here first, in an environment like a Space's"
    )
    parser.add_argument(
        "--rehearse-with", type=Path, metavar="PYTHON", help="try it with this interpreter, and install nothing"
    )
    parser.add_argument(
        "--rollback",
        nargs="?",
        const="",
        metavar="REVISION",
        help="bring back the revision before, or this one, instead",
    )
    told = parser.parse_args(arguments)
    for name in filter(None, (told.space, told.bucket)):
        if not _NAME.fullmatch(name):
            parser.error(
                f"{name!r} is no name there: letters, digits, - _ and ., with its owner's and a slash before it"
            )
    return told


if __name__ == "__main__":
    sys.exit(main())
