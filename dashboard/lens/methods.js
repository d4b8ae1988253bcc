// All methods by the question they answer, searched as one types: every word typed must occur in a method's name,
// caption, family, question or source. The focus stays in the field; arrow keys move through the list, Enter picks.

function plain(text) {
  return text.toLowerCase().replaceAll("+", "plus").replace(/[^a-z0-9]/g, "");
}

function part(kind, name, text = "") {
  const node = document.createElement(kind);
  node.className = name;
  node.textContent = text;
  return node;
}

function option(method, chosen) {
  const node = part("div", "option");
  node.id = `method-${method.id}`;
  node.setAttribute("role", "option");
  node.setAttribute("aria-selected", String(method.id === chosen));
  node.dataset.id = method.id;
  node.dataset.words = plain(`${method.name} ${method.caption} ${method.also}`);
  const name = method.reason ? `${method.name} · not on this network` : method.name;
  node.append(part("span", "name", name), part("span", "caption", method.reason || method.caption));
  if (method.reason) node.setAttribute("aria-disabled", "true");
  return node;
}

function group(entry, number, chosen) {
  const node = part("div", "group");
  const heading = part("div", "heading", entry.heading);
  heading.id = `question-${number}`;
  node.setAttribute("role", "group");
  node.setAttribute("aria-labelledby", heading.id);
  node.append(heading, ...entry.methods.map((method) => option(method, chosen)));
  return node;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const input = parentElement.querySelector("input");
  const list = parentElement.querySelector("[role=listbox]");
  const status = parentElement.querySelector("[role=status]");
  const { scrollTop } = list;
  const active = input.getAttribute("aria-activedescendant");
  list.replaceChildren(...data.groups.map((entry, number) => group(entry, number, data.chosen)));
  const options = [...list.querySelectorAll(".option")];
  const shown = () => options.filter((node) => !node.hidden);

  function point(node) {
    for (const other of options) other.classList.toggle("active", other === node);
    if (!node) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", node.id);
    const end = node.offsetTop + node.offsetHeight + 8 - list.clientHeight;
    list.scrollTop = Math.min(node.offsetTop - 8, Math.max(list.scrollTop, end));
  }

  function search() {
    const wanted = input.value.split(/\s+/).map(plain);
    for (const node of options) node.hidden = !wanted.every((word) => node.dataset.words.includes(word));
    for (const node of list.children) node.hidden = !node.querySelector(".option:not([hidden])");
    const typed = input.value.trim();
    const count = shown().length;
    status.textContent = typed && `${count || "No"} ${count === 1 ? "method fits" : "methods fit"} “${typed}”.`;
    point(null);
  }

  function pick(node) {
    if (!node || node.getAttribute("aria-disabled")) return;
    for (const other of options) other.setAttribute("aria-selected", String(other === node));
    setTriggerValue("picked", node.dataset.id);
  }

  search();
  list.scrollTop = scrollTop;
  point(shown().find((node) => node.id === active));
  input.oninput = search;
  list.onclick = (event) => pick(event.target.closest(".option"));
  // Else Streamlit takes single letters for its own shortcuts.
  input.onkeyup = input.onkeypress = (event) => event.stopPropagation();
  input.onkeydown = (event) => {
    event.stopPropagation();
    const here = shown().findIndex((node) => node.classList.contains("active"));
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      const count = shown().length;
      const next = here < 0 ? Math.min(0, steps[event.key]) : here + steps[event.key];
      if (count) point(shown()[(next + count) % count]);
      event.preventDefault();
    } else if (event.key === "Enter") {
      const usable = shown().filter((node) => !node.getAttribute("aria-disabled"));
      pick(here < 0 && input.value.trim() ? usable[0] : shown()[here]);
    } else if (event.key === "Escape") {
      input.value = "";
      search();
    }
  };
}
