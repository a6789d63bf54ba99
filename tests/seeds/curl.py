"""As much of curl as the documents use, for machines without it."""

import argparse
import sys
import urllib.error
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("-X", dest="method")
parser.add_argument("-L", dest="follow", action="store_true")
parser.add_argument("-H", dest="headers", action="append")
parser.add_argument("-d", dest="data")


def main() -> None:
    asked = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in asked.headers)
    request = urllib.request.Request(asked.url, asked.data.encode(), headers, method=asked.method)
    try:
        reply = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        sys.stdout.write(reply.read().decode())


if __name__ == "__main__":
    main()
