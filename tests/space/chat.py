"""Run in the Space's own environment: talk to it through its gradio_client, and print what it said as JSON.

python chat.py URL
"""

import json
import sys

from gradio_client import Client


def main(url: str) -> None:
    """Tell it a name, ask for it, and ask as a stranger."""
    client, stranger = Client(url, verbose=False), Client(url, verbose=False)
    told = client.predict("My name is Ada.", api_name="/chat")
    job = client.submit("What is my name?", api_name="/chat")
    answer = job.result(30)
    said = {
        "told": told,
        "answer": answer,
        "pieces": [piece for piece in job.outputs() if piece],
        "stranger": stranger.predict("What is my name?", api_name="/chat"),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1])
