"""The index page, health, and the place redirects lead to."""

from html import escape

from sandbox import pages, sites
from sandbox.faults import SUPPORTED
from sandbox.wire import Request, Response, json_response
from sandbox.world import World


def answer(world: World, request: Request) -> Response:
    if request.path == "/":
        return _index(world)
    if request.path == "/healthz":
        return json_response({"rehearsal": True})
    if request.path.startswith("/_elsewhere"):
        return pages.page("Elsewhere", "<main><h1>Elsewhere</h1><p>A planned redirect led here.</p></main>")
    return pages.nothing_here(f"{request.method} {request.path} leads nowhere.")


def _index(world: World) -> Response:
    with world.lock:
        published = {name: blog.title for name, blog in sorted(world.wordpress.items())}
        mails, requests = len(world.mails), len(world.log)
    blogs = "".join(f"<li>{pages.link(f'/wordpress/{name}/', title)}</li>" for name, title in published.items())
    clients = "".join(
        f"<li>{pages.link(f'/site/{site.name}/', site.title)}: {escape(site.tagline)}</li>"
        for site in sites.all_sites()
    )
    faults = "".join(
        f"<tr><td>{escape(target)}</td><td>{escape(', '.join(sorted(kinds)))}</td></tr>"
        for target, kinds in SUPPORTED.items()
    )
    return pages.page(
        "Rehearsal",
        f"""<main><h1>Rehearsal</h1>
<p>This process plays the outside world for a rehearsal: the models, WordPress, mail and three invented companies.
Nothing here reaches anybody.</p>
<h2>Published on WordPress</h2><ul>{blogs or "<li>No site yet; one is made when it is first used.</li>"}</ul>
<h2>Client websites</h2><ul>{clients}</ul>
<h2>Mail</h2><p>{pages.link("/mail/", f"{mails} caught")}, also {pages.link("/mail/messages.json", "as JSON")}</p>
<h2>Models</h2><ul><li>Anthropic Messages at <code>{escape(world.url)}/anthropic</code></li>
<li>OpenAI chat completions at <code>{escape(world.url)}/openai/v1</code></li>
<li>Ollama at <code>{escape(world.url)}/ollama</code></li></ul>
<h2>Control</h2>
<p>{pages.link("/_control/log", f"{requests} requests accepted")} · {pages.link("/_control/faults", "planned faults")} ·
{pages.link("/_control/held", "held requests")} · {pages.link("/robots.txt", "robots.txt")}</p>
<table><tr><th>Target</th><th>Faults it can play</th></tr>{faults}</table></main>""",
    )
