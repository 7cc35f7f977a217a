/* Chunks over time: which share of the nodes that lacked a chunk has it. */
function drawChunks(canvas, data) {
  const high = Math.min(360, Math.max(120, data.chunks * 6));
  const rows = Math.min(data.chunks, Math.floor(high / 2)) || 1;
  const view = new TimeCanvas(canvas, high, data.elapsed, 44);
  const columns = Math.max(10, Math.floor(view.inner / 3));
  const rowOf = (chunk) => Math.min(Math.floor((chunk * rows) / data.chunks), rows - 1);
  const arrivals = Array.from({ length: rows }, () => []);
  const reads = [];
  for (let k = 0; k < data.node.length; k += 1) {
    const end = data.start[k] + data.seconds[k];
    arrivals[rowOf(data.chunk[k])].push(end);
    if (data.source[k] < 0) reads.push([end, rowOf(data.chunk[k])]);
  }
  const { pen } = view;
  const from = channels(colour("ramp0")), to = channels(colour("ramp1"));
  const tall = high / rows, wide = view.inner / columns;
  arrivals.forEach((ends, row) => {
    ends.sort((a, b) => a - b);
    let here = 0, since = 0;
    const fill = (until, share) => {
      if (until <= since) return;
      pen.fillStyle = between(from, to, share);
      pen.fillRect(view.left + since * wide, MARGIN.top + row * tall,
        (until - since) * wide + 0.5, tall > 4 ? tall - 1 : tall + 0.3);
      since = until;
    };
    for (let column = 0; column < columns; column += 1) {
      const at = ((column + 1) / columns) * view.end;
      let next = here;
      while (next < ends.length && ends[next] <= at) next += 1;
      if (next !== here) { fill(column, ends.length ? here / ends.length : 0); here = next; }
    }
    fill(columns, ends.length ? here / ends.length : 0);
  });
  pen.fillStyle = colour("origin");
  for (const [at, row] of reads) {
    pen.fillRect(view.x(at) - 1.5, MARGIN.top + row * tall, 3, Math.max(tall - (tall > 4), 1.5));
  }
  view.axis(data.bound);
  const step = Math.max(1, Math.round(stepOf(data.chunks, high / 40)));
  for (let chunk = 0; chunk < data.chunks; chunk += step) {
    view.label(String(chunk), MARGIN.top + (rowOf(chunk) + 0.5) * tall);
  }
  return { view, rows, tall, arrivals, rowOf };
}

function chunkText(drawn, data, x, y) {
  const row = Math.floor((y - MARGIN.top) / drawn.tall);
  const ends = drawn.arrivals[row];
  if (ends === undefined) return null;
  const first = Math.ceil((row * data.chunks) / drawn.rows);
  const last = Math.max(first, Math.ceil(((row + 1) * data.chunks) / drawn.rows) - 1);
  const at = Math.max(0, drawn.view.seconds(x));
  const here = ends.filter((end) => end <= at).length;
  const k = data.chunk.findIndex((chunk) => chunk >= first && chunk <= last);
  const key = k < 0 ? "" : ` of ${data.keys[data.object[k]] ?? `object ${data.object[k]}`}`;
  const name = first === last ? `Chunk ${first}` : `Chunks ${first} to ${last}`;
  const share = ends.length ? `${Math.round((100 * here) / ends.length)} %` : "nothing";
  return `${name}${key}: ${share} of its arrivals by ${secondsText(at)}`;
}
