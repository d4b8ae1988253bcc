// Makes an element of the page, with its text and its class.
function element(kind, text = "", name = "") {
  const node = document.createElement(kind);
  node.textContent = text;
  node.className = name;
  return node;
}
