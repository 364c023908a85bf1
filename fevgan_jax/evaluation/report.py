"""An evaluation as text for the terminal."""

from typing import Any

from fevgan_jax.evaluation.measure import ROWS
from fevgan_jax.evaluation.summary import OVERALL


def table(summary: dict[str, Any]) -> str:
    """The metrics that the config names: a line for each row, the model's by expression below.

    Below the model's means stand the ends of their intervals and, where a metric is not defined for
    every clip, for how many it is.

    Args:
      summary: what `evaluate` returns.
    """
    rows = summary["rows"]
    metrics = [name for name in summary["metrics"] if name in rows["model"][OVERALL]]
    lines: dict[str, dict[str, Any]] = {}
    for row in ROWS:
        overall = rows[row][OVERALL]
        lines[row] = {name: overall[name]["mean"] for name in metrics}
        if row == "model":
            for end in ("low", "high"):
                lines[f"  {end}"] = {name: overall[name][end] for name in metrics}
            counts = {name: overall[name]["clips"] for name in metrics}
            if set(counts.values()) != {summary["clips"]}:
                lines["  clips"] = counts
    for group, values in rows["model"].items():
        if group != OVERALL:
            lines[f"  {group}"] = {
                name: values[name]["mean"] if name in values else None for name in metrics
            }
    width = max(len(name) for name in metrics) + 2
    text = [" " * 12 + "".join(name.rjust(width) for name in metrics)]
    for title, values in lines.items():
        text.append(title.ljust(12) + "".join(_cell(values[name]).rjust(width) for name in metrics))
    protocol = summary["protocol"]
    text.append(
        f"{summary['clips']} clips of {summary['subjects']} subjects of the {summary['split']} "
        f"split of {summary['dataset']}, step {summary['step']}; low and high: "
        f"{protocol['interval']}"
    )
    if "embedder" in protocol:
        text.append(f"identity by {protocol['embedder']}")
    left_out = max((count["frames"] for count in summary["frames_left_out"].values()), default=0)
    if left_out:
        text.append(f"frames with an empty mask, left out of the masked metrics: {left_out}")
    return "\n".join(text)


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else format(value, "z.3f")  # z: no -0.000
