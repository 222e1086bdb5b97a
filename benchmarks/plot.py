"""The same numbers as bars, in SVG: one panel a scenario, drawn to a logarithmic scale."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from benchmarks.report import COLUMNS, Results, summary
from benchmarks.scenarios import Scenario
from benchmarks.servers import Peer

WIDTH, LEFT, BAR, GAP = 760, 250, 16, 6
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#24292f}.h{font-weight:600;font-size:14px}.v{fill:#57606a}"
    ".bar{fill:#9aa4b2}.ours{fill:#0b6bcb}.floor{fill:#d0d7de}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.v{fill:#9da7b3}.bar{fill:#6e7681}.ours{fill:#4493f8}"
    ".floor{fill:#3d444d}}"
)


def _panel(scenario: Scenario, bars: Sequence[tuple[Peer, float, str]], top: int) -> tuple[list[str], int]:
    heading, divisor, form = COLUMNS[scenario.measure]
    better = "more is better" if scenario.more_is_better else "less is better"
    parts = [f'<text class="h" x="8" y="{top + 16}">{escape(scenario.title)}</text>']
    parts.append(f'<text class="v" x="8" y="{top + 34}">{escape(heading)}, {better}, logarithmic</text>')
    y = top + 44
    values = [value for _, value, void in bars if not void and value > 0]
    low, high = math.log10(min(values)) - 0.3, math.log10(max(values))
    for peer, value, void in bars:
        parts.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(peer.title)}</text>')
        if void or value <= 0:
            parts.append(f'<text class="v" x="{LEFT}" y="{y + 13}">void: {escape(void[:80])}</text>')
        else:
            kind = "bar ours" if peer.is_ours else "bar floor" if peer.name == "floor" else "bar"
            width = (WIDTH - LEFT - 110) * (math.log10(value) - low) / (high - low)
            parts.append(f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>')
            label = escape(form.format(value / divisor))
            parts.append(f'<text class="v" x="{LEFT + width + 6:.1f}" y="{y + 13}">{label}</text>')
        y += BAR + GAP
    return parts, y + 16


def svg(results: Results, scenarios: Sequence[Scenario], peers: Sequence[Peer], versions: Mapping[str, str]) -> str:
    """The picture; versions are in its titles, which a browser shows when hovered."""
    parts: list[str] = []
    y = 8
    for scenario in scenarios:
        rows = results.get(scenario.name, {})
        bars = []
        for peer in peers:
            if rows.get(peer.name):
                found = summary(rows[peer.name], scenario.measure)
                bars.append((peer, found.numbers.get(scenario.measure, 0.0), found.void))
        if any(not void and value > 0 for _, value, void in bars):
            panel, y = _panel(scenario, bars, y)
            parts += panel
    for peer in peers:
        if peer.name in versions:
            text = escape(f"{peer.title}: {versions[peer.name]}")
            parts.append(f'<text class="v" x="8" y="{y + 12}">{text}</text>')
            y += 17
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 8}" width="{WIDTH}" role="img">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])
