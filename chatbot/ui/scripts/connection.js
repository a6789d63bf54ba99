// The page's stream, and what becomes of the page while there is none: it says so, keeps what is typed, and goes on when
// the server answers again. Where that is another process, whose page may be another one, the page is loaded again.
import { tell, wordsOf } from "./actions.js";
import { chatWanted, openChat, recover } from "./address.js";
import { beside } from "./compare.js";
import { changing, receive } from "./drawing.js";
import { tellWhy } from "./files.js";
import { talk } from "./panels.js";
import { isSigningOut } from "./sign_out.js";
import { box, submitEdit, write } from "./source_text.js";
import { root, t } from "./texts.js";

(() => {
  const [AWAY, BACK] = [t("away"), t("back")];
  const KEPT = "chatbot_kept_words";
  const PATIENCE = 5000; // before an unanswered request counts as a server that cannot be reached
  const FIRST = 20000; // the same, of a page that has only just been served: it knows that the server is there
  const SILENCE = 40000; // a stream says something every 15 seconds
  const PAUSE = 1000; // in the typing, before the page is loaded again
  const RETRY = 1000; // between two tries to reach the server, at first
  const LEAVING = 3000; // between the wish to leave a page and its end
  const QUICK = 60000; // a page that is lost sooner than this was not healed by being loaded
  const OPTION = /^set_(.+)$/; // actions that change one
  const AT_ONCE = ["stop", "name"]; // it ends what another one began; the model is asked, which takes long
  const banner = Object.assign(document.createElement("div"), { id: "connection", role: "status" });

  let kept = recall();
  if (kept) recover();
  // How many times in a row the page was lost right after it had been loaded.
  const streak = kept?.streak ?? 0;
  let server = null;
  let away = false;
  let reloads = false; // because the visitor chose another language
  let stream = new AbortController();
  let typedAt = -PAUSE;
  let leavingAt = -LEAVING;
  let posted = 0; // what the server told of by this number has arrived; the rest it tells again
  let edited = "";
  let latest = Promise.resolve(); // what was asked for last, until it is answered
  let waiting = null; // the same, as long as it is not sent

  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const find = (selector) => document.querySelector(selector);
  const lastQuestion = () => [...document.querySelectorAll("#chat .user.message")].at(-1)?.innerText ?? "";
  // Blanks at the ends and line breaks may be shown differently from how they were typed: the letters are the same.
  const letters = (text) => text.replace(/[^\p{L}\p{N}]/gu, "");

  const listedOnes = () => [...document.querySelectorAll("#conversations button.open")].map((each) => wordsOf(each)[1]);

  async function until(condition, patience = Infinity) {
    const end = performance.now() + patience;
    while (!condition() && performance.now() < end) await sleep(100);
  }

  function announce(text) {
    if (banner.textContent === text) return;
    banner.textContent = text;
    banner.className = text === BACK ? "back" : "";
  }

  // --- What is typed outlives the page

  // A browser may refuse storage to a frame on another site; its window's name outlives the page as well.
  function recall() {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT));
    } catch {
      return recallFromName();
    }
  }

  function recallFromName() {
    try {
      return JSON.parse(window.name)[KEPT];
    } catch {
      return null;
    }
  }

  function remember(what) {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(what));
    } catch {
      window.name = JSON.stringify({ [KEPT]: what });
    }
  }

  function keepWords() {
    if (!away && !reloads) return;
    // Lost again before they were back in the box, they are still the words of the page before.
    const words = (kept?.words ?? "") + [edited, box()?.value ?? ""].filter(Boolean).join("\n");
    const { question, open, listed } = kept ?? { question: lastQuestion(), open: openChat(), listed: listedOnes() };
    const lostSoon = !reloads && performance.now() < QUICK;
    remember({ words, question, open, listed, reloads, streak: lostSoon ? streak + 1 : 0 });
  }

  // The server empties the box when it takes a message, so what is in it was not taken; unless the server ended before
  // it could say so. Then the question is in the conversation now, and was not before.
  function wasTaken({ words, question, open, listed }) {
    const isThere = open ? openChat() === open : !listed.includes(openChat());
    const now = letters(lastQuestion());
    return isThere && now === letters(words) && now !== letters(question);
  }

  // The words may be for a new chat, which the page that is loaded then is not: it shows the latest, that may be theirs.
  async function goBack({ question, open, listed }) {
    if (open || openChat() === null || question || !listed.includes(openChat())) return;
    tell(["new"]);
    await until(() => openChat() === null, PATIENCE);
  }

  function isDrawn() {
    // The list comes with the first drawing, but Gradio may draw the messages of a conversation after its title.
    return find("#conversations nav") && (openChat() === null || lastQuestion());
  }

  async function putWordsBack() {
    if (!kept) return;
    await until(() => box() && isDrawn());
    // Whoever typed on while the page was loading goes on where the kept words end.
    const back = kept;
    if (back.words && !wasTaken(back)) write(box(), back.words + box().value);
    kept = null;
    remember(null);
    await goBack(back);
    if (!away && !back.reloads) announce(BACK);
  }

  // Because somebody wants it: what they have typed stays.
  function reload() {
    reloads = true;
    location.reload();
  }

  // --- The stream

  async function listen() {
    for (let tries = 0; ; tries++) {
      try {
        await follow(() => (tries = 0));
      } catch {
        // Whatever the reason, the stream is gone.
      }
      // A page that is left may lose its stream before it is told that it is hidden: nothing is wrong then.
      await until(() => performance.now() - leavingAt > LEAVING && !isSigningOut());
      lost();
      // Not all pages at the same moment, and less often the longer it takes.
      await sleep(RETRY * Math.min(1 + Math.max(tries, streak) / 4, 10) * (0.5 + Math.random()));
    }
  }

  async function follow(connected) {
    stream = new AbortController();
    const { signal } = stream;
    let silence = setTimeout(() => stream.abort(), server === null ? FIRST : PATIENCE);
    try {
      // A new chat whose first question was taken while the server was lost is the latest by now.
      const chat = kept && !kept.open && server === null ? "" : chatWanted();
      const asked = new URLSearchParams({ posted, chat });
      const response = await fetch(`${root}/chat/updates?${asked}`, { cache: "no-store", signal });
      if (response.status === 401) await signInAgain();
      if (response.status === 429) announceRefusal(await response.json());
      if (!response.ok) throw new TypeError("The server does not serve this page.");
      await recognize(response.headers.get("x-chatbot-server"));
      connected();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        clearTimeout(silence);
        silence = setTimeout(() => stream.abort(), SILENCE);
        const { value, done } = await reader.read();
        if (done) return;
        const events = (rest + value).split("\n\n");
        rest = events.pop();
        for (const event of events) if (event.startsWith("data: ")) take(JSON.parse(event.slice(6)));
        found();
      }
    } finally {
      clearTimeout(silence);
    }
  }

  function take(update) {
    posted = update.posted ?? posted;
    receive(update);
  }

  // Another process may serve another page.
  async function recognize(id) {
    server ??= id;
    if (id === server) return;
    await until(() => performance.now() - typedAt > PAUSE);
    // Once more when the page is left: here because a window's name is not taken over any more then.
    keepWords();
    location.reload();
    await new Promise(() => {});
  }

  // Somebody signed out elsewhere, or was in for as long as one may: the page that signs in is at the same address.
  async function signInAgain() {
    lost();
    location.reload();
    await new Promise(() => {});
  }

  function announceRefusal({ notice }) {
    lost();
    announce(notice);
  }

  function lost() {
    if (away) return;
    away = true;
    announce(AWAY);
  }

  function found() {
    if (!away) return;
    away = false;
    if (!kept) announce(BACK);
  }

  // --- Actions

  // What is not sent, or not taken, stays where it was typed, and the page says why.
  async function perform(action, values = []) {
    const [, option] = action.match(OPTION) ?? [];
    if (option) return changing(option, () => until(() => !away).then(() => askInTurn(action, values)));
    if (!away) return askInTurn(action, values);
  }

  // Requests that are under way together may overtake each other, and what was asked last is what is meant: each waits
  // for the answer to the one before it, though not for long.
  function askInTurn(action, values) {
    if (AT_ONCE.includes(action)) return ask(action, values);
    if (waiting?.action === action && (action === "search" || OPTION.test(action))) {
      waiting.values = values; // of these nobody wants what was meant before
      return latest;
    }
    const mine = (waiting = { action, values });
    latest = Promise.race([latest, sleep(PATIENCE)]).then(() => {
      if (waiting === mine) waiting = null;
      return ask(action, mine.values);
    });
    return latest;
  }

  async function ask(action, values) {
    const slow = setTimeout(() => announce(AWAY), PATIENCE);
    try {
      const reply = await fetch(`${root}/chat/${action}`, { method: "POST", body: JSON.stringify(values) });
      const isGone = reply.status === 401 || reply.status >= 502; // signed out, or a proxy's words for no server
      if (isGone) stream.abort();
      else if (!find("#chat textarea")) edited = "";
      if (!reply.ok && !isGone) await tellWhy(reply);
    } catch {
      stream.abort();
    } finally {
      clearTimeout(slow);
      if (!away && banner.textContent === AWAY) announce("");
    }
  }

  window.addEventListener("offline", () => stream.abort());
  window.addEventListener("beforeunload", () => (leavingAt = performance.now()));
  window.addEventListener("pagehide", keepWords);
  document.addEventListener("input", ({ target }) => {
    typedAt = performance.now();
    if (target.matches("#chat textarea")) edited = target.value;
  });
  // After a click, not when the button goes down: what moves under the finger is not what was meant.
  for (const sign of ["keydown", "click"]) {
    document.addEventListener(sign, () => !away && announce(""), true);
  }
  // Before it says anything: a screen reader tells what changes in what it knows.
  talk.append(banner);
  listen();
  putWordsBack();
  perform.send = (text) => (beside() ? perform("compare", [text, beside()]) : perform("send", [text]));
  perform.edit = submitEdit;
  perform.reload = reload;
  window.chatbotBegun(perform);
})();
