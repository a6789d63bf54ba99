"""The owner's page of what is wrong with the configured endpoints, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from chatbot.doctor.env_file import line
from chatbot.doctor.findings import MARKS, Finding, Section, Status
from chatbot.ui.branding import Branding
from chatbot.ui.views.owner import owner_page

RELOAD_SECONDS: Final = 2

_WORDS: Final = {Status.OK: "well", Status.WARNING: "warning", Status.CROSS: "does not work"}


def doctor_page(
    branding: Branding,
    above: str,
    cost: str,
    sections: Sequence[Section],
    *,
    is_running: bool,
    problem: str,
) -> str:
    """Return the page.

    Args:
        branding: How it looks.
        above: What stands above it, from :func:`~chatbot.ui.views.owner.header`.
        cost: What an examination costs.
        sections: What was found so far, or the last time.
        is_running: More will be found; the page loads itself again until all is.
        problem: Why there was no end of it.
    """
    run = '<p class="quiet" role="status">Examining …</p>' if is_running else _FORM
    told = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return owner_page(
        branding,
        "Doctor",
        f"""{above}
<main>{run}<p class="quiet">{escape(cost)} Each configured endpoint is sent them. Nothing on this page is secret.</p>
{told}{"".join(map(_section, sections))}</main>""",
        reload_seconds=RELOAD_SECONDS if is_running else None,
    )


_FORM: Final = '<form method="post"><button class="main" name="run" value="1">Examine now</button></form>'


def _section(section: Section) -> str:
    findings = "".join(map(_finding, section.findings))
    return f'<h2>{escape(section.title)}</h2><ul class="findings">{findings}</ul>'


def _finding(finding: Finding) -> str:
    more = "".join(f"<p>{escape(each)}</p>" for each in (finding.cause, finding.advice) if each)
    lines = "\n".join(line(name, value) for name, value in finding.lines.items())
    pasted = f"<pre>{escape(lines)}</pre>" if lines else ""
    mark = f'<span role="img" aria-label="{_WORDS[finding.status]}">{MARKS[finding.status]}</span>'
    return f'<li class="{finding.status}">{mark}<div>{escape(finding.title)}{more}{pasted}</div></li>'
