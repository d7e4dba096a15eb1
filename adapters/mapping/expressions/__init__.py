"""Small safe expressions over a record's items: own grammar, checked at load time, no access to anything else."""

from __future__ import annotations

from adapters.mapping.expressions.evaluate import Expression, ExpressionError
from adapters.mapping.expressions.parse import parse
from adapters.mapping.expressions.tokens import SyntaxProblem

__all__ = ["Expression", "ExpressionError", "SyntaxProblem", "parse"]
