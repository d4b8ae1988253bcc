// Writes a number for people: a few digits, no more zeros than needed, a real minus sign, powers raised: 4.1·10⁻⁵.
function short(value, digits = 2) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 0.001 && size < 1e7) {
    const rounded = size >= 10 ** digits ? Math.round(value) : Number(value.toPrecision(digits));
    return rounded.toLocaleString("en", { maximumSignificantDigits: 12 }).replace("-", "\u2212");
  }
  const [figure, power] = value.toExponential(1).split("e");
  const raised = [...String(Number(power))].map((sign) => (sign === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[sign]));
  return `${figure}\u00b710${raised.join("")}`.replace("-", "\u2212");
}
