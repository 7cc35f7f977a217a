/* Steps of the axis of rates: round numbers of each unit. */
const STEPS = UNITS.flatMap((_, unit) => (
  [1, 2, 5, 10, 20, 50, 100, 200, 500].map((each) => each * 1024 ** unit)));

/* Bytes per second that arrived, from the origin and from peers, over time. */
function throughputOf(data, bins) {
  const width = data.elapsed / bins || 1;
  const origin = new Float64Array(bins), peers = new Float64Array(bins);
  for (let k = 0; k < data.node.length; k += 1) {
    const into = data.source[k] < 0 ? origin : peers;
    const start = data.start[k], end = start + Math.max(data.seconds[k], 1e-6);
    const rate = (data.bytes[k] * data.every) / (end - start);
    const last = Math.min(Math.floor(end / width), bins - 1);
    for (let bin = Math.min(Math.floor(start / width), bins - 1); bin <= last; bin += 1) {
      const from = Math.max(start, bin * width);
      const to = bin === bins - 1 ? end : Math.min(end, (bin + 1) * width);
      into[bin] += (rate * Math.max(to - from, 0)) / width;
    }
  }
  const at = Array.from(origin, (_, bin) => (bin + 0.5) * width);
  return [at, Array.from(origin), Array.from(peers)];
}

function drawThroughput(place, data) {
  const width = place.clientWidth;
  const bins = Math.max(20, Math.min(160, Math.floor(width / 6)));
  const ink = colour("soft"), grid = { stroke: colour("grid"), width: 1 };
  const curve = (label, name) => ({
    label, stroke: colour(name), fill: `${colour(name)}22`, width: 1.5, points: { show: false },
    value: (_, value) => (value === null ? "–" : `${bytesText(value)}/s`),
  });
  place.replaceChildren();
  return new uPlot({
    width, height: 220, cursor: { y: false }, scales: { x: { time: false, range: [0, data.elapsed] } },
    axes: [
      { stroke: ink, grid, ticks: grid, values: (_, all) => all.map((each) => `${each} s`) },
      {
        stroke: ink, grid, ticks: grid, size: 88, incrs: STEPS,
        values: (_, all) => all.map((each) => (each ? `${bytesText(each)}/s` : "0")),
      },
    ],
    series: [
      { label: "at", value: (_, value) => (value === null ? "–" : secondsText(value)) },
      curve("from the origin", "origin"),
      curve("from peers", "peers"),
    ],
  }, throughputOf(data, bins), place);
}
