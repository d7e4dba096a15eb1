"""Parse an expression by recursive descent into closures, checking names, functions and kinds on the way."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from adapters.mapping.expressions.evaluate import Expression, ExpressionError, Node, Step, Value, Values, compare
from adapters.mapping.expressions.functions import FUNCTIONS, Function
from adapters.mapping.expressions.tokens import SyntaxProblem, Token, tokens
from adapters.mapping.expressions.values import number, text
from bus.core.config.reader import nearest

MAX_DEPTH = 24
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


def parse(source: str, known: Collection[str], kind: str = "any") -> Expression:
    """The expression ``source`` over the items ``known``; ``kind`` is what its result must be (truth, or any).

    Raises SyntaxProblem with the place of the first mistake.
    """
    parser = _Parser(tokens(source), known)
    node = parser.either()
    parser.end()
    if (kind == "truth") != (node.kind == "truth"):
        raise SyntaxProblem("a condition" if kind == "truth" else "a text or number", node.kind, 1)
    return Expression(source, tuple(parser.names), node.kind, node.step)


class _Parser:
    """The tokens not yet read; one method for each level of binding, the loosest first."""

    def __init__(self, found: list[Token], known: Collection[str]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0
        self._known = known
        self.names: dict[str, None] = {}

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *texts: str, kind: str = "operator") -> str:
        """Read the next token when it is one of ``texts``; ``""`` when it is not."""
        token = self._next
        if token.kind == kind and token.text in texts:
            self._at += 1
            return token.text
        return ""

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._problem(f"{sign!r}")

    def _problem(self, expected: str, token: Token | None = None) -> SyntaxProblem:
        here = token or self._next
        return SyntaxProblem(expected, here.text or "the end", here.place)

    def end(self) -> None:
        """Refuse what is left over."""
        if self._next.kind != "end":
            raise self._problem("an operator or the end")

    def _kind(self, node: Node, kind: str, token: Token) -> Step:
        if node.kind != kind and "any" not in (node.kind, kind):
            raise self._problem(f"{kind} here, not {node.kind}", token)
        if kind == "any" and node.kind == "truth":
            raise self._problem("a text or number here, not truth", token)
        if kind == "truth" and node.kind == "any":
            raise self._problem('a condition here (such as item = "1")', token)
        return node.step

    def either(self) -> Node:
        """``a or b``."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._problem(f"at most {MAX_DEPTH} brackets within brackets")
        token = self._next
        node = self._both()
        while self._take("or", kind="word"):
            left = self._kind(node, "truth", token)
            token = self._next
            node = Node("truth", _or(left, self._kind(self._both(), "truth", token)))
        self._depth -= 1
        return node

    def _both(self) -> Node:
        token = self._next
        node = self._not()
        while self._take("and", kind="word"):
            left = self._kind(node, "truth", token)
            token = self._next
            node = Node("truth", _and(left, self._kind(self._not(), "truth", token)))
        return node

    def _not(self) -> Node:
        turns = 0
        while self._take("not", kind="word"):
            turns += 1
        token = self._next
        node = self._comparison()
        if not turns:
            return node
        step = self._kind(node, "truth", token)
        return Node("truth", _negate(step) if turns % 2 else step)

    def _comparison(self) -> Node:
        token = self._next
        left = self._sum()
        if self._take("in", kind="word"):
            return Node("truth", _among(self._kind(left, "any", token), self._list()))
        operator = self._take(*_COMPARISONS)
        if not operator:
            return left
        there = self._next
        right = self._sum()
        return Node("truth", _compare(operator, self._kind(left, "any", token), self._kind(right, "any", there)))

    def _list(self) -> frozenset[str]:
        self._expect("(")
        found: set[str] = set()
        while True:
            token = self._next
            if token.kind != "text":
                raise self._problem("a text in quotation marks")
            self._at += 1
            found.add(token.text)
            if not self._take(","):
                break
        self._expect(")")
        return frozenset(found)

    def _sum(self) -> Node:
        token = self._next
        node = self._product()
        while operator := self._take("+", "-", "&"):
            kind = "any" if operator == "&" else "number"
            left = self._kind(node, kind, token)
            there = self._next
            right = self._kind(self._product(), kind, there)
            node = Node("text", _join(left, right)) if operator == "&" else Node("number", _add(operator, left, right))
        return node

    def _product(self) -> Node:
        token = self._next
        node = self._sign()
        while operator := (self._take("*", "/") or self._take("div", "mod", kind="word")):
            left = self._kind(node, "number", token)
            there = self._next
            node = Node("number", _times(operator, left, self._kind(self._sign(), "number", there)))
        return node

    def _sign(self) -> Node:
        turns = 0
        while self._take("-"):
            turns += 1
        token = self._next
        node = self._primary()
        if not turns:
            return node
        step = self._kind(node, "number", token)
        return Node("number", _minus(step, turns))

    def _primary(self) -> Node:
        token = self._next
        if token.kind == "operator" and token.text == "(":
            self._at += 1
            node = self.either()
            self._expect(")")
            return node
        if token.kind == "end" or token.kind not in ("number", "text", "name"):
            raise self._problem("a number, text, item or function")
        self._at += 1
        if token.kind == "number":
            return Node("number", _constant(Fraction(token.text)))
        if token.kind == "text":
            return Node("text", _constant(token.text))
        if self._next.kind == "operator" and self._next.text == "(":
            return self._call(token)
        if token.text not in self._known:
            close = nearest(token.text, list(self._known))
            expected = f"an item ({close}?)" if close else "an item of the rule"
            raise self._problem(expected, token)
        self.names[token.text] = None
        return Node("any", _item(token.text))

    def _call(self, token: Token) -> Node:
        if token.text == "if":
            return self._if()
        function = FUNCTIONS.get(token.text)
        if function is None:
            close = nearest(token.text, [*FUNCTIONS, "if"])
            raise self._problem(f"a function ({close}?)" if close else f"one of if, {', '.join(FUNCTIONS)}", token)
        self._expect("(")
        steps: list[Step] = []
        while True:
            there = self._next
            steps.append(self._kind(self.either(), function.kind(len(steps)), there))
            if not self._take(","):
                break
        self._expect(")")
        if not function.least <= len(steps) <= function.most:
            raise self._problem(f"{function.about} ({function.least} to {function.most} arguments)", token)
        return Node(function.result, _apply(function, tuple(steps)))

    def _if(self) -> Node:
        self._expect("(")
        there = self._next
        condition = self._kind(self.either(), "truth", there)
        self._expect(",")
        there = self._next
        first = self.either()
        yes = self._kind(first, "any", there)
        self._expect(",")
        there = self._next
        second = self.either()
        no = self._kind(second, "any", there)
        self._expect(")")
        kind = first.kind if first.kind == second.kind else "any"
        return Node(kind, lambda values: yes(values) if condition(values) else no(values))


def _constant(value: Value) -> Step:
    return lambda _values: value


def _item(name: str) -> Step:
    return lambda values: values.get(name, "")


def _or(left: Step, right: Step) -> Step:
    return lambda values: bool(left(values)) or bool(right(values))


def _and(left: Step, right: Step) -> Step:
    return lambda values: bool(left(values)) and bool(right(values))


def _negate(step: Step) -> Step:
    return lambda values: not step(values)


def _compare(operator: str, left: Step, right: Step) -> Step:
    return lambda values: compare(operator, left(values), right(values))


def _among(left: Step, texts: frozenset[str]) -> Step:
    return lambda values: text(left(values)) in texts


def _join(left: Step, right: Step) -> Step:
    return lambda values: text(left(values)) + text(right(values))


def _add(operator: str, left: Step, right: Step) -> Step:
    if operator == "+":
        return lambda values: number(left(values)) + number(right(values))
    return lambda values: number(left(values)) - number(right(values))


def _times(operator: str, left: Step, right: Step) -> Step:
    if operator == "*":
        return lambda values: number(left(values)) * number(right(values))

    def divided(values: Values) -> Value:
        above, below = number(left(values)), number(right(values))
        if not below:
            raise ExpressionError("a divisor other than 0")
        if operator == "/":
            return above / below
        return Fraction(above // below) if operator == "div" else above % below

    return divided


def _minus(step: Step, turns: int) -> Step:
    return (lambda values: -number(step(values))) if turns % 2 else (lambda values: number(step(values)))


def _apply(function: Function, steps: tuple[Step, ...]) -> Step:
    call = function.call
    return lambda values: call([step(values) for step in steps])
