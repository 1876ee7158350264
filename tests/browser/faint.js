within => {  // texts whose contrast with what lies behind them is below 4.5, or 3 where they are large (WCAG 2.2, AA)
  const parsed = colour => {
    const context = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
    context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return {rgb: [r, g, b], a: a / 255};
  };
  const over = (top, share, below) => top.map((value, i) => value * share + below[i] * (1 - share));
  const light = rgb => rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const above = element => { const found = []; for (let e = element; e; e = e.parentElement) found.push(e); return found; };
  const ground = parsed(getComputedStyle(document.body).backgroundColor), page = over(ground.rgb, ground.a, [255, 255, 255]);
  const faint = new Set();
  const walker = document.createTreeWalker(document.querySelector(within), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    const drawn = "svg, style, [data-testid=stIconMaterial], [role=slider], input, output";
    if (!text || element.closest(drawn) || !element.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const place = range.getBoundingClientRect(), x = place.x + place.width / 2, y = place.y + place.height / 2;
    let behind = page, opacity = 1;  // a text that is scrolled away lies over nothing else
    for (const e of above(element).reverse()) {
      const style = getComputedStyle(e), colour = parsed(style.backgroundColor), box = e.getBoundingClientRect();
      const there = x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;  // a slider's value stands above it
      if (there) behind = over(colour.rgb, colour.a, behind);
      opacity *= +style.opacity;
    }
    const style = getComputedStyle(element), ink = parsed(style.color), size = parseFloat(style.fontSize);
    const lights = [light(over(ink.rgb, ink.a * opacity, behind)), light(behind)].sort((a, b) => b - a);
    if (opacity * ink.a === 0) continue;  // shown under the mouse only
    const contrast = (lights[0] + 0.05) / (lights[1] + 0.05);
    const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    if (contrast < (large ? 3 : 4.5)) faint.add(`${text.slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return [...faint];
}
