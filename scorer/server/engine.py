"""Answers GraphQL requests by the schema file: limits first, then validation, then the roots."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule

from scorer.errors import CupelError
from scorer.logs import get_logger
from scorer.redaction import clean
from scorer.server.errors import ApiError
from scorer.server.leaf_executor import LeafExecutor
from scorer.server.limits import CostExceeded, DocumentLimits, Execution, root_names
from scorer.server.names import argument_name, camel_case

SCHEMA: Final = "schema.graphql"
DOCUMENTS_KEPT: Final = 256
"""Validated documents that are kept: numerapi has 48, and validating one takes tens of milliseconds."""
MOST_ERRORS: Final = 5
"""Faults of a document that are named."""
DEFECT: Final = "the server failed on this request; it was logged, and nothing of yours is at fault"
HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]|\xed")
"""The beginning of half a surrogate pair, as JSON writes it."""
LESS: Final = "ask for fewer fields, or with a limit"
Root = Callable[..., Any]
"""Answers one root: takes the request's context, then the arguments of the field by their names."""


def schema_text() -> str:
    """Return the text of the schema file."""
    return resources.files(__package__).joinpath(SCHEMA).read_text(encoding="utf-8")


def decoded_json(body: bytes) -> Any:
    """Return a document of a stranger's, in which every text can be written as UTF-8 again.

    Raises
    ------
    ValueError, RecursionError
        When it is none.
    """
    document = json.loads(body)
    if HALF.search(body):
        json.dumps(document, ensure_ascii=False).encode()  # a UnicodeEncodeError is a ValueError
    return document


@cache
def _schema() -> GraphQLSchema:
    """Parse the schema once in a process: it takes a quarter of a second, and nothing changes it."""
    return build_schema(schema_text())


@dataclass(frozen=True)
class PreparedDocument:
    """A valid document; `is_kept` says whether answers to all of its roots may be kept."""

    document: DocumentNode
    is_kept: bool


@dataclass(frozen=True)
class GraphqlRequest:
    """A valid document, with the values of its variables and the name of the operation that is meant."""

    prepared: PreparedDocument
    variables: dict[str, Any] | None
    operation: str | None


class GraphqlEngine:
    """Answers requests to the roots of the schema.

    Parameters
    ----------
    roots
        A function for each root, by its name in camelCase. Values are mappings with keys in camelCase; one
        that is expensive may be a function without arguments, which is called where the field is asked for.
    kept
        Names of roots whose answers may be kept; see `scorer.server.kept_answers`.
    """

    def __init__(
        self,
        roots: Mapping[str, Root],
        limits: DocumentLimits | None = None,
        kept: Collection[str] = frozenset(),
    ) -> None:
        self.limits = limits or DocumentLimits()
        self._roots = roots
        self._kept = frozenset(kept)
        self._schema = _schema()
        self._prepared = lru_cache(maxsize=DOCUMENTS_KEPT)(self._prepare)

    @property
    def schema(self) -> GraphQLSchema:
        """The parsed schema."""
        return self._schema

    def answer(self, body: bytes, context: object) -> dict[str, Any]:
        """Return the document that answers a request's body: always ``data`` or ``errors``, or both."""
        return self.answer_with_cost(body, context)[0]

    def answer_with_cost(self, body: bytes, context: object) -> tuple[dict[str, Any], int]:
        """Return the document that answers a request's body, and what it cost; see `DocumentLimits.cost`."""
        try:
            request = self.request(body)
        except ApiError as error:
            return failed(str(error)), self.limits.root_cost
        return self.execute(request, context)

    def request(self, body: bytes) -> GraphqlRequest:
        """Return the request of a body, whose document is valid.

        Raises
        ------
        ApiError
            When it is none.
        """
        query, variables, operation = self._request(body)
        return GraphqlRequest(self._prepared(query), variables, operation)

    def execute(self, request: GraphqlRequest, context: object) -> tuple[dict[str, Any], int]:
        """Return the document that answers a request, and what it cost."""
        execution = Execution(context, self.limits.cost)
        try:
            result = execute_sync(
                self._schema,
                request.prepared.document,
                context_value=execution,
                variable_values=request.variables,
                operation_name=request.operation,
                field_resolver=self._resolve,
                executor_class=LeafExecutor,
            )
        except CostExceeded:
            most = self.limits.cost
            return failed(f"query: expected an answer of at most {most} values, found more; {LESS}"), most
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_shown(error) for error in result.errors]
        return answer, self.limits.cost - execution.left

    def _request(self, body: bytes) -> tuple[str, dict[str, Any] | None, str | None]:
        if len(body) > self.limits.body:
            raise ApiError(f"request: expected at most {self.limits.body} bytes, found more")
        try:
            request = decoded_json(body)
        except (ValueError, RecursionError):
            raise ApiError('request: expected JSON, {"query", "variables"}, found something else') from None
        fields = request if isinstance(request, dict) else {}
        query, variables = fields.get("query"), fields.get("variables")
        operation = fields.get("operationName")
        if not isinstance(query, str) or not isinstance(variables, dict | None):
            raise ApiError("request: expected an object with the text query, and variables or none")
        return query, variables, operation if isinstance(operation, str) else None

    def _prepare(self, query: str) -> PreparedDocument:
        """Parse and validate a document; faults are raised, and so not kept."""
        try:
            document = parse(query, max_tokens=self.limits.tokens, no_location=True)
            self.limits.check(document)
            rules = [*specified_rules, NoSchemaIntrospectionCustomRule]
            faults = validate(self._schema, document, rules, max_errors=MOST_ERRORS)
        except GraphQLError as error:
            raise ApiError(f"query: expected GraphQL, found a fault: {error.message}") from None
        except RecursionError:
            raise ApiError("query: expected GraphQL of a few levels, found too many") from None
        if faults:
            raise ApiError("; ".join(fault.message for fault in faults))
        return PreparedDocument(document, {camel_case(name) for name in root_names(document)} <= self._kept)

    def _resolve(self, source: Any, info: GraphQLResolveInfo[Any], /, **arguments: Any) -> Any:
        name = camel_case(info.field_name)
        if info.parent_type in (self._schema.query_type, self._schema.mutation_type):
            given = {argument_name(argument): value for argument, value in arguments.items()}
            require_text(given)
            info.context.spend(self.limits.root_cost)
            return self._roots[name](info.context.context, **given)
        info.context.spend(1)
        value = source.get(name)
        return value() if callable(value) else value


def require_text(value: Any) -> None:
    """Refuse texts with a NUL, which no database but SQLite takes.

    Raises
    ------
    ApiError
        When there is one in a value, or in the lists and mappings in it.
    """
    if isinstance(value, str) and "\0" in value:
        raise ApiError("arguments: expected texts without NUL characters, found one; leave it out")
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            require_text(each)


def failed(message: str) -> dict[str, Any]:
    """Return the document that answers a request with an error alone."""
    return {"errors": [{"message": clean(message)}]}


def _shown(error: GraphQLError) -> dict[str, Any]:
    """Return what a caller sees of an error: the message of one that is meant for them, else none of it."""
    message, cause = error.message, error.original_error
    if cause is not None and not isinstance(cause, CupelError | GraphQLError):
        get_logger().error("defect", exc_info=cause, path=error.path)
        message = DEFECT
    return {"message": clean(message), "path": error.path}
