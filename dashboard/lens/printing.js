// A button that prints the page.
//
// data: { label }

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector('[data-part="print"]');
  button.textContent = data.label;
  button.onclick = () => window.print();
}
