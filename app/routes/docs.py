"""`/docs`: the API's description, to be read and tried in a browser; `/manual/`: the documents of `make docs`.

All files are served here. FastAPI's own page fetches Swagger UI from a CDN, which needs the Internet.
"""

from importlib.resources import as_file, files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from app.access.csp import content_security_policy

SITE = Path(__file__).parents[2] / "build" / "site"
_STYLES = "style-src 'self' 'unsafe-inline'; img-src 'self' data:"  # Swagger UI styles what it shows


def add_description(app: FastAPI) -> None:
    """Add the page, and below it Swagger UI's files."""
    with as_file(files("fastapi_offline").joinpath("static")) as folder:
        app.mount("/docs/", StaticFiles(directory=folder), name="swagger-ui")

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def description(request: Request) -> HTMLResponse:
        root = str(request.scope.get("root_path", "")).rstrip("/")
        response = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url="docs/swagger-ui-bundle.js",
            swagger_css_url="docs/swagger-ui.css",
            swagger_favicon_url="page/icon.svg",
        )
        response.headers["content-security-policy"] = (
            f"{content_security_policy(bytes(response.body).decode())}; {_STYLES}"
        )
        return response


def add_manual(app: FastAPI) -> bool:
    """Serve the documents where they are built; return whether they are. An installed wheel has none."""
    if not SITE.is_dir():
        return False
    app.mount("/manual", StaticFiles(directory=SITE, html=True), name="manual")
    app.description += " [Documentation](manual/)."
    return True
