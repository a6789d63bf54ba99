"""What a question mentions of turns that are not remembered any more, by dialogues in five languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversation import Turn, TurnStatus
from chatbot.conversation.recall import MOST_CHARACTERS, TurnIndex
from tests.support.turns import text_turn

ENGLISH = [
    (
        "Our client Contoso has a budget of 42,000 euros.",
        "Noted: the Contoso budget is 42,000 euros for the migration.",
    ),
    ("My sister Amélie lives in Lisbon.", "Lisbon is a lovely place; say hello to Amélie."),
    ("What is photosynthesis?", "Photosynthesis is how plants turn light into sugar, in their chloroplasts."),
    ("Invoice 4711 is overdue, ticket AB-12.", "Then send a reminder about invoice 4711."),
    ("Make it shorter, please.", "A reminder is due."),
    ("What does the Northwind contract say?", "It says thirty days, and weekly reports to the board."),
]
FRENCH = [
    ("Le budget de la société Dupont est de 42 000 euros.", "C'est noté : 42 000 euros pour Dupont."),
    ("Ma sœur habite à Besançon.", "Besançon est connue pour son horlogerie."),
    ("Comment fonctionne la photosynthèse ?", "Les plantes transforment la lumière en sucre."),
    ("Propose un dîner.", "Une ratatouille avec du riz."),
]
SPANISH = [
    ("El presupuesto de Contoso es de 42.000 euros.", "Anotado: 42.000 euros."),
    ("Mi hermana Begoña vive en Málaga.", "Málaga tiene playas bonitas."),
    ("¿Qué es la fotosíntesis?", "Las plantas convierten la luz en azúcar."),
    ("Propón una cena.", "Una tortilla con ensalada."),
]
KOREAN = [
    ("콘토소 예산은 4만 유로입니다.", "네, 콘토소의 예산을 4만 유로로 적어 두었습니다."),
    ("부산 회의는 목요일에 열립니다.", "부산에서 열리는 회의를 목요일로 기록했습니다."),
    ("프로젝트 이름은 해바라기입니다.", "해바라기는 멋진 이름이네요."),
    ("저녁 메뉴를 추천해 주세요.", "비빔밥은 어떠세요?"),
]
CHINESE = [
    ("我们公司的合同预算是四万欧元。", "好的，合同预算为四万欧元。"),
    ("上海的会议定在星期四。", "已记录：会议星期四在上海举行。"),
    ("什么是光合作用？", "光合作用是植物把光变成糖的过程。"),
    ("推荐一道晚餐。", "西红柿炒鸡蛋。"),
]


def turns(dialogue: list[tuple[str, str]]) -> list[Turn]:
    return [text_turn(index, user, assistant, TurnStatus.COMPLETE) for index, (user, assistant) in enumerate(dialogue)]


def find(dialogue: list[tuple[str, str]], question: str, k: int = 1):
    """Ask after a dialogue of which the last k turns are remembered."""
    said = turns(dialogue)
    return TurnIndex(said).find(question, range(len(said)), said[len(said) - k :])


@pytest.mark.parametrize(
    ("dialogue", "question", "turn", "words"),
    [
        (ENGLISH, "What was the Contoso budget again?", 0, "Contoso budget"),
        (ENGLISH, "what was the CONTOSO budget?", 0, "CONTOSO budget"),
        (ENGLISH, "And the budget for Contoso?", 0, "budget for Contoso"),
        (ENGLISH, "Did contoso's people reply?", 0, "contoso"),
        (ENGLISH, "Where does Amelie live?", 1, "Amelie live"),
        (ENGLISH, "Can you explain photosynthesis in one sentence?", 2, "photosynthesis"),
        (ENGLISH, "Was 4711 paid?", 3, "4711"),
        (ENGLISH, "What about ticket AB-12?", 3, "ticket AB-12"),
        (FRENCH, "Quel était le budget de Dupont ?", 0, "budget de Dupont"),
        (FRENCH, "Que disais-tu de l'horlogerie ?", 1, "horlogerie"),
        (FRENCH, "Rappelle-moi la photosynthese", 2, "photosynthese"),
        (SPANISH, "¿Cuál era el presupuesto de Contoso?", 0, "presupuesto de Contoso"),
        (SPANISH, "¿Dónde vive Begona?", 1, "vive Begona"),
        (SPANISH, "Resume la fotosintesis", 2, "fotosintesis"),
        (KOREAN, "콘토소 예산이 얼마였지?", 0, "콘토소 예산"),
        (KOREAN, "부산 회의가 언제였지?", 1, "부산 회의"),
        (KOREAN, "해바라기는 언제 시작해?", 2, "해바라기"),
        (CHINESE, "合同预算是多少？", 0, "合同预算"),
        (CHINESE, "合同的预算是多少？", 0, "合同的预算"),
        (CHINESE, "上海会议是星期几？", 1, "上海会议"),
        (CHINESE, "再解释一下光合作用", 2, "光合作用"),
    ],
)
def test_what_a_forgotten_turn_speaks_of_is_found(dialogue, question, turn, words):
    assert find(dialogue, question) == (turn, words)


@pytest.mark.parametrize(
    ("dialogue", "question"),
    [
        (ENGLISH, ""),
        (ENGLISH, "thanks, go on"),
        (ENGLISH, "What do you remember?"),
        (ENGLISH, "Make it shorter, please."),
        (ENGLISH, "What is the weather like in Paris?"),
        (ENGLISH, "Tell me more about the second point."),
        (ENGLISH, "Write 500 words in French."),
        (ENGLISH, "And how is the Northwind contract doing?"),
        (ENGLISH, "is it due?"),
        (FRENCH, "Merci, continue."),
        (FRENCH, "De quoi te souviens-tu ?"),
        (FRENCH, "Et avec du riz ?"),
        (SPANISH, "Gracias, sigue."),
        (SPANISH, "¿Qué recuerdas?"),
        (KOREAN, "고마워요, 계속해 주세요."),
        (KOREAN, "무엇을 기억하고 있나요?"),
        (KOREAN, "비빔밥은 어떻게 만들어?"),
        (CHINESE, "谢谢，请继续。"),
        (CHINESE, "你还记得什么？"),
        (CHINESE, "鸡蛋要几个？"),
        (CHINESE, "请用简单的中文解释一下"),
    ],
)
def test_small_talk_new_topics_and_what_is_remembered_offer_nothing(dialogue, question):
    assert find(dialogue, question) is None


def test_a_word_of_many_turns_is_not_a_mention():
    dialogue = [("How does the Kubernetes cluster scale?", f"Pods are added, part {n}.") for n in range(30)]
    assert find([*dialogue, ("And now?", "Nothing.")], "Is Kubernetes the right choice?") is None


def test_a_phrase_is_preferred_to_its_words_apart():
    dialogue = [
        ("The Contoso offices were painted.", "Good."),
        ("The budget for Contoso is fixed.", "Noted."),
        ("The garden budget is spent.", "A pity."),
        ("Hello", "Hello"),
    ]
    assert find(dialogue, "Say the Contoso budget once more") == (1, "Contoso budget")


def test_a_replaced_turn_is_found_by_its_new_words_only():
    said = turns(ENGLISH)
    recall = TurnIndex(said)
    recall.add(text_turn(0, "Our client Fabrikam is new.", "Welcome, Fabrikam.", TurnStatus.COMPLETE, version=1))
    assert recall.find("Who is Fabrikam?", {0}, []) == (0, "Fabrikam")
    assert recall.find("What was the Contoso budget?", {0}, []) is None


def test_only_the_turns_that_may_be_offered_are():
    assert TurnIndex(turns(ENGLISH)).find("What was the Contoso budget?", {1, 2}, []) is None


def test_an_index_lets_its_oldest_turns_go_when_it_is_full():
    recall = TurnIndex()
    long = "word " * 2_400
    count = MOST_CHARACTERS // len(long) + 10
    for index in range(count):
        recall.add(text_turn(index, f"Topic Zebra{index}", long, TurnStatus.COMPLETE))
    assert len(recall) < count
    assert recall.find("the topic Zebra0", range(count), []) is None
    assert recall.find(f"the topic Zebra{count - 1}", range(count), []) == (count - 1, f"Zebra{count - 1}")


ANYTHING = (
    st.text()
    | st.text(st.characters())
    | st.text("가나다에서는合同预算的éÉ ab'.-\u0301\u1100\u3042ア1\ud800", max_size=40)
)


@given(st.lists(st.tuples(ANYTHING, ANYTHING), max_size=6), ANYTHING, st.integers(0, 6))
def test_any_text_is_searched_and_no_remembered_turn_is_offered(dialogue, question, k):
    said = turns(dialogue)
    remembered = said[max(len(said) - k, 0) :]
    mention = TurnIndex(said).find(question, range(len(said)), remembered)
    if mention is not None:
        assert mention.turn_index in range(len(said) - len(remembered))
        assert mention.words
        assert mention.words in question


@given(st.lists(st.tuples(ANYTHING, ANYTHING), min_size=1, max_size=4), ANYTHING)
def test_growing_and_rebuilding_find_the_same(dialogue, question):
    said = turns(dialogue)
    grown = TurnIndex(turns([(answer, user) for user, answer in dialogue]))
    for turn in said:
        grown.add(turn)
    assert grown.find(question, range(len(said)), []) == TurnIndex(said).find(question, range(len(said)), [])
