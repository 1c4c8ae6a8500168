"""What modules write of failures, read out of their source."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from collections_app import exceptions
from collections_app.exceptions import VectorsiteError

# What only other programs see: who has lost a lease gives up without a word to anybody.
_UNSEEN = {"LeaseLost"}
# What has none is put together of values alone, or is no language of people.
_WORD = re.compile(r"\b[a-z]{2,}\b")
_MARKED = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
_ERRORS = {
    name for name, kind in vars(exceptions).items() if isinstance(kind, type) and issubclass(kind, VectorsiteError)
}


def sentences(path: Path) -> Iterator[str]:
    """Return every sentence that a module raises or returns, "x" in place of each value.

    What is only noted, by a statement of its own, is a warning of what was read all the same, which no page shows.
    """
    return (text for text in texts(path, noted=False) if " " in text and text.endswith("."))


def texts(path: Path, *, noted: bool) -> Iterator[str]:
    """Return every text of a module but its documentation, "x" in place of each value."""
    tree = ast.parse(path.read_text())
    statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    documentation = {id(value) for value in statements if isinstance(value, ast.Constant) or not noted}

    def visit(node: ast.AST) -> Iterator[str]:
        if id(node) in documentation:
            return
        text = _text(node)
        if text is not None:
            yield text
        for child in _put_in(node) if isinstance(node, ast.JoinedStr) else ast.iter_child_nodes(node):
            yield from visit(child)

    return visit(tree)


@cache
def texts_of_errors(path: Path) -> frozenset[str]:
    """Return the texts of a module that errors say, "x" in place of each value that is no constant of the module.

    That is what is given to an error, or to a function that makes one; what is put into such a text, also by way of a
    name; what a function gives out as a text; and every sentence. What programmers' errors say is none of it: they are
    of classes that are not ours.
    """
    return frozenset(_Module(ast.parse(path.read_text())).texts())


@dataclass(slots=True)
class _Module:
    tree: ast.Module
    constants: dict[str, str] = field(init=False)
    errors: set[str] = field(init=False)
    assigned: list[tuple[str, ast.expr]] = field(init=False)

    def __post_init__(self) -> None:
        self.assigned = [pair for node in _own_nodes(self.tree) for pair in _assignments(node)]
        self.constants = {name: text for name, value in self.assigned if (text := _text(value)) is not None}
        self.errors = set(_ERRORS)
        for kind in (node for node in self.tree.body if isinstance(node, ast.ClassDef)):
            if self.errors & {base.id for base in kind.bases if isinstance(base, ast.Name)}:
                self.errors.add(kind.name)

    def texts(self) -> Iterator[str]:
        functions = [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)]
        makers = {function.name for function in functions if _returned(function) in self.errors}
        for scope in [self.tree, *functions]:
            own = list(_own_nodes(scope))
            tells = (self.errors - _UNSEEN) | makers
            said: list[ast.AST] = []
            for node in own:
                if isinstance(node, ast.Call) and _called(node) in tells:
                    said += node.args
                if isinstance(node, ast.Return) and node.value and _returned(scope) == "str":
                    said.append(node.value)
            yield from self._with_what_is_put_in(said, own)
        yield from self._sentences(self.tree)

    def _sentences(self, node: ast.AST) -> Iterator[str]:
        if self._is_for_others(node):
            return
        text = _text(node, self.constants)
        if text and " " in text and text.endswith("."):
            yield text
        for child in _put_in(node) if isinstance(node, ast.JoinedStr) else ast.iter_child_nodes(node):
            yield from self._sentences(child)

    def _with_what_is_put_in(self, said: list[ast.AST], own: list[ast.AST]) -> Iterator[str]:
        assigned: dict[str, list[ast.AST]] = {}
        for name, value in [*self.assigned, *(pair for node in own for pair in _assignments(node))]:
            assigned.setdefault(name, []).append(value)
        seen: set[int] = set()
        while said:
            node = said.pop()
            if id(node) in seen or self._is_for_others(node):
                continue
            seen.add(id(node))
            text = _text(node, self.constants)
            if text and _WORD.search(text) and " " in text.strip():
                yield text
            if isinstance(node, ast.Name) and node.id not in self.constants:
                said += assigned.get(node.id, [])
            said += _put_in(node)

    def _is_for_others(self, node: ast.AST) -> bool:
        """Documentation, what is logged or marked for translation, and what programmers' errors say."""
        if isinstance(node, ast.Expr):
            return isinstance(node.value, ast.Constant)
        if not isinstance(node, ast.Call):
            return False
        name, owner = _called(node), getattr(node.func, "value", None)
        if isinstance(owner, ast.Name) and owner.id == "logger":
            return True
        is_foreign = name.endswith(("Error", "Exception", "Warning")) and name not in self.errors
        return is_foreign or name in _UNSEEN | _MARKED


def _text(node: ast.AST, constants: dict[str, str] | None = None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(part, constants or {}) for part in node.values)
    return None


def _part(part: ast.expr, constants: dict[str, str]) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = part.value if isinstance(part, ast.FormattedValue) else part
    return constants.get(value.id, "x") if isinstance(value, ast.Name) else "x"


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module or function without those of the functions in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from _own_nodes(child)


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _returned(scope: ast.AST) -> str:
    """Return the name of what a function says to return, "" where it is no single name."""
    return getattr(getattr(scope, "returns", None), "id", "")


def _assignments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from ((target.id, node.value) for target in targets if isinstance(target, ast.Name))


def _put_in(node: ast.AST) -> list[ast.AST]:
    """Return what a text is made of: neither what its parts are chosen by, nor what they are joined by."""
    parts: list[ast.AST] = []
    match node:
        case ast.JoinedStr():
            parts += [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        case ast.IfExp():
            parts += [node.body, node.orelse]
        case ast.Call():
            parts += [*([node.func] if _called(node) == "get" else []), *node.args]
        case ast.Subscript() | ast.Attribute():
            parts.append(node.value)
        case ast.Dict() | ast.BoolOp():
            parts += node.values
    return parts
