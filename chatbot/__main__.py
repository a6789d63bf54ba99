"""The command ``azureml-chatbot``: ``serve`` is ``python app.py``, the others are ``python -m chatbot.…``."""

import argparse
import runpy
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from chatbot import HOME, install_command, is_installed

PROGRAM: Final = "azureml-chatbot"
USAGE_ERROR: Final = 2

SERVE: Final = "serve"

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    SERVE: ("app.py", "start the application as python app.py does, with settings from the environment and .env"),
    "doctor": ("chatbot.doctor", "say what is wrong with an endpoint or the settings, and what mends it"),
    "emulator": ("chatbot.emulator", "run the demo endpoint alone"),
    "demo": ("chatbot.demo", "verify a rehearsed demo against an endpoint, or record one"),
    "usage": ("chatbot.usage", "print what was used"),
    "feedback": ("chatbot.feedback", "print the thumbs as JSON Lines"),
    "hash-password": ("chatbot.hash_password", "make the hash of a password for the door"),
    "api-keys": ("chatbot.api_keys", "make, list and revoke keys for programs"),
}
"""By name: what is run, and what it does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands with what follows its name; return the exit code where that command does not."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="A chat application for models on Azure ML.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (_, what) in COMMANDS.items():
        # The others have a --help of their own.
        commands.add_parser(name, help=what, description=what, add_help=name == SERVE, allow_abbrev=False)
    told, rest = parser.parse_known_args(arguments)
    if told.command == SERVE and rest:
        parser.error(f"serve takes no arguments, but settings: not {rest[0]}, but for instance CHATBOT_PORT=8000")
    if not is_installed("gradio"):
        print(f"Here is the chat model alone; {told.command} needs more: {install_command('app')}", file=sys.stderr)
        return USAGE_ERROR
    run, _ = COMMANDS[told.command]
    sys.argv = [f"{PROGRAM} {told.command}", *rest]
    if told.command == SERVE:
        runpy.run_path(str(HOME / run), run_name="__main__")
    else:
        runpy.run_module(run, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
