"""Routes of files: uploads by signed PUT, one's own submissions by signed GET, and data sets."""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from scorer.server.blobs import ContentChanged, TooLarge
from scorer.server.diagnoses import REPORT_ROUTE
from scorer.server.errors import ApiError
from scorer.server.object_store import StoreUnavailable
from scorer.server.services import Services
from scorer.server.upload_forms import DIAGNOSTICS_PURPOSE, ExpectedUpload, UploadForm
from scorer.server.uploads import UPLOAD_SECONDS

BYTES: Final = "application/octet-stream"
BAD_URL: Final = "expected a URL of this server that still works, found another; ask for a new one"
PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""A page of ours has a style sheet in it, and no script."""
HELD_SECONDS: Final = 300
"""Seconds in which an upload has to come that is held in memory."""
MOST_HELD: Final = 64 * 2**20
"""Bytes of uploads that are held in memory at once; one alone may have more."""
MOST_HELD_OF_ACCOUNT: Final = MOST_HELD // 8
"""Those of one account, so that slow ones leave room for others; one alone may have more."""
MOST_RECEIVING: Final = 2
"""Times that an upload may be sent at once: again, while an earlier connection hangs."""


def _refused(status: int, message: str) -> Response:
    return PlainTextResponse(message + "\n", status_code=status)


def _announced(request: Request) -> int:
    """Return the bytes that a request says it has; 0 where it does not say, or says it beside chunks."""
    if "transfer-encoding" in request.headers:
        return 0
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdecimal() else sys.maxsize


@dataclass(frozen=True)
class FileRoutes:
    """Answers requests for files. None is ever compressed, so that sizes and ranges are those of the file.

    Attributes
    ----------
    receiving
        How often each upload is being sent at this moment.
    held
        Bytes of uploads that are in memory until they are encrypted, by account.
    """

    services: Services
    receiving: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/data/{name:path}", self.data, methods=["GET"]),
            Route("/upload/{filename}", self.upload, methods=["PUT"]),
            Route("/submission/{filename}", self.submission, methods=["GET"]),
            Route(f"/{REPORT_ROUTE}/{{filename}}", self.report, methods=["GET"]),
        ]

    def _has_our_url(self, request: Request, method: str, route: str) -> bool:
        urls, query = self.services.uploads.urls, dict(request.query_params)
        return urls.is_valid(method, route, request.path_params["filename"], query)

    async def data(self, request: Request) -> Response:
        """Answer GET and HEAD, whole or in ranges, for a file of the data set."""
        try:
            path = await run_in_threadpool(self.services.data.path, request.path_params["name"])
        except ApiError as error:
            return _refused(404, str(error))
        return FileResponse(path, media_type=BYTES)

    async def upload(self, request: Request) -> Response:
        """Answer PUT of a file that an account was granted a name for."""
        if not self._has_our_url(request, "PUT", "upload"):
            return _refused(403, f"upload: {BAD_URL}")
        filename = request.path_params["filename"]
        answer = await self._answer(request, filename)
        if answer.status_code != 200:
            self.services.uploads.refused.note(filename, bytes(answer.body).decode().strip())
        return answer

    async def _answer(self, request: Request, filename: str) -> Response:
        try:
            expected, form = await run_in_threadpool(self._form, filename)
        except ApiError as error:
            return _refused(409, str(error))
        announced = _announced(request)
        if announced > form.most:
            return _refused(413, f"upload: expected at most {form.most} bytes, found more")
        if self.receiving[filename] == MOST_RECEIVING:
            return _refused(
                409, "upload: expected one that is not being sent, found one that is; wait for it"
            )
        return await self._counted(request, expected, form, announced or form.most)

    async def _counted(
        self, request: Request, expected: ExpectedUpload, form: UploadForm, size: int
    ) -> Response:
        """Take an upload while it counts among those that are being sent, and held in memory."""
        held = 0 if form.encrypt is None else size
        of_account = self.held[expected.account] + held > max(MOST_HELD_OF_ACCOUNT, held)
        if of_account or self.held.total() + held > max(MOST_HELD, held):
            whose = "beside your other files" if of_account else "to encrypt the file"
            return _refused(503, f"upload: expected room in memory {whose}, found none; try again")
        counts = ((self.receiving, expected.filename, 1), (self.held, expected.account, held))
        for counter, name, count in counts:
            counter[name] += count
        try:
            return await self._received(request, expected.filename, form)
        finally:
            for counter, name, count in counts:
                counter[name] -= count
                if not counter[name]:
                    del counter[name]

    def _form(self, filename: str) -> tuple[ExpectedUpload, UploadForm]:
        """Return an upload, and its form now: none in the clear where the open round encrypts."""
        with self.services.database.one_moment():
            expected = self.services.uploads.expected(filename)
            if expected is None:
                raise ApiError("upload: expected one that was not submitted yet, found one that was")
            if expected.purpose == DIAGNOSTICS_PURPOSE:
                return expected, UploadForm(expected.most)
            return expected, self.services.submissions.window.form(expected)

    async def _received(self, request: Request, filename: str, form: UploadForm) -> Response:
        try:
            async with asyncio.timeout(UPLOAD_SECONDS if form.encrypt is None else HELD_SECONDS):
                await self.services.uploads.receive(filename, request.stream(), form)
        except TooLarge as error:
            return _refused(413, str(error))
        except ApiError as error:
            return _refused(409, str(error))
        except StoreUnavailable as error:
            return _refused(503, str(error))
        except TimeoutError:
            return _refused(408, "upload: expected a whole file in time, found less; send it again")
        except ClientDisconnect:
            return _refused(400, "upload: expected a whole file, found that the connection ended")
        except OSError as error:
            found = error.strerror or type(error).__name__
            return _refused(507, f"upload: expected room for the file, found {found}; try again later")
        return Response(status_code=200)

    async def report(self, request: Request) -> Response:
        """Answer GET of the page of one's own diagnostics."""
        if not self._has_our_url(request, "GET", REPORT_ROUTE):
            return _refused(403, f"diagnosis: {BAD_URL}")
        page = await run_in_threadpool(self.services.diagnoses.report, request.path_params["filename"])
        if page is None:
            return _refused(404, "diagnosis: expected one that is made, found none")
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})

    async def submission(self, request: Request) -> Response:
        """Answer GET of one's own submission."""
        if not self._has_our_url(request, "GET", "submission"):
            return _refused(403, f"submission: {BAD_URL}")
        filename = request.path_params["filename"]
        try:
            content = await run_in_threadpool(self.services.submissions.records.content, filename)
        except ContentChanged as error:
            return _refused(503, str(error))
        if content is None:
            return _refused(404, "submission: expected a file that is here, found none")
        named = {"Content-Disposition": f'attachment; filename="{filename}"'}
        return Response(content, media_type=BYTES, headers=named)
