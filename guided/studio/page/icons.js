// Icons, as paths in a square of 24.

const PATHS = {
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9h.01",
  sliders: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  close: "M6 6l12 12M18 6L6 18",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
  heart: "M12 20s-7.5-4.6-7.5-10A4.2 4.2 0 0 1 12 7.3a4.2 4.2 0 0 1 7.5 2.7C19.5 15.4 12 20 12 20z",
  again: "M19 12a7 7 0 1 1-2.2-5.100M19 3v5h-5",
  vary: "M5 6h4c5 0 5 12 10 12M5 18h4c2 0 3-2 4-4M15 10c1-2.5 2-4 4-4M17 4l2 2-2 2M17 16l2 2-2 2",
  enlarge: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  init: "M4 4h16v16H4zM12 8v8M8 12h8",
  compare: "M4 5h7v14H4zM13 5h7v14h-7z",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  resume: "M7 5l11 7-11 7z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  restore: "M9 7L4 12l5 5M4 12h10a5 5 0 0 1 5 5v1",
  brush: "M14 4l6 6-8 8H6v-6zM4 21h16",
};
const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
