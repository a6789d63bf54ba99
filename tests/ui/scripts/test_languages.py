"""What something is written in: told where it is sure, and never a wrong one."""

import pytest

from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

SURE = {
    "en": [
        "What is the capital of the country that you live in?",
        "The word chien is le chien in French and el perro in Spanish.",
    ],
    "fr": [
        "La réunion est à dix heures, et je vous envoie les notes dans la soirée.",
        "Ce n'est pas la clé de la porte.",
    ],
    "es": [
        "El tren sale a las ocho y no hay otro hasta la noche.",
        "¿Cómo se llama el perro de los vecinos que vive en la casa?",
    ],
    "pt": [
        "Você não precisa de um carro para isso, e também há um trem à noite.",
        "Isso não é uma boa ideia para o seu time.",
    ],
    "it": ["Il treno parte alle otto e non c'è un altro fino alla sera per la città."],
    "de": ["Der Zug fährt um acht, und bis zum Abend kommt nicht noch einer in die Stadt."],
    "nl": ["De trein gaat om acht uur, maar er is niet zo veel tijd voor het eten dat je bij je hebt."],
    "sv": ["Tåget går klockan åtta och det är inte ett till förrän på kvällen."],
    "pl": ["To jest dobry pomysł, ale nie wiem, czy ma to sens dla tego zespołu."],
    "ro": ["Trenul pleacă la opt și nu este un altul până în seara de mâine."],
    "tr": ["Bu çok güzel bir fikir, ama ne kadar süreceği belli değil ve bir plan gerekiyor."],
    "ru": ["Это не так сложно, как может быть на первый взгляд, если вы начнёте с малого."],
    "uk": ["Це не так важко, як може здатися, якщо ви почнете з малого і будете терплячі."],
    "el": ["Το τρένο φεύγει στις οκτώ."],
    "he": ["הרכבת יוצאת בשמונה."],
    "ar": ["هذا هو الكتاب الذي كان على الطاولة في الغرفة مع الأوراق التي أرسلتها."],
    "fa": ["این کتاب را از کتابخانه گرفتم و آن را با دوستم خواندم که در تهران است."],
    "ur": ["یہ کتاب میز پر ہے اور اس کے ساتھ کاغذ بھی ہیں۔"],
    "hi": ["यह किताब मेज़ पर है और कागज़ भी उस के साथ हैं।"],
    "th": ["รถไฟออกแปดโมงเช้า"],
    "ko": ["기차는 여덟 시에 떠납니다.", "Azure Machine Learning에서 모델을 배포하는 방법을 알려 주세요."],
    "ja": ["電車は八時に出ます。", "はい、わかりました。"],
    "zh": ["火车八点开，到晚上之前没有别的车。", "你好！", "請問圖書館在哪裡？"],
}

UNSURE = {
    "nothing": ["", " ", "12:30", "🙂", "→ = +", "\n"],
    "a word or two": ["OK", "Hello", "Bonjour", "Berlin", "la", "of the", "Amen"],
    "names": ["Azure Machine Learning Studio", "Pablo Ruiz Picasso, Claude Monet, Edvard Munch"],
    "code": ["git commit --amend && git push", "SELECT name FROM users WHERE id = 1", "x = a if b else c"],
    "a script of several": ["中華人民共和国", "東京都、大阪府", "Привет", "سلام", "नमस्ते"],
    "signs of mathematics": ["α, β, γ", "Δx → 0", "ℵ"],
    "two of them": ["Hello means 안녕하세요"],
    "what is like another": [
        "Toget kører klokken otte, og der er ikke et til før om aftenen.",
        "Það er ekki góð hugmynd.",
    ],
    "Catalan, and not Spanish": ["El tren surt a les vuit i la de la nit no para."],
    "Latin": ["Gallia est omnis divisa in partes tres, quarum unam incolunt Belgae."],
    "digits and signs of a script": ["१२", "Ⅷ", "\u0600", "ⅳ, ⅴ"],
    "no words at all": ["lorem ipsum dolor sit amet consectetur", "aaa bbb ccc ddd", "o a e"],
    "Yiddish": ["דער באַן גייט אַוועק אַכט אַ זייגער ײַ"],
}


async def told(page, texts):
    """What the script says of each text."""
    said = await run(page, "languages", "({ languageOf }, texts) => texts.map(languageOf)", texts)
    return dict(zip(texts, said, strict=True))


async def test_what_is_sure_is_told(page):
    expected = {text: language for language, texts in SURE.items() for text in texts}
    assert await told(page, list(expected)) == expected


async def test_what_is_not_sure_is_not_told(page):
    said = await told(page, [text for texts in UNSURE.values() for text in texts])
    assert {text: language for text, language in said.items() if language} == {}


QUESTION = """<div class="message-row user-row"><div class="md">
<pre class="{token} typed">Wie heißt der Hund, und wo ist er?</pre></div></div>"""
MESSAGES = f"""{QUESTION}
<div class="message-row bot-row">
<div class="md"><p id="a">Der Hund heißt Rex, und er ist nicht weit von dem Haus.</p>
<ul><li id="b">Rex</li><li id="c">The name is Latin, and it is that of a king.</li></ul>
<pre><code>the of and to in is that it for</code></pre><div class="seam"></div></div>
<div class="md"><div class="seam"></div><p id="d">Ende.</p></div>
<div class="md"><div class="{{token}} facts">the first word came in 1 s, and that is all of it</div></div></div>
<div class="message-row user-row"><div class="md">
<pre class="{{token}} typed">Quel est le nom de la ville ?</pre></div></div>
<div class="message-row bot-row"><div class="md"><p id="e">C'est une ville qui est dans le sud de la France.</p>
<table><tr><td id="f">바다</td><td id="g">la mer</td></tr></table></div></div>
"""

DRAW = """async (_, html) => {
  document.documentElement.lang = "fr";
  document.querySelector("#chat [role=log]").innerHTML = html;
  await new Promise(requestAnimationFrame);
  const parts = [...document.querySelectorAll("#chat [lang], #chat .md")];
  return parts.map((part) => [part.id || part.textContent.trim().slice(0, 9), part.lang]);
}"""


async def test_messages_tell_it_their_passages_where_those_differ_and_the_pages_own_lines_do_not(page):
    token = await run(page, "actions", "({ token }) => token()")
    assert await run(page, "languages", DRAW, MESSAGES.replace("{token}", token)) == [
        ["Wie heißt", "de"],
        ["Der Hund ", "de"],
        ["c", "en"],
        ["Ende.", "de"],
        ["the first", ""],
        ["Quel est ", ""],
        ["C'est une", ""],
        ["f", "ko"],
    ]


async def test_what_grows_is_looked_at_once_it_has_ended(page):
    token = await run(page, "actions", "({ token }) => token()")
    row = '<div class="message-row bot-row"><div class="md"><p>Der Hund ist nicht weit von dem Haus.</p></div></div>'
    await page.evaluate("document.querySelector('#chat [role=log]').ariaBusy = 'true'")
    drawn = await run(page, "languages", DRAW, QUESTION.replace("{token}", token) + row)
    assert [language for _, language in drawn] == ["de", ""]
    code = """async () => {
      const log = document.querySelector("#chat [role=log]");
      log.ariaBusy = "false";
      log.append(document.createElement("i"));
      await new Promise(requestAnimationFrame);
      return log.lastElementChild.previousElementSibling.firstElementChild.lang;
    }"""
    assert await page.evaluate(code) == "de"
