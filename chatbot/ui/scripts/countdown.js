// Where an endpoint said how long to wait, the seconds run down; the class of the line holds how many there were.
const ends = new WeakMap();

function countDown() {
  for (const line of document.querySelectorAll("#chat :is(.note, .pause) .wait:not([hidden])")) {
    const seconds = Number(line.className.match(/left-(\d+)/)?.[1] ?? 0);
    if (!ends.has(line)) ends.set(line, performance.now() + 1000 * seconds);
    const left = Math.ceil((ends.get(line) - performance.now()) / 1000);
    if (left > 0) line.textContent = line.textContent.replace(/\d[\d.,\s]*\d|\d/, left);
    else line.hidden = true;
  }
}

setInterval(countDown, 250);

// A moment (seconds since 1970) by the visitor's own clock, with the day where that is another one.
export function toldTime(moment) {
  const [date, now] = [new Date(1000 * moment), new Date()];
  const day = date.toDateString() === now.toDateString() ? {} : { weekday: "short", day: "numeric", month: "short" };
  return date.toLocaleString(navigator.language, { ...day, hour: "2-digit", minute: "2-digit" });
}

// Shows how long it is until a moment, as minutes and seconds, in an element as long as that is on the page.
export function countDownTo(moment, element, ended) {
  const two = (number) => String(number).padStart(2, "0");
  const show = () => {
    const left = Math.ceil(moment - Date.now() / 1000);
    const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    element.textContent = `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds)}`;
    if (left > 0 && element.isConnected) return;
    clearInterval(timer);
    if (element.isConnected) ended();
  };
  const timer = setInterval(show, 1000);
  show();
}
