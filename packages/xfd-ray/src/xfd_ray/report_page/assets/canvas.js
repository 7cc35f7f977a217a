/* A canvas as wide as its place and sharp on any screen, with a time axis below. */
const MARGIN = { left: 0, right: 8, top: 4, bottom: 22 };

class TimeCanvas {
  constructor(canvas, height, end, left) {
    const ratio = window.devicePixelRatio || 1;
    this.width = canvas.parentElement.clientWidth;
    this.height = height + MARGIN.top + MARGIN.bottom;
    this.end = end || 1;
    this.left = left;
    this.inner = Math.max(this.width - left - MARGIN.right, 10);
    this.rows = height;
    canvas.width = Math.round(this.width * ratio);
    canvas.height = Math.round(this.height * ratio);
    canvas.style.height = `${this.height}px`;
    this.pen = canvas.getContext("2d");
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.pen.font = "11px system-ui, sans-serif";
    this.pen.textBaseline = "middle";
  }

  x(seconds) { return this.left + this.inner * Math.min(seconds / this.end, 1); }

  seconds(x) { return ((x - this.left) / this.inner) * this.end; }

  axis(bound) {
    const { pen } = this;
    const step = stepOf(this.end, Math.max(2, Math.floor(this.inner / 80)));
    const bottom = MARGIN.top + this.rows;
    pen.textAlign = "center";
    for (let at = 0; at <= this.end * 1.0001; at += step) {
      pen.fillStyle = colour("line");
      pen.globalAlpha = 0.5;
      pen.fillRect(Math.round(this.x(at)), MARGIN.top, 1, this.rows);
      pen.globalAlpha = 1;
      pen.fillStyle = colour("soft");
      const text = `${+at.toFixed(6)} s`;
      const half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.min(this.x(at), this.width - half), bottom + 12);
    }
    if (bound !== null && bound <= this.end) {
      pen.strokeStyle = colour("bound");
      pen.setLineDash([4, 3]);
      pen.beginPath();
      pen.moveTo(this.x(bound), MARGIN.top);
      pen.lineTo(this.x(bound), bottom);
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  label(text, y) {
    const { pen } = this;
    pen.textAlign = "left";
    pen.fillStyle = colour("soft");
    let cut = text;
    while (cut.length > 3 && pen.measureText(cut).width > this.left - 8) cut = cut.slice(0, -1);
    pen.fillText(cut === text ? text : `${cut.slice(0, -1)}…`, 0, y);
  }
}
