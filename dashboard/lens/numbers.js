// Writes a number for people: a few digits, no more zeros than needed, a real minus sign.
function short(value, digits = 2) {
  if (value === 0) return "0";
  const text = Math.abs(value) >= 0.001 && Math.abs(value) < 10000 ? Number(value.toPrecision(digits)) : value.toExponential(1);
  return String(text).replace("-", "\u2212");
}

