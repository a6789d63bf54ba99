"""A Space on this machine: an environment as Hugging Face makes it, what would be uploaded, and one turn."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from chatbot.deploy_space.errors import DeployError
from chatbot.deploy_space.space_settings import SpaceSettings
from chatbot.deploy_space.turn import Turn, ask
from chatbot.emulator import Emulator
from chatbot.redaction import redact
from chatbot.settings import Settings, variable

START_SECONDS: Final = 120
STOP_SECONDS: Final = 30
LAST_LINES: Final = 12
"""How many lines are told of what failed."""

# https://huggingface.co/docs/hub/spaces-overview#built-in-environment-variables, and what its images set for Gradio.
SPACE_VARIABLES: Final[Mapping[str, str]] = {
    "SYSTEM": "spaces",
    "SPACE_CREATOR_USER_ID": "6032802e1f993496bc14d9e3",
    "ACCELERATOR": "none",
    "CPU_CORES": "2",
    "MEMORY": "16Gi",
    "GRADIO_ALLOW_FLAGGING": "never",
    "GRADIO_NUM_PORTS": "1",
    "GRADIO_SERVER_NAME": "0.0.0.0",  # noqa: S104
    "GRADIO_SSR_MODE": "True",
    "GRADIO_THEME": "huggingface",
    "PYTHONUNBUFFERED": "1",
}

_NOT_REHEARSED: Final = frozenset({"deployments_file", "fallback", "terms_file", "terms_version", "store_url"})
"""Settings about other endpoints, about terms that no program accepts, and about a database that is in use."""
_DOORS: Final = ("door", "password_hash", "public_url", "proxy_headers")


def space_variables(repo_id: str) -> dict[str, str]:
    """Return the environment variables that Hugging Face sets of itself."""
    owner, _, name = repo_id.partition("/")
    return {
        **SPACE_VARIABLES,
        "SPACE_ID": repo_id,
        "SPACE_HOST": f"{owner}-{name}.hf.space",
        "SPACE_AUTHOR_NAME": owner,
        "SPACE_REPO_NAME": name,
        "SPACE_TITLE": name,
    }


def sdk_requirements(matter: Mapping[str, str]) -> list[str]:
    """Return what Hugging Face installs besides requirements.txt; its build logs show these words.

    Args:
        matter: The README's front matter.
    """
    return [f"gradio[oauth,mcp]=={matter['sdk_version']}", "uvicorn>=0.14.0", "spaces"]


def interpreter(version: str) -> str | None:
    """Return the path of ``pythonX.Y``: this one, one on the PATH, or one of pyenv; None where there is none."""
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    command = shutil.which(f"python{version}")
    if command is None:
        return None
    # pyenv's commands find a version only when it is named.
    environ = {**os.environ, "PYENV_VERSION": version}
    told = _run([command, "-c", "import sys; print(sys.executable)"], env=environ)
    return told.stdout.strip() if told.returncode == 0 else None


def make_environment(folder: Path, python: str, root: Path, matter: Mapping[str, str]) -> Path:
    """Make an environment as a Space's; return its interpreter.

    Args:
        folder: Where it is made.
        python: The interpreter it is made with.
        root: The project's folder.
        matter: The README's front matter.

    Raises:
        DeployError: Something cannot be installed, or not together; with pip's last words.
    """
    made = _run([python, "-m", "venv", str(folder)])
    if made.returncode:
        raise DeployError(
            f"No environment can be made with {python}: is its venv module installed?", log=_last(made.stdout)
        )
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    # Hugging Face does not document which comes first. Its build logs show the requirements first.
    for what, arguments in (
        ("requirements.txt", ["-r", str(root / "requirements.txt")]),
        ("Gradio as a Space has it", sdk_requirements(matter)),
    ):
        installed = _pip(inside, ["install", "--no-compile", "--quiet", *arguments])
        if installed.returncode:
            raise DeployError(
                f"The requirements cannot be resolved: pip cannot install {what}. Mend the line that it names "
                "above, in requirements.txt or, of Gradio, sdk_version at the top of README.md.",
                log=_last(installed.stdout),
            )
    checked = _pip(inside, ["check"])
    if checked.returncode:
        raise DeployError(
            "The requirements do not go together with what a Space installs besides them; mend the ranges in "
            "requirements.txt that pip names above.",
            log=_last(checked.stdout),
        )
    return inside


def rehearse(python: Path, root: Path, files: Iterable[Path], settings: SpaceSettings, repo_id: str) -> Turn:
    """Run what would be uploaded as a Space does, beside an emulated endpoint; return what came of one question.

    Args:
        python: The interpreter of an environment as a Space's.
        root: The project's folder.
        files: What would be uploaded, relative to it.
        settings: What the Space would be told.
        repo_id: What the Space is called.

    Raises:
        DeployError: It does not start, or does not answer; with its own last words.
    """
    with tempfile.TemporaryDirectory(prefix="space-") as name, Emulator(token_delay=0) as emulator:
        place = Path(name)
        source = copy_files(root, files, place / "app")
        for folder in ("home", "tmp"):
            (place / folder).mkdir()
        environ = {
            **space_variables(repo_id),
            **_told(settings),
            variable("endpoint_url"): emulator.chat_url,
            variable("endpoint_api_key"): emulator.key,
            variable("host"): "127.0.0.1",
            variable("port"): "0",
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(place / "home"),
            "TMPDIR": str(place / "tmp"),
        }
        with _running([str(python), "app.py"], source, environ) as (url, log):
            try:
                return ask(url)
            except DeployError as error:
                raise DeployError(
                    *(f"In the rehearsal: {problem}" for problem in error.problems), log=log[-LAST_LINES:]
                ) from None


def copy_files(root: Path, files: Iterable[Path], target: Path) -> Path:
    """Copy files of a folder into another one, which is made; return it."""
    target.mkdir()
    for path in files:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path, target / path)
    return target


def _told(settings: SpaceSettings) -> dict[str, str]:
    """What the Space would be told, but for what has its place there only; prices go with the endpoint in its place."""
    dropped = {variable(name) for name in Settings.model_fields if _is_dropped(name)}
    kept = {**settings.secrets, **settings.variables}
    prices = {variable("input_price"): "0", variable("output_price"): "0"}
    return {**prices, **{name: value for name, value in kept.items() if name not in dropped}}


def _is_dropped(name: str) -> bool:
    alone = name in _NOT_REHEARSED or name.startswith(("oidc_", "door_")) or name in _DOORS
    return alone or variable(name).startswith("AZUREML_")


@contextmanager
def _running(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Run the application; yields its address and its lines, of which more may come."""
    process = subprocess.Popen(  # noqa: S603 - the application that whoever runs this is about to publish
        command,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    lines: list[str] = []
    patience = threading.Timer(START_SECONDS, process.kill)
    patience.start()
    try:
        url = _address(process.stdout, lines)
        patience.cancel()
        if url is None:
            process.wait(STOP_SECONDS)
            raise DeployError(
                f"The application does not start as a Space would start it (it ended with {process.returncode}). "
                "Its last words are above; of a setting it says the mend.",
                log=lines[-LAST_LINES:],
            )
        rest = threading.Thread(target=_collect, args=(process.stdout, lines, lambda _: False), daemon=True)
        rest.start()
        yield url, lines
    finally:
        patience.cancel()
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _address(output: IO[str], lines: list[str]) -> str | None:
    """Read until the application says where it is; None where it ends before."""
    _collect(output, lines, lambda line: bool(_ANNOUNCED.search(line)))
    found = _ANNOUNCED.search(lines[-1]) if lines else None
    return found[1] if found else None


_ANNOUNCED: Final = re.compile(r" is at (http://\S+) ")


def _collect(output: IO[str], lines: list[str], until: Callable[[str], bool]) -> None:
    try:
        for line in output:
            lines.append(redact(line.rstrip()))
            if until(line):
                return
    except ValueError:
        return  # It was closed meanwhile.


def _pip(python: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return _run([str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments])


def _run(command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - pip and interpreters
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _last(text: str) -> list[str]:
    return [redact(line) for line in text.strip().splitlines()[-LAST_LINES:]]
