"""The console's files, and a page that says what to do where it has not been built."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from casebook.api.deps import Deps

router = APIRouter(include_in_schema=False)

_NOT_BUILT = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>12345 热线控制台</title></head>
<body><main><h1>控制台页面还没有构建</h1>
<p>电话线路和接口不受影响。请在服务器的项目目录运行下面的命令，然后刷新本页：</p>
<pre>python -m casebook.console.build</pre>
</main></body></html>
"""
_NO_PUBLIC_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>12345 热线</title></head>
<body><main><h1>网页暂时不能使用</h1><p>请拨打 12345。</p></main></body></html>
"""


@router.get("/")
def console(deps: Deps) -> Response:
    """The one document of the console."""
    index = deps.console_dir / "index.html" if deps.console_dir else None
    if index is None or not index.is_file():
        return HTMLResponse(_NOT_BUILT, 503, headers={"Cache-Control": "no-store"})
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


@router.get("/public")
def public_page(deps: Deps) -> Response:
    """The page for citizens: no sign-in, a bundle of its own."""
    page = deps.console_dir / "public.html" if deps.console_dir else None
    if page is None or not page.is_file() or deps.public is None:
        return HTMLResponse(_NO_PUBLIC_PAGE, 503, headers={"Cache-Control": "no-store"})
    return FileResponse(page, headers={"Cache-Control": "no-cache"})


@router.get("/favicon.svg")
def favicon(deps: Deps) -> Response:
    """The page's small picture."""
    icon = deps.console_dir / "favicon.svg" if deps.console_dir else None
    return FileResponse(icon, media_type="image/svg+xml") if icon and icon.is_file() else Response(status_code=404)


class _Assets(StaticFiles):
    """Files whose names carry the digest of their content: a browser may keep them for good."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def mount_assets(app: FastAPI, console_dir: Path | None) -> None:
    """Serve assets/ of the built console; it may be built while the server runs."""
    if console_dir is not None:
        app.mount("/assets", _Assets(directory=console_dir / "assets", check_dir=False), name="assets")
