"""From a plan to a Space that answers: what is sent, what is waited for, and what is told at the end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huggingface_hub import SpaceRuntime

from chatbot.deploy_space.errors import DeployError
from chatbot.deploy_space.front_matter import ZERO_GPU_PYTHONS
from chatbot.deploy_space.hub import CPU_BASIC, MOUNT, ZERO_GPU, Account, Found, Hub, Revision
from chatbot.deploy_space.space_settings import SpaceSettings
from chatbot.deploy_space.turn import ANSWER_SECONDS, Turn, ask
from chatbot.redaction import redact
from chatbot.settings import variable

Say = Callable[[str], None]

TITLE: Final = "Deploy with python -m chatbot.deploy_space"
_BACK: Final = "Roll back to "
LOG_LINES: Final = 30

_UNDER_WAY: Final = frozenset({"BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING"})
_ASLEEP: Final = frozenset({"SLEEPING", "PAUSED", "STOPPED"})


@dataclass(frozen=True)
class Patience:
    """How long what is waited for, in seconds.

    Attributes:
        poll: Between two looks at a Space.
        settle: Until Hugging Face has surely noticed a change: till then what it tells may be of before.
        build: Until the Space is built and has started.
        answer: Until the answer has ended.
    """

    poll: float = 3
    settle: float = 60
    build: float = 1800
    answer: float = ANSWER_SECONDS


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        repo_id: The Space, with its owner's name before it.
        found: What is there now; None where there is no such Space.
        visibility: Who is to see it; None leaves that as it is.
        hardware: What it is to run on; None leaves that as it is.
        bucket: What is mounted for the conversations, with its owner's name; None leaves that as it is.
        settings: What it is told.
        files: What is uploaded, relative to the project's folder.
        left_out: What is not.
        python_version: The Python that README.md asks for.
    """

    repo_id: str
    found: Found | None
    visibility: str | None
    hardware: str | None
    bucket: str | None
    settings: SpaceSettings
    files: Sequence[Path]
    left_out: Sequence[str]
    python_version: str

    def lines(self) -> Iterator[str]:
        """Yield what is to be done, for whoever decides about it."""
        verb = "Update" if self.found else "Create"
        yield f"{verb} the Space {self.repo_id}"
        yield f"  visibility  {self.visibility or 'as it is'}"
        yield f"  hardware    {self.hardware or ('as it is' if self.found else 'what your account may have')}"
        yield f"  bucket      {self.bucket or ('as it is' if self.found else 'none')}"
        yield f"  secrets     {_names(self.settings.secrets)}"
        yield f"  variables   {_named_values(self.settings)}"
        for name, why in self.settings.left.items():
            yield f"  stays here  {name}: {why}"
        if self.found is not None and (names := self._only_there()):
            yield f"  left there  {', '.join(names)}: set on the Space, and not here"
        yield f"  upload      {len(self.files)} files: {', '.join(_roots(self.files))}"
        yield f"  not needed  {', '.join(self.left_out) or 'nothing'}"
        yield "  then        wait for it, and ask one question, which your endpoint answers and may charge"

    def _only_there(self) -> list[str]:
        assert self.found is not None  # noqa: S101 - whoever calls this has looked
        told = self.found.secrets | self.found.variables.keys()
        return sorted(told - self.settings.secrets.keys() - self.settings.variables.keys())


def plan_problems(plan: Plan, account: Account | None) -> Iterator[str]:
    """Yield a sentence for each thing that cannot be had, as far as that is known before it is asked for.

    Args:
        plan: What is to be done.
        account: Who is to do it; None where that is not known.
    """
    if plan.bucket and plan.settings.store:
        yield "--bucket is for a Space without a database, and CHATBOT_STORE_URL names one: leave one of them out."
    hardware = plan.hardware or (plan.found.hardware if plan.found else None)
    if hardware == ZERO_GPU and plan.python_version not in ZERO_GPU_PYTHONS:
        known = " and ".join(sorted(ZERO_GPU_PYTHONS))
        yield f"README.md: ZeroGPU has Python {known} only; write one of them for python_version {plan.python_version}."
    if account is not None:
        yield from _account_problems(plan, account)


def _account_problems(plan: Plan, account: Account) -> Iterator[str]:
    owner = plan.repo_id.partition("/")[0]
    if not account.may_write:
        yield (
            "Your token can only read: make one with the role “write” at https://huggingface.co/settings/tokens, then "
            "run hf auth login, or set HF_TOKEN to it."
        )
    if owner not in (account.name, *account.organizations):
        yield (
            f"Your token is {account.name}'s, who is not in {owner}: name the Space {account.name}/…, or use another "
            "token."
        )
    if owner == account.name and not account.is_paid:
        if plan.visibility == "protected":
            yield "A free account has no protected Spaces: take --visibility public or private, or subscribe to PRO."
        if plan.hardware == CPU_BASIC:
            yield (
                f"A free account has no Gradio Spaces on {plan.hardware}: take --hardware {ZERO_GPU}, or subscribe to "
                "PRO."
            )


def default_hardware(repo_id: str, account: Account) -> str:
    """Return what a new Space runs on: what a free account may have, or the one without a GPU."""
    is_free = not account.is_paid and repo_id.partition("/")[0] == account.name
    return ZERO_GPU if is_free else CPU_BASIC


def deploy(plan: Plan, root: Path, hub: Hub, say: Say, patience: Patience) -> None:
    """Do what is planned, wait, ask, and tell.

    Raises:
        DeployError: Hugging Face refuses something, or the Space does not build, start or answer.
    """
    if plan.bucket:
        hub.make_bucket(plan.bucket)
    found = plan.found
    if found is None:
        hub.create(
            plan.repo_id,
            visibility=plan.visibility or "private",
            hardware=plan.hardware or CPU_BASIC,
            secrets=plan.settings.secrets,
            variables=plan.settings.variables,
            bucket=plan.bucket,
        )
        found = there(hub, plan.repo_id)
        say(f"Created {hub.endpoint}/spaces/{plan.repo_id}")
    else:
        _update(plan, found, hub)
        say("Set what it is told")
    revision = hub.upload(plan.repo_id, root, plan.files, found.revision, TITLE)
    if revision == found.revision:
        # It may have ended, or be told something else now.
        hub.restart(plan.repo_id)
        say(f"It has these files already, as {revision[:8]}; it is started again")
    else:
        say(f"Uploaded {len(plan.files)} files as {revision[:8]}; it builds for some minutes")
    _finish(plan.repo_id, revision, hub, say, patience, has_before=plan.found is not None)


def _update(plan: Plan, found: Found, hub: Hub) -> None:
    if plan.visibility not in (None, found.visibility):
        hub.set_visibility(plan.repo_id, plan.visibility)
    if plan.hardware not in (None, found.hardware):
        hub.set_hardware(plan.repo_id, plan.hardware)
    if plan.bucket not in (None, found.bucket):
        hub.mount(plan.repo_id, plan.bucket, found.volumes)
    hub.set_settings(plan.repo_id, found, plan.settings.secrets, plan.settings.variables)


def revision_before(hub: Hub, repo_id: str, wanted: str = "") -> Revision:
    """Return what a Space was before it became what it is, or a revision that somebody names.

    What an earlier rollback brought back counts as what it is now, so that a second one goes one further.

    Args:
        hub: Hugging Face.
        repo_id: The Space.
        wanted: The beginning of a commit; empty for the one before.

    Raises:
        DeployError: There is none, or nothing in it to run.
    """
    revisions = hub.revisions(repo_id)
    if wanted:
        chosen = next((each for each in revisions if each.id.startswith(wanted)), None)
        if chosen is None:
            known = ", ".join(f"{each.id[:8]} ({each.title})" for each in revisions[:5])
            raise DeployError(f"{repo_id} has no revision {wanted}; the last ones are {known}.")
    else:
        place = _place(revisions, 0)
        chosen = revisions[place + 1] if place + 1 < len(revisions) else None
    if chosen is None or not hub.has_application(repo_id, chosen.id):
        raise DeployError(
            f"There is nothing to go back to: no application was in {repo_id} before its first deployment. Mend what "
            "is wrong and deploy again, or pause the Space in its settings."
        )
    return chosen


def _place(revisions: Sequence[Revision], at: int) -> int:
    """Where among the revisions stands what one of them is, of a rollback what it brought back."""
    back = re.fullmatch(rf"{_BACK}([0-9a-f]+)", revisions[at].title)
    if back is None:
        return at
    place = next((number for number, each in enumerate(revisions) if each.id.startswith(back[1]) and number > at), at)
    return _place(revisions, place) if place != at else at


def roll_back(repo_id: str, to: Revision, hub: Hub, say: Say, patience: Patience) -> None:
    """Bring back a revision's files, wait, ask, and tell. Secrets, variables and conversations stay as they are.

    Raises:
        DeployError: Hugging Face refuses something, or the Space does not build, start or answer.
    """
    found = there(hub, repo_id)
    revision = hub.restore(repo_id, to.id, found.revision, f"{_BACK}{to.id}")
    if revision == found.revision:
        say(f"The files are those of {to.id[:8]} already; it is started again")
        hub.restart(repo_id)
    else:
        say(f"Brought back {to.id[:8]} as {revision[:8]}; it builds for some minutes")
    _finish(repo_id, revision, hub, say, patience, has_before=False)


def there(hub: Hub, repo_id: str) -> Found:
    """Return a Space that has to be there.

    Raises:
        DeployError: There is none that the token sees.
    """
    found = hub.find(repo_id)
    if found is None:
        raise DeployError(
            f"There is no Space {repo_id}, or your token does not see it: look at the name and the token."
        )
    return found


def _finish(repo_id: str, revision: str, hub: Hub, say: Say, patience: Patience, *, has_before: bool) -> None:
    command = f"python -m chatbot.deploy_space {repo_id} --rollback --apply"
    try:
        wait(hub, repo_id, revision, say, patience)
        found = there(hub, repo_id)
        turn = _asked(hub, repo_id, found, patience)
    except DeployError as error:
        again = (f"What ran before comes back with: {command}",) if has_before else ()
        raise DeployError(*error.problems, *again, log=error.log) from None
    for line in report(hub, repo_id, found, revision, turn):
        say(line)


def wait(hub: Hub, repo_id: str, revision: str, say: Say, patience: Patience) -> None:
    """Wait until a Space runs a revision; one that sleeps is woken.

    Raises:
        DeployError: It does not get there; with what its build or it itself wrote last.
    """
    began, stage, was_under_way, was_woken = time.monotonic(), "", False, False
    while True:
        runtime = hub.runtime(repo_id)
        if (now := str(getattr(runtime.stage, "value", runtime.stage))) != stage:
            stage = now
            say(f"  {stage}")
        waited = time.monotonic() - began
        was_under_way |= stage in _UNDER_WAY
        # For a moment Hugging Face tells what became of the revision before, or of a restart with new settings.
        runs = runtime.raw.get("sha")
        is_ours = runs == revision if runs else was_under_way
        if stage in _ASLEEP and not was_woken:
            hub.restart(repo_id)
            was_woken = True
        elif stage not in _UNDER_WAY and (is_ours or waited >= patience.settle):
            if stage == "RUNNING" and (is_ours or was_under_way or not runs):
                return
            raise _ended(hub, repo_id, stage, runtime)
        if waited >= patience.build:
            raise DeployError(
                f"The Space has not started within {patience.build / 60:.0f} minutes and is {stage}: look at its log "
                f"at {hub.endpoint}/spaces/{repo_id}?logs=container, and run the same command again.",
                log=hub.log(repo_id, build=stage.endswith("BUILDING"), most=LOG_LINES),
            )
        time.sleep(patience.poll)


_ENDS: Final = {
    "BUILD_ERROR": "The Space cannot be built; the end of its build log is above. Mostly a requirement cannot be "
    "installed: mend requirements.txt, or sdk_version in README.md, and run the same command again.",
    "RUNTIME_ERROR": "The Space was built and the application ended; its last words are above, and of a setting they "
    "say the mend. Change it here or in the Space's settings, and run the same command again.",
    "CONFIG_ERROR": "Hugging Face cannot run the Space as its settings are{said}. Mend the top of README.md, or what "
    "its Settings page names (a secret and a variable of one name, for instance), and run the same command again.",
    "NO_APP_FILE": "The Space has no file to run: README.md's app_file names none that was uploaded.",
    "RUNNING": "The Space still runs an earlier revision, and does not build this one: restart it in its settings, "
    "or run the same command again.",
}


_OTHER_END: Final = (
    "The Space is {stage}{said}: look at its settings, restart it there, and run the same command again."
)


def _ended(hub: Hub, repo_id: str, stage: str, runtime: SpaceRuntime) -> DeployError:
    said = redact(str(runtime.raw.get("errorMessage") or ""))
    words = _ENDS.get(stage, _OTHER_END).format(stage=stage, said=f" ({said})" if said else "")
    return DeployError(words, log=hub.log(repo_id, build=stage == "BUILD_ERROR", most=LOG_LINES))


def _asked(hub: Hub, repo_id: str, found: Found, patience: Patience) -> Turn | None:
    """One turn; None where only a person gets that far."""
    if not found.lets_programs_in:
        return None
    if not found.address:
        raise DeployError(
            f"Hugging Face does not say where the page of the Space is: see {hub.endpoint}/spaces/{repo_id}, and run "
            "the same command again."
        )
    try:
        return ask(found.address, hub.token, seconds=patience.answer)
    except DeployError as error:
        raise DeployError(
            *error.problems,
            "The Space is built and runs, and nobody is answered; its last words are above. Is the endpoint's URL "
            "right, its key, and does it let calls from the internet in? Mend the setting, and run the same command "
            "again.",
            log=hub.log(repo_id, build=False, most=LOG_LINES),
        ) from None


def report(hub: Hub, repo_id: str, found: Found, revision: str, turn: Turn | None) -> Iterator[str]:
    """Yield what is there now."""
    yield "It is there."
    yield f"  address     {found.address}"
    yield f"  manage it   {hub.endpoint}/spaces/{repo_id}/settings"
    yield f"  revision    {revision}"
    if turn is None:
        reason = "accept the terms" if found.door == "open" else "sign in"
        yield f"  a question  was not asked, because people {reason} first: open the page and ask one"
    else:
        took = f"after {turn.first_word:.2f} s, the whole answer after {turn.whole:.2f} s"
        yield f"  first word  {took}: {_short(turn.answer)}"
    yield f"  storage     {_storage(found)}"
    yield from (f"  public      {line}" for line in _public(found))


def _storage(found: Found) -> str:
    if found.tells("store_url"):
        return f"the database that {variable('store_url')} names"
    if found.bucket:
        return f"the bucket {found.bucket} at {MOUNT}; back it up, and use PostgreSQL for what must not be lost"
    return "none: conversations end when the Space restarts or sleeps; --bucket keeps them"


def _public(found: Found) -> Iterator[str]:
    door = "" if found.door == "open" else f", behind the door {found.door}"
    if found.visibility == "private":
        yield f"nothing: the Space is private, and only its owner sees it{door}"
    elif found.visibility == "protected":
        yield f"the page, at its address{door}; not the source, and not the variables"
    else:
        yield f"the page{door}, the source, and the variables ({_names(found.variables)})"
    yield "never the values of secrets"
    is_limited = any(map(found.tells, _LIMITS))
    if found.visibility != "private" and found.has_endpoint and found.door == "open" and not is_limited:
        yield (
            "and mind: whoever has the address spends your money, and no limit is set; see “Limits and a budget” in "
            "docs/operating.md"
        )


_LIMITS: Final = ("visitor_messages", "visitor_tokens", "address_messages", "daily_tokens", "daily_budget")


def _short(text: str, most: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _names(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or "none"


def _named_values(settings: SpaceSettings) -> str:
    return ", ".join(f"{name}={_short(value, 40)}" for name, value in sorted(settings.variables.items())) or "none"


def _roots(files: Sequence[Path]) -> list[str]:
    return sorted({f"{path.parts[0]}/" if len(path.parts) > 1 else path.name for path in files})
