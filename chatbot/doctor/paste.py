"""What people paste, read: an address, a key and a deployment out of a ``curl`` line, JSON, a page's address. Pure.

Nothing is asked here, and nothing guessed that could be asked: what was mended says so in a finding, with the lines
that say the same rightly.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from chatbot.doctor.findings import MASKED, Finding, cross, warning
from chatbot.doctor.target import AUTH, DEPLOYMENT, KEY, URL

MAX_PASTE: Final = 64 * 1024
"""Characters of what is pasted that are read."""


@dataclass(frozen=True, slots=True)
class Paste:
    """What was understood.

    Attributes:
        url: The address; empty where there is none.
        keys: The keys, the first of them first; most have one or none.
        deployment: The deployment.
        findings: What is unlike what belongs into the settings.
    """

    url: str = ""
    keys: tuple[str, ...] = field(default=(), repr=False)
    deployment: str = ""
    findings: tuple[Finding, ...] = ()


def read_paste(text: str) -> Paste:
    """Return what a text tells of an endpoint: a URL, perhaps with a key, in whatever it came wrapped in."""
    text = _plain(text[:MAX_PASTE])
    found: list[Finding] = []
    if not text:
        return Paste(findings=(cross("address", "nothing", "Nothing was given.", advice=_WHERE_URL),))
    fields = _fields(text)
    if fields.kind:
        title, cause = _KINDS[fields.kind]
        found.append(cross("address", fields.kind, title, cause, mended=True))
    if not fields.url and not fields.kind:
        if looks_like_key(text):
            title = "What was given as the address looks like a key."
            told = cross("address", "key-as-address", title, advice=_WHERE_URL, lines={URL: ""})
            return Paste(keys=(text,), findings=(told,))
        fields.url = "".join(text.split()) if _is_broken_address(text) else text.split()[0]
        if len(text.split()) > 1 and fields.url != text.split()[0]:
            cause = "Its line was broken where it was copied."
            found.append(cross("address", "broken-line", "The address has blanks in it.", cause, mended=True))
    address = read_address(fields.url)
    found += address.findings
    keys = tuple(dict.fromkeys(filter(None, (read_key(each)[0] for each in fields.keys)))) or address.keys
    deployment = fields.deployment or address.deployment
    if name := _placeholder(deployment):
        title, cause = f"{name!r} is a placeholder.", "A sample has it in place of your deployment's name."
        found.append(cross("deployment", "placeholder", title, cause, lines={DEPLOYMENT: ""}, mended=True))
        deployment = ""
    values = {URL: address.url, KEY: MASKED if keys else "", DEPLOYMENT: deployment}
    lines = {name: value for name, value in values.items() if value}
    if address.url:
        found = [replace(each, lines=lines) if each.mended and not each.lines else each for each in found]
    return Paste(address.url, keys, deployment, tuple(found))


def read_key(text: str) -> tuple[str, Finding | None]:
    """Return the key in a text, and what was wrong with the way it was given.

    A key that is none at all is returned empty.
    """
    plain = _plain(text)
    key = re.sub(r"^(?:export\s+|set\s+)?[\w.-]*(?:key|authorization)[\w.-]*[\"']?\s*[:=]\s*", "", plain, flags=re.I)
    key = re.sub(r"^[\"'`]*\s*(?:bearer\s+)?", "", key, flags=re.I)
    key = "".join(key.split()).strip("\"'`,;<>")
    if not key:
        return "", None
    if "://" in key or _HOSTS.search(key):
        told = "What was given as the key is an address."
        return "", cross("key", "address-as-key", told, "Address and key were swapped.", advice=_WHERE_KEY)
    if name := _placeholder(key):
        told = f"{name!r} is a placeholder, not a key."
        return "", cross("key", "placeholder", told, "It stands in a sample for your own.", advice=_WHERE_KEY)
    if not key.isascii() or not key.isprintable():
        told = "The key has characters that no key has."
        return "", cross(
            "key", "key-characters", told, "It was not copied whole, or is something else.", advice=_WHERE_KEY
        )
    if (ended := _expired(key)) is not None:
        told = f"What was given as the key is a token that ended on {ended}."
        cause = "Tokens of Microsoft Entra ID hold for an hour or so; keys hold until they are changed."
        return key, cross("key", "token-expired", told, cause, advice=_FOR_GOOD, lines={AUTH: "entra", KEY: ""})
    if key != text.strip(" "):
        told = "The key was not given as it is."
        cause = f"It came with {_wrapping(text, key)}: no part of it."
        return key, cross("key", "key-wrapped", told, cause, lines={KEY: MASKED}, mended=True)
    return key, None


def looks_like_key(text: str) -> bool:
    """Whether a text is one long word of the characters that keys have."""
    return bool(re.fullmatch(r"[\w+/=~.-]{20,}", text)) and "://" not in text and not _HOSTS.search(text)


def read_address(text: str) -> Paste:
    """Return the address of an endpoint, what was wrong with it, and the key or the deployment that it held."""
    found: list[Finding] = []

    def note(code: str, title: str, cause: str = "", *, minor: bool = False, **rest: Any) -> None:
        make = warning if minor else cross
        found.append(make("address", code, title, cause, mended=True, **rest))

    url = text.strip().strip("\"'`<>()[]{},;").rstrip(".")
    if inner := _inside(url):
        note("wrapped-address", "The address is written within another one.", "A mail program or a page rewrote it.")
        url = inner
    if re.match(r"https?%3a", url, re.I):
        note("encoded-address", "The address is percent-encoded.", "It was copied out of another address.")
        url = unquote(url)
    if re.search("[‐-―−]", url):
        note("dashes", "The address has typographic dashes.", "A word processor put them in place of plain hyphens.")
        url = re.sub("[‐-―−]", "-", url)
    url = _with_scheme(url, note)
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        told = cross("address", "no-address", "There is no web address in it.", advice=_WHERE_URL)
        return Paste(findings=(*found, told))
    if name := _placeholder(unquote(host)):
        title, cause = f"The address holds the placeholder {name!r}.", "It is a sample's, not yours."
        return Paste(findings=(*found, cross("address", "placeholder", title, cause, advice=_WHERE_URL)))
    if page := _portal_page(parts.netloc, unquote(unquote(url))):
        return page
    key = ""
    if "@" in parts.netloc:
        key = unquote(parts.password or parts.username or "")
        note("key-in-address", "The address holds a user or a password.", "The key has a variable of its own.")
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    is_azure = host.endswith(_AZURE)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if is_azure and (secret := next((v for n, v in pairs if n.lower() in _KEY_PARAMETERS), "")):
        key = key or secret
        note("key-in-address", "The key is a part of the address.", "There it would stand in every log.")
        parts = parts._replace(query=urlencode([pair for pair in pairs if pair[0].lower() not in _KEY_PARAMETERS]))
    if is_azure and parts.scheme == "http":
        note("http", "The address begins with http.", "Azure answers over https alone.")
        netloc = parts.netloc.removesuffix(":80") if port == 80 else parts.netloc
        parts = parts._replace(scheme="https", netloc=netloc)
    if re.search(r"\.inference\.azureml\.(?:com|net)$|\.inference\.ml\.azure\.(?:net|co)$", host):
        note("host-misspelled", "No endpoint has such a host.", "Online endpoints end with .inference.ml.azure.com.")
        fixed = re.sub(r"\.(?:inference\.)?azureml\.\w+$|\.inference\.ml\.azure\.\w+$", ".inference.ml.azure.com", host)
        parts = parts._replace(netloc=fixed + (f":{port}" if port else ""))
    url = _with_chat_route(parts, note)
    return Paste(url, (key,) if key else (), findings=tuple(found))


Note = Callable[..., None]
"""Takes note of what was wrong: its code, what was seen, why; with ``minor`` where the application copes with it."""


def _with_chat_route(parts: SplitResult, note: Note) -> str:
    path = re.sub("/{2,}", "/", parts.path)
    if (match := re.match(r"(.*/openai)/deployments/([^/]+)", unquote(path))) and _placeholder(match[2]):
        note("placeholder", f"{match[2]!r} is a placeholder.", "A sample has it in place of your deployment's name.")
        path = f"{match[1]}/v1/chat/completions"
    if re.search(r"/(?:embeddings|images/(?:embeddings|generations)|audio/\w+|rerank)/?$", path):
        base = re.sub(r"/(?:embeddings|images/(?:embeddings|generations)|audio/\w+|rerank)/?$", "", path)
        note("other-modality", f"{path} is not for chat.", "It is the route of another kind of model.")
        path = f"{base}/chat/completions"
    elif re.search(r"/(?:swagger|openapi)\.json/?$", path):
        cause = "It says what the scoring route takes; questions go to the route itself."
        note("swagger", "This is the address of the API's description.", cause, minor=True)
        base = re.sub(r"/(?:swagger|openapi)\.json/?$", "", path)
        path = base if base.endswith("/score") else f"{base}/score"
    elif path.rstrip("/") != parts.path and path.strip("/"):
        note("slashes", "The address has slashes too many.", "The application leaves them out by itself.", minor=True)
        path = path.rstrip("/")
    if parts.fragment:
        note("fragment", "The address has a part behind #.", "Browsers keep it to themselves.", minor=True)
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _with_scheme(url: str, note: Note) -> str:
    match = re.match(r"([a-z]{0,8})\s*([:;]?)([/\\]{0,4})(?=[\w\[])", url, re.I)
    scheme = match[1].lower() if match else ""
    if match and (match[2] or match[3]) and re.fullmatch(r"h{1,2}t{1,3}p{1,2}s{0,2}|ttps?|tps|ps", scheme):
        right = "http" if scheme == "http" else "https"
        if match.group() != f"{right}://":
            cause = f"An address begins with {right}://"
            note("scheme", f"{match.group()!r} is no beginning of an address.", cause)
        return f"{right}://{url[match.end() :]}"
    if match and match[2] == ":" and match[3][:2] == "//":
        return url  # another protocol, which is told of as such
    if re.match(r"[\w-]+(\.[\w-]+)+(:\d+)?(/|$|\?)", url) or re.match(r"(localhost|\[[0-9a-f:]+\])(:\d+)?(/|$)", url):
        is_local = re.match(r"(localhost|127\.|\[::1\])", url) is not None
        scheme = "http" if is_local else "https"
        note("scheme", "The address has no beginning.", f"An address begins with {scheme}://")
        return f"{scheme}://{url}"
    return url


def _inside(url: str) -> str:
    """The address that a mail program's own address holds."""
    if not re.search(r"safelinks\.protection\.outlook\.com|urldefense\.com|//www\.google\.[a-z.]+/url", url, re.I):
        return ""
    try:
        pairs = dict(parse_qsl(urlsplit(url).query))
    except ValueError:
        return ""
    return next((value for value in pairs.values() if value.startswith("http")), "")


# Pages.

_PORTALS: Final = re.compile(
    r"(?:ml\.azure\.com|(?:portal|ms\.portal)\.azure\.com|(?:.+\.)?ai\.azure\.com|oai\.azure\.com|studio\.azureml\.net"
    r"|learn\.microsoft\.com)(?::\d+)?",
    re.I,
)


def _portal_page(netloc: str, url: str) -> Paste | None:
    """What a page of a portal names: its own address answers no question."""
    host = netloc.rpartition("@")[2]
    if not _PORTALS.fullmatch(host) or re.search(r"\.(models|services|inference)\.ai\.azure\.com(:\d+)?$", host, re.I):
        return None
    title = f"This is a page of {host.split(':')[0]}, not an endpoint."
    cause = "It is for people with a browser; the endpoint has an address of its own, which the page shows."
    if match := re.search(r"/accounts/([A-Za-z0-9][\w-]+)", url):
        address = f"https://{match[1].lower()}.services.ai.azure.com/openai/v1/chat/completions"
        deployment = re.search(r"/deployments/(?!view\b|detail\b)([\w.-]+)", url) or re.search(
            r"deployment(?:Id|Name)=([\w.-]+)", url
        )
        told = cross("address", "portal-page", title, cause, mended=True)
        return Paste(address, (), deployment[1] if deployment else "", (told,))
    if match := re.search(
        r"/(?:endpoints/(?:realtime|online)|(?:online|realtime)?endpoints|serverless)/([a-z][\w-]+)", url, re.I
    ):
        suffix = (
            "models.ai.azure.com/chat/completions" if "serverless" in url.lower() else "inference.ml.azure.com/score"
        )
        region = re.search(r"[?&/](?:region|location)[=/]([a-z0-9]+)", url, re.I)
        name = ".".join(filter(None, (match[1].lower(), region and region[1].lower())))
        told = cross("address", "portal-page", title, cause, mended=True)
        return Paste(f"https://{name}.{suffix}", findings=(told,))
    return Paste(findings=(cross("address", "portal-page", title, cause, advice=_WHERE_URL),))


# What holds more than an address.

_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "curl": ("This is a whole curl command, not an address.", "What it holds was taken out of it."),
    "http": ("This is a whole request, not an address.", "What it holds was taken out of it."),
    "json": ("This is JSON, not an address.", "What it tells of the endpoint was taken out of it."),
    "code": ("This is a piece of code, not an address.", "What it holds was taken out of it."),
    "lines": ("These are whole lines of settings, not an address.", "Their values were taken out of them."),
    "several": ("This is more than an address.", "An address and a key were found in it."),
}


@dataclass(slots=True)
class _Fields:
    kind: str = ""
    url: str = ""
    keys: tuple[str, ...] = field(default=(), repr=False)
    deployment: str = ""


_ADDRESS: Final = re.compile(r"https?:/{1,3}[^\s\"'`<>|\\^]+", re.I)
_KEY_NAME: Final = r"[\w.-]*(?:api[_-]?key|primary_?key|secondary_?key|access_?token|subscription-key|[_-]key|\bkey)"
_NAMED_KEY: Final = re.compile(
    rf"(?<![\w/?&])(?P<name>{_KEY_NAME}|authorization)[\"']?\s*(?:\]|\))?\s*[:=]\s*(?:str\()?[\"']*"
    r"(?:bearer[ +]+)?[\"']*(?P<key>(?!bearer\b)[^\s\"',;)}]{6,})",
    re.I,
)
_NAMED_DEPLOYMENT: Final = re.compile(
    r"(?:azureml-model-deployment|deployment(?:[_-]?(?:name|id))?)[\"']?\s*[:=]\s*[\"']*(?P<name>[A-Za-z][\w.-]*)", re.I
)
_NAMED_MODEL: Final = re.compile(
    r"\\?[\"']model(?:_name)?\\?[\"']\s*:\s*\\?[\"'](?P<name>[\w./-]+)|\bmodel\s*=\s*[\"'](?P<other>[\w./-]+)"
)


def _fields(text: str) -> _Fields:
    if text[0] in "{[":
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = None
        if isinstance(content, dict | list):
            return _json_fields(content)
    kind = _kind(text)
    if not kind:
        return _Fields()
    addresses = [each.group().rstrip(".,;)]}") for each in _ADDRESS.finditer(text)]
    url = max(addresses, key=lambda each: bool(_HOSTS.search(each)), default="")
    if not url and (bare := _HOSTS.search(text)):
        url = bare.group()
    keys = [each["key"] for each in _NAMED_KEY.finditer(text.replace("^", "")) if not _placeholder(each["key"])]
    if not keys and kind == "several":
        keys = [word for word in text.split() if looks_like_key(word)]
    keys = [each for each in keys if "://" not in each]
    deployment = _NAMED_DEPLOYMENT.search(text)
    model = _NAMED_MODEL.search(text)
    named = deployment["name"] if deployment else (model["name"] or model["other"]) if model else ""
    return _Fields(kind, url, tuple(keys), named)


def _kind(text: str) -> str:
    if re.match(r"(?:\$ |> |# )?(?:curl|wget|iwr|invoke-(?:restmethod|webrequest))\b", text, re.I):
        return "curl"
    if re.match(r"(?:POST|GET)\s+\S", text):
        return "http"
    if re.match(r"(?:export\s+|set\s+|\$env:)?[A-Z][A-Z0-9_]{3,}\s*=", text):
        return "lines"
    if re.search(r"^(?:import|from|using|const|let|var)\s|\w+\s*=\s*[\"']https?://|\w\(.*[\"']https?://", text, re.M):
        return "code"
    words = text.split()
    is_several = len(words) > 1 and not _is_broken_address(text)
    if is_several and (_ADDRESS.search(text) or _HOSTS.search(text)):
        return "several"
    return ""


def _json_fields(content: Any) -> _Fields:
    pairs = list(_pairs(content))
    urls = [value for name, value in pairs if re.search(r"uri|url|endpoint|target", name, re.I) and "://" in value]
    urls.sort(key=lambda each: ("swagger" in each, not _HOSTS.search(each)))
    keys = [value for name, value in pairs if re.fullmatch(_KEY_NAME, name, re.I) and "://" not in value]
    named = [value for name, value in pairs if re.fullmatch(r"deployment_?(?:name)?|model", name, re.I)]
    return _Fields("json", urls[0] if urls else "", tuple(keys), named[0] if named else "")


def _pairs(content: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > 8:
        return
    for name, value in content.items() if isinstance(content, dict) else (("", each) for each in content):
        if isinstance(value, str):
            yield str(name), value
        elif isinstance(value, dict | list):
            yield from _pairs(value, depth + 1)


# Words.

_AZURE: Final = (".azure.com", ".azureml.ms", ".azure.cn", ".azure.us")
_HOSTS: Final = re.compile(
    r"[\w-]+(?:\.[\w-]+)*\.(?:inference\.ml|models\.ai|inference\.ai|services\.ai|openai|cognitiveservices)\.azure\.com"
    r"[^\s\"'`<>\\]*",
    re.I,
)
_KEY_PARAMETERS: Final = ("api-key", "api_key", "apikey", "key", "subscription-key", "code")
_PLACEHOLDERS: Final = re.compile(
    r"[<{\[][\w .-]+[>}\]]|\$\{?\w+\}?|%\w+%|\byour[-_ ][\w-]*(?:endpoint|resource|deployment|key|region|model|name)"
    r"[\w-]*|\byour(?:endpoint|resource|deployment|key|region|model)(?:name)?\b|\bx{4,}\b|\.\.\.|…",
    re.I,
)

_WHERE_URL: Final = (
    "Take the address from the endpoint's own page: in Azure ML studio under Endpoints, Consume (REST endpoint); in "
    "Foundry under Models + endpoints (Target URI)."
)
_WHERE_KEY: Final = (
    "Take the key from the same page as the address: in Azure ML studio under Endpoints, Consume (Primary key); in "
    "Foundry under Models + endpoints (Key)."
)
_FOR_GOOD: Final = "Sign in with Microsoft Entra ID (the lines below), or take the key from the endpoint's page."


def _plain(text: str) -> str:
    """Without what no eye sees, with plain quotes and blanks."""
    text = re.sub("[\u200b-\u200f\u2060\ufeff\u00ad]", "", text)
    text = text.translate({0xA0: " ", 0x201C: '"', 0x201D: '"', 0x201E: '"', 0x2018: "'", 0x2019: "'"})
    return re.sub(r"\\\r?\n", " ", text).strip()


def _is_broken_address(text: str) -> bool:
    """Whether an address was broken into lines: joined it is an endpoint's, and no word of it alone is."""
    words = text.split()
    if len(words) < 2 or not re.match(r"https?:", words[0], re.I):
        return False
    joined = "".join(words)
    return bool(_HOSTS.search(joined)) and not any(_HOSTS.search(word) for word in words)


def _placeholder(text: str) -> str:
    match = _PLACEHOLDERS.search(text)
    return match.group() if match else ""


def _expired(key: str) -> str | None:
    """When a token ended, if it did; its signature is for others to check."""
    if not re.fullmatch(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", key):
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(key.split(".")[1] + "=="))
        ended = float(claims["exp"])
    except (ValueError, KeyError, TypeError):
        return None
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(ended)) if ended < time.time() else None


def _wrapping(text: str, key: str) -> str:
    """What a key came in, without the key."""
    around = {
        "quotes": "[\"'`“”‘’]",
        "a line break": r"[\r\n]",
        "the word Bearer": r"(?i)\bbearer\b",
        "blanks": r"[ \t]",
    }
    rest = text if key not in text else text.replace(key, "", 1)
    found = [name for name, pattern in around.items() if re.search(pattern, rest)]
    return " and ".join(found[:2]) or "something in front of it or behind it"
