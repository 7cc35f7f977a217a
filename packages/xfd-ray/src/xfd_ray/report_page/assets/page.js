/* Draws everything, again if the width or the colours change, and answers the pointer. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const place = (name) => document.getElementById(name);
  if (place("orders") === null) return;
  let orders, chunks, curves;

  function draw() {
    if (curves) curves.destroy();
    curves = drawThroughput(place("throughput"), data);
    orders = drawOrders(place("orders"), data);
    chunks = drawChunks(place("chunks"), data);
  }

  function answer(name, text) {
    const canvas = place(name), tip = place(`${name}-tip`);
    const initial = tip.textContent;
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      tip.textContent = text(event.clientX - box.left, event.clientY - box.top) ?? initial;
    });
    canvas.addEventListener("pointerleave", () => { tip.textContent = initial; });
  }

  draw();
  answer("orders", (x, y) => {
    const found = orderAt(orders, data, x, y);
    return found && orderText(found, data);
  });
  answer("chunks", (x, y) => chunkText(chunks, data, x, y));
  let width = document.documentElement.clientWidth;
  window.addEventListener("resize", () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    draw();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.documentElement.dataset.drawn = "yes";
})();
