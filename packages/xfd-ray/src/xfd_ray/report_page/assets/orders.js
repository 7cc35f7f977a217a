/* One row per node, in the order in which they were done, and in it a slice per transfer. */
const MOST_LANES = 8;

function rowsOf(data) {
  const nodes = data.done.length;
  const sorted = Array.from({ length: nodes }, (_, k) => k).sort((a, b) => (
    (data.done[a] ?? Infinity) - (data.done[b] ?? Infinity) || a - b));
  const rowOf = new Array(nodes);
  sorted.forEach((node, row) => { rowOf[node] = row; });
  return { sorted, rowOf };
}

/* Slices that overlap lie below each other, in as many lanes as fit. */
function lanesOf(data) {
  const order = Array.from(data.node.keys()).sort((a, b) => data.start[a] - data.start[b]);
  const ends = data.done.map(() => []);
  const lane = new Uint8Array(data.node.length);
  let most = 1;
  for (const k of order) {
    const mine = ends[data.node[k]];
    const from = data.start[k] - data.waited[k];
    let place = mine.findIndex((end) => end <= from + 1e-9);
    if (place < 0) place = mine.length < MOST_LANES ? mine.length : k % MOST_LANES;
    mine[place] = Math.max(mine[place] ?? 0, data.start[k] + data.seconds[k]);
    lane[k] = place;
    most = Math.max(most, place + 1);
  }
  return { lane, most };
}

function drawOrders(canvas, data) {
  const nodes = data.done.length;
  const narrow = canvas.parentElement.clientWidth < 560;
  const { sorted, rowOf } = rowsOf(data);
  const { lane, most } = lanesOf(data);
  const tall = Math.min(44, Math.floor(560 / Math.max(nodes, 1)));
  const row = tall >= 3 ? tall : 560 / nodes;
  const named = row >= 12;
  const view = new TimeCanvas(canvas, row * nodes, data.elapsed, named ? (narrow ? 84 : 190) : 14);
  const { pen } = view;
  const gap = row >= 10 ? 3 : row >= 4 ? 1 : 0;
  const lanes = row - gap >= 2 * most ? most : 1;
  const high = (row - gap) / lanes;
  view.axis(data.bound);
  const origin = colour("origin"), peers = colour("peers"), waited = colour("before");
  const slice = (k, from, took, shade, alpha) => {
    const y = MARGIN.top + rowOf[data.node[k]] * row + (lane[k] % lanes) * high;
    pen.globalAlpha = alpha;
    pen.fillStyle = shade;
    const wide = Math.max(view.x(from + took) - view.x(from) - (high > 3 ? 0.5 : 0), 0.7);
    pen.fillRect(view.x(from), y, wide, Math.max(high - (high > 4 ? 1 : 0), 0.5));
  };
  const strong = lanes === 1 && most > 1 ? 0.55 : 0.95;
  for (let k = 0; k < data.node.length; k += 1) {
    if (data.waited[k] > 0) slice(k, data.start[k] - data.waited[k], data.waited[k], waited, 0.3);
  }
  for (let k = 0; k < data.node.length; k += 1) {
    slice(k, data.start[k], data.seconds[k], data.source[k] < 0 ? origin : peers, strong);
  }
  pen.globalAlpha = 1;
  data.failed.node.forEach((node, k) => {
    if (rowOf[node] === undefined) return;
    pen.fillStyle = colour("bad");
    pen.fillRect(view.x(data.failed.at[k]) - 1, MARGIN.top + rowOf[node] * row, 2, row - gap);
  });
  sorted.forEach((node, place) => {
    const y = MARGIN.top + place * row;
    if (named) view.label(data.names[node], y + (row - gap) / 2);
    if (data.done[node] === null) return;
    pen.fillStyle = colour("bound");
    pen.fillRect(view.x(data.done[node]) - 1, y, 2, Math.max(row - gap, 1));
  });
  return { view, row, sorted, lane, lanes, high };
}

/* The transfer below the pointer, or the node's row. */
function orderAt(drawn, data, x, y) {
  const { view, row, sorted, lane, lanes, high } = drawn;
  const place = Math.floor((y - MARGIN.top) / row);
  const node = sorted[place];
  if (node === undefined) return null;
  const at = view.seconds(x), slack = (2 / view.inner) * view.end;
  const below = Math.floor((y - MARGIN.top - place * row) / high);
  for (let k = data.node.length - 1; k >= 0; k -= 1) {
    if (data.node[k] !== node || (lanes > 1 && lane[k] !== below)) continue;
    const from = data.start[k] - data.waited[k] - slack;
    if (at >= from && at <= data.start[k] + data.seconds[k] + slack) return { node, transfer: k };
  }
  return { node, transfer: null };
}

function orderText(found, data) {
  const { node, transfer: k } = found;
  if (k === null) {
    const done = data.done[node];
    return `${data.names[node]}: ${done === null ? "not done" : `done after ${secondsText(done)}`}`;
  }
  const source = data.source[k] < 0 ? "the origin" : data.names[data.source[k]];
  const rate = data.bytes[k] / Math.max(data.seconds[k], 1e-6);
  const key = data.keys[data.object[k]] ?? `object ${data.object[k]}`;
  return `${data.names[node]}: chunk ${data.chunk[k]} of ${key} from ${source}, `
    + `${bytesText(data.bytes[k])} at ${secondsText(data.start[k])} in `
    + `${secondsText(data.seconds[k])} (${bytesText(rate)}/s), waited ${secondsText(data.waited[k])}`;
}
