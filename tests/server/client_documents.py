"""The GraphQL documents of the clients that people have: numerapi's from its code, numerai-cli's copied."""

import ast
import importlib.resources
from collections.abc import Iterator

NUMERAI_CLI = (
    "query { tournaments { name tournament } }",
    "mutation ($modelId: String!) { triggerModelWebhook(modelId: $modelId) }",
    "query ($modelId: String) { submissions(modelId: $modelId) "
    "{ round { number, tournament } triggerId insertedAt } }",
)
"""numerai-cli 1.1.7, which cannot be installed beside us: it asks for the clouds of three companies."""


UPLOADS = ("submission_upload_auth", "submissionUploadSignalsAuth", "diagnosticsUploadAuth")
"""Roots that numerapi puts into one document, which its code has as a template."""


def numerapi_documents() -> Iterator[str]:
    """Every text in the code of numerapi that is a GraphQL document."""
    for path in importlib.resources.files("numerapi").iterdir():
        if path.name.endswith(".py"):
            for text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
                if text.strip().startswith(("query", "mutation")) and "{" in text:
                    yield text


def _texts(tree: ast.AST) -> Iterator[str]:
    """Texts of a module, without docstrings; a template once for each root."""
    templates = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for template in templates for part in template.values}
    for template in templates:
        pieces = [part.value if isinstance(part, ast.Constant) else None for part in template.values]
        yield from ("".join(root if piece is None else str(piece) for piece in pieces) for root in UPLOADS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value
