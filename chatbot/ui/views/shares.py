"""The links of a visitor, and the way to make one, as HTML. Pure."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

from chatbot.conversation import NewShare, Share
from chatbot.ui.i18n import Language
from chatbot.ui.views.action_buttons import button, icon
from chatbot.ui.views.text import utc

SHARE: Final = "/share/{token}"
"""The path of a link."""


def shares_panel(t: Language, periods: Sequence[int], shares: Sequence[Share], new: NewShare | None) -> str:
    """Return what can be shared for how long, and what is shared.

    Args:
        t: In which language.
        periods: Days that can be chosen.
        shares: The visitor's links, the newest first.
        new: The one that was just made, whose address can be told.
    """
    choices = "".join(button(t("share.days", days), t("share.days_hint", days), "share", days) for days in periods)
    rows = "".join(_row(t, each, new) for each in shares)
    listed = f"<ul>{rows}</ul>" if rows else ""
    lead = html.escape(t("share.lead"))
    return f'<div class="shares"><p>{lead}</p><div class="periods">{choices}</div>{listed}</div>'


def _row(t: Language, share: Share, new: NewShare | None) -> str:
    title = html.escape(share.title or t("list.untitled"))
    until = html.escape(t("share.until", time=utc(share.expires_at)))
    address = ""
    if new is not None and new.share.id == share.id:
        # Only the browser knows where this server is found.
        path = html.escape(SHARE.format(token=new.token))
        copy = html.escape(t("share.copy"))
        address = (
            f'<div class="address" role="status"><a data-path="{path}" target="_blank" rel="noopener"></a>'
            f'<button type="button" class="copy-link">{copy}</button>'
            f"<small>{html.escape(t('share.once'))}</small></div>"
        )
    end = icon("bin", t("share.end", title=share.title or t("list.untitled")), "unshare", share.id)
    return f'<li><div class="row"><span><b dir="auto">{title}</b><small>{until}</small></span>{end}</div>{address}</li>'
