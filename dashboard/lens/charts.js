// What charts share: their parts as SVG, and the numbers beside their axes.

function svg(kind, given, words) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, value);
  if (words !== undefined) made.textContent = words;
  return made;
}

// Round numbers between two ends, about as many as asked for; `rounds`: what they may be multiples of.
function ticks(low, high, count, rounds = [1, 2, 5, 10]) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = rounds.map((part) => part * power).find((part) => part >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) found.push(i * step);
  return found.map((each) => Number(each.toPrecision(12)));
}
