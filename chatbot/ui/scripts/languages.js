// What a question or an answer is written in, for whoever has it read to them (WCAG 3.1.2): told where that is sure. Where
// it is not, what is around it counts, in the end the page. Sure is a script that one language has, and otherwise the small
// words that are one language's more than any other's.
import { token } from "./actions.js";
import { log } from "./following.js";
import { talk } from "./panels.js";

// Letters, and how many of an alphabet's they are worth.
const WORTH = {
  Latin: 1,
  Cyrillic: 1,
  Arabic: 1,
  Devanagari: 1,
  Greek: 1,
  Hebrew: 1,
  Thai: 1,
  Hangul: 2,
  Han: 3,
  Hiragana: 3,
  Katakana: 3,
};
const LETTERS = Object.keys(WORTH).map((name) => ({ name, pattern: new RegExp(`\\p{Script=${name}}`, "gu") }));

// Of languages that share a script, the words that stand in every other sentence. One without a name is only there for
// others not to be taken for it: Danish and Norwegian hardly differ in these.
const SMALL_WORDS = Object.entries({
  en:
    "the of and to in is that it for with as are this be on not or you can was by from at have your what " +
    "how which will my we they do if there an has",
  fr:
    "le la les des de et est un une que en dans pour pas vous au qui sur avec ce je il sont plus ne du aux " +
    "ou nous votre cette mais être par ses elle son peut à",
  es:
    "el la los las de es un una que en por para con no se del lo como al su más este esta pero son tiene " +
    "toda todo sus nos muy está y ser sin ha",
  pt:
    "os as de um uma que em do da dos das no na para com não se por mais ao como são ou você seu tem foi " +
    "sua pela pelo esta isso também ser sem à é",
  it:
    "il la le gli di un una che in per con non del della dei delle si sono al nel come più da ma lo ha " +
    "alla questo anche ogni sua nella è essere",
  ca: "el la els les un una que de en per amb no del dels al se com més aquesta són tota seva té",
  gl: "os as do da dos das de un unha que en para con non se por ao como súa seu ou toda nos na no",
  ro: "și în de la cu un este nu pe care din pentru sau să se ca mai sunt al ale fi prin are",
  de:
    "der die das und ist in zu den ein eine nicht von mit sie auf für dem es im als auch werden ich wie " +
    "des oder sind wird haben sich man einer bei hat durch kann",
  nl:
    "de het een en van is in te dat op voor met niet zijn die je aan er om als ook maar wordt of naar " +
    "heeft deze kan bij door",
  af: "die en van in is het nie om te dat met vir wat op sy as ook word of deur hierdie",
  sv: "och att det en som är av för på med den till inte om ett har de kan eller vid från var skall han sin",
  "": "og at det en som er af for på med den til ikke om et har de kan eller ved fra skal hans enhver av å",
  pl: "na się nie do to jest że jak po co dla od przez lub są oraz może ma być tym które ale czy jego każdy tego",
  cs: "na se je že to do pro jsou jako ale by nebo jeho který má každý být při",
  sk: "na sa je že to do pre sú ako ale by alebo jeho ktorý má každý byť pri",
  tr: "ve bir bu için ile olarak daha çok gibi ne değil var olan veya her da de kadar olduğu hakkı ya bunun sahiptir",
  ru: "и в не на что с по это как для из от или но к у он мы вы то же если может быть его при о а так вас я до их",
  uk: "і в у не на що з та до є як для або це від за про якщо може бути й його її а ви так при",
  bg: "и на да се от в не за са е с по като или че това до има при",
  sr: "и у је да се на за не са од који или као су то има",
  mk: "и на да се од во не за со е или како што тоа ги има",
  be: "і ў не на што з да як для або гэта ад за яго пры",
  ar: "في من على إلى أن التي الذي هذا هذه أو لا ما كل عن مع قد كان لم هو هي بين ذلك أي له إذا إن",
  fa: "و در به از که این را است با برای یا هر آن می ها تا نیز باشد شود هم",
  ur: "کے میں کی ہے اور سے کا کو پر کہ نے یا جو نہیں ہیں اس",
  ps: "د په او چې سره له دی ته هر کې",
  hi: "के में है की और का से को पर हैं यह एक नहीं या कि भी लिए",
  mr: "आणि आहे व या किंवा ते नाही हे असे कोणत्याही",
  ne: "र छ मा को का ले हो लाई पनि वा गर्ने",
}).map(([language, words]) => ({ language, words: new Set(words.split(" ")) }));
const shares = new Map(); // in how many of the lists a word is
for (const { words } of SMALL_WORDS) for (const word of words) shares.set(word, 1 + (shares.get(word) ?? 0));

// Of Chinese, letters that are not in today's Japanese, which may write a title without any of its own.
const CHINESE = new RegExp(
  "[们这个吗么你她很说从让为时对过东车长门问间见书发开关现实样种动电话语请谢给习应该业产无与" +
    "們這嗎麼沒讓說從對會學國來發應當將處總變體實關樣點與圖裡哪]",
);
const LONG = 30; // letters without a Japanese one among them
const MOST = 0.6; // of the letters, that is the script of a text
const LEAST = 0.2; // of the words, that are small ones
const CLEARLY = 1.5; // times as many as the next language has
const ENOUGH = 20_000; // characters that tell what a text is written in

function bySmallWords(text) {
  // A script has digits and signs, too, and a passage may have nothing else: "Ⅷ", "१२".
  const said = text.toLowerCase().match(/[\p{L}\p{M}]+/gu) ?? [];
  const found = SMALL_WORDS.map(({ language, words }) => {
    const known = said.filter((word) => words.has(word));
    return { language, known, score: known.reduce((sum, word) => sum + 1 / shares.get(word), 0) };
  });
  const [best, next] = found.toSorted((one, other) => other.score - one.score);
  const isSmall = new Set(best.known).size > 2 && best.known.length >= LEAST * said.length;
  return isSmall && best.score >= CLEARLY * next.score ? best.language : "";
}

// A language's code; empty where it is not sure.
export function languageOf(text) {
  const worth = {};
  let rest = text.match(/\p{L}/gu)?.length ?? 0;
  for (const { name, pattern } of LETTERS) {
    const count = text.match(pattern)?.length ?? 0;
    worth[name] = WORTH[name] * count;
    rest -= count;
  }
  const all = Object.values(worth).reduce((sum, each) => sum + each, Math.max(rest, 0));
  const isMost = (letters) => letters > 0 && letters >= MOST * all;
  const kana = worth.Hiragana + worth.Katakana;
  if (isMost(worth.Han + kana)) {
    if (kana) return kana >= 0.15 * (worth.Han + kana) ? "ja" : "";
    return CHINESE.test(text) || worth.Han >= 3 * LONG ? "zh" : "";
  }
  if (isMost(worth.Hangul)) return "ko";
  if (isMost(worth.Thai)) return "th";
  // Greek letters may be signs, and have other accents in old Greek; Hebrew ones may be Yiddish.
  if (isMost(worth.Greek)) return /\p{Script=Greek}{3}/u.test(text) && !/[\u1f00-\u1fff]/.test(text) ? "el" : "";
  if (isMost(worth.Hebrew)) return /[\u05f0-\u05f2\ufb1f-\ufb4f]/.test(text) ? "" : "he";
  return ["Latin", "Cyrillic", "Arabic", "Devanagari"].some((name) => isMost(worth[name])) ? bySmallWords(text) : "";
}

function proseOf(part) {
  const other = "pre:not(.typed), code, .katex, svg, .mermaid, .leads";
  if (!part.querySelector(other)) return part.textContent.slice(0, ENOUGH);
  const copy = part.cloneNode(true);
  for (const each of copy.querySelectorAll(other)) each.remove();
  return copy.textContent.slice(0, ENOUGH);
}

function setLanguage(part, language) {
  part.removeAttribute("lang");
  if (language && language !== part.closest("[lang]").lang) part.lang = language;
}

const PASSAGES = "p, li, th, td, h1, h2, h3, h4, h5, h6, summary";

function tellLanguages(message, before) {
  const [first] = message.children;
  first.dataset.heard = "";
  const isOurs = message.querySelector(`:scope > div.${token()}`) !== null;
  setLanguage(message, isOurs ? "" : languageOf(proseOf(message)) || (first.matches(".seam") ? before : ""));
  if (isOurs) return;
  for (const passage of message.querySelectorAll(PASSAGES)) setLanguage(passage, languageOf(proseOf(passage)));
}

// What is drawn anew is looked at once; what grows when it has ended, which is before it is read out.
new MutationObserver(() => {
  const growing = log.ariaBusy === "true" ? [...log.querySelectorAll(".message-row")].pop() : null;
  let before = "";
  for (const message of log.querySelectorAll(".md")) {
    if (growing?.contains(message)) return;
    if (message.firstElementChild && !("heard" in message.firstElementChild.dataset)) tellLanguages(message, before);
    before = message.lang;
  }
}).observe(talk, { childList: true, subtree: true });
