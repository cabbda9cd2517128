(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("hashpass.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {}
  if (typeof WebAssembly !== "object") root.dataset.trouble = "no-web-assembly";
  setTimeout(() => {
    if (!root.dataset.hydrated) root.dataset.trouble ??= "slow";
  }, 20000);
})();
