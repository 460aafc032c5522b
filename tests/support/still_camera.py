"""A camera that has no stream: one picture a request."""

from __future__ import annotations

import base64
import io
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

from PIL import Image

from tests.support.clips import numbered_picture


class StillCamera(BaseHTTPRequestHandler):
    """Serves numbered pictures at /now.jpg and /now.png; asks for joe's password at /private.jpg.

    While `halves` is set each picture ends in its middle.
    """

    served: ClassVar[int] = 0
    halves: ClassVar[bool] = False

    def do_GET(self) -> None:
        login = base64.b64encode(b"joe:p@ss").decode()
        if self.path == "/private.jpg" and self.headers.get("Authorization") != f"Basic {login}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/page":
            self._answer(b"<html>please log in</html>")
        elif self.path.startswith(("/now", "/private")):
            StillCamera.served += 1
            kind = "PNG" if self.path.endswith("png") else "JPEG"
            body = io.BytesIO()
            Image.fromarray(numbered_picture(StillCamera.served)).save(body, kind)
            picture = body.getvalue()
            self._answer(picture[: len(picture) // 2] if StillCamera.halves else picture)
        else:
            self.send_error(404)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass
