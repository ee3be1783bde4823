// Print one SVG sprite: the Lucide icons named in icons.txt (outlined, drawn with currentColor) and our own
// mark and one filled glyph per outside platform, from simple-icons or, where it has none, from marks/.
import { existsSync, readFileSync } from "node:fs";

const platformMarks = {
  linkedin: "marks/linkedin.svg",
  facebook: "facebook",
  instagram: "instagram",
  x_twitter: "x",
  tiktok: "tiktok",
  wordpress: "wordpress",
  webflow: "webflow",
  google_business_profile: "google",
  google_search_console: "googlesearchconsole",
  google_analytics: "googleanalytics",
  mailchimp: "mailchimp",
  klaviyo: "marks/klaviyo.svg",
  google_ads: "googleads",
  meta_ads: "meta",
};

const inside = (svg) => svg.replace(/<!--[\s\S]*?-->/g, "").replace(/<title>.*?<\/title>/, "")
  .replace(/^[\s\S]*?<svg[\s\S]*?>/, "").replace(/<\/svg>\s*$/, "").replace(/\s+/g, " ").trim();

const outlined = readFileSync("icons.txt", "utf8").split("\n").filter((line) => line && !line.startsWith("#"))
  .map((name) => `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" `
    + `stroke-linecap="round" stroke-linejoin="round">`
    + `${inside(readFileSync(`node_modules/lucide-static/icons/${name}.svg`, "utf8"))}</symbol>`);

const filled = [["brand", "marks/brand.svg"], ...Object.entries(platformMarks).map(([platform, source]) => (
  [`mark-${platform}`, source]))].map(([id, source]) => {
  const file = existsSync(source) ? source : `node_modules/simple-icons/icons/${source}.svg`;
  return `<symbol id="${id}" viewBox="0 0 24 24" fill="currentColor">`
    + `${inside(readFileSync(file, "utf8"))}</symbol>`;
});

console.log(`<svg xmlns="http://www.w3.org/2000/svg">\n${[...outlined, ...filled].join("\n")}\n</svg>`);
