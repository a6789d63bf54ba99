"""ZeroGPU: Hugging Face ends an application that asks for no GPU when it starts. This one needs none, but asks."""

from __future__ import annotations

from chatbot.ui.gradio_private import NeverServed


def declare() -> None:
    """Report a function that wants a GPU. Nobody calls it, so no visitor's quota is used.

    Only for ZeroGPU hardware, where the package ``spaces`` is installed. It reports when a page is launched, and ours
    is mounted instead: hence one that is launched and not served.
    """
    import spaces  # there only: it changes Gradio as it is imported

    spaces.GPU(_never_called)
    NeverServed().launch()


def _never_called() -> None:
    """Do nothing."""
