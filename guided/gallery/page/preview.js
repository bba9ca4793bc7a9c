const SCALE = Math.max(1, Math.round(640 / DATA.size[0])), NEAR = 1e-6, PARTS = 32;
const canvas = document.getElementById("scene"), pen = canvas.getContext("2d");
const slider = document.getElementById("frame"), told = document.getElementById("told");
const button = document.getElementById("play");
[canvas.width, canvas.height] = DATA.size.map((side) => side * SCALE);

// The pixel of a point (x, y, z) under a matrix of 3 rows and 4 columns; null behind the camera.
function project(m, [x, y, z]) {
  const [a, b, c] = [0, 4, 8].map((k) => m[k] * x + m[k + 1] * y + m[k + 2] * z + m[k + 3]);
  return c > NEAR ? [a / c * SCALE, b / c * SCALE] : null;
}

function draw(frame) {
  const matrix = DATA.frames[frame], ink = getComputedStyle(document.body).color;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  for (const [kind, from, to] of DATA.lines) {
    pen.strokeStyle = ink;
    pen.globalAlpha = kind === "edge" ? 1 : 0.35;
    pen.lineWidth = kind === "edge" ? 3 : 1;
    pen.beginPath();
    let pending = true;
    for (let k = 0; k <= PARTS; k++) {
      const point = project(matrix, from.map((one, axis) => one + (to[axis] - one) * k / PARTS));
      if (point) pen[pending ? "moveTo" : "lineTo"](...point);
      pending = !point;
    }
    pen.stroke();
  }
  told.textContent = frame;
}

let playing = 0;
function stop() { clearInterval(playing); playing = 0; button.textContent = "▶"; }
function play() {
  playing = setInterval(() => {
    slider.value = (Number(slider.value) + 1) % DATA.frames.length;
    draw(Number(slider.value));
  }, 1000 / DATA.fps);
  button.textContent = "❚❚";
}
button.setAttribute("aria-label", "Play · 播放");
button.onclick = () => playing ? stop() : play();
slider.oninput = () => { stop(); draw(Number(slider.value)); };
// The lines have the colour of the text, which changes with the scheme of the system.
matchMedia("(prefers-color-scheme: dark)").onchange = () => draw(Number(slider.value));
draw(0);
