"""A Markdown document with its pictures as one HTML file that needs no other."""

import base64
import html
from collections.abc import Sequence

import markdown

from fevgan_jax.comparison.figures import Figure


def render(text: str, figures: Sequence[Figure]) -> str:
    """Renders a document.

    Args:
      text: Markdown, whose pictures are those of `figures` by their files' names.
      figures: the pictures.
    """
    body = markdown.markdown(text, extensions=["tables"])
    body = body.replace("<table>", '<div class="wide"><table>').replace(
        "</table>", "</table></div>"
    )
    for figure in figures:
        data = base64.b64encode(figure.data).decode()
        body = body.replace(f'src="{figure.file}"', f'src="data:image/webp;base64,{data}"')
    title = html.escape(text.partition("\n")[0].lstrip("# "))
    return _PAGE.format(title=title, body=body)


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c1e21; --paper: #fff;
  --line: #d8dbe0; --pale: #f5f6f8; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e4e6ea; --paper: #16181b; --line: #383c42; --pale: #202327; }}
}}
body {{ font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 76rem; margin: 0 auto; padding: 1.5rem; }}
h1, h2 {{ line-height: 1.2; overflow-wrap: anywhere; }}
h2 {{ margin-top: 2.5rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }}
.wide {{ overflow-x: auto; margin: 1rem 0; }}
table {{ border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; min-width: 5.5rem; }}
td:nth-child(2) {{ min-width: 11rem; }}
th {{ background: var(--pale); white-space: nowrap; }}
td:first-child, th:first-child {{ position: sticky; left: 0; background: var(--pale);
  font-weight: 600; }}
p:has(> img) {{ overflow-x: auto; margin-bottom: .2rem; }}
img {{ width: 100%; min-width: 34rem; max-width: 52rem; height: auto; }}
code {{ background: var(--pale); padding: .1rem .3rem; border-radius: .2rem;
  overflow-wrap: anywhere; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
