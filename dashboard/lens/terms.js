// The meaning of a word of the field, on hover, focus and tap. Words are links to #term-..., their meaning is the title.
//
// Listens once for the whole document, so that it holds whatever the page draws anew.

const WORDS = 'a[href^="#term-"]';
const NAME = "convlens-term";

function bubble() {
  let node = document.getElementById(NAME);
  if (!node) {
    node = document.createElement("div");
    node.id = NAME;
    node.setAttribute("role", "tooltip");
    node.hidden = true;
    document.body.append(node);
  }
  return node;
}

// The title would be shown by the browser a second time, so it is taken out while the bubble stands.
function show(word) {
  const node = bubble();
  if (node.word === word) return;
  hide();
  node.word = word;
  node.textContent = node.meaning = word.title;
  word.removeAttribute("title");
  word.setAttribute("aria-describedby", NAME);
  const style = getComputedStyle(word);
  node.style.fontFamily = style.fontFamily;
  node.hidden = false;
  lay(node);
}

// Below its word, or above where there is no room.
function lay(node) {
  const { word } = node;
  const shape = word.getClientRects()[0];
  const left = Math.max(8, Math.min(shape.left, window.innerWidth - node.offsetWidth - 8));
  const below = shape.bottom + 6 + node.offsetHeight < window.innerHeight;
  node.style.left = `${left}px`;
  node.style.top = `${below ? shape.bottom + 6 : shape.top - node.offsetHeight - 6}px`;
}

// Tells whether there was anything to hide.
function hide() {
  const node = bubble();
  if (!node.word) return false;
  node.word.title ||= node.meaning;
  node.word.removeAttribute("aria-describedby");
  node.word = null;
  node.hidden = true;
  return true;
}

// What is scrolled out of sight takes its meaning along.
function follow() {
  const node = bubble();
  if (!node.word) return;
  const shape = node.word.getBoundingClientRect();
  if (shape.bottom < 0 || shape.top > window.innerHeight) hide();
  else lay(node);
}

function join() {
  const word = (event) => event.target?.closest?.(WORDS);
  const listen = (name, act, given = true) => document.addEventListener(name, act, given);
  listen("pointerover", (event) => event.pointerType === "mouse" && word(event) && show(word(event)));
  listen("pointerout", (event) => {
    const left = word(event);
    if (left && left !== document.activeElement && !bubble().contains(event.relatedTarget)) hide();
  });
  listen("focusin", (event) => (word(event) ? show(word(event)) : hide()));
  listen("click", (event) => {
    if (!word(event)) return hide();
    event.preventDefault();
    event.stopPropagation();
    show(word(event));
  });
  // Escape does one thing at a time: with a meaning open it does not end the presentation too.
  listen("keydown", (event) => event.key === "Escape" && hide() && event.stopPropagation());
  listen("scroll", follow, { capture: true, passive: true });
  window.convlensExplainsTerms = true;
  // Who was quicker than this script points at a word already.
  const here = document.querySelector(`${WORDS}:hover`) ?? document.querySelector(`${WORDS}:focus`);
  if (here) show(here);
}

export default function () {
  if (!window.convlensExplainsTerms) join();
}
