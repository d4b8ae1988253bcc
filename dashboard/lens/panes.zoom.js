// Which part of the pictures is seen: the whole, or a window that is the same in all of them.

const MOST_ENLARGED = 16;

class Zoom {
  constructor() {
    this.read("");
  }

  // As it stands in the address: how large in percent, and the middle of the window in percent of the picture; nothing
  // for the whole.
  read(text) {
    const [factor, x, y] = (text || "100-50-50").split("-").map(Number);
    Object.assign(this, { factor: factor / 100, x: x / 100, y: y / 100 });
    this.keepInside();
  }

  write() {
    return this.factor === 1 ? "" : [this.factor, this.x, this.y].map((part) => Math.round(100 * part)).join("-");
  }

  // The window's left and upper edge and its side, as shares of the picture.
  get window() {
    const side = 1 / this.factor;
    return { left: this.x - side / 2, top: this.y - side / 2, side };
  }

  // Enlarges around a place of the picture, which stays where it is on the screen.
  by(times, place = { x: this.x, y: this.y }) {
    const before = this.factor;
    this.factor = Math.min(MOST_ENLARGED, Math.max(1, before * times));
    const kept = before / this.factor;
    this.x = place.x + (this.x - place.x) * kept;
    this.y = place.y + (this.y - place.y) * kept;
    this.keepInside();
  }

  move(right, down) {
    this.x += right;
    this.y += down;
    this.keepInside();
  }

  // Moves no further than needed to have a place in view.
  follow(x, y) {
    const half = 0.5 / this.factor;
    this.x = Math.min(x + half, Math.max(x - half, this.x));
    this.y = Math.min(y + half, Math.max(y - half, this.y));
    this.keepInside();
  }

  keepInside() {
    this.factor = Math.min(MOST_ENLARGED, Math.max(1, this.factor));
    const half = 0.5 / this.factor;
    this.x = Math.min(1 - half, Math.max(half, this.x));
    this.y = Math.min(1 - half, Math.max(half, this.y));
  }
}

