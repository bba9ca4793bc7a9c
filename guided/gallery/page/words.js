// What the page says, in English and Chinese. Pictures' own texts are never translated.

export const WORDS = {
  en: {
    gallery: "All pictures", language: "中文", search: "Search prompts  ( / )", sort: "Sort",
    searchLabel: "Search prompts, artists, looks and seeds",
    size: "Size of the pictures", extent: "Size", number: "Number", newest: "Newest", oldest: "Oldest",
    score: "Score", pictures: "Pictures", grid: "Grid", all: "all", any: "{0}: all",
    artist: "Artist", look: "Look", model: "Model", seed: "Seed", state: "State", batch: "Batch",
    queued: "queued", running: "drawing", done: "done", failed: "failed", skipped: "skipped", stopped: "stopped",
    one: "{0} picture", many: "{0} pictures", of: "{0} of {1}", none: "No picture is like that.",
    clear: "Show all", empty: "No pictures yet.",
    drawn: "{0} of {1} drawn", failures: "{0} failed", left: "about {0} left",
    rate: "{0} an hour", ago: "last change {0} ago",
    second: "{0} s", minute: "{0} min", hour: "{0} h", day: "{0} days",
    close: "Close", previous: "Previous", next: "Next", copy: "Copy", copied: "Copied",
    repeat: "Draw it again", vary: "Vary it", resume: "Go on with the batch",
    settings: "All settings", filter: "Filter settings", making: "How it came about",
    step: "step {0} of {1}", finished: "finished", play: "Play", pause: "Pause",
    open: "Open the file", video: "Film", unwanted: "not: {0}", time: "Time", why: "Why",
    across: "Across", down: "Down", nothing: "nothing", notset: "–",
    alt: "Picture {0}: {1}", keys: "/ search · arrows move · Enter opens · Esc closes",
    missing: "gallery-data.js cannot be read. “python run.py gallery={0}” makes it again.",
    similarity: "similarity", gradient: "gradient", loss: "loss: {0}",
    scrub: "Step of the making", waiting: "waiting", explained: "How this picture came about, explained",
  },
  zh: {
    gallery: "全部作品", language: "English", search: "搜索提示词（/）", sort: "排序",
    searchLabel: "搜索提示词、画家、风格和种子",
    size: "图片大小", extent: "尺寸", number: "编号", newest: "最新", oldest: "最早",
    score: "得分", pictures: "图片", grid: "网格", all: "全部", any: "{0}：全部",
    artist: "画家", look: "风格", model: "模型", seed: "种子", state: "状态", batch: "批次",
    queued: "等待中", running: "绘制中", done: "完成", failed: "失败", skipped: "跳过", stopped: "已停止",
    one: "{0} 张图", many: "{0} 张图", of: "{0} / {1}", none: "没有符合条件的图片。",
    clear: "显示全部", empty: "还没有图片。",
    drawn: "已画 {0} / {1}", failures: "失败 {0}", left: "大约还需 {0}",
    rate: "每小时 {0} 张", ago: "上次更新于 {0}前",
    second: "{0} 秒", minute: "{0} 分钟", hour: "{0} 小时", day: "{0} 天",
    close: "关闭", previous: "上一张", next: "下一张", copy: "复制", copied: "已复制",
    repeat: "再画一次", vary: "变化一下", resume: "继续这一批",
    settings: "全部设置", filter: "筛选设置", making: "绘制过程",
    step: "第 {0} 步，共 {1} 步", finished: "完成", play: "播放", pause: "暂停",
    open: "打开文件", video: "影片", unwanted: "不要：{0}", time: "用时", why: "原因",
    across: "横向", down: "纵向", nothing: "无", notset: "–",
    alt: "图 {0}：{1}", keys: "/ 搜索 · 方向键移动 · Enter 打开 · Esc 关闭",
    missing: "无法读取 gallery-data.js。运行 “python run.py gallery={0}” 可重新生成。",
    similarity: "相似度", gradient: "梯度", loss: "损失：{0}",
    scrub: "绘制的步骤", waiting: "等待", explained: "这幅画是怎么画出来的",
  },
};

export const memory = {  // choices of the person who looks, where the browser lets a page keep them
  get(key) { try { return localStorage.getItem("guided-" + key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem("guided-" + key, value); } catch { /* then not */ } },
};

export let language = memory.get("language") ?? (/^zh\b/i.test(navigator.language) ? "zh" : "en");
if (!Object.hasOwn(WORDS, language)) language = "en";

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  memory.set("language", language);
}

export function say(word, ...values) {
  const text = Object.hasOwn(WORDS[language], word) ? WORDS[language][word] : word;
  return text.replace(/\{(\d)\}/g, (_, k) => values[k] ?? "");
}

export function saySpan(seconds) {
  if (seconds < 90) return say("second", Math.max(1, Math.round(seconds)));
  if (seconds < 5400) return say("minute", Math.round(seconds / 60));
  if (seconds < 172800) return say("hour", (seconds / 3600).toFixed(1).replace(/\.0$/, ""));
  return say("day", Math.round(seconds / 86400));
}

export function sayCount(n) { return say(n === 1 ? "one" : "many", n); }

// The one way in which anything comes onto the page: texts as texts, never as HTML.
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("aria-") || name === "role") node.setAttribute(name, value);
    else if (name === "data") Object.assign(node.dataset, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const $ = (id) => document.getElementById(id);
