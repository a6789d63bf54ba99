"""Write docs/configuration.md and .env.example from the settings: ``python .ci/configuration.py [FOLDER]``."""

import sys
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from chatbot.settings import Settings, variable

ROOT = Path(__file__).parents[1]

HEAD = """# Configuration

<!-- Made by `python .ci/configuration.py` from `chatbot/settings`; a test compares them. -->

Every setting is an environment variable, or a line of a file `.env` in the folder where the application is started; the
environment wins, and an empty value counts as not set. `.env.example` holds all of them, ready to be copied. What
cannot work is named at the start, all of it at once, with the mend, and the application does not start.

| variable | default | what |
|---|---|---|
"""

EXAMPLE_HEAD = "# Copy this file to .env and take away the # in front of what you want to set.\n"

WIDTH = 118


def main() -> None:
    """Write both into a folder; without one, where they belong."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    names = [name for name, field in Settings.model_fields.items() if not field.exclude]
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "docs" / "configuration.md").write_text(HEAD + "".join(map(_row, names)), encoding="utf-8")
    (folder / ".env.example").write_text(EXAMPLE_HEAD + "".join(map(_lines, names)), encoding="utf-8")


def _row(name: str) -> str:
    field = Settings.model_fields[name]
    default = _default(name)
    shown = f"`{default}`" if default else ""
    example = f" For example `{field.examples[0]}`." if field.examples and not shown else ""
    return f"| `{variable(name)}` | {shown} | {field.description}{example} |\n"


def _lines(name: str) -> str:
    field = Settings.model_fields[name]
    description = textwrap.wrap(field.description or "", WIDTH, break_long_words=False, break_on_hyphens=False)
    value = _default(name) or (field.examples or [""])[0]
    return "\n" + "".join(f"# {line}\n" for line in description) + f"# {variable(name)}={value}\n"


def _default(name: str) -> str:
    default = Settings.model_fields[name].default
    if hasattr(default, "get_secret_value"):
        default = default.get_secret_value()
    if default is None:
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)


if __name__ == "__main__":
    main()
