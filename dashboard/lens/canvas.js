// What the pictures of numbers share: reading the bytes that the page sends, and drawing on a canvas.

// Takes apart bytes: a 4-byte little-endian length, a JSON header of that length, and what follows, piece by piece.
function opened(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  let place = 4 + size;
  const take = (count) => bytes.slice(place, (place += count));
  const floats = (count) => new Float32Array(take(4 * count).buffer);
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size))), take, floats };
}

// Fits a canvas to its width on the page; nothing where it has none.
function prepare(canvas, ratio) {
  const density = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * density);
  if (width < 1) return [null, 0, density];
  canvas.width = width;
  canvas.height = Math.round(width * ratio);
  return [canvas.getContext("2d"), width, density];
}

// A light line on a dark one: seen on any picture.
function stroke(pen, density, paint, thickness, path, dash = []) {
  pen.setLineDash(dash.map((part) => part * density));
  for (const [colour, width] of [["rgba(0, 0, 0, 0.65)", thickness * 2], [paint, thickness]]) {
    pen.beginPath();
    path();
    pen.strokeStyle = colour;
    pen.lineWidth = width * density;
    pen.stroke();
  }
  pen.setLineDash([]);
}

// A picture of so many cells; `colour` gives red, green, blue and opacity of each, 0 to 255.
function sheet(width, height, colour) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i += 1) image.data.set(colour(i), i * 4);
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
