"use strict";
/* Numbers for people. */
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function bytesText(size) {
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) { size /= 1024; unit += 1; }
  return `${size.toFixed(unit === 0 || size >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

function secondsText(value) {
  const whole = Math.round(value);
  if (whole < 60) return `${value.toFixed(2)} s`;
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/* A colour between two, as [r, g, b] of each. */
function channels(hex) {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}

function between(from, to, share) {
  const mixed = from.map((value, k) => Math.round(value + (to[k] - value) * share));
  return `rgb(${mixed.join(",")})`;
}

/* Steps of an axis: 1, 2 or 5 times a power of ten, at most `most` of them. */
function stepOf(range, most) {
  const rough = range / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((each) => each * power >= rough);
}
