// One act of the user is one step back: whatever the page adds to its address after the first change replaces it.
// A page writes several values one after the other, and turning to a page first writes its bare address.

const ACTS = ["pointerdown", "keydown", "touchstart"];

function join() {
  const push = window.history.pushState;
  let pushed = true; // What a link's own values are corrected to is no step either.
  for (const act of ACTS) window.addEventListener(act, () => (pushed = false), { capture: true, passive: true });
  window.history.pushState = function (...given) {
    if (pushed) return window.history.replaceState(...given);
    pushed = true;
    return push.apply(window.history, given);
  };
  window.convlensJoinsHistory = true;
}

export default function () {
  if (!window.convlensJoinsHistory) join();
}
