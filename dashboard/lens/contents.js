// A list of places on this page: real links, of which a plain click stays in the session, and any other goes its own way.
//
// data: {kind: "cards" | "list", label, chapters: [{title, entries: [{id, address, title, summary, number, here}]}]}

function entry({ id, address, title, summary, number, here }) {
  const [item, link, heading] = [element("li"), element("a"), element("strong")];
  link.href = address;
  link.dataset.id = id;
  if (here) link.setAttribute("aria-current", "page");
  if (number) heading.append(element("span", number, "number"));
  heading.append(title);
  link.append(summary ? heading : title, summary ? element("span", summary) : "");
  item.append(link);
  return item;
}

function chapter({ title, entries }, level) {
  const list = element("ol");
  list.append(...entries.map(entry));
  return title ? [element(level, title), list] : [list];
}

export default function ({ data, parentElement, setTriggerValue }) {
  const nav = parentElement.querySelector(".contents");
  nav.className = `contents ${data.kind}`;
  nav.setAttribute("aria-label", data.label);
  const drawn = JSON.stringify(data);
  if (nav.dataset.drawn !== drawn) {
    const inside = nav.getRootNode().activeElement?.dataset?.id;
    nav.replaceChildren(...data.chapters.flatMap((part) => chapter(part, data.kind === "cards" ? "h2" : "h3")));
    nav.dataset.drawn = drawn;
    if (inside !== undefined) nav.querySelector(`a[data-id="${CSS.escape(inside)}"]`)?.focus();
  }
  nav.onclick = (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
    event.preventDefault();
    setTriggerValue("picked", link.dataset.id);
  };
}
