// Airflow loads this file as a module and shows what the function gives on its first page: each model's state, as our own page
// tells it, in a frame as high as what is in it.
const states = new URL("states", import.meta.url).href;

globalThis.AirflowPlugin = function ModelStates() {
  const fit = (event) => {
    const { contentDocument } = event.target;
    event.target.style.height = `${contentDocument?.documentElement.scrollHeight ?? 200}px`;
  };
  const look = { border: 0, display: "block", height: "120px", marginBottom: "16px", width: "100%" };
  return globalThis.React.createElement("iframe", { onLoad: fit, src: states, style: look, title: "Model health" });
};
