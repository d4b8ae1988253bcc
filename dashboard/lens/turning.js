// Turns the pages of a presentation: arrow keys and Page Up and Down, which a presenter's remote control sends too.
// A key that somebody presses in a control belongs to that control. Listens only while it is on the page.

const TURNS = { ArrowLeft: "back", PageUp: "back", ArrowRight: "on", PageDown: "on", Escape: "end" };
const BUSY = "input, textarea, select, canvas, [role=slider], [role=radio], [role=tab], [role=application], [contenteditable]";

export default function ({ parentElement, setTriggerValue }) {
  function turn(event) {
    const busy = event.composedPath().some((node) => node.matches?.(BUSY));
    if (!TURNS[event.key] || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.defaultPrevented || (busy && event.key !== "Escape")) return;
    event.preventDefault();
    setTriggerValue("turned", TURNS[event.key]);
  }
  window.addEventListener("keydown", turn);
  parentElement.querySelector("i").dataset.ready = "true";
  return () => window.removeEventListener("keydown", turn);
}
