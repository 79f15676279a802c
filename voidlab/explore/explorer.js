// What only the browser knows or can do for the explorer: the room there is, the keys, the clipboard, a download.
// It speaks to Python through a text field that nobody sees, and hears from it by what is written into a box.
(function () {
  const KEYS = new Set(/*KEYS*/);
  const LEAST_PX = 430;
  let tries = 0;

  function begin() {
    const root = element.closest(".voidlab-explorer");
    const image = root && root.querySelector(".voidlab-image");
    const field = root && root.querySelector(".voidlab-from-browser input");
    const box = root && root.querySelector(".voidlab-to-browser");
    if (image && field && box) {
      work(root, image, field, box);
    } else if (tries++ < 200) {
      setTimeout(begin, 50); // the widgets around this one are still being made
    }
  }

  function work(root, image, field, box) {
    const sent = [];
    let count = Date.now();
    const say = (message) => {
      // The last few in one text: of values that come fast only the latest reaches Python.
      sent.push({ n: (count += 1), ...message });
      field.value = JSON.stringify(sent.slice(-20));
      field.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const pane = root.closest(".jp-WindowedPanel-outer, .jp-NotebookPanel-notebook");
    watchSize(root, image, pane, say);
    watchKeys(root, image, say);
    new MutationObserver(() => take(box, say)).observe(box, { childList: true, subtree: true });
    setTimeout(() => root.isConnected && root.scrollIntoView({ block: "start" }), 300);
  }

  function watchSize(root, image, pane, say) {
    let before = "";
    let later = 0;
    const fit = () => {
      if (!root.isConnected) {
        return;
      }
      const high = (pane ? pane.clientHeight : window.innerHeight) - 14;
      root.style.height = `${Math.max(high, LEAST_PX)}px`;
      clearTimeout(later);
      later = setTimeout(() => {
        const size = [image.clientWidth, image.clientHeight];
        if (Math.min(...size) > 50 && String(size) !== before) {
          before = String(size);
          say({ size });
        }
      }, 120);
    };
    const watcher = new ResizeObserver(fit);
    watcher.observe(image);
    watcher.observe(pane || document.documentElement);
    window.addEventListener("resize", fit);
    fit();
  }

  function isTyping(node) {
    const field = node.closest && node.closest("input, textarea, select");
    const pressed = ["checkbox", "radio", "button", "range"];
    return (field && !pressed.includes(field.type)) || node.isContentEditable;
  }

  function watchKeys(root, image, say) {
    // On the window, before the notebook's own shortcuts: there "d d" deletes a cell.
    const listen = (event) => {
      if (!root.isConnected) {
        window.removeEventListener("keydown", listen, true);
        return;
      }
      const node = event.target;
      const key = (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + event.key;
      if (!root.contains(node) || isTyping(node) || event.altKey || !KEYS.has(key)) {
        return;
      }
      const own = node.closest(".noUi-handle") ? "Arrow" : node.closest("button") ? "Enter" : null;
      if (own && key.startsWith(own)) {
        return; // a slider moves, a button is pressed
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      say({ key });
    };
    window.addEventListener("keydown", listen, true);
    image.addEventListener("pointerenter", () => {
      const canvas = image.querySelector(".jupyter-matplotlib-canvas-div");
      if (canvas && !isTyping(document.activeElement || root)) {
        canvas.focus({ preventScroll: true });
      }
    });
  }

  function take(box, say) {
    const made = box.querySelector("[data-do]");
    if (!made || made.dataset.done) {
      return;
    }
    made.dataset.done = "yes";
    if (made.dataset.do === "download") {
      made.click();
      return;
    }
    const told = (copied) => say({ copied });
    try {
      const copy = made.dataset.do === "copy" ? copyText(made) : copyPicture(made);
      copy.then(() => told(true), () => told(false));
    } catch (error) {
      told(false); // no clipboard here: a page that is neither https nor of this computer
    }
  }

  function copyText(made) {
    return navigator.clipboard.writeText(made.textContent);
  }

  function copyPicture(made) {
    const bytes = Uint8Array.from(atob(made.src.split(",")[1]), (c) => c.charCodeAt(0));
    const picture = new Blob([bytes], { type: "image/png" });
    return navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
  }

  begin();
})();
